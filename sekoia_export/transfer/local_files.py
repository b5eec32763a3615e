"""Files of a local folder: opened alone, synced with their folder, failing with this project's errors."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
from typing import TYPE_CHECKING, BinaryIO

from sekoia_export.errors import DataStorageError, DiskFull, UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
_LOOK_EVERY_BYTES = 8 * 1024 * 1024
_NO_HARD_LINKS = {errno.EPERM, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
SHARED_FILE, SHARED_FOLDER = 0o666, 0o777  # less the umask: the playbook's later nodes may run as another user


@contextlib.contextmanager
def local_failures(doing: str) -> Iterator[None]:
    """Turn an OSError into DiskFull or DataStorageError; `doing` completes "while ..."."""
    try:
        yield
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull(f"The data storage became full while {doing}.") from error
        reason = os.strerror(error.errno) if error.errno else type(error).__name__
        raise DataStorageError(f"The data storage failed while {doing}: {reason}.") from error


class Room:
    """Watches the room on the disk while a file grows whose size is not known.

    Args:
        left: tells how many bytes may still be written; asked every 8 MiB.
        name: the file's name in the data storage, for texts.
    """

    def __init__(self, left: Callable[[], int], *, name: str) -> None:
        self._left = left
        self._name = name
        self._until_look_bytes = 0

    def take(self, size_bytes: int) -> None:
        """Count what is about to be written.

        Raises:
            DiskFull: what may be written was.
        """
        if self._until_look_bytes <= 0:
            self._until_look_bytes = _LOOK_EVERY_BYTES
            if self._left() < 0:
                raise DiskFull(f"The data storage became full while writing {self._name}: the rest is to stay free.")
        self._until_look_bytes -= size_bytes


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def open_buffered(path: Path, flags: int, mode: int) -> BinaryIO:
    """Return a file to read and write, opened with more `flags`."""
    return os.fdopen(os.open(path, flags | os.O_RDWR | os.O_CLOEXEC, mode), "r+b", buffering=1024 * 1024)


def open_locked(part: Path, name: str) -> int:
    """Return the descriptor of a part file, made when it is missing and locked for this process.

    Raises:
        DataStorageError: another process is writing it.
    """
    while True:
        # Its folder keeps others out until it is published.
        file = os.open(part, os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, SHARED_FILE)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had the lock may have published or dropped the file between our opening and our locking it.
            if part.exists() and os.path.samestat(os.fstat(file), part.stat()):
                return file
        except BlockingIOError:
            os.close(file)
            raise DataStorageError(
                f"{name} is being written by another process.", "Wait until it has ended, then run the step again."
            ) from None
        except BaseException:
            os.close(file)
            raise
        os.close(file)


def give_name(part: Path, final: Path, *, replace: bool, link: Callable[[Path, Path], None] = os.link) -> None:
    """Give a finished part file its name, in one move.

    Args:
        part: where it lies.
        final: the name.
        replace: whether it may take the place of a file that is there.
        link: gives a file a second name, which some file systems cannot.

    Raises:
        UsageError: it may not, and one is there.
    """
    if not replace:
        # A rename replaces what is there; a second name does not.
        try:
            link(part, final)
        except FileExistsError:
            raise already_there(final) from None
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            if final.exists():
                raise already_there(final) from None
        else:
            part.unlink(missing_ok=True)
            return
    part.replace(final)


def forget_published(part: Path) -> None:
    """Take a part file's name away when it has its final one too: its process was killed in between."""
    with contextlib.suppress(FileNotFoundError):
        if part.stat().st_nlink > 1:
            part.unlink()


def already_there(final: Path) -> UsageError:
    """Return the error of a file that may not be replaced."""
    return UsageError(f"The file {final} is there already.", "Give another name, or allow it to be replaced.")
