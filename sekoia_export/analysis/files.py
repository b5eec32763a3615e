"""The files that a question is asked of: named within the data storage, found, and on this machine.

A name is one of a file or of a folder that holds a dataset of Parquet files. What a file is, its first bytes say and
not its name. A data storage that is not on this machine has its files copied into a private folder first, as far as
the disk has room: Parquet is read from its end, and every other file may be read twice.
"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING

from sekoia_export.errors import DamagedExport, DiskFull, UsageError
from sekoia_export.gzip_reader import GZIP_MAGIC
from sekoia_export.transfer.local_files import local_failures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sekoia_export.transfer.data_storage import DataStorage

DISK_FLOOR_BYTES = 64 * 1024 * 1024
PARQUET_MAGIC = b"PAR1"
PARQUET_SUFFIX = ".parquet"
UNFINISHED = "_UNFINISHED"
"""The file that a dataset's folder holds while it is written; other engines leave such names out."""
FILES_LIMIT = 100_000
_PATTERN = frozenset("*?[{")
_COPY_SIZE_BYTES = 4 * 1024 * 1024
_START_SIZE_BYTES = 4096


class FileKind(Enum):
    """What a file's bytes are."""

    LINES = auto()
    LINES_GZ = auto()
    ARRAY = auto()
    PARQUET = auto()


@dataclass(frozen=True, slots=True, kw_only=True)
class EventFile:
    """A file with events, on this machine.

    Attributes:
        name: in the data storage, for texts.
        path: where its bytes are.
        kind: what they are.
        size_bytes: how many.
    """

    name: str
    path: Path
    kind: FileKind
    size_bytes: int


@dataclass(frozen=True, slots=True)
class FoundFiles:
    """The files that a question is asked of, and a private folder for what it takes."""

    files: tuple[EventFile, ...]
    private: Path


@contextlib.contextmanager
def finding(storage: DataStorage, names: Sequence[str], *, argument: str = "file_path") -> Iterator[FoundFiles]:
    """Find the files that `names` name, in this order, a folder's Parquet files sorted; gone afterwards is only what
    was made of them in the private folder.

    Args:
        storage: the data storage.
        names: as an author gave them.
        argument: which they were given as, for texts.

    Raises:
        UsageError: a name leaves the data storage, or there is no such file.
        DamagedExport: a file is of no kind that this reads.
        DiskFull: the copy of a file has no room.
        DataStorageError: the data storage fails.
    """
    found = [name for given in names for name in _expand(storage, given, argument)]
    if len(found) > FILES_LIMIT:
        raise UsageError(f"The argument {argument} names {len(found)} files, and {FILES_LIMIT} are the most.")
    with tempfile.TemporaryDirectory(prefix="sekoia-export-") as folder:
        private = Path(folder)
        files = (_local(storage, name, private=private, number=number) for number, name in enumerate(found))
        yield FoundFiles(tuple(files), private)


def work_in(private: Path) -> Path:
    """Return the folder below the private one whose files DuckDB may read and write; it is made."""
    work = private / "work"
    work.mkdir(mode=0o700, exist_ok=True)
    return work


def free_bytes(folder: Path) -> int:
    """Return the bytes that may be written below `folder`, less those that are to stay free."""
    return shutil.disk_usage(folder).free - DISK_FLOOR_BYTES


def _expand(storage: DataStorage, given: str, argument: str) -> list[str]:
    name = storage.check_name(given.rstrip("/") or given, argument=argument, folder_too=True)
    path = storage.local_path(name)
    if path.is_file() if path is not None else storage.size(name) is not None:
        return [name]
    below = storage.names_below(name)
    if f"{name}/{UNFINISHED}" in below:
        raise DamagedExport(
            f"The dataset {name} is not whole: whoever was writing it has not ended.",
            "Wait for its end, or convert again.",
        )
    parts = [part for part in below if part.endswith(PARQUET_SUFFIX)]
    if not parts:
        raise UsageError(
            f"The argument {argument} names {name}, and the data storage has no such file, and no folder of that name "
            "with Parquet files in it.",
            f"Give {argument} as the earlier step's results have it.",
        )
    return [storage.check_name(part, argument=argument) for part in parts]


def _local(storage: DataStorage, name: str, *, private: Path, number: int) -> EventFile:
    path = storage.local_path(name)
    if path is None:
        path = private / f"copy-{number}"
        _copy(storage, name, path)
    if _PATTERN & set(str(path)):
        # DuckDB takes such a name for a pattern.
        link = private / f"link-{number}"
        link.symlink_to(path)
        path = link
    with local_failures(f"reading {name}"), path.open("rb") as file:
        start = file.read(_START_SIZE_BYTES)
        size_bytes = path.stat().st_size
    return EventFile(name=name, path=path, kind=_kind(start, name), size_bytes=size_bytes)


def _copy(storage: DataStorage, name: str, path: Path) -> None:
    size_bytes = storage.size(name) or 0
    free = free_bytes(path.parent)
    if size_bytes > free:
        raise DiskFull(
            f"{name} has {size_bytes} bytes and lies in a data storage that is not on this machine, and its copy has "
            f"{max(0, free)} bytes of room in the temporary folder.",
            "Set TMPDIR to a folder with room, and run the step again.",
        )
    with local_failures(f"copying {name}"), storage.open(name) as source, path.open("xb") as copy:
        shutil.copyfileobj(source, copy, _COPY_SIZE_BYTES)


def _kind(start: bytes, name: str) -> FileKind:
    if start.startswith(GZIP_MAGIC):
        return FileKind.LINES_GZ
    if start.startswith(PARQUET_MAGIC):
        return FileKind.PARQUET
    text = start.lstrip()
    if text.startswith(b"["):
        return FileKind.ARRAY
    if not text or text.startswith(b"{") or b"\0" not in start:
        return FileKind.LINES
    raise DamagedExport(
        f"{name} is neither JSON Lines (as they are, or gzip), nor a JSON array, nor Parquet.",
        "Name a file that fetch_and_decrypt or convert_export wrote.",
    )
