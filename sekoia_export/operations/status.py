"""Status: one look at an export, without waiting."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import UUID

from sekoia_export.api.models import TaskStatus
from sekoia_export.errors import NotFound
from sekoia_export.operations.locate import entry_of, listed_exports, read_record, read_task
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.operations.seen import SeenExport
from sekoia_export.results.management import StatusResults
from sekoia_export.times import format_moment

if TYPE_CHECKING:
    from datetime import datetime

    from sekoia_export.arguments.management import StatusArguments
    from sekoia_export.operations.step import Step

log = logging.getLogger(__name__)

STATUS_TIMEOUT_S = 120.0
"""How long one look may take: two requests, and what is tried again of them."""


def get_export_status(step: Step, arguments: StatusArguments) -> Outcome[StatusResults]:
    """Look once at an export.

    Branches: finished (it can be fetched), running (or about to), failed (or canceled), expired (it can no longer be
    fetched, its time being over).

    Raises:
        NotFound: the platform does not know the task, and this data storage does not remember one that has expired.
        PlatformError, NetworkError, DeadlineExceeded: as the platform's calls do.
        StateCorrupt: what is remembered of the export cannot be read.
    """
    seen = _look_at(step, arguments)
    now = step.clock.now()
    branch = _branch(seen, now)
    results = _results(seen, arguments.task_uuid, now)
    log.info("The export task %s is %s: branch %s.", arguments.task_uuid, results.status, branch)
    return Outcome(branch, results)


def _look_at(step: Step, arguments: StatusArguments) -> SeenExport:
    record = read_record(step, arguments.task_uuid)
    job_uuid = arguments.job_uuid or (UUID(record.job_uuid) if record else None)
    # The task first: a listing read after it knows at least as much of its end.
    task = read_task(step, arguments.task_uuid)
    entry = None
    if job_uuid is not None and (task is None or task.status is TaskStatus.FINISHED):
        entry = entry_of(arguments.task_uuid, listed_exports(step, job_uuid)[0], record)
    return SeenExport(job_uuid=job_uuid, task_uuid=arguments.task_uuid, task=task, entry=entry, record=record)


def _branch(seen: SeenExport, now: datetime) -> Branch:
    if seen.is_over(now):
        return Branch.EXPIRED
    if not seen.is_known:
        raise NotFound(f"The platform knows no export with the task {seen.task_uuid}.")
    match seen.status:
        case TaskStatus.FINISHED:
            return Branch.FINISHED
        case TaskStatus.FAILED | TaskStatus.CANCELED:
            return Branch.FAILED
    return Branch.RUNNING


def _results(seen: SeenExport, task_uuid: UUID, now: datetime) -> StatusResults:
    task, entry = seen.task, seen.entry
    done, total = (task.progress, task.total) if task else (None, None)
    finished = seen.status is TaskStatus.FINISHED
    remaining_s: float | None = 0.0 if seen.status.ended else None
    if not seen.status.ended and seen.record and done and total:
        # One look sees no speed: the average since it was asked for is all there is.
        elapsed_s = max(0.0, (now - seen.record.asked_at).total_seconds())
        remaining_s = elapsed_s * max(0, total - done) / done
    return StatusResults(
        task_uuid=str(task_uuid),
        job_uuid=str(seen.job_uuid) if seen.job_uuid else None,
        status=seen.status.value,
        progress=done,
        total=total,
        percent=100.0 if finished else _percent(done, total),
        remaining_seconds=None if remaining_s is None else round(remaining_s, 1),
        message=seen.message,
        events=entry.exported_events_count if entry else None,
        compressed_size=entry.export_size_compressed if entry else None,
        expire_at=format_moment(seen.expire_at) if seen.expire_at else None,
    )


def _percent(done: int | None, total: int | None) -> float | None:
    if done is None or not total or total < 0:
        return None
    return round(min(100.0, max(0.0, 100.0 * done / total)), 1)
