"""The data storage as a local folder.

::

    <root>/
    ├── <name>                               published files
    └── .sekoia-export/                      mode 0700, its state files 0600
        ├── parts/<hash of the name>.part    files that are being written, locked by who writes them
        └── ...                              state
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import hashlib
import os
import secrets
import shutil
from typing import TYPE_CHECKING, BinaryIO

from sekoia_export.errors import DataStorageError, DiskFull, UsageError
from sekoia_export.transfer.data_storage import STATE_FOLDER, Landing, inner_name, is_state, safe_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

PRIVATE_FILE, PRIVATE_FOLDER = 0o600, 0o700
SHARED_FILE, SHARED_FOLDER = 0o666, 0o777  # less the umask: the playbook's later nodes may run as another user
DISK_FLOOR_BYTES = 64 * 1024 * 1024


def free_bytes(folder: Path) -> int:
    """Return the bytes that can still be written under `folder`."""
    return shutil.disk_usage(folder).free


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


class LocalDataStorage:
    """A folder of this machine, see DataStorage.

    Args:
        root: the folder; made on the first write when it is missing.
        disk_floor_bytes: room that a file of known size must leave on the disk.
        free: how the room under a folder is found out, in bytes.
    """

    def __init__(
        self, root: Path, *, disk_floor_bytes: int = DISK_FLOOR_BYTES, free: Callable[[Path], int] = free_bytes
    ) -> None:
        self.root = root
        self._disk_floor_bytes = disk_floor_bytes
        self._free = free

    def check_name(self, name: str, *, argument: str = "file_name") -> str:
        plain = safe_name(name, argument=argument)
        remedy = f"Give {argument} as a path inside the data storage: folder/name."
        inside = self._inside(plain)
        if inside is None:
            raise UsageError(f"The argument {argument} leads out of the data storage through a symbolic link.", remedy)
        if is_state(inside):
            raise UsageError(f"The argument {argument} lies in {STATE_FOLDER}, the module's own folder.", remedy)
        if (self.root / plain).is_dir():
            raise UsageError(f"The argument {argument} names a folder and not a file.", remedy)
        return plain

    def read(self, name: str) -> bytes | None:
        with local_failures(f"reading {name}"):
            try:
                return self._path(name).read_bytes()
            except FileNotFoundError:
                return None

    def write(self, name: str, data: bytes) -> None:
        with local_failures(f"writing {name}"):
            path = self._path(name)
            self._make_folder(path.parent)
            temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
            try:
                with _open(temporary, os.O_CREAT | os.O_EXCL, PRIVATE_FILE if is_state(name) else SHARED_FILE) as file:
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                temporary.replace(path)
            except BaseException:
                temporary.unlink(missing_ok=True)
                raise
            sync_folder(path.parent)

    def delete(self, name: str) -> None:
        with local_failures(f"deleting {name}"):
            self._path(name).unlink(missing_ok=True)

    def names(self, folder: str) -> list[str]:
        with local_failures(f"listing {folder}"):
            try:
                entries = list(self._path(folder).iterdir())
            except FileNotFoundError:
                return []
            return sorted(entry.name for entry in entries if entry.is_file() and entry.suffix != ".tmp")

    def size(self, name: str) -> int | None:
        with local_failures(f"looking at {name}"):
            try:
                return self._path(name).stat().st_size
            except FileNotFoundError:
                return None

    def create(self, name: str, *, size_bytes: int | None) -> Landing:
        with local_failures(f"writing {name}"):
            final = self._path(name)
            part = self._path(f"{STATE_FOLDER}/parts/{hashlib.sha256(inner_name(name).encode()).hexdigest()[:32]}.part")
            self._make_folder(part.parent)
            self._make_folder(final.parent)
            file = _open_locked(part, name)
            try:
                file.truncate()
                self._check_room(part.parent, name, size_bytes)
                return _LocalLanding(file, part=part, final=final, name=name)
            except BaseException:
                part.unlink(missing_ok=True)
                file.close()
                raise

    def open(self, name: str) -> BinaryIO:
        with local_failures(f"reading {name}"):
            return self._path(name).open("rb")

    def _check_room(self, folder: Path, name: str, size_bytes: int | None) -> None:
        free = self._free(folder)
        if size_bytes is not None and size_bytes + self._disk_floor_bytes > free:
            raise DiskFull(
                f"The data storage has {free} bytes free; {name} needs {size_bytes}, "
                f"and {self._disk_floor_bytes} are to stay free."
            )

    def _path(self, name: str) -> Path:
        plain = inner_name(name)
        if self._inside(plain) is None:
            raise DataStorageError(f"{plain} leads out of the data storage through a symbolic link.")
        return self.root / plain

    def _inside(self, plain: str) -> str | None:
        """Return where in the storage a name leads with symbolic links followed, None when it leads out."""
        try:
            root = self.root.resolve()
            target = (root / plain).resolve()
        except (OSError, RuntimeError):  # a loop of links is a RuntimeError until Python 3.13
            return None
        return target.relative_to(root).as_posix() if target.is_relative_to(root) else None

    def _make_folder(self, folder: Path) -> None:
        for parent in [*reversed(folder.parents), folder]:
            if not parent.is_dir():
                private = parent.is_relative_to(self.root / STATE_FOLDER)
                parent.mkdir(mode=PRIVATE_FOLDER if private else SHARED_FOLDER, exist_ok=True)


class _LocalLanding(Landing):
    """A part file under an exclusive lock, renamed when published."""

    def __init__(self, file: BinaryIO, *, part: Path, final: Path, name: str) -> None:
        super().__init__()
        self._file = file
        self._part = part
        self._final = final
        self._name = name

    def write(self, data: bytes) -> None:
        with local_failures(f"writing {self._name}"):
            self._file.write(data)

    def _publish(self) -> None:
        with local_failures(f"writing {self._name}"):
            self._file.flush()
            os.fsync(self._file.fileno())
            self._part.replace(self._final)
            self._file.close()
            sync_folder(self._final.parent)

    def _abandon(self) -> None:
        # What the buffer still holds is dropped with the file: on a full disk closing would fail on it.
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._file.close()


def sync_folder(folder: Path) -> None:
    """Make the names in `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _open(path: Path, flags: int, mode: int) -> BinaryIO:
    return os.fdopen(os.open(path, flags | os.O_RDWR | os.O_CLOEXEC, mode), "r+b", buffering=1024 * 1024)


def _open_locked(part: Path, name: str) -> BinaryIO:
    """Return the part file, locked for this process.

    Raises:
        DataStorageError: another process is writing it.
    """
    while True:
        file = _open(part, os.O_CREAT, SHARED_FILE)  # its folder keeps others out until it is published
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Whoever had the lock may have published or dropped the file between our opening and our locking it.
            if part.exists() and os.path.samestat(os.fstat(file.fileno()), part.stat()):
                return file
        except BlockingIOError:
            file.close()
            raise DataStorageError(
                f"{name} is being written by another process.", "Wait until it has ended, then run the step again."
            ) from None
        except BaseException:
            file.close()
            raise
        file.close()
