"""The schedule of `scheduled_export`: which window is sent when, and never twice, whatever happens in between."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekoia_export.errors import ConfigurationError, DiskFull, StateCorrupt, UsageError
from tests.clock import START, ManualClock
from tests.operations.bench import OTHER_RUN, RUN, Bench, Killed
from tests.operations.schedules import Trigger, at, edges, kill

if TYPE_CHECKING:
    from tests.operations.conftest import Start

HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def trigger(**configuration: Any) -> Trigger:
    """Return a trigger on a clock that says 12:00 on Thursday, 15 January 2026."""
    return Trigger(ManualClock(), {"every": "hour", "settle": 900, **configuration})


@pytest.mark.parametrize(
    ("every", "due", "period"),
    [
        ("hour", at(15, 13, 15), "15T12-15T13"),
        ("day", at(16, 0, 15), "15T00-16T00"),
        ("week", at(19, 0, 15), "12T00-19T00"),
    ],
)
def test_the_running_period_is_sent_once_it_is_over_and_has_settled(every: str, due: datetime, period: str) -> None:
    started = trigger(every=every)
    look = started.look()
    assert (look.sent, look.next_due) == ([], due)
    assert look.told == [f"The next window is due at {due:%Y-%m-%dT%H:%M}:00.000Z."]
    started.clock.advance(look.wait_s - 1)
    assert started.look().told == []
    started.clock.advance(1)
    assert len(started.look().sent) == 1
    assert started.periods() == [period]
    assert started.sent[0].due_at == f"{due:%Y-%m-%dT%H:%M}:00.000Z"
    assert started.look().sent == []


def test_past_windows_are_made_up_for_some_at_once_with_pauses(bench: Bench) -> None:
    started = trigger(start_at="2026-01-15T03:00:00Z", max_catch_up=3, catch_up_pause=600)
    look = started.look()
    assert started.periods() == ["15T03-15T04", "15T04-15T05", "15T05-15T06"]
    assert look.wait_s == 600
    assert look.told[-1] == "More windows are due; the next ones are started in 600 s."
    started.clock.advance(100)
    started.restart()
    assert started.look().wait_s == 500  # a restart is no way around the pause
    assert len(started.run(2 * HOUR)) == 7
    assert started.periods()[-1] == "15T12-15T13"


def test_a_start_in_the_future_is_waited_for() -> None:
    started = trigger(start_at="2026-01-15T14:30:00+01:00")
    assert started.look().next_due == at(15, 14, 45)
    started.run(3 * HOUR)
    assert [edges(window) for window in started.sent] == [(at(15, 13, 30), at(15, 14, 30))]


def test_a_week_that_began_before_a_restart_is_not_forgotten() -> None:
    started = trigger(every="week")
    started.look()
    started.clock.advance(5 * 24 * 3600)
    started.restart()
    started.look()
    assert started.periods() == ["12T00-19T00"]


def test_days_of_downtime_leave_no_gap() -> None:
    started = trigger(max_catch_up=100)
    started.run(3 * HOUR)
    started.restart()
    started.clock.advance(3 * 24 * 3600)
    started.run(HOUR)
    windows = [edges(window) for window in started.sent]
    assert [end for _, end in windows[:-1]] == [start for start, _ in windows[1:]]
    assert len(windows) == len(set(windows)) == 3 * 24 + 3


def test_a_crash_after_sending_repeats_one_window_with_the_same_id() -> None:
    started = trigger(start_at="2026-01-15T08:00:00Z", max_catch_up=2)
    started.look()
    started.clock.advance(900)
    started.storage.fail(Killed(), after=1)
    with pytest.raises(Killed):
        started.look()
    started.storage.fail(None)
    started.configure(every="day")  # even so
    started.look()
    assert started.periods()[:4] == ["15T08-15T09", "15T09-15T10", "15T10-15T11", "15T10-15T11"]
    assert started.sent[2].window_id == started.sent[3].window_id


def test_a_crash_before_sending_sends_the_window_once() -> None:
    started = trigger(start_at="2026-01-15T10:00:00Z")
    started.on_send = kill
    with pytest.raises(Killed):
        started.look()
    started.on_send = bool
    started.restart()
    started.look()
    assert started.periods() == ["15T10-15T11"]


def test_a_window_that_could_not_be_sent_is_sent_later() -> None:
    started = trigger(start_at="2026-01-15T10:00:00Z")
    started.on_send = kill
    with pytest.raises(Killed):
        started.look()
    assert started.sent == []
    started.on_send = bool
    started.look()
    assert started.periods() == ["15T10-15T11"]


def test_a_full_disk_does_not_send_a_window_again_and_again() -> None:
    started = trigger(start_at="2026-01-15T08:00:00Z", max_catch_up=1, catch_up_pause=0)
    started.look()
    for works in (1, 0, 0, 0):
        started.storage.fail(DiskFull("There is no room."), after=works)
        with pytest.raises(DiskFull):
            started.look()
    assert started.periods() == ["15T08-15T09", "15T09-15T10"]
    started.storage.fail(None)
    started.look()
    started.restart()
    assert started.periods() == ["15T08-15T09", "15T09-15T10", "15T10-15T11"]
    assert started.look().sent == []


def test_nothing_more_is_sent_once_it_is_told_to_stop() -> None:
    started = trigger(start_at="2026-01-15T03:00:00Z", max_catch_up=5)
    started.look(running=lambda: len(started.sent) < 2)
    assert started.periods() == ["15T03-15T04", "15T04-15T05"]


class TestChanges:
    """What becomes of a schedule whose configuration is changed."""

    def test_another_length_goes_on_where_the_last_window_ended_up_to_its_own_grid(self) -> None:
        started = trigger()
        started.run(3 * HOUR)
        started.configure(every="day")
        started.run(2 * DAY)
        started.configure(every="hour")
        started.run(2 * HOUR)
        started.configure(every="week")
        started.run(3 * DAY)
        assert started.periods() == [
            "15T12-15T13", "15T13-15T14", "15T14-16T00", "16T00-17T00", "17T00-17T01", "17T01-17T02", "17T02-17T03",
            "17T03-17T04", "17T04-17T05", "17T05-17T06", "17T06-17T07", "17T07-17T08", "17T08-17T09", "17T09-17T10",
            "17T10-17T11", "17T11-17T12", "17T12-17T13", "17T13-17T14", "17T14-17T15", "17T15-17T16", "17T16-19T00",
        ]  # fmt: skip

    def test_an_earlier_start_fills_only_what_is_missing(self) -> None:
        started = trigger()
        started.run(2 * HOUR)
        started.configure(start_at="2026-01-15T09:30:00Z", max_catch_up=10)
        started.look()
        assert started.periods() == ["15T12-15T13", "15T09-15T10", "15T10-15T11", "15T11-15T12", "15T13-15T13"]
        assert edges(started.sent[3]) == (at(15, 11, 30), at(15, 12))  # up to what was there
        started.run(2 * HOUR)
        assert [edges(window) for window in started.sent[4:]] == [
            (at(15, 13), at(15, 13, 30)),
            (at(15, 13, 30), at(15, 14, 30)),
            (at(15, 14, 30), at(15, 15, 30)),
        ]

    def test_a_later_start_leaves_out_what_the_author_leaves_out_and_an_earlier_one_brings_it_back(self) -> None:
        started = trigger()
        started.run(2 * HOUR)
        started.configure(start_at="2026-01-15T15:00:00Z")
        started.run(3 * HOUR)
        assert started.periods() == ["15T12-15T13", "15T15-15T16"]
        started.configure(start_at=None)
        started.run(HOUR)
        assert started.periods()[2:] == ["15T16-15T17"]
        started.configure(start_at="2026-01-15T12:00:00Z")
        started.run(HOUR)
        assert started.periods()[3:] == ["15T13-15T14", "15T14-15T15", "15T17-15T18"]

    def test_another_query_goes_on_with_the_next_window(self) -> None:
        started = trigger(start_at="2026-01-15T10:00:00Z", max_catch_up=1)
        started.look()
        started.configure(query="user.name:y", field_set="network", catch_up_pause=0)
        started.look()
        assert started.periods() == ["15T10-15T11"]
        started.clock.advance(3600)
        started.look()
        assert [window.query for window in started.sent] == ["*", "user.name:y"]
        assert started.periods() == ["15T10-15T11", "15T11-15T12"]

    def test_the_id_tells_windows_of_other_triggers_queries_communities_and_fields_apart(self) -> None:
        community = "6ffbe55b-d30a-4dc4-bc52-a213dce0af29"
        first = {"start_at": "2026-01-15T10:00:00Z"}
        others: list[dict[str, Any]] = [
            {}, {"query": "x"}, {"fields": "host.name"}, {"field_set": "endpoint"}, {"community_uuids": community},
        ]  # fmt: skip
        triggers = [trigger(**first, **other) for other in others]
        triggers.append(Trigger(ManualClock(), triggers[0].configuration, playbook=OTHER_RUN))
        for each in triggers:
            each.look()
        assert len({each.sent[0].window_id for each in triggers}) == len(triggers)
        again = trigger(**first, settle=60, max_catch_up=1, fields=["message", "@timestamp"])
        again.look()
        assert again.sent[0].window_id == triggers[0].sent[0].window_id

    def test_two_triggers_share_a_data_storage(self) -> None:
        first = trigger(start_at="2026-01-15T10:00:00Z")
        first.look()
        second = Trigger(first.clock, first.configuration, storage=first.storage, playbook=OTHER_RUN)
        second.look()
        assert first.periods() == second.periods() == ["15T10-15T11"]


class TestClock:
    """Clocks that are set."""

    def test_a_step_back_sends_nothing_again(self) -> None:
        started = trigger()
        started.run(3 * HOUR)
        started.clock.step(-7200)
        assert started.run(2 * HOUR) == []
        started.restart()
        assert started.run(timedelta(minutes=10)) == []
        assert len(started.run(HOUR)) == 1

    def test_a_step_on_that_is_taken_back_sends_nothing_too_early(self) -> None:
        started = trigger()
        started.look()
        started.clock.step(7200)
        assert started.run(timedelta(minutes=4)) == []
        started.clock.step(-7200)
        assert started.run(timedelta(minutes=30)) == []
        assert len(started.run(HOUR)) == 1

    def test_a_step_on_that_lasts_is_believed(self) -> None:
        started = trigger()
        started.look()
        started.clock.step(7200)
        assert started.run(timedelta(minutes=4)) == []
        started.run(timedelta(minutes=2))
        assert started.periods() == ["15T12-15T13"]

    def test_a_clock_that_was_never_set_is_refused(self) -> None:
        with pytest.raises(ConfigurationError, match="The clock of this machine says 1970-01-01"):
            Trigger(ManualClock(datetime.fromtimestamp(0, START.tzinfo)), {}).look()


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-5],
        lambda text: text.replace('"version": 1', '"version": 9'),
        lambda text: text.replace("T10:00", "T12:00"),  # ends before it starts
        lambda text: text.replace("covered", "uncovered"),
    ],
)
def test_a_record_that_cannot_be_read_is_never_taken_for_an_empty_one(damage: Any) -> None:
    started = trigger(start_at="2026-01-15T10:00:00Z")
    started.look()
    ((name, data),) = started.storage.files.items()
    started.storage.files[name] = damage(data.decode()).encode()
    started.restart()
    with pytest.raises(StateCorrupt):
        started.look()


@pytest.mark.parametrize(
    ("configuration", "message"),
    [
        ({"query": ""}, "The argument query is missing"),
        ({"every": "month"}, "The argument every is not valid"),
        ({"start_at": "-7d"}, "must be an absolute time"),
        ({"start_at": "yesterday"}, "must be a time such as"),
        ({"settle": -1}, "The argument settle is not valid"),
        ({"max_catch_up": 0}, "The argument max_catch_up is not valid"),
        ({"fields": ["source.*"]}, "wildcard"),
    ],
)
def test_a_configuration_that_cannot_be_used_is_refused(configuration: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        trigger(**configuration).look()


def test_a_window_that_is_sent_again_takes_up_the_first_export(start: Start) -> None:
    bench = start(export_duration_s=600.0)
    sent = Trigger(bench.clock, {"every": "day", "start_at": "2026-01-14T00:00:00Z", "field_set": "network"})
    sent.storage.fail(Killed(), after=2)  # the record, and what is being sent
    with pytest.raises(Killed):
        sent.look()
    sent.storage.fail(None)
    sent.restart()
    sent.look()
    first, again = sent.sent
    assert first == again
    tasks = []
    for window, run in ((first, RUN), (again, OTHER_RUN), (again, None)):
        period = {"earliest_time": window.earliest_time, "latest_time": window.latest_time}
        job = bench.job(query=window.query, community_uuids=window.community_uuids, **period)
        outcome = bench.trigger(job, fields=window.fields, options={"run": run})
        assert outcome.branch == "triggered"
        assert outcome.results.reused is (run != RUN)
        tasks.append(outcome.results.task_uuid)
        if run == OTHER_RUN:
            bench.finish_exports()  # one that runs is taken up, and one that has finished
    assert len(bench.simulator.jobs) == 3
    assert set(tasks) == {bench.only_export().task_uuid}


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("run"), st.integers(1, 60)),
        st.tuples(st.just("down"), st.integers(1, 300)),
        st.tuples(st.just("every"), st.sampled_from(["hour", "day", "week"])),
        st.tuples(st.just("start"), st.none() | st.integers(-300, 100)),
        st.tuples(st.just("settle"), st.sampled_from([0, 60, 900, 7200])),
        st.tuples(st.just("crash"), st.integers(0, 5)),
        st.tuples(st.just("step"), st.integers(-180, 4)),
    ),
    max_size=12,
)


@settings(deadline=None, max_examples=50)
@given(steps=STEPS)
def test_whatever_happens_windows_neither_overlap_nor_leave_a_gap_nor_come_too_early(
    steps: list[tuple[str, Any]],
) -> None:
    started = trigger(max_catch_up=100, catch_up_pause=0)
    crashes = 0

    def in_time(window: Any) -> None:
        assert edges(window)[1] + timedelta(seconds=started.configuration["settle"]) <= started.clock.now()

    started.on_send = in_time
    for kind, value in [*steps, ("run", 24)]:
        match kind:
            case "run":
                started.run(value * HOUR, longest_wait_s=3600)
            case "down":
                started.restart()
                started.clock.advance(value * 3600)
            case "every" | "settle":
                started.configure(**{kind: value})
            case "start":
                start_at = None if value is None else (START + value * HOUR / 4).isoformat()
                started.configure(start_at=start_at)
            case "step":
                started.clock.step(value * 60)
            case "crash":
                started.storage.fail(Killed(), after=value)
                try:
                    started.look()
                except Killed:
                    crashes += 1
                started.storage.fail(None)
                started.restart()
    ids = {window.window_id: edges(window) for window in started.sent}
    assert len(started.sent) - len(ids) <= crashes
    windows = sorted(ids.values())
    assert all(first[1] <= second[0] for first, second in pairwise(windows))
    if all(kind != "start" for kind, _ in steps):
        assert all(first[1] == second[0] for first, second in pairwise(windows))
    assert all(HOUR * 0 < end - start <= 7 * DAY for start, end in windows)
