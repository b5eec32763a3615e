"""Parts: every byte handed out once, laggards cut, fewer connections when the storage is busy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekoia_export.errors import TransferFailed
from sekoia_export.transfer.pace import LARGEST_PART_BYTES, MEBIBYTE, SMALLEST_PART_BYTES, Pace
from sekoia_export.transfer.parts import Course, Part, Parts
from sekoia_export.transfer.patience import Patience
from sekoia_export.transfer.ranges import RangeSet, Span
from sekoia_export.transfer.source import NoBody, ObjectAnswer
from tests.clock import ManualClock


class _Cuttable(NoBody):
    def __init__(self) -> None:
        self.cuts = 0

    def cut(self) -> None:
        self.cuts += 1


def parts_of(size: int | None, *, clock: ManualClock | None = None, connections: int = 4, **more: int | None) -> Parts:
    return Parts(
        size,
        present=RangeSet(),
        ranges=True,
        pace=Pace(connections=connections, window_bytes=more.get("window_bytes")),
        patience=Patience(),
        clock=clock or ManualClock(),
        window_bytes=more.get("window_bytes"),
    )


def begun(parts: Parts) -> tuple[Part, _Cuttable]:
    part, body = parts.take(), _Cuttable()
    assert part is not None
    answer = ObjectAnswer(status=206, total_bytes=None, first=part.start, length=None, etag=None, body=body)
    assert parts.begin(part, answer)
    return part, body


@given(
    size=st.integers(1, 40 * MEBIBYTE),
    kept=st.lists(st.tuples(st.integers(0, 40 * MEBIBYTE), st.integers(0, 40 * MEBIBYTE)), max_size=3),
    outcomes=st.lists(st.none() | st.integers(0, 3 * MEBIBYTE), max_size=12),
)
def test_every_missing_byte_is_handed_out_until_it_came(
    size: int, kept: list[tuple[int, int]], outcomes: list[int | None]
) -> None:
    present = RangeSet(Span(min(start, size), min(end, size)) for start, end in kept)
    missing = size - present.size_bytes
    clock = ManualClock()
    parts = Parts(size, present=present, ranges=True, pace=Pace(), patience=Patience(), clock=clock)
    came = 0
    while (part := parts.take()) is not None:
        assert part.end is not None
        broken_after = outcomes.pop() if outcomes else None
        take = part.end - part.start if broken_after is None else min(broken_after, part.end - part.start)
        if take:
            parts.came(part, take)
            came += take
        if part.position == part.end:
            parts.finish(part)
        else:
            parts.give_back(part, TransferFailed("It broke."))
    assert came == missing
    assert parts.wait_beyond(0) == size


def test_parts_grow_with_the_speed_and_shrink_towards_the_end() -> None:
    pace = Pace(connections=16)
    for now in range(4):
        pace.bytes_came(MEBIBYTE, now=now)
    first = pace.part_bytes(10_000 * MEBIBYTE)
    pace.part_came(20 * MEBIBYTE, 1.0)
    assert first < pace.part_bytes(10_000 * MEBIBYTE) == 30 * MEBIBYTE
    pace.part_came(10_000 * MEBIBYTE, 1.0)
    assert pace.part_bytes(10_000 * MEBIBYTE) == LARGEST_PART_BYTES
    assert pace.part_bytes(64 * MEBIBYTE) == 2 * MEBIBYTE
    assert pace.part_bytes(1) == SMALLEST_PART_BYTES


def test_connections_become_more_where_they_are_slow() -> None:
    pace = Pace(connections=16)
    assert pace.connections == 4
    assert not pace.bytes_came(MEBIBYTE, now=10.0)
    assert not pace.bytes_came(MEBIBYTE, now=10.01)  # one that is slow, for once
    assert not pace.bytes_came(40 * MEBIBYTE, now=10.1)  # 400 MB/s together
    assert pace.bytes_came(20_000_000, now=10.2)  # 50 MB/s each
    assert pace.connections == 8
    assert pace.bytes_came(16_000_000, now=10.3)  # 20 MB/s each: twenty would be as many as four fast ones
    assert not pace.bytes_came(MEBIBYTE, now=10.4)
    assert pace.connections == 16
    pace.storage_is_busy()
    assert pace.connections == 8
    pace.part_came(MEBIBYTE, 0.05)
    assert pace.connections == 9
    assert Pace(connections=2).connections == 2


def test_a_full_window_says_nothing_of_the_link() -> None:
    pace = Pace(connections=16, window_bytes=32 * MEBIBYTE)
    pace.part_came(100 * MEBIBYTE, 1.0)
    assert pace.part_bytes(10_000 * MEBIBYTE) == 8 * MEBIBYTE
    assert not pace.bytes_came(MEBIBYTE, now=0)
    pace.held_back()
    assert not pace.bytes_came(MEBIBYTE, now=1)
    assert pace.bytes_came(MEBIBYTE, now=2)
    assert pace.part_bytes(10_000 * MEBIBYTE) == 2 * MEBIBYTE


def test_a_window_that_stays_full_is_filled_by_fewer_connections() -> None:
    pace = Pace(connections=16, window_bytes=32 * MEBIBYTE)
    pace.bytes_came(0, now=0)
    pace.bytes_came(MEBIBYTE, now=1)
    assert pace.connections == 16
    pace.held_back()
    assert pace.connections == 15
    for _ in range(16):
        pace.held_back()
    assert pace.connections == 4
    few = Pace(connections=2, window_bytes=32 * MEBIBYTE)
    few.held_back()
    assert few.connections == 2


@pytest.mark.parametrize(("is_read", "connections"), [(True, 16), (False, 11)])
def test_bytes_that_wait_to_be_read_say_that_the_link_is_quick_enough(is_read: bool, connections: int) -> None:
    clock, window_bytes = ManualClock(), 32 * MEBIBYTE
    pace = Pace(connections=16, window_bytes=window_bytes)
    parts = Parts(
        100 * MEBIBYTE,
        present=RangeSet(),
        ranges=True,
        pace=pace,
        patience=Patience(),
        clock=clock,
        window_bytes=window_bytes,
    )
    part, _ = begun(parts)
    for came_mib in range(1, 22):  # one after the other, 10 MB/s: from the 17th on, more than half waits to be read
        clock.advance(0.1)
        parts.came(part, MEBIBYTE)
        if is_read:
            parts.verified(came_mib * MEBIBYTE)
        if part.position == part.end:
            parts.finish(part)
            part, _ = begun(parts)
    assert pace.connections == connections


def test_a_busy_storage_is_asked_less_and_then_more_again() -> None:
    parts = parts_of(100 * MEBIBYTE)
    taken = [begun(parts)[0] for _ in range(4)]
    parts.give_back(taken.pop(), TransferFailed("503", busy=True))
    parts.give_back(taken.pop(), TransferFailed("503", busy=True))
    assert parts.counts()[1] == 2
    for part in taken:
        parts.came(part, (part.end or 0) - part.start)
        parts.finish(part)
    assert parts.counts()[1] == 0


def test_a_slow_part_is_cut_once_and_a_steady_one_is_not() -> None:
    clock = ManualClock()
    parts = parts_of(100 * MEBIBYTE, clock=clock)
    quick, _ = begun(parts)
    clock.advance(0.1)
    parts.came(quick, (quick.end or 0) - quick.start)
    parts.finish(quick)
    slow, slow_body = begun(parts)
    steady, steady_body = begun(parts)
    for _ in range(5):
        clock.advance(1)
        parts.came(slow, 1000)
        parts.came(steady, 10 * MEBIBYTE)
        parts.cut_laggards()
    assert (slow_body.cuts, steady_body.cuts) == (1, 0)
    parts.give_back(slow, TransferFailed("It was cut."))
    again, _ = begun(parts)
    assert again.start == slow.position


def test_a_stuck_part_is_cut() -> None:
    clock = ManualClock()
    parts = parts_of(10 * MEBIBYTE, clock=clock)
    _, body = begun(parts)
    clock.advance(9)
    parts.cut_laggards()
    assert body.cuts == 0
    clock.advance(2)
    parts.cut_laggards()
    assert body.cuts == 1


def test_nothing_is_asked_for_beyond_the_window() -> None:
    parts = parts_of(100 * MEBIBYTE, window_bytes=2 * MEBIBYTE)
    first, second = begun(parts)[0], begun(parts)[0]
    assert (first.start, second.end) == (0, 2 * MEBIBYTE)
    parts.came(first, MEBIBYTE)
    parts.verified(MEBIBYTE)
    third, _ = begun(parts)
    assert (third.start, third.end) == (2 * MEBIBYTE, 3 * MEBIBYTE)


def test_the_end_of_a_transfer_reaches_every_thread() -> None:
    parts = parts_of(10 * MEBIBYTE)
    part, body = begun(parts)
    parts.fail(TransferFailed("It is over."))
    with pytest.raises(TransferFailed):
        parts.wait(0)
    parts.stop()
    assert body.cuts == 1
    assert parts.take() is None
    assert parts.wait_beyond(0) is None
    assert not parts.begin(part, ObjectAnswer(status=206, total_bytes=1, first=0, length=1, etag=None, body=NoBody()))
    assert parts.wait(0) is Course.STOPPED
    with pytest.raises(AssertionError):
        parts.link_renewed()
