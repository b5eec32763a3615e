"""The results of the steps that look after exports: their status, their list, a link to hand on, and removal."""

from __future__ import annotations

from pydantic import Field

from sekoia_export.results.base import Results


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
