from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekoia_export.waiting import DEFAULT_PACE, Forecast
from tests.simulated_wait import EVENTS, SHAPES, STEADY, UNKNOWN, Outcome, Shape, simulate

DURATIONS_S = (5, 10, 20, 60, 180, 600, 1800, 10800)

ages = st.floats(0, 100_000)
seconds = st.floats(0, 20_000)
forecasts = st.builds(
    Forecast, earliest_s=seconds, expected_s=st.none() | st.floats(0.001, 100_000), watched_s=st.floats(0, 100_000)
)


def around(duration_s: float) -> list[float]:
    """Return durations from this one to 5 % above: where the last look falls must not be luck."""
    return [duration_s * (1 + 0.05 * step / 12) for step in range(12)]


class TestBounds:
    @pytest.mark.parametrize("duration_s", DURATIONS_S)
    @pytest.mark.parametrize("shape", SHAPES, ids=lambda shape: shape.name)
    def test_the_end_is_seen_in_time_with_few_requests(self, shape: Shape, duration_s: float) -> None:
        for outcome in (simulate(shape, near_s) for near_s in around(duration_s)):
            assert outcome.waited.ended
            assert outcome.late_s <= 30
            assert outcome.in_time or shape.may_be_late
            assert outcome.requests <= outcome.poll_requests + 3

    @pytest.mark.parametrize("duration_s", [600, 660, 900, 1800, 3600, 10800])
    @pytest.mark.parametrize("look_s", [0.0, 0.4])
    def test_steady_progress_takes_a_tenth_of_the_requests(self, duration_s: float, look_s: float) -> None:
        assert all(simulate(STEADY, near_s, look_s=look_s).share < 0.10 for near_s in around(duration_s))

    @pytest.mark.parametrize("duration_s", [600, 660, 900, 1800, 3600, 10800])
    def test_the_end_of_long_steady_progress_is_met(self, duration_s: float) -> None:
        assert all(simulate(STEADY, near_s).late_s <= 2 for near_s in around(duration_s))

    @pytest.mark.parametrize(("duration_s", "share"), [(600, 0.50), (1800, 0.25), (10800, 0.10)])
    def test_without_a_total_it_takes_a_share_of_the_requests(self, duration_s: float, share: float) -> None:
        assert all(simulate(UNKNOWN, near_s).share < share for near_s in around(duration_s))

    @pytest.mark.parametrize(
        "shape", [shape for shape in SHAPES if not shape.may_be_late], ids=lambda shape: shape.name
    )
    @pytest.mark.parametrize("part_gone", [0.1, 0.5, 0.95])
    def test_a_rerun_sees_the_end_in_time(self, shape: Shape, part_gone: float) -> None:
        for near_s in around(900):
            assert simulate(shape, near_s, age_s=part_gone * near_s).in_time

    def test_a_rerun_after_the_end_looks_once(self) -> None:
        assert simulate(STEADY, 600, age_s=700).requests == 1

    @given(
        duration_s=st.floats(1, 3000),
        knots=st.lists(st.tuples(st.floats(0, 1), st.floats(0, 1.5)), max_size=8),
        total_known=st.booleans(),
    )
    @settings(deadline=None, max_examples=300)
    def test_whatever_is_late_burst_or_ended_short(
        self, duration_s: float, knots: list[tuple[float, float]], *, total_known: bool
    ) -> None:
        """Progress may stall, jump, go back and pass its total."""
        outcome = simulate(Shape("any", Line(knots), total_known=total_known), duration_s)
        assert outcome.late_s <= 30
        assert outcome.requests <= outcome.poll_requests + 3
        assert outcome.in_time or (total_known and (ended_short(outcome) or ended_in_a_burst(outcome)))


class Line:
    """Progress in straight pieces from knot to knot, (time, done) each, starting at (0, 0)."""

    def __init__(self, knots: list[tuple[float, float]]) -> None:
        self.knots = [(0.0, 0.0), *sorted(knots)]

    def __call__(self, time: float) -> float:
        before = [knot for knot in self.knots if knot[0] <= time][-1]
        after = next((knot for knot in self.knots if knot[0] > time), None)
        if after is None:
            return before[1]
        return before[1] + (after[1] - before[1]) * (time - before[0]) / (after[0] - before[0])


def ended_short(outcome: Outcome) -> bool:
    return outcome.looks[-1][1] <= 0.97 * EVENTS + 1


def ended_in_a_burst(outcome: Outcome) -> bool:
    """Tell whether the last stretch was more than twice as fast as anything seen before."""
    *earlier, (last_s, last_done), (_, end_done) = outcome.looks
    steps = itertools.pairwise([*earlier, (last_s, last_done)])
    fastest = max(((done - was) / (at_s - was_s) for (was_s, was), (at_s, done) in steps), default=0.0)
    return end_done - last_done >= 2 * fastest * (outcome.duration_s - last_s) - 1


class TestPace:
    @given(age_s=ages, forecast=forecasts)
    def test_no_interval_is_too_short_or_too_long(self, age_s: float, forecast: Forecast) -> None:
        assert 0.5 <= DEFAULT_PACE.next_look_s(age_s, forecast) <= 30

    @given(age_s=st.floats(1.5, 100_000), forecast=forecasts)
    def test_after_the_first_looks_it_is_never_quicker_than_a_poll(self, age_s: float, forecast: Forecast) -> None:
        assert DEFAULT_PACE.next_look_s(age_s, forecast) >= 2

    @given(age_s=ages, forecast=forecasts)
    def test_an_end_not_before_the_earliest_is_seen_in_time(self, age_s: float, forecast: Forecast) -> None:
        late_s = DEFAULT_PACE.next_look_s(age_s, forecast) - forecast.earliest_s
        assert late_s <= max(2.0, 0.02 * (age_s + forecast.earliest_s)) * (1 + 1e-9)

    @given(age_s=ages, forecast=forecasts)
    def test_an_expected_end_brings_a_look_forward_to_a_third_at_most(self, age_s: float, forecast: Forecast) -> None:
        plain_s = DEFAULT_PACE.next_look_s(age_s, Forecast(forecast.earliest_s, None, forecast.watched_s))
        assert plain_s / 3 <= DEFAULT_PACE.next_look_s(age_s, forecast) <= plain_s

    @given(younger_s=ages, older_s=ages)
    def test_without_a_forecast_it_slows_with_age(self, younger_s: float, older_s: float) -> None:
        younger_s, older_s = sorted((younger_s, older_s))
        assert DEFAULT_PACE.next_look_s(younger_s, Forecast()) <= DEFAULT_PACE.next_look_s(older_s, Forecast())

    @given(age_s=ages, sooner_s=seconds, later_s=seconds, watched_s=seconds)
    def test_a_later_earliest_end_never_quickens_it(
        self, age_s: float, sooner_s: float, later_s: float, watched_s: float
    ) -> None:
        sooner_s, later_s = sorted((sooner_s, later_s))
        sooner = DEFAULT_PACE.next_look_s(age_s, Forecast(sooner_s, None, watched_s))
        assert sooner <= DEFAULT_PACE.next_look_s(age_s, Forecast(later_s, None, watched_s))

    @given(age_s=ages, earliest_s=seconds, less_s=seconds, more_s=seconds)
    def test_longer_watching_never_quickens_it(
        self, age_s: float, earliest_s: float, less_s: float, more_s: float
    ) -> None:
        less_s, more_s = sorted((less_s, more_s))
        less = DEFAULT_PACE.next_look_s(age_s, Forecast(earliest_s, None, less_s))
        assert less <= DEFAULT_PACE.next_look_s(age_s, Forecast(earliest_s, None, more_s))

    def test_it_starts_quickly(self) -> None:
        looked_at_s = [at_s for at_s, _ in simulate(UNKNOWN, 7).looks]
        assert looked_at_s == [0, 0.5, 1.5, 3.5, 5.5, 7.5]
