"""Files that were fetched and verified: remembered, and recognised when the same is asked for again."""

from __future__ import annotations

import hashlib
from itertools import islice
from typing import TYPE_CHECKING, Any, BinaryIO, cast

from isal import igzip

from sekoia_export.archive import ArchiveFormat
from sekoia_export.lines import LineFacts
from sekoia_export.state import BegunRecord, FetchRecord, fingerprint

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from sekoia_export.arguments.chain import FetchArguments
    from sekoia_export.operations.step import Step
    from sekoia_export.transfer.data_storage import DataStorage

_CHUNK_SIZE_BYTES = 1024 * 1024


def is_unchanged(storage: DataStorage, record: FetchRecord) -> bool:
    """Return whether a fetched file is there with the bytes that it was fetched with.

    Raises:
        DataStorageError: it cannot be read.
    """
    if storage.size(record.file_path) != record.file_size:
        return False
    digest = hashlib.sha256()
    with storage.open(record.file_path) as file:
        while chunk := file.read(_CHUNK_SIZE_BYTES):
            digest.update(chunk)
    return digest.hexdigest() == record.sha256


class FetchedFiles:
    """The files that one fetch step may have made before.

    Args:
        step: whose data storage and state are used.
        arguments: of the fetch.
    """

    def __init__(self, step: Step, arguments: FetchArguments) -> None:
        self._step = step
        self._arguments = arguments

    def remember(self, record: FetchRecord, task_uuid: UUID | None) -> None:
        """Remember a verified file; one without a task is not taken for the same again, only listed and deleted."""
        self._step.state.write(record, self._name(task_uuid))

    def still_there(self, task_uuid: UUID) -> FetchRecord | None:
        """Return the record of an earlier fetch of the same, when its file is there with the same bytes.

        Raises:
            StateCorrupt: the record cannot be read.
            DataStorageError: the file cannot be read.
        """
        record = self._step.state.read(FetchRecord, self._name(task_uuid))
        return record if record is not None and is_unchanged(self._step.storage, record) else None

    def begin(self, record: BegunRecord, task_uuid: UUID | None) -> None:
        """Remember whose the parts are that are kept until the file is whole."""
        self._step.state.write(record, self._name(task_uuid))

    def end(self, task_uuid: UUID | None) -> None:
        """Take note that the file is whole."""
        self._step.state.delete(BegunRecord, self._name(task_uuid))

    def preview(self, record: FetchRecord) -> list[dict[str, Any]]:
        """Return the first events of a verified file, the same as when it was fetched."""
        facts = LineFacts(self._arguments.preview)
        with self._step.storage.open(record.file_path) as file:
            packed = self._arguments.format is ArchiveFormat.JSONL_GZ
            lines: Iterable[bytes] = map(bytes.strip, cast("BinaryIO", igzip.open(file, "rb")) if packed else file)
            if self._arguments.format is ArchiveFormat.JSON:
                lines = (line.removesuffix(b",") for line in lines if line not in {b"[", b"]", b"[]"})
            facts.feed(list(islice(filter(None, lines), self._arguments.preview)))
        return facts.preview()

    def _name(self, task_uuid: UUID | None) -> str:
        arguments = self._arguments
        return fingerprint(str(arguments.job_uuid), str(task_uuid or ""), arguments.format.value, arguments.file_name)
