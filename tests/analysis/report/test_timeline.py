"""The timeline: every event in its bar, and each gap to the millisecond."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sekoia_export.analysis.database import Database, Limits
from sekoia_export.analysis.purpose import Purpose
from sekoia_export.analysis.report.timeline import MOST_BARS, Span, Timeline, interval_of, shortest_gap_ms, timeline
from sekoia_export.analysis.report.words import moment_in_words, span_in_words, time_in_words
from sekoia_export.clock import Deadline, SystemClock

DAY_MS = 86_400_000
START_MS = 1_767_225_600_000  # 2026-01-01
MOMENTS = st.integers(START_MS, START_MS + 400 * DAY_MS)


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    folder: Path = tmp_path_factory.mktemp("database")
    opened = Database(
        private=folder,
        work=folder,
        readable=[],
        limits=Limits(threads=1),
        deadline=Deadline(SystemClock(), None),
        purpose=Purpose.REPORT,
    )
    yield opened
    opened.close()


def line_of(database: Database, moments_ms: list[int], period: Span) -> Timeline:
    return timeline(database, f"(SELECT unnest({moments_ms}::BIGINT[]) AS ms)", period)


@settings(max_examples=60, deadline=None)
@given(
    moments=st.lists(MOMENTS, max_size=30), more=st.lists(st.integers(START_MS, START_MS + 50_000), max_size=30),
    edges=st.tuples(MOMENTS, MOMENTS),
)  # fmt: skip
@example(moments=[START_MS], more=[], edges=(START_MS, START_MS))
@example(moments=[START_MS + 60_000], more=[], edges=(START_MS, START_MS + 60_000))
def test_bars_and_gaps_are_those_of_the_sorted_events(
    database: Database, moments: list[int], more: list[int], edges: tuple[int, int]
) -> None:
    period = Span(*sorted(edges))
    inside = sorted(ms for ms in [*moments, *more] if period.start_ms <= ms <= period.end_ms)
    line = line_of(database, [*moments, *more], period)
    assert line.count == len(inside)
    assert 1 <= len(line.bars) <= MOST_BARS
    last = len(line.bars) - 1
    for at, count in enumerate(line.bars):
        span = line.bar(at)
        assert count == sum(span.start_ms <= ms < span.end_ms + (at == last) for ms in inside)
    assert line.start_ms <= period.start_ms
    assert period.end_ms <= line.bar(last).end_ms
    shortest = shortest_gap_ms(period, len(inside), line.interval_ms)
    stretches = pairwise([period.start_ms, *inside, period.end_ms])
    assert list(line.gaps) == [Span(start, end) for start, end in stretches if end - start >= shortest]


def test_a_quiet_day_is_a_gap_and_chance_is_none(database: Database) -> None:
    # One event a minute for ten days, but for one day.
    moments = [START_MS + at * 60_000 for at in range(14_400) if not 4_320 <= at < 5_760]
    line = line_of(database, moments, Span(START_MS, START_MS + 10 * DAY_MS))
    assert [span_in_words(gap.length_ms) for gap in line.gaps] == ["1 day"]
    few = [START_MS + at * DAY_MS for at in (1, 4, 5, 9)]
    assert not line_of(database, few, Span(START_MS, START_MS + 10 * DAY_MS)).gaps


def test_a_period_without_an_event_is_one_gap(database: Database) -> None:
    period = Span(START_MS, START_MS + DAY_MS)
    assert list(line_of(database, [], period).gaps) == [period]


@pytest.mark.parametrize(
    ("length_ms", "interval"),
    [
        (0, "1 second"),
        (60_000, "1 second"),
        (DAY_MS, "15 minutes"),
        (30 * DAY_MS, "12 hours"),
        (365 * DAY_MS, "7 days"),
    ],
)
def test_bars_are_of_an_interval_that_people_count_in(length_ms: int, interval: str) -> None:
    assert span_in_words(interval_of(Span(START_MS, START_MS + length_ms))) == interval


def test_a_thousand_years_have_no_more_bars() -> None:
    period = Span(START_MS - 1_000 * 365 * DAY_MS, START_MS)
    assert period.length_ms / interval_of(period) <= MOST_BARS


def test_times_and_durations_are_words() -> None:
    assert moment_in_words(-1) == "1969-12-31 23:59:59.999 UTC"
    assert time_in_words("2026-01-01T01:00:00.000+01:00") == "2026-01-01 00:00:00 UTC"
    assert time_in_words("-7d") == "-7d"
    assert [span_in_words(ms) for ms in (0, 1_000, 61_000, 90_061_000, 86_400_000 + 61_000)] == [
        "less than a second", "1 second", "1 minute 1 second", "1 day 1 hour", "1 day",
    ]  # fmt: skip
