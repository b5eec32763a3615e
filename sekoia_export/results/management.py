"""The results of the steps that look after exports: their status, their list, a link to hand on, and removal."""

from __future__ import annotations

from pydantic import Field

from sekoia_export.encryption import Encryption
from sekoia_export.results.base import Results, Revealed


class StatusResults(Results):
    """How far one export is, and what came of it."""

    task_uuid: str = Field(description="Uuid of the export's task")
    job_uuid: str | None = Field(
        description="Uuid of the exported search job; null when it is neither given nor known in this data storage"
    )
    status: str = Field(
        description="Status of the task: FINISHED, FAILED, CANCELED, RUNNING, PENDING or UNKNOWN (a status that no "
        "document names, or an export that the platform has forgotten)"
    )
    progress: int | None = Field(description="Number of events exported so far")
    total: int | None = Field(description="Number of events to export, as the platform estimates it")
    percent: float | None = Field(description="Share of the events exported so far, 0 to 100")
    remaining_seconds: float | None = Field(
        description="Estimated seconds until the export's end, at its average speed; null when that is not known"
    )
    message: str | None = Field(description="What the platform says of the task")
    events: int | None = Field(description="Number of events that the platform says it exported")
    compressed_size: int | None = Field(description="Bytes of the export as the storage holds it, compressed")
    expire_at: str | None = Field(description="Until when the platform keeps the export")


class ListedExport(Results):
    """One export of a list."""

    job_uuid: str = Field(description="Uuid of the search job")
    task_uuid: str | None = Field(description="Uuid of the export's task; null when the platform lists it without one")
    status: str = Field(
        description="FINISHED, FAILED, CANCELED, RUNNING, PENDING, EXPIRED (it can no longer be fetched) or UNKNOWN"
    )
    events: int | None = Field(description="Number of exported events")
    compressed_size: int | None = Field(description="Bytes of the export as the storage holds it, compressed")
    created_at: str | None = Field(description="When it was asked for")
    expire_at: str | None = Field(description="Until when the platform keeps it")
    fields: list[str] | None = Field(description="Exported fields")
    encryption: Encryption | None = Field(description="Where the key comes from; null for one triggered elsewhere")
    s3_bucket: str | None = Field(description="Own bucket it went to; null for the platform's")
    file_path: str | None = Field(description="Path of the file, where it was fetched into this data storage")


class ListResults(Results):
    """The exports."""

    exports: list[ListedExport] = Field(
        description="The exports, the newest first; each an object with "
        "job_uuid, task_uuid (null when the platform lists it without one), "
        "status (FINISHED, FAILED, CANCELED, RUNNING, PENDING, EXPIRED when it can no longer be fetched, or UNKNOWN), "
        "events, compressed_size (bytes), created_at, expire_at, fields, "
        "encryption (null for one triggered elsewhere), s3_bucket (null for the platform's) and "
        "file_path (of the newest fetched file that is still in the data storage, else null)"
    )
    count: int = Field(description="Number of exports in the list")


class LinkResults(Results):
    """A link to an export's file, and what it takes to open it."""

    job_uuid: str = Field(description="Uuid of the search job")
    task_uuid: str | None = Field(description="Uuid of the export's task; null when the platform lists it without one")
    download_url: Revealed | None = Field(
        description="URL of the file, signed: whoever has it, and the key where one is needed, can read all events; "
        "null when the export has expired"
    )
    expire_at: str | None = Field(description="Until when the URL works")
    headers_needed: dict[str, str | None] = Field(
        description="Headers that the request needs, by their names: the algorithm with its value, the key (base64) "
        "and its MD5 (base64 of the 16 bytes) with null, as they are secret; empty when the file needs no key"
    )
    curl_command: Revealed | None = Field(
        description="Command line for a POSIX shell that downloads the file with curl; it asks for the key, or reads "
        "it from a file that is given with < after it, and computes its MD5 with openssl"
    )
    compressed_size: int | None = Field(description="Size of the file in bytes; null when the storage does not tell")
    encryption: Encryption | None = Field(
        description="Where the key comes from: derived from the encryption secret, provided as an argument, the "
        "platform's own, or none; null when the export has expired"
    )
    encryption_key: Revealed | None = Field(
        description="The key that opens the file, base64; only with reveal_key, else null"
    )
    message: str = Field(description="What else the key opens, and what suits a partner better")


class DeleteResults(Results):
    """What was deleted."""

    deleted: list[str] = Field(
        description="Paths of the deleted files, relative to the data storage; the parts that an unfinished fetch kept "
        "are one path in .sekoia-export/parts"
    )
    kept: list[str] = Field(
        description="Paths that were asked for and stay: changed since they were fetched, or being fetched right now"
    )
    freed_bytes: int = Field(description="Bytes that the deleted files took")
    forgotten: int = Field(
        description="Number of deleted state files; that of an export which the platform may still have stays, so that "
        "the same export is not started twice"
    )
