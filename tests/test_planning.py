"""Windows from counts: pure, so that many more periods can be tried than over sockets."""

from __future__ import annotations

from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from itertools import pairwise

from hypothesis import example, given
from hypothesis import strategies as st

from sekoia_export.api.histograms import Bucket
from sekoia_export.planning import SMALLEST, Plan, Window, parts_of

START = datetime(2026, 1, 1, tzinfo=UTC)
YEAR_MS = 365 * 86_400_000


class Events:
    """Events at milliseconds after the start."""

    def __init__(self, places_ms: list[int]) -> None:
        self._places = sorted(places_ms)
        self.asked = 0

    def count(self, start: datetime, end: datetime) -> int:
        self.asked += 1
        first, last = (bisect_left(self._places, (at - START) // SMALLEST) for at in (start, end))
        return last - first


def check_tiles(windows: list[Window], period: Window) -> None:
    """Check that the windows lie end to end, none of them empty of time, and fill the period."""
    assert [period.start, *(window.end for window in windows)] == [*(window.start for window in windows), period.end]
    assert all(window.start < window.end for window in windows)


@given(
    span_ms=st.integers(1, YEAR_MS),
    places=st.lists(st.floats(0, 1, exclude_max=True), max_size=60),
    repeated=st.integers(1, 9),
    most=st.integers(1, 70),
    cuts=st.lists(st.floats(0, 1, exclude_max=True), max_size=20),
)
@example(span_ms=1, places=[0.0], repeated=2, most=1, cuts=[])
@example(span_ms=YEAR_MS, places=[0.0, 1e-12], repeated=1, most=1, cuts=[])
def test_windows_tile_the_period_and_hold_no_more_than_they_may(
    span_ms: int, places: list[float], repeated: int, most: int, cuts: list[float]
) -> None:
    events = Events([int(place * span_ms) for place in places for _ in range(repeated)])
    end = START + timedelta(milliseconds=span_ms)
    period = Window(START, end, events.count(START, end))
    edges = sorted({START, end, *(START + int(cut * span_ms) * SMALLEST for cut in cuts)})
    pairs = list(pairwise(edges))
    parts = parts_of(period, [[Bucket(first, events.count(first, last)) for first, last in pairs]]) or [period]
    check_tiles(list(parts), period)
    events.asked = 0
    plan = Plan(most=most, count=events.count)
    for part in parts:
        plan.add(part)
    check_tiles(plan.windows, period)
    asked = events.asked
    for window in plan.windows:
        assert window.events == events.count(window.start, window.end)
        assert window.events <= most or (window.end - window.start == SMALLEST and window in plan.too_dense)
    # Halving a year down to a millisecond takes 35 counts, two each at worst, for each place that is too full.
    assert asked <= 2 * 36 * len(set(places))


def test_neighbours_that_fit_into_one_window_are_joined() -> None:
    events = Events([hour * 3_600_000 for hour in range(100)])
    period = Window(START, START + timedelta(hours=100), 100)
    plan = Plan(most=30, count=events.count)
    plan.add(period)
    joined = [first.events + second.events > 30 for first, second in pairwise(plan.windows)]
    assert all(joined)
    assert len(plan.windows) <= 7


HOURS = [START + timedelta(hours=hour) for hour in range(-1, 5)]
PERIOD = Window(START, START + timedelta(hours=4), 100)


def cut(*counts: int, first: int = 1, period: Window = PERIOD) -> list[int] | None:
    """Return the events of the parts that come of hourly counts from `HOURS[first]` on."""
    buckets = [Bucket(HOURS[first + number], count) for number, count in enumerate(counts)]
    parts = parts_of(period, [buckets])
    return None if parts is None else [part.events for part in parts]


def test_a_histogram_that_does_not_agree_with_the_period_is_not_believed() -> None:
    assert cut(25, 25, 25, 25) == [25, 25, 25, 25]
    assert cut(10, 90, 0, 0) == [10, 90]
    assert cut(0, 0, 50, 50) == [0, 50, 50]
    assert cut(25, 25, 25, 28) == [25, 25, 25, 28]
    assert cut(25, 25, 25, 21) == [27, 27, 27, 22]  # of fewer events: raised to the total
    assert cut(25, 25, 25, 35) is None  # of more events
    assert cut(5, 5, 5, 5) is None  # of others
    assert cut(25, 25, 25, 25, first=2) is None  # some after the period's end: times may be the buckets' ends
    assert cut(100) is None  # not cut at all
    assert cut() is None


def test_a_bucket_may_begin_before_the_period() -> None:
    assert cut(20, 20, 20, 40, first=0) == [40, 20, 40]
    late = Window(START + timedelta(minutes=30), PERIOD.end, 100)
    assert cut(40, 20, 20, 20, period=late) == [40, 20, 20, 20]


def test_the_histogram_that_agrees_is_taken() -> None:
    alerts, events = ([Bucket(hour, count) for hour in HOURS[1:5]] for count in (1, 25))
    parts = parts_of(PERIOD, [alerts, events])
    assert parts is not None
    assert [part.events for part in parts] == [25, 25, 25, 25]
