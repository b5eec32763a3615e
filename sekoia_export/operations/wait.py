"""Wait: an export's task is followed until it ended or the time is up."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sekoia_export.api.client import LONG_PATIENCE_S
from sekoia_export.api.models import Task, TaskStatus
from sekoia_export.errors import DeadlineExceeded
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.redaction import redact
from sekoia_export.results import WaitResults
from sekoia_export.state import TaskRecord
from sekoia_export.waiting import Observation, Progress, ProgressObserver, TenthsLog, combine, silent, wait_for

if TYPE_CHECKING:
    from sekoia_export.arguments import WaitArguments
    from sekoia_export.operations.step import Step

log = logging.getLogger(__name__)


def wait_until_finished(
    step: Step, arguments: WaitArguments, *, on_progress: ProgressObserver = silent
) -> Outcome[WaitResults]:
    """Wait until the export's task ended.

    Branches: finished, failed (or canceled), timed_out, each with how far the export is.

    Raises:
        PlatformError, NetworkError: as the platform's calls do.
    """
    task_uuid = arguments.task_uuid
    step = step.within(step.deadline.within(arguments.timeout), patience_s=LONG_PATIENCE_S)
    record = step.state.read(TaskRecord, str(task_uuid))
    age_s = max(0.0, (step.clock.now() - record.asked_at).total_seconds()) if record else 0.0
    seen: list[tuple[Task, Progress | None]] = []

    def look() -> Task:
        task = step.platform.task(task_uuid)
        seen.append((task, seen[-1][1] if seen else None))
        return task

    def remember(progress: Progress) -> None:
        seen[-1] = (seen[-1][0], progress)

    observer = combine(remember, TenthsLog(log.info), on_progress)
    try:
        wait_for(look, _observe, deadline=step.deadline, age_s=age_s, on_progress=observer)
    except DeadlineExceeded as exceeded:
        if not seen:
            raise exceeded.__cause__ or exceeded from None
    task, progress = seen[-1]
    results = _results(str(task_uuid), task, progress, elapsed_s=step.deadline.elapsed_s())
    match task.status:
        case TaskStatus.FINISHED:
            log.info("The export task %s has finished.", task_uuid)
            return Outcome(Branch.FINISHED, results)
        case TaskStatus.FAILED | TaskStatus.CANCELED:
            said = f": {results.message}" if results.message else "."
            log.warning("The export task %s ended as %s%s", task_uuid, task.status.value, said)
            return Outcome(Branch.FAILED, results)
    log.warning(
        "The export task %s is still running; it goes on at the platform: wait again with the same task_uuid.",
        task_uuid,
    )
    return Outcome(Branch.TIMED_OUT, results)


def _observe(task: Task) -> Observation:
    return Observation(ended=task.status.ended, done=task.progress or 0, total=task.total)


def _results(task_uuid: str, task: Task, progress: Progress | None, *, elapsed_s: float) -> WaitResults:
    finished = task.status is TaskStatus.FINISHED
    percent = 100.0 if finished else progress.percent if progress else None
    remaining_s = 0.0 if task.status.ended else progress.remaining_s if progress else None
    said = task.attributes.error or task.message
    return WaitResults(
        task_uuid=task_uuid,
        status=task.status.value,
        progress=task.progress,
        total=task.total or None,
        percent=None if percent is None else round(percent, 1),
        elapsed_seconds=round(elapsed_s, 1),
        remaining_seconds=None if remaining_s is None else round(remaining_s, 1),
        message=redact(said) if said else None,
    )
