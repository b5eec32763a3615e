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
from sekoia_export.results import SearchResults
from sekoia_export.waiting import Observation, wait_for

if TYPE_CHECKING:
    from sekoia_export.arguments import SearchArguments
    from sekoia_export.operations.step import Step

log = logging.getLogger(__name__)

CANCEL_TIMEOUT_S = 15.0
_MOST_SEARCHES = 3


def start_search(step: Step, arguments: SearchArguments) -> SearchJob:
    """Start the search and return its job, not waited for.

    Raises:
        UsageError: the period ends before it starts.
        PlatformError, NetworkError, DeadlineExceeded: as the platform's calls do.
    """
    arguments.check_period(step.clock.now())
    request = SearchRequest(
        term=arguments.query,
        earliest_time=arguments.earliest_time,
        latest_time=arguments.latest_time,
        max_last_events=arguments.max_events,
        community_uuids=[str(uuid) for uuid in arguments.community_uuids or ()],
    )
    for attempt in range(1, _MOST_SEARCHES + 1):
        try:
            return step.platform.create_search_job(request)
        except AnswerLost as lost:
            # A search costs no quota and is not found again without its uuid, so another one is started.
            if attempt == _MOST_SEARCHES:
                raise
            log.warning("%s Starting another search.", lost.cause)
    raise AssertionError  # the loop returns or raises


def finish_search(step: Step, job_uuid: UUID, arguments: SearchArguments) -> Outcome[SearchResults]:
    """Wait for the search job and return how it ended.

    Branches: done, empty (no event matches), failed (canceled, failed or an unknown end), timed_out (canceled here).

    Raises:
        PlatformError, NetworkError: as the platform's calls do.
    """
    log.info("The search job %s is under way.", job_uuid)
    seen: list[SearchJob] = []

    def look() -> SearchJob:
        seen.append(step.platform.search_job(job_uuid))
        return seen[-1]

    step = step.within(step.deadline, patience_s=LONG_PATIENCE_S)
    try:
        ended = wait_for(look, _observe, deadline=step.deadline).ended
    except DeadlineExceeded as exceeded:
        if not seen:
            raise exceeded.__cause__ or exceeded from None
        ended = False
    job = seen[-1]
    results = SearchResults(
        job_uuid=str(job_uuid),
        status=job.status.name,
        total=job.total,
        earliest_time=job.earliest_time or arguments.earliest_time,
        latest_time=job.latest_time or arguments.latest_time,
    )
    if not ended:
        log.warning("The search job %s was not done in time and is canceled.", job_uuid)
        _cancel(step, job_uuid)
        return Outcome(Branch.TIMED_OUT, results)
    if job.status is not JobStatus.DONE:
        log.warning("The search job %s ended as %s.", job_uuid, job.status.name)
        return Outcome(Branch.FAILED, results)
    log.info(
        "The search job %s is done: %s events match.",
        job_uuid,
        "an unknown number of" if job.total is None else f"{job.total:,}",
    )
    return Outcome(Branch.EMPTY if job.total == 0 else Branch.DONE, results)


def search_events(step: Step, arguments: SearchArguments) -> Outcome[SearchResults]:
    """Search and wait until the search job is done."""
    job = start_search(step, arguments)
    return finish_search(step, UUID(job.uuid), arguments)


def _observe(job: SearchJob) -> Observation:
    return Observation(ended=job.status.ended, done=job.retrieved or 0, total=job.total)


def _cancel(step: Step, job_uuid: UUID) -> None:
    """Cancel a search whose step is over; that it fails is told, and changes nothing about the outcome."""
    try:
        step.within(Deadline(step.clock, CANCEL_TIMEOUT_S)).platform.cancel_search_job(job_uuid)
    except (PlatformError, NetworkError, DeadlineExceeded) as failure:
        log.warning("The search job %s could not be canceled: %s", job_uuid, failure.cause)
