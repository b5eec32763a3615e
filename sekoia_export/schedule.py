"""Windows of a schedule: one after the other in UTC, without gap or overlap, whatever is changed in between.

What has been covered is kept as spans, and the next window begins at the first moment that no span covers. It ends at
the next line of the schedule's grid, or where a span begins. So a changed `every` makes one shorter window at most, up
to the new grid's next line; an earlier `start_at` fills what is missing before, and never what is there already.

The grid has a line at `start_at`, else at every full hour, midnight or Monday's midnight. All of it is UTC, where each
hour, day and week has the same length: daylight saving time does not exist here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

A_MONDAY = datetime(2024, 1, 1, tzinfo=UTC)
"""A line of the grid of full hours, of midnights and of Mondays alike."""


class Every(StrEnum):
    """The length of a window."""

    HOUR = "hour"
    DAY = "day"
    WEEK = "week"

    @property
    def length(self) -> timedelta:
        return _LENGTHS[self]

    def running_since(self, moment: datetime) -> datetime:
        """Return the start of the hour, day or week (from Monday) that is running at `moment`."""
        return moment - (moment - A_MONDAY) % self.length


_LENGTHS = {Every.HOUR: timedelta(hours=1), Every.DAY: timedelta(days=1), Every.WEEK: timedelta(weeks=1)}


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """A part of time: `start` up to, without, `end`."""

    start: datetime
    end: datetime


def next_window(covered: Sequence[Span], *, start: datetime, every: Every, grid: datetime) -> Span:
    """Return the first window from `start` on that is not covered yet.

    Args:
        covered: in the order of time, apart from each other.
        start: no window begins before it.
        every: how long a window is at most.
        grid: windows end at whole multiples of `every` from here, before and after.
    """
    at = start
    for span in covered:
        if span.start <= at < span.end:
            at = span.end
    end = at - (at - grid) % every.length + every.length
    return Span(at, min([end, *(span.start for span in covered if span.start > at)]))


def with_covered(covered: Sequence[Span], window: Span) -> list[Span]:
    """Return what is covered once `window` is, spans that touch joined."""
    joined: list[Span] = []
    for span in sorted([*covered, window]):
        if joined and span.start <= joined[-1].end:
            joined[-1] = Span(joined[-1].start, max(joined[-1].end, span.end))
        else:
            joined.append(span)
    return joined
