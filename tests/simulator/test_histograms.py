from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from sekoia_export.simulator import HistogramShape
from tests.simulator.client import JOBS

if TYPE_CHECKING:
    from tests.simulator.conftest import Connect

PERIOD = {"earliest_time": "2026-01-01T00:00:00Z", "latest_time": "2026-01-01T07:00:00Z"}
SHOWN = [HistogramShape(shape) for shape in HistogramShape if shape is not HistogramShape.NONE]


def at_seven(start: datetime, end: datetime) -> int:
    """All 70 events lie at six o'clock."""
    return 70 if start <= datetime(2026, 1, 1, 6, tzinfo=UTC) < end else 0


def numbers(value: Any) -> list[int]:
    """Return every number of events that an answer holds."""
    if isinstance(value, dict):
        skipped = {"key", "timestamp", "took", "left", "total"}
        return [number for name, part in value.items() if name not in skipped for number in numbers(part)]
    if isinstance(value, list):
        return [number for part in value for number in numbers(part)]
    return [int(value)] if str(value).isdigit() else []


@pytest.mark.parametrize("shape", SHOWN)
def test_a_histogram_shows_where_the_events_lie(connect: Connect, shape: HistogramShape) -> None:
    client = connect(events_between=at_seven, histogram_shape=shape, histogram_buckets=7)
    uuid = client.search(**PERIOD)
    assert client.get(f"{JOBS}/{uuid}")["total"] == 70
    found = numbers(client.get(f"{JOBS}/{uuid}/histograms"))
    assert max(found) == (35 if shape is HistogramShape.PARTIAL else 70)


def test_events_without_a_place_of_their_own_are_spread_evenly(connect: Connect) -> None:
    client = connect(total_events=30_000, histogram_buckets=7)
    items = client.get(f"{JOBS}/{client.search(**PERIOD)}/histograms")["items"]
    assert sum(item["count"] for item in items) == 30_000
    assert {item["count"] for item in items} <= {4_285, 4_286}
    assert items[1]["date"] == "2026-01-01T01:00:00.000Z"


def test_a_search_job_may_have_no_histogram(connect: Connect) -> None:
    client = connect(histogram_shape=HistogramShape.NONE)
    assert client.ask("GET", f"{JOBS}/{client.search()}/histograms").status_code == 404


def test_a_search_finds_at_most_what_it_is_limited_to(connect: Connect) -> None:
    client = connect(events_between=at_seven)
    assert client.get(f"{JOBS}/{client.search(**PERIOD, max_last_events=7)}")["total"] == 7
