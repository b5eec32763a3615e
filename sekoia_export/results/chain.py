"""The results of the chain: search, trigger, wait, fetch, and all of it in one."""

from __future__ import annotations

from typing import Any

from pydantic import Field, create_model

from sekoia_export.encryption import Encryption
from sekoia_export.results.base import Results

_ENCRYPTION = (
    "Where the key comes from: derived from the encryption secret, provided as an argument, the platform's own, or none"
)


class SearchResults(Results):
    """The search job."""

    job_uuid: str = Field(description="Uuid of the search job")
    status: str = Field(
        description="Status of the search job: DONE, CANCELED, FAILED, IN_PROGRESS, NOT_STARTED or UNKNOWN"
    )
    total: int | None = Field(description="Number of matching events, as the platform estimates it")
    earliest_time: str | None = Field(description="Start of the searched period")
    latest_time: str | None = Field(description="End of the searched period")


class TriggerResults(Results):
    """The export."""

    task_uuid: str | None = Field(description="Uuid of the export's task; null when another export was running")
    job_uuid: str = Field(
        description="Uuid of the exported search job; another than the argument where a running or finished export "
        "that is the same was taken up"
    )
    fields: list[str] = Field(description="Fields that are exported")
    encryption: Encryption = Field(description=_ENCRYPTION)
    s3_bucket: str | None = Field(description="Own bucket that is exported to; null for the platform's")
    reused: bool = Field(description="Whether a running or finished export was taken up instead of starting another")


class WaitResults(Results):
    """How far the export is."""

    task_uuid: str = Field(description="Uuid of the export's task")
    status: str = Field(description="Status of the task: FINISHED, FAILED, CANCELED, RUNNING, PENDING or UNKNOWN")
    progress: int | None = Field(description="Number of events exported so far")
    total: int | None = Field(description="Number of events to export, as the platform estimates it")
    percent: float | None = Field(description="Share of the events exported so far, 0 to 100")
    elapsed_seconds: float = Field(description="Seconds that were waited")
    remaining_seconds: float | None = Field(description="Estimated seconds until the export's end")
    message: str | None = Field(description="What the platform says of the task")


class FetchResults(Results):
    """The fetched file."""

    file_path: str | None = Field(
        description="Path of the file, relative to the data storage; null when nothing was fetched"
    )
    file_size: int | None = Field(description="Size of the file in bytes")
    compressed_size: int | None = Field(description="Bytes of the export as the storage holds it, compressed")
    events_count: int | None = Field(description="Number of events in the file")
    expected_events: int | None = Field(description="Number of events that the platform says it exported")
    complete: bool | None = Field(description="Whether the two numbers are equal; null when the platform gave none")
    sha256: str | None = Field(description="SHA-256 of the file, hexadecimal")
    preview: list[dict[str, Any]] = Field(description="First events")
    encryption: Encryption | None = Field(description=_ENCRYPTION)
    expire_at: str | None = Field(description="Until when the platform keeps the export")
    duration_seconds: float = Field(description="Seconds that fetching took")
    summary: str = Field(description="What was exported and what to do, in Markdown, ready to be a comment")


def _any_step_reached() -> dict[str, Any]:
    """Return the fields of all steps, a later step's before an earlier one's, each null until it is reached."""
    fields: dict[str, Any] = {}
    for step in (SearchResults, TriggerResults, WaitResults, FetchResults):
        for name, field in step.model_fields.items():
            fields[name] = (field.annotation | None, Field(default=None, description=field.description))  # type: ignore[operator]  # a type
    return fields


ExportResults: type[Results] = create_model(
    "ExportResults", __base__=Results, __doc__="The results of all steps that were reached.", **_any_step_reached()
)
