"""No byte is fetched twice unless it failed: by the steps, too, and when one of them goes on where another stopped."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import pytest

from sekoia_export.simulator import Kind

if TYPE_CHECKING:
    from tests.operations.bench import Bench
    from tests.operations.conftest import Start

PROBE = "bytes=0-0"
EXPIRED = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"


@pytest.fixture(scope="module")
def large() -> dict[str, int]:
    """Return the settings for an export of several parts."""
    return {"total_events": 150_000}


def ranges(bench: Bench) -> list[tuple[int, int]]:
    """Return start and end of what was asked of the storage, in the object's order, without the probes of one byte."""
    asked = [
        request.headers.get("range", "")
        for request in bench.simulator.requests
        if (request.server, request.method) == ("storage", "GET")
    ]
    spans = [one.removeprefix("bytes=").split("-") for one in asked if one != PROBE]
    return sorted((int(first), int(last) + 1) for first, last in spans)


def tiles(asked: list[tuple[int, int]], size_bytes: int) -> bool:
    ends = [0, *(end for _, end in asked)]
    return [start for start, _ in asked] == ends[:-1] and ends[-1] == size_bytes


def test_export_events_asks_for_every_byte_once(start: Start, large: dict[str, int]) -> None:
    bench = start(**large)
    assert bench.export().branch == "fetched"
    asked = ranges(bench)
    assert len(asked) > 2
    assert tiles(asked, bench.only_export().size_bytes)
    assert bench.export().branch == "fetched"
    assert ranges(bench) == asked


def test_a_fetch_goes_on_with_what_is_missing(start: Start, large: dict[str, int]) -> None:
    bench = start(**large)
    job, task = bench.exported()
    size = bench.only_export().size_bytes
    # The probes of two keys and two parts come; then the link has died for good.
    bench.fault(Kind.STATUS, server="storage", method="GET", nth=5, times=None, status=403, body=EXPIRED)
    assert bench.fetch(job, task).branch == "expired"
    bench.simulator.faults.clear()
    bench.simulator.requests.clear()
    assert bench.fetch(job, task).results.complete is True
    again = ranges(bench)
    assert sum(end - begin for begin, end in again) < size * 3 // 4
    assert all(end <= following for (_, end), (following, _) in itertools.pairwise(again))
