"""The data storage as a local folder.

::

    <root>/
    ├── <name>                               published files
    └── .sekoia-export/                      mode 0700, its state files 0600
        ├── parts/<hash of the name>.part    an object that is being fetched, locked by who fetches it
        ├── parts/<hash of the name>.journal what is there of it, see `journal.py`
        ├── parts/<hash of the name>.out     a file that is made of it in another format
        └── ...                              state
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from datetime import UTC, datetime
from typing import TYPE_CHECKING, BinaryIO

from sekoia_export.errors import DataStorageError, DiskFull, UsageError
from sekoia_export.transfer.data_storage import (
    PARTS_FOLDER,
    STATE_FOLDER,
    Leftover,
    inner_name,
    is_state,
    is_stem,
    parts_stem,
    safe_name,
)
from sekoia_export.transfer.journal import Identity, Journal
from sekoia_export.transfer.local_files import (
    PRIVATE_FILE,
    PRIVATE_FOLDER,
    SHARED_FILE,
    SHARED_FOLDER,
    Room,
    already_there,
    forget_published,
    local_failures,
    open_buffered,
    open_locked,
    sync_folder,
)
from sekoia_export.transfer.local_hold import LocalHold
from sekoia_export.transfer.local_landing import LocalLanding

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sekoia_export.transfer.data_storage import Landing
    from sekoia_export.transfer.hold import Hold

DISK_FLOOR_BYTES = 64 * 1024 * 1024


def free_bytes(folder: Path) -> int:
    """Return the bytes that can still be written under `folder`."""
    return shutil.disk_usage(folder).free


class LocalDataStorage:
    """A folder of this machine, see DataStorage.

    Args:
        root: the folder; made on the first write when it is missing.
        disk_floor_bytes: room that is left on the disk; a file of unknown size is given up when it would take it.
        free: how the room under a folder is found out, in bytes.
        replace: whether a file may take the name of one that is there. Where not, it is refused before the first byte,
            and again when it gets its name.
    """

    def __init__(
        self,
        root: Path,
        *,
        disk_floor_bytes: int = DISK_FLOOR_BYTES,
        free: Callable[[Path], int] = free_bytes,
        replace: bool = True,
    ) -> None:
        self.root = root
        self._replace = replace
        self._disk_floor_bytes = disk_floor_bytes
        self._free = free

    def check_name(self, name: str, *, argument: str = "file_name", folder_too: bool = False) -> str:
        plain = safe_name(name, argument=argument)
        remedy = f"Give {argument} as a path inside the data storage: folder/name."
        inside = self._inside(plain)
        if inside is None:
            raise UsageError(f"The argument {argument} leads out of the data storage through a symbolic link.", remedy)
        if is_state(inside):
            raise UsageError(f"The argument {argument} lies in {STATE_FOLDER}, the module's own folder.", remedy)
        if not folder_too and (self.root / plain).is_dir():
            raise UsageError(f"The argument {argument} names a folder and not a file.", remedy)
        return plain

    def place(self, name: str) -> str:
        return str(self.root / inner_name(name))

    def read(self, name: str) -> bytes | None:
        with local_failures(f"reading {name}"):
            try:
                return self._path(name).read_bytes()
            except (FileNotFoundError, NotADirectoryError) as error:
                if self._means_absent(error):
                    return None
                raise

    def write(self, name: str, data: bytes) -> None:
        with local_failures(f"writing {name}"):
            path = self._path(name)
            self._make_folder(path.parent)
            temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
            try:
                with open_buffered(
                    temporary, os.O_CREAT | os.O_EXCL, PRIVATE_FILE if is_state(name) else SHARED_FILE
                ) as file:
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
            try:
                self._path(name).unlink()
            except (FileNotFoundError, NotADirectoryError) as error:
                if not self._means_absent(error):
                    raise

    def names(self, folder: str) -> list[str]:
        with local_failures(f"listing {folder}"):
            try:
                entries = list(self._path(folder).iterdir())
            except FileNotFoundError:
                return []
            return sorted(entry.name for entry in entries if entry.is_file() and entry.suffix != ".tmp")

    def names_below(self, folder: str) -> list[str]:
        with local_failures(f"listing {folder}"):
            files = (path for path in self._path(folder).rglob("*") if path.is_file())
            return sorted(path.relative_to(self.root).as_posix() for path in files)

    def local_path(self, name: str) -> Path | None:
        return self._path(name).resolve()

    def size(self, name: str) -> int | None:
        with local_failures(f"looking at {name}"):
            try:
                return self._path(name).stat().st_size
            except (FileNotFoundError, NotADirectoryError) as error:
                if self._means_absent(error):
                    return None
                raise

    def create(self, name: str, *, size_bytes: int | None) -> Landing:
        with local_failures(f"writing {name}"):
            final, part = self._prepare(name, "out")
            file = open_locked(part, name)
            try:
                os.ftruncate(file, 0)
                self._check_room(part.parent, name, size_bytes)
                room = self._room(part.parent, name)
                return LocalLanding(file, part=part, final=final, name=name, room=room, replace=self._replace)
            except BaseException:
                part.unlink(missing_ok=True)
                os.close(file)
                raise

    def hold(self, name: str, *, etag: str | None, size_bytes: int | None, start_clean: bool = False) -> Hold:
        with local_failures(f"writing {name}"):
            final, part = self._prepare(name, "part")
            path = part.with_suffix(".journal")
            journal_name = f"{PARTS_FOLDER}/{path.name}"
            journal = Journal(path, lambda data: self.write(journal_name, data))
            file = open_locked(part, name)
            try:
                there_bytes = os.fstat(file).st_blocks * 512
                self._check_room(part.parent, name, None if size_bytes is None else size_bytes - there_bytes)
                return LocalHold(
                    file,
                    part=part,
                    final=final,
                    name=name,
                    identity=None if etag is None or size_bytes is None else Identity(etag, size_bytes),
                    size_bytes=size_bytes,
                    room=self._room(part.parent, name),
                    journal=journal,
                    start_clean=start_clean,
                    replace=self._replace,
                )
            except BaseException:
                if not path.exists():  # what an earlier run left stays
                    part.unlink(missing_ok=True)
                journal.close()
                os.close(file)
                raise

    def open(self, name: str) -> BinaryIO:
        with local_failures(f"reading {name}"):
            return self._path(name).open("rb")

    def tidy(self, *, published: str | None = None) -> None:
        """Remove the module's own folder when nothing of use is left in it: a person's folder is no place for it.

        Args:
            published: a file that is there: what a process that was killed after publishing it left is of no use.
        """
        if published is not None:
            self.drop_leftover(parts_stem(published))
        parts = self.root / PARTS_FOLDER
        unfinished = list(parts.glob(".*.tmp"))
        # Where something is written, the part file is there before anything else.
        if all(path in unfinished for path in parts.glob("*")):
            for path in unfinished:
                path.unlink(missing_ok=True)
        for folder in (parts, self.root / STATE_FOLDER):
            with contextlib.suppress(OSError):
                folder.rmdir()

    def leftovers(self) -> list[Leftover]:
        folder = self._path(PARTS_FOLDER)
        kept: dict[str, list[os.stat_result]] = {}
        with local_failures("looking at what unfinished fetches keep"):
            for name in self.names(PARTS_FOLDER):
                stem = name.partition(".")[0]
                if is_stem(stem):
                    kept.setdefault(stem, []).append((folder / name).lstat())
        return [
            # The room that it takes: a part file is as large as the object from its beginning.
            Leftover(
                stem,
                size_bytes=sum(each.st_blocks * 512 for each in found),
                changed_at=datetime.fromtimestamp(max(each.st_mtime for each in found), UTC),
            )
            for stem, found in kept.items()
        ]

    def drop_leftover(self, stem: str) -> bool:
        with local_failures("removing what an unfinished fetch keeps"):
            for suffix in ("part", "out"):
                path = self._path(f"{PARTS_FOLDER}/{stem}.{suffix}")
                if not path.is_file():
                    continue
                try:
                    file = open_locked(path, path.name)
                except DataStorageError:
                    return False
                try:
                    path.unlink()
                    path.with_suffix(".journal").unlink(missing_ok=True)
                finally:
                    os.close(file)
            self._path(f"{PARTS_FOLDER}/{stem}.journal").unlink(missing_ok=True)
        return True

    def _prepare(self, name: str, suffix: str) -> tuple[Path, Path]:
        """Return where a file will lie, and where it lies until then, with their folders made."""
        final = self._path(name)
        part = self._path(f"{PARTS_FOLDER}/{parts_stem(name)}.{suffix}")
        if not self._replace and final.exists():
            raise already_there(final)
        forget_published(part)
        self._make_folder(part.parent)
        self._make_folder(final.parent)
        return final, part

    def _room(self, folder: Path, name: str) -> Room:
        return Room(lambda: self._free(folder) - self._disk_floor_bytes, name=name)

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

    def _means_absent(self, error: OSError) -> bool:
        """Return whether there is no such file: a folder of its path may be a file, but not the data storage itself."""
        return isinstance(error, FileNotFoundError) or self.root.is_dir()

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
