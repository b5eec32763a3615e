"""Export: search, trigger, wait and fetch in one step, under one deadline, resumable as a whole."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sekoia_export.errors import DeadlineExceeded, JobExpired, NotFound
from sekoia_export.operations.bucket import own_bucket
from sekoia_export.operations.fetch import check_fetch, fetch_and_decrypt
from sekoia_export.operations.keys import choose_key
from sekoia_export.operations.locate import read_record
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.operations.searched import RecordedSearch
from sekoia_export.operations.summary import look_up, of_early_end
from sekoia_export.operations.trigger import trigger_export
from sekoia_export.operations.wait import follow
from sekoia_export.operations.watching import UNWATCHED, Phase, Watcher
from sekoia_export.redaction import redact
from sekoia_export.results.chain import ExportResults
from sekoia_export.state import Searched

if TYPE_CHECKING:
    from sekoia_export.arguments.chain import ExportArguments
    from sekoia_export.operations.step import Step
    from sekoia_export.results.base import Results

log = logging.getLogger(__name__)

_ANY_JOB = UUID(int=0)


def export_events(step: Step, arguments: ExportArguments, *, watcher: Watcher = UNWATCHED) -> Outcome[Results]:
    """Carry out all steps that are needed for a file of events.

    Branches: those of the steps that end an export early (empty, failed, busy, timed_out, expired), fetched and
    incomplete. The results are those of the steps that were reached; on a clash the later step's.

    Raises:
        what the steps raise; NetworkError when the time was up and nothing had been reached for want of an answer.
    """
    arguments.check_source()
    _check_choices(step, arguments)
    reached: dict[str, Any] = {}
    try:
        branch = _carry_out(step, arguments, reached, watcher)
    except DeadlineExceeded as exceeded:
        if not reached:
            raise exceeded.__cause__ or exceeded from None
        log.warning("%s Run it again: it goes on with the same search job and export.", exceeded.cause)
        branch = Branch.TIMED_OUT
    if "summary" not in reached:
        reached["summary"] = of_early_end(branch, reached, _searched(step, arguments, reached))
    return Outcome(branch, ExportResults(**reached))


def _carry_out(step: Step, arguments: ExportArguments, reached: dict[str, Any], watcher: Watcher) -> Branch:
    """Carry out one step after the other, note in `reached` what each gave, and return the last one's branch."""

    def reach(outcome: Outcome[Results]) -> Branch:
        reached.update(outcome.results.model_dump())
        return outcome.branch

    if arguments.job_uuid is None:
        watcher.entered(Phase.SEARCHING)
        search = RecordedSearch(step, arguments.search(), watcher=watcher)
        searched = search.carry_out()
        if reach(searched) is not Branch.DONE:
            return searched.branch
        try:
            triggered = trigger_export(step, arguments.trigger(UUID(searched.results.job_uuid)), watcher=watcher)
        except (JobExpired, NotFound) as gone:
            if not search.forget_earlier():
                raise
            log.info("%s It is searched again.", gone.cause)
            return _carry_out(step, arguments, reached, watcher)
    else:
        reached["job_uuid"] = str(arguments.job_uuid)
        watcher.search_job(arguments.job_uuid)
        triggered = trigger_export(step, arguments.trigger(arguments.job_uuid), watcher=watcher)
    if reach(triggered) is not Branch.TRIGGERED:
        return triggered.branch
    # A taken-up export can be that of an earlier search for the same.
    job_uuid, task_uuid = UUID(triggered.results.job_uuid), UUID(triggered.results.task_uuid)
    watcher.entered(Phase.EXPORTING)
    waited = follow(step, task_uuid, on_progress=watcher.exporting)
    if reach(waited) is not Branch.FINISHED:
        return waited.branch
    watcher.entered(Phase.FETCHING)
    return reach(fetch_and_decrypt(step, arguments.fetch(job_uuid, task_uuid), on_progress=watcher.fetching))


def _searched(step: Step, arguments: ExportArguments, reached: dict[str, Any]) -> Searched | None:
    """Return what was searched for, where it is known."""
    if reached.get("task_uuid"):
        record = read_record(step, UUID(reached["task_uuid"]))
        if record is not None and record.searched is not None:
            return record.searched
    if arguments.query is None:
        return look_up(step, UUID(reached["job_uuid"]))
    return Searched(
        query=redact(arguments.query),
        earliest_time=reached.get("earliest_time") or arguments.earliest_time,
        latest_time=reached.get("latest_time") or arguments.latest_time,
    )


def _check_choices(step: Step, arguments: ExportArguments) -> None:
    """Refuse before the search what a later step would refuse."""
    job_uuid = arguments.job_uuid or _ANY_JOB
    choose_key(step.configuration, choice=arguments.encryption, explicit=arguments.encryption_key, job_uuid=job_uuid)
    own_bucket(step.configuration, bucket=arguments.s3_bucket, prefix=arguments.s3_prefix)
    check_fetch(step, arguments.fetch(job_uuid, None))
