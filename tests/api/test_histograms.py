"""Histograms in shapes that no document tells."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekoia_export.api.histograms import Bucket, read_histograms

FIRST, SECOND = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, 1, tzinfo=UTC)
FIRST_S, SECOND_S = 1_767_225_600, 1_767_229_200
READ = [[Bucket(FIRST, 3), Bucket(SECOND, 4)]]
ITEMS = [{"date": "2026-01-01T00:00:00Z", "count": 3}, {"date": "2026-01-01T01:00:00Z", "count": 4}]


@pytest.mark.parametrize(
    "payload",
    [
        ITEMS,
        {"items": ITEMS, "total": 2},
        {"histograms": {"events": ITEMS}},
        {"histogram": [{"time": FIRST_S, "value": "3"}, {"time": SECOND_S, "value": "4"}]},
        {"buckets": [{"key": FIRST_S * 1000, "doc_count": 3}, {"key": SECOND_S * 1000, "doc_count": 4}]},
        {"aggregations": {"0": {"buckets": [{"key_as_string": "2026-01-01", "doc_count": 3}, {**ITEMS[1]}]}}},
        {"2026-01-01T00:00:00Z": 3, "2026-01-01T01:00:00+00:00": 4},
        {str(FIRST_S * 1000): "3", str(SECOND_S * 1000): "4"},
        {"labels": ["2026-01-01", "2026-01-01T01:00:00"], "values": [3, 4]},
        [[FIRST_S, 3], [SECOND_S, 4]],
        {"data": [["2026-01-01T02:00:00+02:00", 3], ["2026-01-01T03:00:00+02:00", 4]]},
        {"code": "ok", "interval": 3600, "data": {"points": [{"x": FIRST_S, "y": 3.0}, {"x": SECOND_S, "y": 4}]}},
    ],
)
def test_a_histogram_is_read_in_whatever_shape_it_comes(payload: Any) -> None:
    assert read_histograms(payload) == READ


def test_an_answer_may_hold_several() -> None:
    others = [{**item, "count": 1} for item in ITEMS]
    read = read_histograms({"items": [{"name": "alerts", "values": others}, {"name": "events", "values": ITEMS}]})
    assert read == [[Bucket(FIRST, 1), Bucket(SECOND, 1)], *READ]


@pytest.mark.parametrize(
    "payload",
    [
        None,
        "histogram",
        [],
        {},
        {"items": []},
        [{"date": "yesterday", "count": 3}],
        [{"date": "2026-01-01", "count": "many"}],
        [{"date": "2026-01-01", "count": -1}],
        [{"date": "2026-01-01", "count": 1}, None],
        [{"date": "2026-01-01", "count": True}],
        {"dates": ["2026-01-01"], "counts": [1, 2]},
        {"bars": [{"height": 3, "left": 1}]},
        [[FIRST_S, 3, 4]],
    ],
)
def test_what_is_no_histogram_is_not_taken_for_one(payload: Any) -> None:
    assert read_histograms(payload) == []


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["date", "count", "key", "items", "2026-01-01", "x"]), inner, max_size=4)
    ),
    max_leaves=12,
)


@given(JSON)
def test_reading_never_fails(payload: Any) -> None:
    for buckets in read_histograms(payload):
        assert buckets
        assert all(bucket.count >= 0 and bucket.start.tzinfo is UTC for bucket in buckets)


def test_depth_has_a_bound() -> None:
    payload: Any = ITEMS
    for _ in range(10_000):
        payload = [payload]
    assert read_histograms(payload) == []
