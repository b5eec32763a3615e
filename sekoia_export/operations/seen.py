"""An export as it is seen from here: what the platform tells of it now, and what this data storage remembers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sekoia_export.api.models import ExportEntry, Task, TaskStatus
from sekoia_export.operations.listing import DOWNLOAD_WINDOW
from sekoia_export.operations.locate import status_of
from sekoia_export.redaction import redact
from sekoia_export.transfer.source import expiry_of

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from sekoia_export.state import TaskRecord


@dataclass(frozen=True, slots=True, kw_only=True)
class SeenExport:
    """One export.

    Attributes:
        job_uuid: None when neither an argument nor the state tells the search job.
        task_uuid: None when the platform lists the export without an id.
        task: as the platform tells it now; None when it was not asked, or no longer knows.
        entry: in the search job's listing; None when it is not there.
        record: what this module asked for; None when the export was triggered elsewhere.
    """

    job_uuid: UUID | None
    task_uuid: UUID | None
    task: Task | None
    entry: ExportEntry | None
    record: TaskRecord | None

    @property
    def is_known(self) -> bool:
        """Return whether the platform still tells anything of it."""
        return self.task is not None or self.entry is not None

    @property
    def status(self) -> TaskStatus:
        """Return its status; UNKNOWN when the platform tells nothing."""
        return status_of(self.task, self.entry)

    @property
    def expire_at(self) -> datetime | None:
        """Return until when the platform keeps it: as listed, else as its link says."""
        url = self.task.attributes.download_url if self.task else None
        return (self.entry.expire_at if self.entry else None) or (expiry_of(url) if url else None)

    @property
    def message(self) -> str | None:
        """Return what the platform says of the task, without anything secret."""
        said = (self.task.attributes.error or self.task.message) if self.task else None
        return redact(said) if said else None

    def is_over(self, now: datetime) -> bool:
        """Return whether it can no longer be fetched, its time being over; an own bucket keeps what it holds."""
        if not self.is_known:
            return self.record is not None and self.record.asked_at + DOWNLOAD_WINDOW <= now
        in_own_bucket = self.record is not None and self.record.s3_bucket is not None
        if self.status is not TaskStatus.FINISHED or in_own_bucket:
            return False
        return self.expire_at is not None and self.expire_at <= now
