"""Where an export's file is: the task and the search job's listing are read, and each gives what the other has not."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from sekoia_export.api.models import ExportEntry, Task, TaskStatus
from sekoia_export.errors import JobExpired, JobNotReady, LinkExpired, NotFound, PlatformError
from sekoia_export.operations.listing import DOWNLOAD_WINDOW, task_of
from sekoia_export.redaction import redact
from sekoia_export.state import TaskRecord
from sekoia_export.transfer.source import expiry_of

if TYPE_CHECKING:
    from uuid import UUID

    from pydantic import SecretStr

    from sekoia_export.operations.step import Step

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
_ENDED_BADLY = {TaskStatus.FAILED, TaskStatus.CANCELED}


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishedExport:
    """A finished export, as far as the platform tells.

    Attributes:
        task_uuid: None when the platform lists the export without an id.
        url: the presigned URL; None for an export to an own bucket that the platform gives no URL for.
        expire_at: until when the platform keeps it.
        fields: the exported ones, where the platform lists them.
        expected_events: the exact count of exported events; None when the platform gives none.
        platform_key: the key, base64, where the platform made it.
        record: what this module asked for, when it was this module.
    """

    job_uuid: UUID
    task_uuid: UUID | None
    url: SecretStr | None
    expire_at: datetime | None
    fields: list[str] | None
    expected_events: int | None
    platform_key: SecretStr | None
    record: TaskRecord | None

    def is_over(self, now: datetime) -> bool:
        """Return whether the platform keeps it no longer."""
        return self.expire_at is not None and self.expire_at <= now


def locate(step: Step, *, job_uuid: UUID, task_uuid: UUID | None) -> FinishedExport:
    """Return the finished export of a task, or the newest finished one of the search job.

    Raises:
        JobNotReady: the export has not finished yet.
        LinkExpired: this module started it, and it has been gone from the platform since its download window ended.
        NotFound, JobExpired: the platform knows neither the task nor an export of the search job.
        PlatformError: the export failed, or the platform refused to tell.
    """
    # The task first: a listing read after it knows at least as much of its end.
    task = read_task(step, task_uuid)
    entries, unlisted = listed_exports(step, job_uuid)
    record = read_record(step, task_uuid)
    entry = _newest_finished(entries) if task_uuid is None else entry_of(task_uuid, entries, record)
    if task_uuid is None and entry is not None and (task_uuid := task_of(entry)) is not None:
        task, record = read_task(step, task_uuid), read_record(step, task_uuid)
    if task is None and entry is None:
        if task_uuid is None:
            raise unlisted or _none_finished(entries, job_uuid)
        raise _unknown(step, task_uuid, record) from unlisted
    status = status_of(task, entry)
    if status in _ENDED_BADLY:
        said = (task.attributes.error or task.message) if task else None
        raise PlatformError(
            f"The export of the search job {job_uuid} ended as {status.value}{f' ({redact(said)})' if said else ''}.",
            "Trigger a new export.",
        )
    url = _url(task, entry)
    if status is not TaskStatus.FINISHED and url is None:
        raise JobNotReady(
            f"The export of the search job {job_uuid} has not finished yet.",
            "Wait for it with wait_until_finished, then fetch it.",
        )
    return FinishedExport(
        job_uuid=job_uuid,
        task_uuid=task_uuid,
        url=url,
        expire_at=(entry.expire_at if entry else None) or (expiry_of(url) if url else None),
        fields=entry.fields if entry else None,
        expected_events=entry.exported_events_count if entry else None,
        platform_key=entry.platform_key if entry else None,
        record=record,
    )


def listed_exports(step: Step, job_uuid: UUID) -> tuple[list[ExportEntry], PlatformError | None]:
    """Return the listing; an expired or forgotten search job has none, and the task may still tell."""
    try:
        return step.platform.exports(job_uuid), None
    except (NotFound, JobExpired) as failure:
        return [], failure


def read_task(step: Step, task_uuid: UUID | None) -> Task | None:
    """Return the task; None when the platform does not know it."""
    if task_uuid is None:
        return None
    try:
        return step.platform.task(task_uuid)
    except NotFound:
        return None


def read_record(step: Step, task_uuid: UUID | None) -> TaskRecord | None:
    """Return what this module asked for; None when the export was triggered elsewhere."""
    return None if task_uuid is None else step.state.read(TaskRecord, str(task_uuid))


def entry_of(task_uuid: UUID, entries: list[ExportEntry], record: TaskRecord | None) -> ExportEntry | None:
    """Return the task's export among the listed ones; None when it is not there, or cannot be told from others."""
    named = [entry for entry in entries if entry.names(str(task_uuid))]
    if named:
        return named[0]
    # A lone entry without an id is the one, but for one that was asked for with other fields.
    if len(entries) != 1 or entries[0].identity is not None:
        return None
    fields = entries[0].fields
    return None if record is not None and fields is not None and set(fields) != set(record.fields) else entries[0]


def _newest_finished(entries: list[ExportEntry]) -> ExportEntry | None:
    # The last of equals: platforms list oldest first where they give no times.
    finished = [entry for entry in entries if _has_finished(entry)]
    newest = sorted(finished, key=lambda entry: entry.created_at or entry.expire_at or _LONG_AGO)
    return newest[-1] if newest else None


def _has_finished(entry: ExportEntry) -> bool:
    """Return whether the export has finished; where no known status tells, by what only a finished one has."""
    if entry.status in {None, TaskStatus.UNKNOWN}:
        return entry.download_url is not None or entry.expire_at is not None
    return entry.status is TaskStatus.FINISHED


def status_of(task: Task | None, entry: ExportEntry | None) -> TaskStatus:
    """Return the status: the task's where it is known and has ended, else the entry's, which was read later."""
    if task is not None and task.status.ended:
        return task.status
    if entry is not None and _has_finished(entry):
        return TaskStatus.FINISHED
    if entry is not None and entry.status in _ENDED_BADLY:
        return entry.status
    return task.status if task is not None else TaskStatus.UNKNOWN


def _url(task: Task | None, entry: ExportEntry | None) -> SecretStr | None:
    """Return the download link: where there are two, the one that ends last, for the platform may renew only one."""
    of_task = task.attributes.download_url if task else None
    listed = entry.download_url if entry else None
    if of_task is None or listed is None:
        return of_task or listed
    if entry is None or entry.identity is None:
        return of_task  # what is listed without an id can be another export
    return max((of_task, listed), key=lambda url: expiry_of(url) or _LONG_AGO)


def _none_finished(entries: list[ExportEntry], job_uuid: UUID) -> PlatformError:
    if not entries:
        return NotFound(f"The search job {job_uuid} has no export.", "Trigger an export of it first.")
    if all(entry.status in _ENDED_BADLY for entry in entries):
        return PlatformError(
            f"Every export of the search job {job_uuid} failed or was canceled.", "Trigger a new export."
        )
    return JobNotReady(
        f"No export of the search job {job_uuid} has finished yet.",
        "Wait for it with wait_until_finished, then fetch it.",
    )


def _unknown(step: Step, task_uuid: UUID, record: TaskRecord | None) -> NotFound | LinkExpired:
    if record is not None and record.asked_at + DOWNLOAD_WINDOW <= step.clock.now():
        return LinkExpired(f"The export of the task {task_uuid} has expired, and the platform no longer knows it.")
    return NotFound(f"The platform knows no export with the task {task_uuid}.")
