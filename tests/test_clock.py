from __future__ import annotations

from datetime import UTC, datetime

import pytest

from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.errors import DeadlineExceeded
from tests.clock import ManualClock


def test_a_deadline_counts_down_to_nothing() -> None:
    clock = ManualClock()
    deadline = Deadline(clock, 10)
    clock.sleep(4)
    assert (deadline.elapsed_s(), deadline.remaining_s(), deadline.passed()) == (4, 6, False)
    clock.sleep(7)
    assert (deadline.elapsed_s(), deadline.remaining_s(), deadline.passed()) == (11, 0, True)


def test_a_deadline_that_has_passed_says_what_took_too_long() -> None:
    clock = ManualClock()
    deadline = Deadline(clock, 604800)
    deadline.check("Reading")
    clock.advance(604800)
    with pytest.raises(DeadlineExceeded, match="Reading took longer than the 604800 seconds it was given"):
        deadline.check("Reading")


def test_without_an_end_nothing_takes_too_long() -> None:
    clock = ManualClock()
    deadline = Deadline(clock, None)
    clock.advance(1e9)
    assert deadline.remaining_s() == float("inf")
    deadline.check("Reading")
    assert deadline.within(None).timeout_s is None
    assert deadline.within(5).remaining_s() == 5


def test_a_nested_deadline_never_outlasts_the_outer_one() -> None:
    clock = ManualClock()
    outer = Deadline(clock, 10)
    clock.advance(4)
    assert outer.within(3).remaining_s() == 3
    assert outer.within(30).remaining_s() == 6
    assert outer.within(None).remaining_s() == 6
    clock.advance(10)
    assert outer.within(30).passed()


def test_the_machine_s_clock_goes_on_and_knows_its_zone() -> None:
    clock = SystemClock()
    before = clock.monotonic()
    clock.sleep(0)
    assert clock.monotonic() >= before
    assert clock.now().tzinfo is UTC
    assert clock.now() >= datetime(2026, 1, 1, tzinfo=UTC)
