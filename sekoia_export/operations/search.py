"""Search: a search job is created, waited for, and canceled when it takes too long."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import UUID

from sekoia_export.api.client import LONG_PATIENCE_S
from sekoia_export.api.models import JobStatus, SearchJob
from sekoia_export.api.platform import SearchRequest
from sekoia_export.clock import Deadline
from sekoia_export.errors import AnswerLost, DeadlineExceeded, NetworkError, PlatformError
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.operations.summary import searched_by
from sekoia_export.operations.watching import UNWATCHED, Phase, Watcher
from sekoia_export.results.chain import SearchResults
from sekoia_export.waiting import Observation, ProgressObserver, silent, wait_for

if TYPE_CHECKING:
    from sekoia_export.arguments.chain import SearchArguments
    from sekoia_export.operations.step import Step

log = logging.getLogger(__name__)

CANCEL_TIMEOUT_S = 45.0
"""For canceling a search whose time is up; after errors the platform must be left alone for up to 30 s of it."""
_MOST_SEARCHES = 3


def search_events(step: Step, arguments: SearchArguments, *, watcher: Watcher = UNWATCHED) -> Outcome[SearchResults]:
    """Search and wait until the search job is done, as `finish_search` says."""
    watcher.entered(Phase.SEARCHING)
    job = start_search(step, arguments)
    watcher.search_job(UUID(job.uuid))
    return finish_search(step, job, arguments, on_progress=watcher.searching)


def start_search(step: Step, arguments: SearchArguments) -> SearchJob:
    """Start the search and return its job, not waited for.

    Raises:
        UsageError: the period ends before it starts.
        PlatformError, NetworkError, DeadlineExceeded: as the platform's calls do.
    """
    arguments.check_period(step.clock.now())
    earliest_time, latest_time = arguments.period
    request = SearchRequest(
        term=arguments.query,
        earliest_time=earliest_time,
        latest_time=latest_time,
        max_last_events=arguments.max_events,
        community_uuids=[str(uuid) for uuid in arguments.community_uuids or ()],
    )
    searches_left = _MOST_SEARCHES
    while True:
        try:
            return step.platform.create_search_job(request)
        except AnswerLost as lost:
            # A search costs no quota and is not found again without its uuid, so another one is started.
            searches_left -= 1
            if not searches_left:
                raise
            log.warning("%s Starting another search.", lost.cause)


def finish_search(
    step: Step, job: SearchJob, arguments: SearchArguments, *, on_progress: ProgressObserver = silent
) -> Outcome[SearchResults]:
    """Wait for a search job that was started and return how it ended.

    Branches: done, empty (no event matches), failed (canceled, failed or an unknown end), timed_out (canceled here).

    Raises:
        PlatformError, NetworkError: as the platform's calls do.
    """
    job_uuid = UUID(job.uuid)
    log.info("The search job %s is under way.", job_uuid)
    step = step.within(step.deadline, patience_s=LONG_PATIENCE_S)
    try:
        job = wait_for(
            lambda: step.platform.search_job(job_uuid), _observe, deadline=step.deadline, on_progress=on_progress
        ).last
    except DeadlineExceeded as exceeded:
        log.warning("%s", exceeded.cause)
    results = _results(job, *arguments.period)
    if not job.status.ended:
        log.warning("The search job %s was not done in time and is canceled.", job_uuid)
        _cancel(step, job_uuid)
        return Outcome(Branch.TIMED_OUT, results)
    if job.status is not JobStatus.DONE:
        log.warning("The search job %s ended as %s.", job_uuid, job.status.name)
        return Outcome(Branch.FAILED, results)
    if job.total == 0 and not job.retrieved:
        log.info("The search job %s is done: no event matches.", job_uuid)
        return Outcome(Branch.EMPTY, results)
    found = "an unknown number of" if job.total is None else f"{job.total:,}"
    log.info("The search job %s is done: %s events match.", job_uuid, found)
    return Outcome(Branch.DONE, results)


def cancel_search(step: Step, job_uuid: UUID) -> Outcome[SearchResults]:
    """Stop a search that is pending or running; one that has ended is left as it is.

    Branches: done.

    Raises:
        NotFound, JobExpired: the platform does not know it, or no longer.
        PlatformError, NetworkError, DeadlineExceeded: as the platform's calls do.
    """
    job = step.platform.search_job(job_uuid)
    if job.status.ended:
        log.warning("The search job %s has ended before, as %s.", job_uuid, job.status.name)
    else:
        step.platform.cancel_search_job(job_uuid)
        job = step.platform.search_job(job_uuid)
    return Outcome(Branch.DONE, _results(job))


def _results(job: SearchJob, earliest_time: str | None = None, latest_time: str | None = None) -> SearchResults:
    """Return the job as results, with the period that was asked for where the platform tells none."""
    searched = searched_by(job)
    return SearchResults(
        job_uuid=str(UUID(job.uuid)),
        status=job.status.name,
        total=job.total,
        earliest_time=searched.earliest_time or earliest_time,
        latest_time=searched.latest_time or latest_time,
    )


def _observe(job: SearchJob) -> Observation:
    return Observation(ended=job.status.ended, done=job.retrieved or 0, total=job.total)


def _cancel(step: Step, job_uuid: UUID) -> None:
    """Cancel a search whose step is over; that it fails is told, and changes nothing about the outcome."""
    try:
        step.within(Deadline(step.clock, CANCEL_TIMEOUT_S)).platform.cancel_search_job(job_uuid)
    except (PlatformError, NetworkError, DeadlineExceeded) as failure:
        log.warning("The search job %s could not be canceled: %s", job_uuid, failure.cause)
