"""Planning windows that tile a period; a plan that breaks off says how far it came."""

from __future__ import annotations

import json
import tempfile
from bisect import bisect_left
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from sekoia_export.arguments.base import read_arguments
from sekoia_export.arguments.windows import PlanArguments
from sekoia_export.errors import NetworkError, PlatformError, UsageError
from sekoia_export.operations.windows import MOST_SEARCHES, plan_windows
from sekoia_export.quota import estimated_bytes
from sekoia_export.simulator import HistogramShape, Kind, Settings, Simulator
from sekoia_export.times import read_moment
from tests.clock import ManualClock
from tests.operations.bench import Bench
from tests.operations.promises import check

if TYPE_CHECKING:
    from collections.abc import Callable

    from sekoia_export.operations.outcome import Outcome
    from sekoia_export.results.windows import PlanResults
    from tests.operations.conftest import Start

START = datetime(2026, 1, 1, tzinfo=UTC)
DAY_MS = 86_400_000
DAY = {"earliest_time": "2026-01-01T00:00:00Z", "latest_time": "2026-01-02T00:00:00Z"}
USABLE = [
    HistogramShape.ITEMS, HistogramShape.LIST, HistogramShape.BUCKETS, HistogramShape.MAPPING, HistogramShape.COLUMNS,
    HistogramShape.PAIRS, HistogramShape.SEVERAL, HistogramShape.SPARSE,
]  # fmt: skip
USELESS = [HistogramShape.NONE, HistogramShape.STRANGE, HistogramShape.PARTIAL]


def heaps(at_ms: list[tuple[int, int]]) -> Callable[[datetime, datetime], int]:
    """Return what counts events of which so many lie at each of these milliseconds after the start."""
    ordered = sorted(at_ms)
    places = [place for place, _ in ordered]
    sums = [0]
    for _, number in ordered:
        sums.append(sums[-1] + number)

    def between(start: datetime, end: datetime) -> int:
        first, last = (bisect_left(places, (at - START) / timedelta(milliseconds=1)) for at in (start, end))
        return sums[last] - sums[first]

    return between


def plan(bench: Bench, *, most_searches: int = MOST_SEARCHES, **arguments: Any) -> Outcome[PlanResults]:
    read = read_arguments(PlanArguments, {"query": "*", **DAY, **arguments})
    with bench.step(read.timeout) as step:
        return plan_windows(step, read, most_searches=most_searches)


def check_tiles(results: PlanResults, *, between: Callable[[datetime, datetime], int] | None = None) -> None:
    """Check that the windows lie end to end from the start on, and count what is in them."""
    windows = results.windows
    edges = [results.earliest_time, *(window.latest_time for window in windows)]
    assert [window.earliest_time for window in windows] == edges[:-1]
    assert edges[-1] == results.planned_until
    moments = [read_moment(edge).at(START) for edge in edges]
    assert moments == sorted(set(moments))
    assert [window.index for window in windows] == list(range(1, len(windows) + 1))
    assert results.count == len(windows)
    assert results.estimated_bytes == sum(window.estimated_bytes for window in windows)
    if between is not None:
        counts = [between(*(read_moment(text).at(START) for text in (w.earliest_time, w.latest_time))) for w in windows]
        assert [window.estimated_events for window in windows] == counts


def searches(bench: Bench) -> int:
    return len(bench.asked("POST", "/search/jobs"))


@pytest.mark.parametrize("shape", USABLE)
def test_windows_come_from_the_histogram_in_whatever_shape_it_is(start: Start, shape: HistogramShape) -> None:
    between = heaps([(0, 70), (7_200_000, 30), (7_300_000, 40), (50_000_000, 60), (DAY_MS - 1, 90)])
    bench = start(events_between=between, histogram_shape=shape)
    outcome = plan(bench, max_events=100)
    assert outcome.branch == "planned"
    check("plan_windows", outcome)
    check_tiles(outcome.results, between=between)
    assert outcome.results.method == "histogram"
    assert searches(bench) == outcome.results.searches == 1
    assert [window.estimated_events for window in outcome.results.windows] == [70, 70, 60, 90]
    assert (outcome.results.total, outcome.results.exports) == (290, 4)


@pytest.mark.parametrize("shape", USELESS)
def test_without_a_histogram_the_parts_are_searched(start: Start, shape: HistogramShape) -> None:
    between = heaps([(hour * 3_600_000, 10) for hour in range(24)])
    bench = start(events_between=between, histogram_shape=shape)
    outcome = plan(bench, max_events=50)
    assert outcome.branch == "planned"
    check("plan_windows", outcome)
    check_tiles(outcome.results, between=between)
    assert outcome.results.method == "bisection"
    assert searches(bench) == outcome.results.searches <= 8
    assert max(window.estimated_events for window in outcome.results.windows) <= 50
    assert outcome.results.planned_until == "2026-01-02T00:00:00.000Z"


def test_a_bucket_that_holds_too_much_is_searched(start: Start) -> None:
    between = heaps(
        [(hour * 3_600_000, 10) for hour in range(24)] + [(43_300_000 + place * 1000, 1) for place in range(90)]
    )
    bench = start(events_between=between)
    results = plan(bench, max_events=50).results
    check_tiles(results, between=between)
    assert results.method == "histogram"
    assert max(window.estimated_events for window in results.windows) <= 50
    bodies = [json.loads(request.body) for request in bench.asked("POST", "/search/jobs")[1:]]
    assert bodies
    assert all(
        "2026-01-01T12:" <= body["earliest_time"] < body["latest_time"] <= "2026-01-01T13:00:00.000Z" for body in bodies
    )


def test_what_fits_into_one_window_takes_one_search(bench: Bench) -> None:
    outcome = plan(bench)
    check("plan_windows", outcome)
    assert outcome.branch == "planned"
    assert outcome.results.method == "one_search"
    assert searches(bench) == 1
    assert bench.asked("GET", "/histograms") == []
    assert outcome.results.windows[0].model_dump() == {
        "index": 1,
        "earliest_time": "2026-01-01T00:00:00.000Z",
        "latest_time": "2026-01-02T00:00:00.000Z",
        "estimated_events": 500,
        "estimated_bytes": 36_000,
    }


def test_relative_times_become_absolute_once(start: Start) -> None:
    bench = start(events_between=lambda begin, end: (end - begin) // timedelta(minutes=1), search_duration_s=100)
    results = plan(bench, earliest_time="-7d", latest_time="now", max_events=5_000).results
    assert results.earliest_time == "2026-01-08T12:00:00.000Z"
    assert results.latest_time == results.planned_until == "2026-01-15T12:00:00.000Z"
    check_tiles(results)
    assert results.total == sum(window.estimated_events for window in results.windows) == 7 * 24 * 60


def test_nothing_found_is_nothing_to_plan(start: Start) -> None:
    outcome = plan(start(total_events=0))
    check("plan_windows", outcome)
    assert outcome.branch == "empty"
    assert (outcome.results.windows, outcome.results.exports, outcome.results.total) == ([], 0, 0)
    assert outcome.results.planned_until == "2026-01-02T00:00:00.000Z"


@pytest.mark.parametrize("shape", [HistogramShape.ITEMS, HistogramShape.NONE])
def test_a_millisecond_that_holds_too_much_is_told(
    start: Start, shape: HistogramShape, caplog: pytest.LogCaptureFixture
) -> None:
    between = heaps([(0, 10), (40_000_000, 200), (40_000_001, 10)])
    bench = start(events_between=between, histogram_shape=shape)
    with caplog.at_level("WARNING"):
        outcome = plan(bench, max_events=100)
    assert outcome.branch == "too_dense"
    check("plan_windows", outcome)
    check_tiles(outcome.results, between=between)
    (dense,) = (window for window in outcome.results.windows if window.estimated_events > 100)
    assert (dense.earliest_time, dense.latest_time) == ("2026-01-01T11:06:40.000Z", "2026-01-01T11:06:40.001Z")
    assert "The millisecond at 2026-01-01T11:06:40.000Z holds 200 events and cannot be split." in caplog.text
    assert outcome.results.searches < 60


def test_a_histogram_that_counts_a_little_less_is_raised_to_the_total(start: Start) -> None:
    bench = start(total_events=1_000)
    items = [{"date": f"2026-01-01T{hour:02d}:00:00Z", "count": 40} for hour in range(24)]
    bench.fault(Kind.GARBAGE, "/histograms$", body=json.dumps(items).encode())
    results = plan(bench, max_events=500).results
    check_tiles(results)
    assert results.method == "histogram"
    assert [window.estimated_events for window in results.windows] == [42 * 11, 42 * 11, 42 * 2]


def test_a_total_that_is_capped_hides_nothing(start: Start) -> None:
    truth = heaps([(hour * 3_600_000, 10) for hour in range(24)])
    bench = start(events_between=lambda begin, end: min(truth(begin, end), 60), histogram_shape=HistogramShape.NONE)
    outcome = plan(bench, max_events=50)
    assert outcome.branch == "planned"
    check_tiles(outcome.results, between=truth)
    assert sum(window.estimated_events for window in outcome.results.windows) == 240


@pytest.mark.parametrize(("ending", "branch"), [("failed", "failed"), ("canceled", "failed")])
def test_a_search_that_fails_ends_the_plan(start: Start, ending: str, branch: str) -> None:
    outcome = plan(start(search_outcome=ending))
    check("plan_windows", outcome)
    assert outcome.branch == branch
    assert (outcome.results.windows, outcome.results.total) == ([], None)
    assert outcome.results.planned_until == outcome.results.earliest_time


def test_a_plan_that_takes_too_long_says_how_far_it_came_and_another_goes_on(start: Start) -> None:
    between = heaps([(hour * 3_600_000, 10) for hour in range(24)])
    bench = start(events_between=between, histogram_shape=HistogramShape.NONE, search_duration_s=10)
    outcome = plan(bench, max_events=20, timeout=90)
    assert outcome.branch == "timed_out"
    check("plan_windows", outcome)
    check_tiles(outcome.results, between=between)
    assert outcome.results.windows
    assert outcome.results.earliest_time < outcome.results.planned_until < outcome.results.latest_time
    assert len(bench.asked("POST", "/cancel")) == 1  # the search that was under way
    rest = plan(bench, earliest_time=outcome.results.planned_until, max_events=20, timeout=10_000)
    assert rest.branch == "planned"
    check_tiles(rest.results, between=between)


def test_a_plan_searches_a_bounded_number_of_times(start: Start) -> None:
    bench = start(
        events_between=lambda begin, end: (end - begin) // timedelta(seconds=1), histogram_shape=HistogramShape.NONE
    )
    outcome = plan(bench, max_events=1, timeout=86_400, most_searches=40)
    assert outcome.branch == "timed_out"
    check_tiles(outcome.results)
    assert searches(bench) == outcome.results.searches == 40
    passed_s = (bench.clock.now() - datetime(2026, 1, 15, 12, tzinfo=UTC)).total_seconds()
    assert len(bench.simulator.requests) / passed_s < 5


def test_a_total_that_is_not_told_cannot_be_planned(bench: Bench) -> None:
    bench.fault(Kind.GARBAGE, r"/jobs/[0-9a-f-]+$", body=b'{"status": 2}', times=None)
    with pytest.raises(PlatformError, match="does not say how many events"):
        plan(bench)


def test_a_period_ends_after_it_starts(bench: Bench) -> None:
    with pytest.raises(UsageError, match="latest_time is not after earliest_time"):
        plan(bench, latest_time="2025-12-31T00:00:00Z")
    assert bench.simulator.requests == []


def test_a_window_never_holds_more_than_an_export(bench: Bench) -> None:
    with pytest.raises(UsageError, match="max_events is not valid: it must be less than or equal to 100000000"):
        plan(bench, max_events=100_000_001)


def test_no_answer_at_all_is_an_error(bench: Bench) -> None:
    bench.fault(Kind.STATUS, status=502, times=None)
    with pytest.raises(NetworkError):
        plan(bench)


def test_the_communities_are_searched_and_the_quota_follows_the_fields(bench: Bench) -> None:
    community = bench.simulator.community_uuid
    few = plan(bench, community_uuids=[community], fields="source.ip").results
    many = plan(bench, community_uuids=[community], fields="source.ip", field_set="endpoint").results
    assert all(json.loads(r.body)["community_uuids"] == [community] for r in bench.asked("POST", "/search/jobs"))
    assert 0 < few.estimated_bytes < many.estimated_bytes
    assert estimated_bytes(100_000_000, ["@timestamp", "message"]) == 7_200_000_000
    huge = plan(bench, max_events=100)
    assert huge.results.estimated_quota_percent == 0.0


HEAPS = st.lists(st.tuples(st.integers(0, DAY_MS - 1), st.integers(1, 40)), min_size=1, max_size=6)


@settings(max_examples=8, deadline=None, phases=(Phase.explicit, Phase.generate))
@given(places=HEAPS, most=st.integers(15, 120), shape=st.sampled_from([*USABLE, *USELESS]), buckets=st.integers(1, 50))
def test_the_windows_of_any_events_tile_the_period_and_hold_no_more_than_they_may(
    places: list[tuple[int, int]], most: int, shape: HistogramShape, buckets: int
) -> None:
    between = heaps(places)
    chosen = Settings(events_between=between, histogram_shape=shape, histogram_buckets=buckets, search_duration_s=0)
    clock = ManualClock()
    with tempfile.TemporaryDirectory() as folder, Simulator(chosen, clock) as simulator:
        outcome = plan(Bench(simulator, clock, Path(folder)), max_events=most, timeout=604_800)
    check_tiles(outcome.results, between=between)
    assert outcome.results.planned_until == "2026-01-02T00:00:00.000Z"
    dense = [window for window in outcome.results.windows if window.estimated_events > most]
    assert outcome.branch == ("too_dense" if dense else "planned")
