from __future__ import annotations

import itertools
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekoia_export.clock import Deadline
from sekoia_export.errors import DeadlineExceeded, NetworkError
from sekoia_export.waiting import (
    Observation,
    Progress,
    TenthsLog,
    Waited,
    combine,
    silent,
    wait_for,
)
from tests.clock import ManualClock


class Script:
    """Answers one observation after the other, the last one for ever; each look takes `look_s`."""

    def __init__(self, *seen: Observation, timeout_s: float | None = None, look_s: float = 0.0) -> None:
        self.clock = ManualClock()
        self.deadline = Deadline(self.clock, timeout_s)
        self.told: list[Progress] = []
        self.asked_at_s: list[float] = []
        self._seen = list(seen)
        self._look_s = look_s

    def look(self) -> Observation:
        self.asked_at_s.append(self.deadline.elapsed_s())
        self.clock.advance(self._look_s)
        return self._seen.pop(0) if len(self._seen) > 1 else self._seen[0]

    def wait(self, age_s: float = 0.0) -> Waited[Observation]:
        return wait_for(self.look, lambda seen: seen, deadline=self.deadline, age_s=age_s, on_progress=self.told.append)


RUNNING = Observation(ended=False)
ENDED = Observation(ended=True, done=100, total=100)


class TestWaitFor:
    def test_what_has_ended_is_looked_at_once_without_a_sleep(self) -> None:
        script = Script(ENDED)
        waited = script.wait()
        assert (waited.last, waited.ended, waited.looks) == (ENDED, True, 1)
        assert script.clock.slept == []
        assert script.told == [waited.progress]

    def test_the_observer_is_told_after_each_look_and_may_be_silent(self) -> None:
        script = Script(RUNNING, RUNNING, ENDED)
        assert script.wait().looks == len(script.told) == 3
        assert wait_for(Script(ENDED).look, lambda seen: seen, deadline=script.deadline).ended

    @pytest.mark.parametrize("timeout_s", [0.2, 1.0, 3.0, 100.0, 5000.0])
    def test_at_the_deadline_it_looks_a_last_time_while_there_is_time_to_answer(self, timeout_s: float) -> None:
        script = Script(RUNNING, timeout_s=timeout_s)
        waited = script.wait()
        assert not waited.ended
        assert waited.looks == len(script.asked_at_s) > 1
        left_s = timeout_s - script.asked_at_s[-1]
        assert 0 < left_s <= 1.0 + 1e-9

    def test_an_end_seen_by_the_last_look_counts(self) -> None:
        assert Script(RUNNING, ENDED, timeout_s=1.0).wait().ended

    def test_a_deadline_that_has_passed_leaves_one_look(self) -> None:
        script = Script(RUNNING, timeout_s=0.0)
        waited = script.wait()
        assert (waited.ended, waited.looks, script.clock.slept) == (False, 1, [])

    def test_a_look_that_runs_out_of_time_ends_the_wait_with_what_was_seen(self) -> None:
        script = Script(Observation(ended=False, done=7), timeout_s=100)

        def look() -> Observation:
            if script.asked_at_s:
                raise DeadlineExceeded("The time was up.")
            return script.look()

        waited = wait_for(look, lambda seen: seen, deadline=script.deadline)
        assert (waited.ended, waited.last.done, waited.looks) == (False, 7, 1)

    @pytest.mark.parametrize("failure", [DeadlineExceeded("The time was up."), NetworkError("Gone.")])
    def test_what_the_first_look_raises_passes_through(self, failure: Exception) -> None:
        def look() -> Observation:
            raise failure

        with pytest.raises(type(failure)):
            wait_for(look, lambda seen: seen, deadline=Deadline(ManualClock(), 10))

    def test_what_a_later_look_raises_passes_through(self) -> None:
        script = Script(RUNNING)

        def look() -> Observation:
            if script.asked_at_s:
                raise NetworkError("Gone.")
            return script.look()

        with pytest.raises(NetworkError):
            wait_for(look, lambda seen: seen, deadline=script.deadline)

    def test_the_time_an_answer_takes_is_part_of_the_interval(self) -> None:
        script = Script(RUNNING, RUNNING, RUNNING, ENDED, look_s=0.25)
        script.wait(age_s=50)
        assert script.asked_at_s == [0, 2, 4, 6]

    def test_after_a_long_look_it_still_pauses(self) -> None:
        script = Script(RUNNING, RUNNING, ENDED, look_s=25)
        script.wait(age_s=50)
        assert script.clock.slept == [1, pytest.approx(1.01)]

    def test_a_rerun_goes_on_at_the_pace_of_its_age(self) -> None:
        script = Script(RUNNING, ENDED)
        waited = script.wait(age_s=1000)
        assert script.clock.slept == [20]
        assert waited.progress.elapsed_s == 1020


def looked(*done: int, total: int | None = 1000, age_s: float = 100.0) -> list[Progress]:
    """Return what the observer is told when looks two seconds apart see these events, and then the end."""
    script = Script(*(Observation(ended=False, done=events, total=total) for events in done), ENDED)
    script.wait(age_s=age_s)
    return script.told[:-1]


class TestProgress:
    def test_rate_and_remaining_time_of_a_rerun_are_known_at_once(self) -> None:
        (progress,) = looked(200)
        assert (progress.done, progress.total, progress.percent, progress.elapsed_s) == (200, 1000, 20, 100)
        assert progress.rate_per_s == pytest.approx(2)
        assert progress.remaining_s == pytest.approx(400)

    def test_a_first_look_at_something_new_says_nothing_of_the_rate(self) -> None:
        first, second = looked(500, 510, age_s=0)
        assert (first.rate_per_s, first.remaining_s, first.percent) == (None, None, 50)
        assert second.rate_per_s == pytest.approx(10 / 0.5)

    @pytest.mark.parametrize("total", [None, 0, -1])
    def test_an_unknown_total_leaves_the_rate(self, total: int | None) -> None:
        (progress,) = looked(200, total=total)
        assert (progress.total, progress.percent, progress.remaining_s) == (None, None, None)
        assert progress.rate_per_s == pytest.approx(2)

    def test_more_events_than_expected_are_a_hundred_percent(self) -> None:
        (progress,) = looked(1200)
        assert (progress.done, progress.percent, progress.remaining_s) == (1200, 100, None)

    def test_progress_goes_back_and_the_rate_stays(self) -> None:
        before, after = looked(500, 100)
        assert after.percent == 10
        assert after.rate_per_s == before.rate_per_s
        assert after.remaining_s == pytest.approx(900 / 5)

    def test_a_stall_slows_the_rate_little_by_little(self) -> None:
        rates = [progress.rate_per_s or 0 for progress in looked(500, 500, 500, 500)]
        assert all(0.9 * faster < slower < faster for faster, slower in itertools.pairwise(rates))

    def test_newer_looks_weigh_more(self) -> None:
        slow = [2 * look for look in range(20)]
        *_, progress = looked(*slow, *(slow[-1] + 20 * look for look in range(1, 10)), total=None, age_s=0)
        mean_per_s = progress.done / progress.elapsed_s
        assert progress.rate_per_s is not None
        assert 1.3 * mean_per_s < progress.rate_per_s < 10

    def test_when_next_to_nothing_moves_no_remaining_time_is_told(self) -> None:
        (progress,) = looked(1, total=1_000_000)
        assert progress.remaining_s is None

    def test_nothing_done_for_long_says_nothing(self) -> None:
        *_, progress = looked(0, 0, 0)
        assert (progress.rate_per_s, progress.remaining_s, progress.percent) == (0, None, 0)

    def test_only_the_end_has_no_time_remaining(self) -> None:
        script = Script(Observation(ended=False, done=100, total=100), ENDED)
        waited = script.wait(age_s=100)
        assert [progress.remaining_s for progress in script.told] == [None, 0]
        assert waited.progress.remaining_s == 0

    @given(
        looks=st.lists(st.tuples(st.integers(0, 10**9), st.none() | st.integers(0, 10**9)), max_size=30),
        age_s=st.floats(0, 10_000),
    )
    @settings(deadline=None)
    def test_whatever_is_seen_the_figures_make_sense(self, looks: list[tuple[int, int | None]], age_s: float) -> None:
        script = Script(*(Observation(ended=False, done=done, total=total) for done, total in looks), ENDED)
        script.wait(age_s)
        for progress in script.told[:-1]:
            assert progress.percent is None or 0 <= progress.percent <= 100
            assert progress.rate_per_s is None or (progress.rate_per_s >= 0 and math.isfinite(progress.rate_per_s))
            assert progress.remaining_s is None or 0 < progress.remaining_s <= 86_400


def told(
    done: int = 0,
    total: int | None = 1000,
    *,
    rate: float | None = None,
    remaining_s: float | None = None,
    elapsed_s: float = 0.0,
) -> Progress:
    return Progress(done, total, 100 * done / total if total else None, rate, remaining_s, elapsed_s)


class TestTenthsLog:
    def test_a_sentence_says_how_far_it_is(self) -> None:
        lines: list[str] = []
        TenthsLog(lines.append)(told(470_000, 1_000_000, rate=5200.4, remaining_s=119.6, elapsed_s=60))
        assert lines == ["470,000 of 1,000,000 events (47 %), 5,200 a second, about 2 min left."]

    def test_it_leaves_out_what_is_not_known(self) -> None:
        lines: list[str] = []
        TenthsLog(lines.append)(told(995))
        assert lines == ["995 of 1,000 events (99 %)."]

    def test_a_slow_rate_keeps_its_fraction(self) -> None:
        lines: list[str] = []
        TenthsLog(lines.append)(told(500, rate=0.42, remaining_s=1200))
        assert lines == ["500 of 1,000 events (50 %), 0.4 a second, about 20 min left."]

    def test_each_tenth_is_told_once(self) -> None:
        lines: list[str] = []
        log = TenthsLog(lines.append)
        for done in [0, 50, 99, 100, 150, 199, 430, 435, 300, 449, 510, 1000, 1000]:
            log(told(done))
        assert [line.split(" ")[0] for line in lines] == ["100", "430", "510", "1,000"]

    def test_a_whole_wait_takes_eleven_lines_at_most(self) -> None:
        lines: list[str] = []
        log = TenthsLog(lines.append)
        for done in range(1001):
            log(told(done, remaining_s=1000 - done))
        assert len(lines) == 10
        assert lines[-1].startswith("Ended after 0 s: 1,000 of 1,000 events (100 %)")

    def test_with_an_unknown_total_it_waits_twice_as_long_each_time(self) -> None:
        lines: list[str] = []
        log = TenthsLog(lines.append)
        for elapsed_s in range(600):
            log(told(10 * elapsed_s, None, rate=10, elapsed_s=elapsed_s))
        assert lines == [
            "Running for 30 s: 300 events, 10 a second.",
            "Running for 60 s: 600 events, 10 a second.",
            "Running for 2 min: 1,200 events, 10 a second.",
            "Running for 4 min: 2,400 events, 10 a second.",
            "Running for 8 min: 4,800 events, 10 a second.",
        ]

    def test_the_end_is_told_once_even_without_a_count(self) -> None:
        lines: list[str] = []
        log = TenthsLog(lines.append)
        log(told(0, None, elapsed_s=40))
        log(told(0, None, remaining_s=0.0, elapsed_s=44.2))
        assert lines == ["Running for 40 s: no events counted.", "Ended after 44 s: no events counted."]


def test_combine_tells_every_observer_in_order() -> None:
    calls: list[str] = []
    observer = combine(lambda _: calls.append("first"), silent, lambda _: calls.append("second"))
    observer(told())
    assert calls == ["first", "second"]
