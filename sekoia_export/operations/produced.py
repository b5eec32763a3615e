"""Files that analysis made, on their way into the data storage: there whole, or not at all."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Self

from sekoia_export.analysis.files import UNFINISHED
from sekoia_export.analysis.writing import FileFormat
from sekoia_export.errors import UsageError
from sekoia_export.transfer.local_files import local_failures

if TYPE_CHECKING:
    from pathlib import Path

    from sekoia_export.analysis.files import FoundFiles
    from sekoia_export.transfer.data_storage import DataStorage

_CHUNK_SIZE_BYTES = 4 * 1024 * 1024
_EVENT_SUFFIXES = (".jsonl.gz", ".ndjson.gz", ".json.gz", ".jsonl", ".ndjson", ".json", ".parquet")
_TO_FILE = "to_file"
_DATASET_FILE = re.compile(rf"day=[^/]*/events-[0-9]+\.parquet|{UNFINISHED}")


@dataclass(frozen=True, slots=True)
class RowsFile:
    """The file that rows go to, which the argument to_file names.

    Attributes:
        storage: that it goes into.
        name: there.
        format: how the rows are written.
    """

    storage: DataStorage
    name: str
    format: FileFormat

    @classmethod
    def named(cls, storage: DataStorage, given: str | None) -> Self | None:
        """Return the file of a name as it was given, None for none.

        Raises:
            UsageError: the name leaves the data storage, or its suffix does not say how rows are written.
        """
        if given is None:
            return None
        name = storage.check_name(given, argument=_TO_FILE)
        try:
            return cls(storage, name, FileFormat(PurePosixPath(name).suffix.lower().removeprefix(".")))
        except ValueError:
            raise UsageError(
                f"The argument {_TO_FILE} does not say how the rows are written.",
                f"End {_TO_FILE} in .csv, .json, .jsonl or .parquet.",
            ) from None

    def check_apart(self, found: FoundFiles) -> None:
        """Raise UsageError when it is one of the files that are read."""
        check_apart(self.storage, self.name, found, argument=_TO_FILE)

    def publish(self, made: Path) -> None:
        """Bring a file into the data storage as this one; raises as `publish`."""
        publish(self.storage, made, self.name)


def stem_of(name: str) -> str:
    """Return the name of a file or folder with events without what says how they are written."""
    stem = name.rstrip("/")
    suffix = next((suffix for suffix in _EVENT_SUFFIXES if stem.lower().endswith(suffix)), "")
    return stem[: len(stem) - len(suffix)]


def check_apart(storage: DataStorage, name: str, found: FoundFiles, *, argument: str) -> None:
    """Raise UsageError when the name of a file to write is that of one that is read, or leads to one."""
    path = storage.local_path(name)
    if any(name == file.name if path is None else path == file.path.resolve() for file in found.files):
        raise UsageError(f"The argument {argument} names a file that is read.", f"Give {argument} another name.")


def check_folder(storage: DataStorage, name: str, found: FoundFiles, *, argument: str) -> None:
    """Raise UsageError unless a folder is free for a dataset: nothing is there, or a dataset as this writes it."""
    files = storage.names_below(name)
    path = storage.local_path(name)
    if any(file.name in files if path is None else file.path.resolve().is_relative_to(path) for file in found.files):
        raise UsageError(f"The argument {argument} names a folder that is read.", f"Give {argument} another name.")
    a_file = storage.size(name) is not None if path is None else path.is_file()
    if a_file or not all(_DATASET_FILE.fullmatch(file.removeprefix(f"{name}/")) for file in files):
        raise UsageError(
            f"The argument {argument} names a folder with other files in it, or a file.",
            f"Give {argument} the name of a new folder.",
        )


def publish_folder(storage: DataStorage, made: Path, name: str) -> tuple[int, int]:
    """Bring a dataset into the data storage and return the size of its files in bytes and their number.

    While its files come, the folder holds `_UNFINISHED`, and whoever reads it here is refused. A dataset that was there
    before is replaced.

    Raises:
        DiskFull, DataStorageError: the data storage.
    """
    paths = sorted(path for path in made.rglob("*") if path.is_file())
    storage.write(f"{name}/{UNFINISHED}", b"")
    for before in storage.names_below(name):
        if not before.endswith(UNFINISHED):
            storage.delete(before)
    size_bytes = sum(publish(storage, path, f"{name}/{path.relative_to(made).as_posix()}") for path in paths)
    storage.delete(f"{name}/{UNFINISHED}")
    return size_bytes, len(paths)


def publish_array(storage: DataStorage, made: Path, name: str) -> int:
    """Bring a file of lines into the data storage as a JSON array, and return its size in bytes.

    Raises:
        DiskFull, DataStorageError: the data storage.
    """
    with local_failures(f"reading what becomes {name}"), made.open("rb") as source:
        size_bytes = 0
        with storage.create(name, size_bytes=None) as landing:

            def write(data: bytes) -> None:
                nonlocal size_bytes
                size_bytes += len(data)
                landing.write(data)

            write(b"[\n")
            held = b""  # the end of the last line: a comma comes only before another one
            while chunk := source.read(_CHUNK_SIZE_BYTES):
                lines = held + chunk
                held = b"\n" if lines.endswith(b"\n") else b""
                write(lines.removesuffix(b"\n").replace(b"\n", b",\n"))
            write(b"\n]\n" if held else b"]\n")
            landing.publish()
    return size_bytes


def publish(storage: DataStorage, made: Path, name: str) -> int:
    """Bring a file into the data storage and return its size in bytes.

    Raises:
        DiskFull, DataStorageError: the data storage.
    """
    with local_failures(f"reading what becomes {name}"), made.open("rb") as source:
        size_bytes = made.stat().st_size
        with storage.create(name, size_bytes=size_bytes) as landing:
            while chunk := source.read(_CHUNK_SIZE_BYTES):
                landing.write(chunk)
            landing.publish()
    return size_bytes
