"""Windows that tile a period and hold so many events at most each. No requests here: counts are passed in.

A part of the period with more events than a window may hold is halved: the first half is counted, the second holds the
rest. That rest is counted as well where next to nothing would be left: totals are estimates and may be capped, and an
event that is missed must not hide behind a subtraction. Neighbours that fit into one window together are joined.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sekoia_export.api.histograms import Bucket

SMALLEST = timedelta(milliseconds=1)
"""The search API takes no finer time, so a window cannot be shorter."""
_DOUBTFUL_SHARE = 0.02
_AGREEING_SHARE = 0.05

Count = Callable[[datetime, datetime], int]


@dataclass(frozen=True, slots=True)
class Window:
    """A part of a period, `start` up to, without, `end`, with an estimate of its events."""

    start: datetime
    end: datetime
    events: int


class Plan:
    """Windows in the order of time.

    Args:
        most: events that a window may hold.
        count: gives the number of events from a moment up to another. What it raises passes through `add`, and the
            windows so far stand.

    Attributes:
        windows: as planned by now.
    """

    def __init__(self, *, most: int, count: Count) -> None:
        self.windows: list[Window] = []
        self._most = most
        self._count = count

    def add(self, part: Window) -> None:
        """Add the part that follows what was added before, split where it has to be."""
        if part.events <= self._most:
            self._join(part)
        elif part.end - part.start <= SMALLEST:
            self.windows.append(part)
        else:
            middle = part.start + (part.end - part.start) // (2 * SMALLEST) * SMALLEST
            first = self._count(part.start, middle)
            self.add(Window(part.start, middle, first))
            rest = part.events - first
            if rest <= part.events * _DOUBTFUL_SHARE:
                rest = self._count(middle, part.end)
            self.add(Window(middle, part.end, rest))

    @property
    def end(self) -> datetime | None:
        """Return where the windows end; None while there are none."""
        return self.windows[-1].end if self.windows else None

    @property
    def too_dense(self) -> list[Window]:
        """Return the windows that hold more than they may, because they cannot be split."""
        return [window for window in self.windows if window.events > self._most]

    def _join(self, part: Window) -> None:
        last = self.windows[-1] if self.windows else None
        if last is not None and last.events + part.events <= self._most:
            self.windows[-1] = Window(last.start, part.end, last.events + part.events)
        else:
            self.windows.append(part)


def parts_of(period: Window, histograms: Iterable[Sequence[Bucket]]) -> list[Window] | None:
    """Return the period cut at the buckets of the first histogram that agrees with it; None when none does.

    A histogram agrees when it divides the period and its counts sum up to the period's, give or take 5 % (both are
    estimates). Where its sum is the smaller one, its counts are raised to the period's.
    """
    return next((parts for buckets in histograms if (parts := _cut(period, buckets))), None)


def _cut(period: Window, buckets: Sequence[Bucket]) -> list[Window] | None:
    counts: dict[datetime, int] = {}
    for bucket in sorted(buckets, key=lambda bucket: bucket.start):
        if bucket.count:
            start = max(bucket.start.replace(microsecond=bucket.start.microsecond // 1000 * 1000), period.start)
            counts[start] = counts.get(start, 0) + bucket.count
    total = sum(counts.values())
    if len(counts) < 2 or max(counts) >= period.end or abs(total - period.events) > period.events * _AGREEING_SHARE:
        return None
    factor = max(1.0, period.events / total)
    starts = [period.start, *(start for start in counts if start > period.start)]
    ends = [*starts[1:], period.end]
    return [
        Window(start, end, math.ceil(counts.get(start, 0) * factor)) for start, end in zip(starts, ends, strict=True)
    ]
