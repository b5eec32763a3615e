"""Where a file comes from: the record of its fetch, as far as one is known."""

from __future__ import annotations

import hashlib
import logging
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sekoia_export.errors import StateCorrupt
from sekoia_export.state import FetchRecord
from sekoia_export.transfer.local_files import local_failures

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sekoia_export.clock import Deadline
    from sekoia_export.state import State

log = logging.getLogger(__name__)

_CHUNK_SIZE_BYTES = 1024 * 1024


def sha256_of(path: Path, *, name: str, deadline: Deadline) -> str:
    """Return the hexadecimal SHA-256 of a file's bytes.

    Args:
        path: of the file.
        name: what it is called in texts.
        deadline: for reading it.

    Raises:
        DataStorageError: it cannot be read.
        DeadlineExceeded: it took too long.
    """
    digest = hashlib.sha256()
    with local_failures(f"reading {name}"), path.open("rb") as file:
        while chunk := file.read(_CHUNK_SIZE_BYTES):
            digest.update(chunk)
            deadline.check("Reading the files")
    return digest.hexdigest()


def known_fetches(state: State) -> list[FetchRecord]:
    """Return the records of all fetches, the newest first; one that cannot be understood is told and left out.

    Nothing is started or deleted by what they say here, so the others are as good without it.
    """
    records = []
    for name in state.names(FetchRecord):
        try:
            record = state.read(FetchRecord, name)
        except StateCorrupt as failure:
            log.warning("%s It is left out.", failure.cause)
            continue
        if record is not None:
            records.append(record)
    return sorted(records, key=lambda record: record.fetched_at, reverse=True)


def fetch_of(name: str, sha256: str, records: Sequence[FetchRecord]) -> FetchRecord | None:
    """Return the record of a file's fetch: one of the same bytes, or else the newest of the same name.

    The record of a fetch to another folder (the command line has one place for all records) counts where the name is
    the export's own, which has its search job's uuid in it.

    Args:
        name: of the file in the data storage.
        sha256: of its bytes now.
        records: of all fetches, the newest first.
    """
    plain_name = PurePosixPath(name).name

    def is_named(record: FetchRecord) -> bool:
        recorded = PurePosixPath(record.file_path).name
        return record.file_path == name or (recorded == plain_name and record.job_uuid in plain_name)

    same_bytes = (record for record in records if record.sha256 == sha256)
    return next(same_bytes, None) or next(filter(is_named, records), None)
