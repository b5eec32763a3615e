"""Events over time: how many in each interval, and where there are none for longer than chance explains.

Gaps are exact though the events are never sorted: DuckDB counts them in fine steps, twenty a bar, each with its first
and last moment, and what lies between two steps that have events is a stretch without any. A stretch shorter than a bar
can hide within a step, so only longer ones are gaps.

Of n events that fall evenly, by chance, over a time T, the longest stretch without one is longer than
T / n * (ln n + 5) in one case of about 150 (the extreme value distribution of exponential distances). A stretch beyond
that, and beyond a bar, is a gap.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sekoia_export.analysis.database import Database

MOST_BARS = 120
_STEPS_A_BAR = 20
_MINUTE, _HOUR, _DAY = 60_000, 3_600_000, 86_400_000
_INTERVALS_MS = (
    *(seconds * 1_000 for seconds in (1, 2, 5, 10, 15, 30)),
    *(minutes * _MINUTE for minutes in (1, 2, 5, 10, 15, 30)),
    *(hours * _HOUR for hours in (1, 2, 3, 6, 12)),
    *(days * _DAY for days in (1, 2, 7, 14, 28, 91, 365)),
)
_BY_CHANCE = 5


@dataclass(frozen=True, slots=True)
class Span:
    """A time, from and to in milliseconds since 1970."""

    start_ms: int
    end_ms: int

    @property
    def length_ms(self) -> int:
        return self.end_ms - self.start_ms


@dataclass(frozen=True, slots=True)
class Timeline:
    """Events over time.

    Attributes:
        period: that it covers.
        interval_ms: of a bar.
        start_ms: where the first bar begins: at or before the period's start.
        bars: how many events there are in each.
        gaps: in the order of time.
        shortest_gap_ms: how long a stretch without events has to be to be a gap.
    """

    period: Span
    interval_ms: int
    start_ms: int
    bars: Sequence[int]
    gaps: Sequence[Span]
    shortest_gap_ms: int

    @property
    def count(self) -> int:
        """Return the number of events in the period."""
        return sum(self.bars)

    def bar(self, at: int) -> Span:
        """Return the time of a bar."""
        start = self.start_ms + at * self.interval_ms
        return Span(start, start + self.interval_ms)


def timeline(database: Database, source: str, period: Span) -> Timeline:
    """Return the events of a period over time.

    Args:
        database: that has them.
        source: what SQL reads them from: a column `ms`, milliseconds since 1970 or NULL.
        period: that is covered; events outside of it are not counted.
    """
    interval_ms = interval_of(period)
    start_ms = period.start_ms // interval_ms * interval_ms
    step_ms = interval_ms // _STEPS_A_BAR
    rows = database.rows(
        f"SELECT (ms - {start_ms}) // {step_ms} AS step, count(*), min(ms), max(ms) FROM {source} "
        f"WHERE ms BETWEEN {period.start_ms} AND {period.end_ms} GROUP BY 1 ORDER BY 1"
    )
    bars = [0] * max(1, -(-(period.end_ms - start_ms) // interval_ms))
    for step, count, _first, _last in rows:
        bars[min(step // _STEPS_A_BAR, len(bars) - 1)] += count  # what is at the very end is in the last bar
    shortest_ms = shortest_gap_ms(period, sum(bars), interval_ms)
    seen = [(int(first), int(last)) for _step, _count, first, last in rows]
    gaps = [gap for gap in _stretches(period, seen) if gap.length_ms >= shortest_ms]
    return Timeline(period, interval_ms, start_ms, bars, gaps, shortest_ms)


def interval_of(period: Span) -> int:
    """Return the interval of a period's bars in milliseconds: the shortest of those that people count in."""
    for interval_ms in _INTERVALS_MS:
        if period.end_ms // interval_ms - period.start_ms // interval_ms < MOST_BARS:
            return interval_ms
    interval_ms = _INTERVALS_MS[-1]
    while period.end_ms // interval_ms - period.start_ms // interval_ms >= MOST_BARS:
        interval_ms *= 2
    return interval_ms


def shortest_gap_ms(period: Span, count: int, interval_ms: int) -> int:
    """Return how long a stretch without events has to be to be a gap, in milliseconds."""
    if count == 0:
        return interval_ms
    by_chance = period.length_ms / count * (math.log(count) + _BY_CHANCE)
    return max(interval_ms, math.ceil(by_chance))


def _stretches(period: Span, seen: Sequence[tuple[int, int]]) -> Iterator[Span]:
    before = period.start_ms
    for first, last in seen:
        yield Span(before, first)
        before = last
    yield Span(before, period.end_ms)
