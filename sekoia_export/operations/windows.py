"""Plan: a period is split into windows that can each be exported, by the histogram of a search or by more searches."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import UUID

from sekoia_export.errors import DeadlineExceeded, NetworkError, PlatformError
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.operations.search import search_events
from sekoia_export.planning import Plan, Window, parts_of
from sekoia_export.quota import estimated_bytes, quota_percent
from sekoia_export.results.windows import PlanMethod, PlannedWindow, PlanResults
from sekoia_export.times import format_moment

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from sekoia_export.arguments.windows import PlanArguments
    from sekoia_export.operations.step import Step
    from sekoia_export.results.chain import SearchResults

log = logging.getLogger(__name__)

MOST_SEARCHES = 500
"""Searches of one plan. At the platform's rate limit they take ten minutes at least, and without a histogram they are
enough for some 250 windows."""


def plan_windows(step: Step, arguments: PlanArguments, *, most_searches: int = MOST_SEARCHES) -> Outcome[PlanResults]:
    """Return windows that tile the period, each with an estimate of at most `max_events`.

    Branches: planned; empty (no event matches); too_dense (planned, but a millisecond holds more than a window may);
    failed (a search failed or was canceled); timed_out (the time or `most_searches` were used up). Of a plan that broke
    off, the windows reach from the start of the period to `planned_until`.

    Raises:
        UsageError: the period ends before it starts.
        PlatformError, NetworkError, DeadlineExceeded: as the platform's calls do; once the period was counted, a
            deadline that passes is an outcome.
    """
    start, end = arguments.period(step.clock.now())
    return _Planner(step, arguments, start=start, end=end, most_searches=most_searches).carry_out()


class _BrokenOff(Exception):
    """A number that the plan needs is not to be had: a search failed, or there is no time for it."""

    def __init__(self, branch: Branch) -> None:
        super().__init__(branch)
        self.branch = branch


class _Planner:
    def __init__(
        self, step: Step, arguments: PlanArguments, *, start: datetime, end: datetime, most_searches: int
    ) -> None:
        self._step = step
        self._arguments = arguments
        self._start = start
        self._end = end
        self._plan = Plan(most=arguments.max_events, count=self._count)
        self._total: int | None = None
        self._method = PlanMethod.ONE_SEARCH
        self._searches_left = most_searches
        self._searches = 0

    def carry_out(self) -> Outcome[PlanResults]:
        try:
            searched = self._search(self._start, self._end)
            period = Window(self._start, self._end, self._total_of(searched))
            self._total = period.events
            if not period.events:
                return Outcome(Branch.EMPTY, self._results())
            for part in self._parts(period, UUID(searched.job_uuid)):
                self._plan.add(part)
        except _BrokenOff as broken:
            log.warning("The plan broke off after %d searches and %d windows.", self._searches, len(self._plan.windows))
            return Outcome(broken.branch, self._results())
        for window in self._plan.too_dense:
            held, at = f"{window.events:,}", format_moment(window.start)
            log.warning("The millisecond at %s holds %s events and cannot be split.", at, held)
        branch = Branch.TOO_DENSE if self._plan.too_dense else Branch.PLANNED
        log.info("%s events, %d windows, %d searches.", f"{period.events:,}", len(self._plan.windows), self._searches)
        return Outcome(branch, self._results())

    def _parts(self, period: Window, job_uuid: UUID) -> Sequence[Window]:
        """Return the period, cut where its search job's histogram is finer."""
        if period.events <= self._arguments.max_events:
            return [period]
        try:
            parts = parts_of(period, self._step.platform.histograms(job_uuid))
        except DeadlineExceeded as exceeded:
            raise self._too_late(exceeded) from None
        except (PlatformError, NetworkError) as failure:
            log.info("%s The parts of the period are searched instead.", failure.cause)
            parts = None
        self._method = PlanMethod.HISTOGRAM if parts else PlanMethod.BISECTION
        return parts or [period]

    def _count(self, start: datetime, end: datetime) -> int:
        """Return the number of events in a part of the period."""
        if not self._searches_left:
            log.warning("The plan has taken %d searches, and a plan may take no more.", self._searches)
            raise _BrokenOff(Branch.TIMED_OUT)
        try:
            return self._total_of(self._search(start, end))
        except DeadlineExceeded as exceeded:
            raise self._too_late(exceeded) from None

    def _search(self, start: datetime, end: datetime) -> SearchResults:
        self._searches += 1
        self._searches_left -= 1
        outcome = search_events(self._step, self._arguments.search(start, end))
        if outcome.branch not in {Branch.DONE, Branch.EMPTY}:
            raise _BrokenOff(outcome.branch)
        return outcome.results

    @staticmethod
    def _too_late(exceeded: DeadlineExceeded) -> _BrokenOff:
        log.warning("%s", exceeded.cause)
        return _BrokenOff(Branch.TIMED_OUT)

    @staticmethod
    def _total_of(searched: SearchResults) -> int:
        if searched.total is None:
            raise PlatformError(
                f"The platform does not say how many events the search job {searched.job_uuid} found.",
                "Split the period into equal parts by hand, and export each.",
            )
        return searched.total

    def _results(self) -> PlanResults:
        fields = self._arguments.all_fields
        windows = [
            PlannedWindow(
                index=number,
                earliest_time=format_moment(window.start),
                latest_time=format_moment(window.end),
                estimated_events=window.events,
                estimated_bytes=estimated_bytes(window.events, fields),
            )
            for number, window in enumerate(self._plan.windows, start=1)
        ]
        size_bytes = sum(window.estimated_bytes for window in windows)
        nothing_to_plan = self._total == 0
        return PlanResults(
            windows=windows,
            count=len(windows),
            exports=sum(window.estimated_events > 0 for window in windows),
            total=self._total,
            earliest_time=format_moment(self._start),
            latest_time=format_moment(self._end),
            planned_until=format_moment(self._end if nothing_to_plan else self._plan.end or self._start),
            method=self._method,
            searches=self._searches,
            estimated_bytes=size_bytes,
            estimated_quota_percent=quota_percent(size_bytes),
        )
