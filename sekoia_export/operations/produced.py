"""Files that analysis made, on their way into the data storage: there whole, or not at all."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.errors import UsageError
from sekoia_export.transfer.local_files import local_failures

if TYPE_CHECKING:
    from pathlib import Path

    from sekoia_export.analysis.files import FoundFiles
    from sekoia_export.transfer.data_storage import DataStorage

_CHUNK_SIZE_BYTES = 4 * 1024 * 1024


def check_apart(storage: DataStorage, name: str, found: FoundFiles, *, argument: str) -> None:
    """Raise UsageError when the name of a file to write is that of one that is read, or leads to one."""
    path = storage.local_path(name)
    if any(name == file.name if path is None else path == file.path for file in found.files):
        raise UsageError(f"The argument {argument} names a file that is read.", f"Give {argument} another name.")


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
