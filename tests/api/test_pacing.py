"""How fast requests follow each other, by the web firewall's rule."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekoia_export.api.pacing import Pacer
from tests.api.conftest import Connect
from tests.clock import ManualClock

WAITS = st.lists(st.tuples(st.floats(0, 3), st.sampled_from(["success", "error", "nothing"])), max_size=60)


def note(pacer: Pacer, outcome: str) -> None:
    if outcome == "error":
        pacer.failed()
    elif outcome == "success":
        pacer.succeeded()


@given(steps=WAITS)
def test_no_second_of_any_history_holds_more_than_four_requests(steps: list[tuple[float, str]]) -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    sent: list[float] = []
    for idle_s, outcome in steps:
        clock.advance(idle_s)
        pacer.wait()
        sent.append(clock.monotonic())
        note(pacer, outcome)
    for start in sent:
        assert sum(start <= at < start + 1 - 1e-6 for at in sent) <= 4


@given(steps=WAITS)
def test_two_errors_in_ten_seconds_are_followed_by_three_seconds_of_silence(steps: list[tuple[float, str]]) -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    errors: list[float] = []
    for idle_s, outcome in steps:
        clock.advance(idle_s)
        pacer.wait()
        if len(errors) > 1 and errors[-1] - errors[-2] <= 10:
            assert clock.monotonic() - errors[-1] >= 3 - 1e-6
        note(pacer, outcome)
        if outcome == "error":
            errors.append(clock.monotonic())


def test_requests_are_spaced_evenly_from_the_first_on() -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    sent = []
    for _ in range(5):
        pacer.wait()
        sent.append(clock.monotonic())
    assert [after - before for before, after in itertools.pairwise(sent)] == pytest.approx([0.25] * 4)


def test_the_pause_doubles_to_thirty_seconds_while_errors_go_on() -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    pauses = []
    for _ in range(8):
        pacer.wait()
        clock.advance(0.5)
        pacer.failed()
        pauses.append(pacer.delay_s())
    assert pauses == pytest.approx([0, 3, 6, 12, 24, 30, 30, 30])


def test_an_error_after_a_quiet_while_is_a_lone_one() -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    for _ in range(3):
        pacer.failed()
        clock.advance(30)
    assert pacer.delay_s() == 0


def test_an_answer_ends_the_doubling() -> None:
    clock = ManualClock()
    pacer = Pacer(clock)
    for _ in range(4):
        pacer.failed()
    clock.advance(9)
    pacer.succeeded()
    pacer.failed()
    assert pacer.delay_s() == pytest.approx(3)


def test_the_platform_sees_four_requests_a_second_at_most(connect: Connect) -> None:
    bench = connect()
    for _ in range(9):
        bench.read_me()
    times = [request.at_s for request in bench.asked()]
    assert times[-1] - times[0] == pytest.approx(2)


def test_clients_under_other_deadlines_share_the_pace(connect: Connect) -> None:
    bench = connect()
    other = bench.client.within(bench.client.deadline.within(5))
    for client in (bench.client, other, bench.client):
        client.read("/me", what="reading who I am")
    times = [request.at_s for request in bench.asked()]
    assert times[-1] - times[0] == pytest.approx(0.5)
