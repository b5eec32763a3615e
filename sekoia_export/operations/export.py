"""Export: search, trigger, wait and fetch in one step, under one deadline, resumable as a whole."""

from __future__ import annotations

import logging
from math import ceil
from typing import TYPE_CHECKING, Any
from uuid import UUID

from sekoia_export.api.models import JobStatus
from sekoia_export.arguments import ExportArguments, SearchArguments, WaitArguments
from sekoia_export.errors import DeadlineExceeded, JobExpired, NotFound
from sekoia_export.operations.bucket import own_bucket
from sekoia_export.operations.fetch import check_fetch, fetch_and_decrypt
from sekoia_export.operations.keys import choose_key
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.operations.search import finish_search, start_search
from sekoia_export.operations.trigger import trigger_export
from sekoia_export.operations.wait import wait_until_finished
from sekoia_export.results import ExportResults, Results
from sekoia_export.state import SearchRecord, fingerprint
from sekoia_export.times import absolute_moment
from sekoia_export.transfer.progress import Observer
from sekoia_export.transfer.progress import silent as silent_transfer
from sekoia_export.waiting import ProgressObserver, silent

if TYPE_CHECKING:
    from sekoia_export.operations.step import Step

log = logging.getLogger(__name__)

_ANY_JOB = UUID(int=0)


def export_events(
    step: Step,
    arguments: ExportArguments,
    *,
    on_wait: ProgressObserver = silent,
    on_transfer: Observer = silent_transfer,
) -> Outcome[Results]:
    """Carry out all steps that are needed for a file of events.

    Branches: those of the steps that end an export early (empty, failed, busy, timed_out, expired), fetched and
    incomplete. The results are those of the steps that were reached; on a clash the later step's.

    Raises:
        what the steps raise.
    """
    arguments.check_source()
    _check_choices(step, arguments)
    reached: dict[str, Any] = {}

    def ended(branch: Branch) -> Outcome[Results]:
        return Outcome(branch, ExportResults(**reached))

    try:
        if arguments.job_uuid is None:
            searched = _search(step, arguments.search())
            reached |= searched.results.model_dump()
            if searched.branch is not Branch.DONE:
                return ended(searched.branch)
            job_uuid = UUID(searched.results.job_uuid)
        else:
            job_uuid = arguments.job_uuid
        triggered = trigger_export(step, arguments.trigger(job_uuid))
        reached |= triggered.results.model_dump()
        if triggered.branch is not Branch.TRIGGERED or triggered.results.task_uuid is None:
            return ended(triggered.branch)
        # A taken-up export can be that of an earlier search for the same.
        job_uuid, task_uuid = UUID(triggered.results.job_uuid), UUID(triggered.results.task_uuid)
        waited = wait_until_finished(step, _wait(step, task_uuid), on_progress=on_wait)
        reached |= waited.results.model_dump()
        if waited.branch is not Branch.FINISHED:
            return ended(waited.branch)
        fetched = fetch_and_decrypt(step, arguments.fetch(job_uuid, task_uuid), on_progress=on_transfer)
        reached |= fetched.results.model_dump()
        return ended(fetched.branch)
    except DeadlineExceeded as exceeded:
        if not reached:
            raise exceeded.__cause__ or exceeded from None
        log.warning("%s Run it again: it goes on with the same search job and export.", exceeded.cause)
        return ended(Branch.TIMED_OUT)


def _check_choices(step: Step, arguments: ExportArguments) -> None:
    """Refuse before the search what a later step would refuse."""
    job_uuid = arguments.job_uuid or _ANY_JOB
    choose_key(step.configuration, choice=arguments.encryption, explicit=arguments.encryption_key, job_uuid=job_uuid)
    own_bucket(step.configuration, bucket=arguments.s3_bucket, prefix=arguments.s3_prefix)
    check_fetch(step, arguments.fetch(job_uuid, None))


def _search(step: Step, arguments: SearchArguments) -> Outcome[Any]:
    """Search, or go on with the search job that an earlier run of this node had started."""
    name = _search_name(step, arguments)
    job_uuid = _recorded_search(step, name) if name else None
    if job_uuid is None:
        job_uuid = UUID(start_search(step, arguments).uuid)
        if name:
            step.state.write(SearchRecord(job_uuid=str(job_uuid), asked_at=step.clock.now()), name)
    return finish_search(step, job_uuid, arguments)


def _search_name(step: Step, arguments: SearchArguments) -> str | None:
    """Return under which name the search is remembered; None where a rerun cannot be told from a new run.

    Without a playbook run, a period relative to now means another one each time.
    """
    run_uuid = step.surroundings.run_uuid
    absolute = absolute_moment(arguments.earliest_time) and absolute_moment(arguments.latest_time)
    if run_uuid is None and not absolute:
        return None
    communities = sorted(str(uuid) for uuid in arguments.community_uuids or ())
    period = [arguments.earliest_time, arguments.latest_time]
    return fingerprint(step.platform.client.root, run_uuid, arguments.query, period, arguments.max_events, communities)


def _recorded_search(step: Step, name: str) -> UUID | None:
    record = step.state.read(SearchRecord, name)
    if record is None:
        return None
    job_uuid = UUID(record.job_uuid)
    try:
        job = step.platform.search_job(job_uuid)
    except (JobExpired, NotFound):
        return None
    if job.status.ended and job.status is not JobStatus.DONE:
        return None
    log.info("The search job %s of an earlier run of this step is taken up.", job_uuid)
    return job_uuid


def _wait(step: Step, task_uuid: UUID) -> WaitArguments:
    return WaitArguments.model_construct(task_uuid=task_uuid, timeout=ceil(step.deadline.remaining_s()))
