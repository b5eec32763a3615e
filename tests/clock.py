"""A clock that a test moves: hours pass in no time, in the code under test and in the simulator alike."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

START = datetime(2026, 1, 15, 12, 0, 0, tzinfo=UTC)


class ManualClock:
    """Stands still until told otherwise; a sleep moves it on at once.

    Attributes:
        slept: the seconds of every sleep, in order.
    """

    def __init__(self, start: datetime = START) -> None:
        self.slept: list[float] = []
        self._start = start
        self._elapsed_s = 0.0
        self._stepped_s = 0.0
        self._lock = threading.Lock()

    def monotonic(self) -> float:
        with self._lock:
            return 1000.0 + self._elapsed_s

    def now(self) -> datetime:
        with self._lock:
            return self._start + timedelta(seconds=self._elapsed_s + self._stepped_s)

    def sleep(self, seconds: float) -> None:
        with self._lock:
            self.slept.append(seconds)
            self._elapsed_s += max(0.0, seconds)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._elapsed_s += seconds

    def step(self, seconds: float) -> None:
        """Set the time of day on, or back; no time passes."""
        with self._lock:
            self._stepped_s += seconds


class TrueClock(ManualClock):
    """What a manual clock says where nobody sets it: the time of another machine, which passes alike."""

    def __init__(self, clock: ManualClock) -> None:
        super().__init__(clock.now())
        self._clock = clock
        self._begin_s = clock.monotonic()

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._clock.monotonic() - self._begin_s)

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)
