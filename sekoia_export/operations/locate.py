"""Where an export's file is: the task and the search job's listing are read, and each gives what the other has not."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import UUID

from sekoia_export.api.models import ExportEntry, Task, TaskStatus
from sekoia_export.errors import JobExpired, JobNotReady, NotFound, PlatformError
from sekoia_export.redaction import redact
from sekoia_export.state import TaskRecord
from sekoia_export.transfer.source import expiry_of

if TYPE_CHECKING:
    from pydantic import SecretStr

    from sekoia_export.operations.step import Step

log = logging.getLogger(__name__)

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedExport:
    """A finished export, as far as the platform tells.

    Attributes:
        task_uuid: None when the platform lists the export without an id.
        url: the presigned URL; None for an export to an own bucket that the platform gives no URL for.
        expire_at: until when the platform keeps it.
        expected_events: the exact count of exported events; None when the platform gives none.
        platform_key: the key, base64, where the platform made it.
        record: what this module asked for, when it was this module.
    """

    job_uuid: UUID
    task_uuid: UUID | None
    url: SecretStr | None
    expire_at: datetime | None
    expected_events: int | None
    platform_key: SecretStr | None
    record: TaskRecord | None


def locate(step: Step, *, job_uuid: UUID, task_uuid: UUID | None) -> FinishedExport:
    """Return the finished export of a task, or the newest finished one of the search job.

    Raises:
        JobNotReady: the export has not finished yet.
        NotFound: the platform knows neither the task nor an export of the search job.
        PlatformError: the export failed, or the platform refused to tell.
    """
    entries, unlisted = _listed(step, job_uuid)
    entry = _choose(entries, task_uuid)
    if task_uuid is None and entry is not None:
        task_uuid = _uuid(entry.identity)
    task = _task(step, task_uuid)
    if task_uuid is None and entry is None:
        raise unlisted or _none_finished(entries, job_uuid)
    if task is None and entry is None:
        raise unlisted or NotFound(f"The platform knows no export with the task {task_uuid}.")
    status = _status(task, entry)
    if status in {TaskStatus.FAILED, TaskStatus.CANCELED}:
        said = (task.attributes.error or task.message) if task else None
        raise PlatformError(
            f"The export of the search job {job_uuid} ended as {status.value}{f' ({redact(said)})' if said else ''}.",
            "Trigger a new export.",
        )
    url = (entry.download_url if entry else None) or (task.attributes.download_url if task else None)
    if not status.ended and url is None:
        raise JobNotReady(
            f"The export of the search job {job_uuid} has not finished yet.",
            "Wait for it with wait_until_finished, then fetch it.",
        )
    return FinishedExport(
        job_uuid=job_uuid,
        task_uuid=task_uuid,
        url=url,
        expire_at=(entry.expire_at if entry else None) or (expiry_of(url) if url else None),
        expected_events=entry.exported_events_count if entry else None,
        platform_key=entry.platform_key if entry else None,
        record=step.state.read(TaskRecord, str(task_uuid)) if task_uuid else None,
    )


def _listed(step: Step, job_uuid: UUID) -> tuple[list[ExportEntry], PlatformError | None]:
    """Return the listing; an expired or forgotten search job has none, and the task may still tell."""
    try:
        return step.platform.exports(job_uuid), None
    except (NotFound, JobExpired) as failure:
        return [], failure


def _choose(entries: list[ExportEntry], task_uuid: UUID | None) -> ExportEntry | None:
    if task_uuid is not None:
        named = [entry for entry in entries if entry.names(str(task_uuid))]
        if named:
            return named[0]
        # A lone entry without an id is the one.
        return entries[0] if len(entries) == 1 and entries[0].identity is None else None
    finished = [entry for entry in entries if entry.finished]
    # The last of equals: platforms list oldest first where they give no times.
    newest = sorted(finished, key=lambda entry: entry.created_at or entry.expire_at or _LONG_AGO)
    return newest[-1] if newest else None


def _task(step: Step, task_uuid: UUID | None) -> Task | None:
    if task_uuid is None:
        return None
    try:
        return step.platform.task(task_uuid)
    except NotFound:
        return None


def _status(task: Task | None, entry: ExportEntry | None) -> TaskStatus:
    """Return the status: the task's where it is known; an entry's own; an entry with a URL has finished."""
    if task is not None and task.status is not TaskStatus.UNKNOWN:
        return task.status
    if entry is None:
        return TaskStatus.UNKNOWN
    return TaskStatus.FINISHED if entry.finished else entry.status or TaskStatus.UNKNOWN


def _none_finished(entries: list[ExportEntry], job_uuid: UUID) -> PlatformError:
    if entries:
        return JobNotReady(
            f"No export of the search job {job_uuid} has finished yet.",
            "Wait for it with wait_until_finished, then fetch it.",
        )
    return NotFound(f"The search job {job_uuid} has no export.", "Trigger an export of it first.")


def _uuid(text: str | None) -> UUID | None:
    try:
        return UUID(text) if text else None
    except ValueError:
        return None
