"""Wait: an export's task is followed until it ended or the time is up."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sekoia_export.api.client import LONG_PATIENCE_S
from sekoia_export.api.models import Task, TaskStatus
from sekoia_export.errors import DeadlineExceeded
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.redaction import redact
from sekoia_export.results.chain import WaitResults
from sekoia_export.state import TaskRecord
from sekoia_export.waiting import Observation, Progress, ProgressObserver, TenthsLog, combine, silent, wait_for

if TYPE_CHECKING:
    from uuid import UUID

    from sekoia_export.arguments.chain import WaitArguments
    from sekoia_export.operations.step import Step

log = logging.getLogger(__name__)


def wait_until_finished(
    step: Step, arguments: WaitArguments, *, on_progress: ProgressObserver = silent
) -> Outcome[WaitResults]:
    """Wait until the export's task ended, `arguments.timeout` seconds at most, as `follow` says."""
    return follow(step.within(step.deadline.within(arguments.timeout)), arguments.task_uuid, on_progress=on_progress)


def follow(step: Step, task_uuid: UUID, *, on_progress: ProgressObserver = silent) -> Outcome[WaitResults]:
    """Follow the export's task until it ended or the step's deadline comes.

    Branches: finished, failed (or canceled), timed_out, each with how far the export is.

    Raises:
        PlatformError: as the platform's calls do.
        NetworkError: nothing was answered at all while there was time, or nothing for eleven minutes.
        DeadlineExceeded: there was no time to ask even once.
    """
    step = step.within(step.deadline, patience_s=LONG_PATIENCE_S)
    record = step.state.read(TaskRecord, str(task_uuid))
    age_s = max(0.0, (step.clock.now() - record.asked_at).total_seconds()) if record else 0.0
    began_s = step.clock.monotonic()
    try:
        waited = wait_for(
            lambda: step.platform.task(task_uuid),
            _observe,
            deadline=step.deadline,
            age_s=age_s,
            on_progress=combine(TenthsLog(log.info), on_progress),
        )
    except DeadlineExceeded as exceeded:
        raise exceeded.__cause__ or exceeded from None
    task = waited.last
    results = _results(task_uuid, task, waited.progress, elapsed_s=step.clock.monotonic() - began_s)
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


def _results(task_uuid: UUID, task: Task, progress: Progress, *, elapsed_s: float) -> WaitResults:
    percent = 100.0 if task.status is TaskStatus.FINISHED else progress.percent
    said = task.attributes.error or task.message
    return WaitResults(
        task_uuid=str(task_uuid),
        status=task.status.value,
        progress=None if task.progress is None else progress.done,
        total=progress.total,
        percent=None if percent is None else round(percent, 1),
        elapsed_seconds=round(elapsed_s, 1),
        remaining_seconds=None if progress.remaining_s is None else round(progress.remaining_s, 1),
        message=redact(said) if said else None,
    )
