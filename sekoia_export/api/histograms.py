"""A search job's histogram. No document gives the shape of `GET .../histograms`, so every plausible one is read.

What is looked for, at any depth of the answer: a list of objects with a time and a count under a usual name (as search
engines give buckets), a list of pairs of both, an object of counts by time, or an object with a column of each. An
answer may hold several; whoever reads it knows the total and picks the one that agrees with it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sekoia_export.api.models import read_count, read_time

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime

_TIMES = (
    "date", "time", "timestamp", "@timestamp", "datetime", "start", "from", "begin", "start_time", "start_date",
    "earliest_time", "key", "key_as_string", "bucket", "interval", "x", "t",
    "dates", "times", "timestamps", "starts", "keys", "labels",
)  # fmt: skip
_COUNTS = (
    "count", "doc_count", "events", "event_count", "events_count", "total", "hits", "value", "y", "n",
    "counts", "totals", "values", "data",
)  # fmt: skip
_DEEPEST = 8


@dataclass(frozen=True, slots=True)
class Bucket:
    """So many events from `start` on, up to the next bucket."""

    start: datetime
    count: int


def read_histograms(payload: Any) -> list[list[Bucket]]:
    """Return every histogram that can be read out of an answer, in the order of its text; none is an empty list."""
    return list(_histograms(payload, _DEEPEST))


def _histograms(value: Any, depth: int) -> Iterator[list[Bucket]]:
    buckets = None
    parts: Iterable[Any] = ()
    if isinstance(value, list):
        buckets, parts = _of_items(value), value
    elif isinstance(value, dict):
        buckets, parts = _of_mapping(value) or _of_columns(value), value.values()
    if buckets:
        yield buckets
    elif depth:
        for part in parts:
            yield from _histograms(part, depth - 1)


def _of_items(items: list[Any]) -> list[Bucket] | None:
    """Read `[{"date": ..., "count": ...}, ...]` and `[[..., ...], ...]`."""
    return _buckets(
        (_first(item, _TIMES, read_time), _first(item, _COUNTS, read_count)) if isinstance(item, dict) else _pair(item)
        for item in items
    )


def _of_mapping(counts: dict[str, Any]) -> list[Bucket] | None:
    """Read `{"2026-01-01T00:00:00Z": 12, ...}`."""
    return _buckets((read_time(name), read_count(value)) for name, value in counts.items())


def _of_columns(columns: dict[str, Any]) -> list[Bucket] | None:
    """Read `{"dates": [...], "counts": [...]}`."""
    times, counts = (_first(columns, names, _column) for names in (_TIMES, _COUNTS))
    if times is None or counts is None or len(times) != len(counts):
        return None
    return _buckets((read_time(time), read_count(count)) for time, count in zip(times, counts, strict=True))


def _buckets(read: Iterable[tuple[datetime | None, int | None]]) -> list[Bucket] | None:
    """Return the buckets; None when one of them has no time or no count."""
    buckets = []
    for start, count in read:
        if start is None or count is None or count < 0:
            return None
        buckets.append(Bucket(start, count))
    return buckets


def _pair(item: Any) -> tuple[datetime | None, int | None]:
    return (read_time(item[0]), read_count(item[1])) if isinstance(item, list) and len(item) == 2 else (None, None)


def _column(value: Any) -> list[Any] | None:
    return value if isinstance(value, list) else None


def _first(item: dict[str, Any], names: tuple[str, ...], read: Any) -> Any:
    """Return what is read under the first of `names` where something is."""
    return next((found for name in names if (found := read(item.get(name))) is not None), None)
