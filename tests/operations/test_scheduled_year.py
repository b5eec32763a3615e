"""A year of `scheduled_export`: hourly, killed 200 times, a week down, with a clock that is set now and then.

Every window is sent, in order, and none but the ones a crash repeats is sent twice. What a playbook does with a window
(search, trigger the export) is done here at a simulated platform for every window that a crash repeats, each time it is
sent, and for each two hundredth of the rest: each of these windows has one export in the end.
"""

from __future__ import annotations

import random
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from sekoia_export.simulator import Settings, Simulator
from tests.clock import ManualClock, TrueClock
from tests.operations.bench import Bench, Killed
from tests.operations.schedules import MemoryStorage, Trigger, edges

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sekoia_export.results.schedule import ScheduledWindow

BEGIN, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)
WINDOWS, CRASHES, SETTLE_S = 8_760, 200, 900
HOUR_S, WEEK_S, YEAR_S = 3_600, 7 * 24 * 3_600, 365 * 24 * 3_600
DOWN_AT_S = 200 * 24 * HOUR_S
EVERY_NTH = 200  # with 1 all 8,760 are exported: minutes, and the same result


class Year:
    """The year's machine: a trigger, whose processes are killed, and the platform that its playbook exports from.

    Attributes:
        crashed: how often a process was killed, by the moment of the crash.
        exported: the tasks that the exports of a window gave, by the window's id.
    """

    def __init__(self, bench: Bench, *, every_nth: int) -> None:
        self.clock = bench.clock
        # Midnight in Paris, an hour before the year begins in UTC.
        self.trigger = Trigger(
            self.clock, {"every": "hour", "settle": SETTLE_S, "start_at": "2026-01-01T01:00:00+01:00"}
        )
        self.trigger.on_send = self._on_send
        self.crashed: Counter[str] = Counter()
        self.exported: dict[str, list[Any]] = {}
        self._bench = bench
        self._exports_storage = MemoryStorage()
        self._every_nth = every_nth
        self._random = random.Random(20_260_101)
        self._crash: str | None = None
        self._begin_s = self.clock.monotonic()

    @property
    def passed_s(self) -> float:
        return self.clock.monotonic() - self._begin_s

    def live(self) -> None:
        """Let the year pass."""
        crash_at_s = sorted(self._random.uniform(0, YEAR_S - HOUR_S) for _ in range(CRASHES))
        down_at_s: float = DOWN_AT_S
        while self.passed_s < YEAR_S + HOUR_S:
            if self.passed_s >= down_at_s:
                down_at_s = float("inf")
                self._down(WEEK_S)
            if crash_at_s and self.passed_s >= crash_at_s[0] and self._crash is None:
                crash_at_s.pop(0)
                self._plan_crash()
            if self._random.random() < 0.002:
                self._set_clock_wrong()
            wait_s = self._look()
            self.clock.advance(max(1.0, min(wait_s, self._random.choice([60, 600, HOUR_S]))))

    def _down(self, seconds: float) -> None:
        self.trigger.storage.fail(None)
        self.trigger.restart()
        self.clock.advance(seconds)

    def _look(self) -> float:
        """Look, or be killed and begin anew; return the seconds until there is something to do."""
        try:
            return self.trigger.look().wait_s
        except Killed:
            self._down(self._random.choice([1, 20, 300]))
            return 0.0

    def _plan_crash(self) -> None:
        """Have the process killed while it waits, or around the next window: before or after it is sent."""
        moment = self._random.choice(["waiting", "before sending", "after sending", "after sending"])
        if moment == "waiting":
            self.crashed[moment] += 1
            self._down(1)
        else:
            self._crash = moment

    def _set_clock_wrong(self) -> None:
        """Set the clock wrongly and, within five minutes, right again.

        A process that begins meanwhile can but believe it, so when this one is killed the clock is right at once.
        """
        wrong_s = self._random.choice([-5_400, -90, 1_800, 86_400])
        self.clock.step(wrong_s)
        crashes = self.crashed.total()
        for _ in range(4):
            if self.crashed.total() == crashes:
                self.clock.advance(60)
                self._look_only()
        self.clock.step(-wrong_s)

    def _look_only(self) -> None:
        with suppress(Killed):
            self.trigger.look()
            return
        self.trigger.storage.fail(None)
        self.trigger.restart()

    def _on_send(self, window: ScheduledWindow) -> None:
        # The clock may be wrong for a while; what has really passed counts.
        assert edges(window)[1] + timedelta(seconds=SETTLE_S) <= BEGIN + timedelta(seconds=self.passed_s)
        crash, self._crash = self._crash, None
        if crash is not None:
            self.crashed[crash] += 1
        if crash == "before sending":
            raise Killed
        if crash == "after sending":
            self.trigger.storage.fail(Killed())
        if crash or window.window_id in self.exported or len(self.trigger.sent) % self._every_nth == 0:
            self._export(window)

    def _export(self, window: ScheduledWindow) -> None:
        """Do what the playbook does, in a playbook run of its own: search, then trigger the export."""
        options = {"run": str(uuid4()), "storage": self._exports_storage}
        period = {"earliest_time": window.earliest_time, "latest_time": window.latest_time}
        job = self._bench.job(query=window.query, options=options, **period)
        outcome = self._bench.trigger(job, fields=window.fields, wait_for_slot=600, options=options)
        assert outcome.branch == "triggered"
        self.exported.setdefault(window.window_id, []).append(outcome.results.task_uuid)


@pytest.fixture
def in_paris(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Let the machine's local time be that of Paris, which changes on 29 March and 25 October."""
    with monkeypatch.context() as patch:
        patch.setenv("TZ", "Europe/Paris")
        time.tzset()
        assert datetime(2026, 7, 1).astimezone().utcoffset() == timedelta(hours=2)
        yield
    time.tzset()


@pytest.mark.usefixtures("in_paris")
def test_a_year_of_hours_gives_every_window_in_order_and_one_export_a_window(tmp_path: Path) -> None:
    clock = ManualClock(BEGIN)
    with Simulator(Settings(total_events=5, export_duration_s=30), TrueClock(clock)) as simulator:
        year = Year(Bench(simulator, clock, tmp_path), every_nth=EVERY_NTH)
        year.live()
        exports = len(simulator.exports)
    sent = [window for window in year.trigger.sent if edges(window)[0] < END]
    once = list(dict.fromkeys(window.window_id for window in sent))
    periods = {window.window_id: edges(window) for window in sent}
    assert [periods[window_id] for window_id in once] == [
        (BEGIN + timedelta(hours=hour), BEGIN + timedelta(hours=hour + 1)) for hour in range(WINDOWS)
    ]
    assert year.crashed.total() == CRASHES
    assert min(year.crashed.values()) > 20
    repeated = {window_id for window_id, times in Counter(window.window_id for window in sent).items() if times > 1}
    assert len(sent) - WINDOWS == year.crashed["after sending"]  # each of these crashes repeats one window
    assert repeated <= set(year.exported)
    assert all(len(year.exported[window_id]) > 1 for window_id in repeated)
    assert all(len(set(tasks)) == 1 for tasks in year.exported.values())
    assert exports == len(year.exported) > 100
