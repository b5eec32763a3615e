"""Searches of `export_events`: remembered, so that a rerun of the node searches once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import UUID

from sekoia_export.api.models import JobStatus
from sekoia_export.errors import JobExpired, NotFound
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.operations.search import finish_search, start_search
from sekoia_export.operations.watching import UNWATCHED, Watcher
from sekoia_export.state import SearchRecord, fingerprint
from sekoia_export.times import absolute_moment

if TYPE_CHECKING:
    from sekoia_export.api.models import SearchJob
    from sekoia_export.arguments.chain import SearchArguments
    from sekoia_export.operations.step import Step
    from sekoia_export.results.chain import SearchResults

log = logging.getLogger(__name__)


class RecordedSearch:
    """A search that a rerun goes on with.

    Args:
        step: whose platform and state are used.
        arguments: of the search.
        watcher: told of the search job and its progress.
    """

    def __init__(self, step: Step, arguments: SearchArguments, *, watcher: Watcher = UNWATCHED) -> None:
        self._step = step
        self._arguments = arguments
        self._watcher = watcher
        self._name = self._find_name()
        self._is_earlier = False

    def carry_out(self) -> Outcome[SearchResults]:
        """Search, or go on with the search job of an earlier run; branches and errors as `finish_search` has them.

        Raises:
            StateCorrupt: what an earlier run did cannot be read.
        """
        record = self._step.state.read(SearchRecord, self._name) if self._name else None
        if record is not None and record.done is not None:
            log.info("The search job %s of an earlier run of this step is taken up.", record.job_uuid)
            self._is_earlier = True
            self._watcher.search_job(UUID(record.job_uuid))
            return Outcome(Branch.DONE, record.done)
        job = self._job_of(record) if record else None
        self._is_earlier = job is not None
        if job is None:
            job = start_search(self._step, self._arguments)
            self._remember(job)
        self._watcher.search_job(UUID(job.uuid))
        outcome = finish_search(self._step, job, self._arguments, on_progress=self._watcher.searching)
        if outcome.branch is Branch.DONE:
            self._remember(job, done=outcome.results)
        return outcome

    def forget_earlier(self) -> bool:
        """Forget an earlier run's search, whose job is gone; return whether it was one."""
        if self._name and self._is_earlier:
            self._step.state.delete(SearchRecord, self._name)
        return self._is_earlier

    def _remember(self, job: SearchJob, done: SearchResults | None = None) -> None:
        if self._name:
            record = SearchRecord(job_uuid=job.uuid, asked_at=self._step.clock.now(), done=done)
            self._step.state.write(record, self._name)

    def _job_of(self, record: SearchRecord) -> SearchJob | None:
        """Return the recorded search job, when it runs or is done."""
        try:
            job = self._step.platform.search_job(UUID(record.job_uuid))
        except (JobExpired, NotFound):
            return None
        if job.status.ended and job.status is not JobStatus.DONE:
            return None
        log.info("The search job %s of an earlier run of this step is taken up.", job.uuid)
        return job

    def _find_name(self) -> str | None:
        """Return under which name the search is remembered; None where a rerun cannot be told from a new run.

        Without a playbook run only a period that is over is the same at another time.
        """
        step, arguments = self._step, self._arguments
        run_uuid = step.surroundings.run_uuid
        start, end = map(absolute_moment, arguments.period)
        if run_uuid is None and not (start and end and end <= step.clock.now()):
            return None
        communities = sorted(str(uuid) for uuid in arguments.community_uuids or ())
        root = step.platform.client.root
        return fingerprint(root, run_uuid, arguments.query, list(arguments.period), arguments.max_events, communities)
