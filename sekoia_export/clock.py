"""Time, passed in: the library takes its clock as an argument, so a test (or a benchmark) can run hours in no time."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

from sekoia_export.errors import DeadlineExceeded


class Clock(Protocol):
    """What the library asks of time."""

    def monotonic(self) -> float:
        """Return seconds from an arbitrary start, never going back."""

    def now(self) -> datetime:
        """Return the time of day, in UTC."""

    def sleep(self, seconds: float) -> None:
        """Return after `seconds`."""


class SystemClock:
    """The machine's clock."""

    def monotonic(self) -> float:
        return time.monotonic()

    def now(self) -> datetime:
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class SteadyClock:
    """A clock that believes a step forward only once it has lasted.

    A clock that was set wrongly and is set right again must not make things due that are not. A step is what the time
    of day gains on the monotonic clock. A step back is believed at once: it makes nothing due.

    Args:
        clock: where the time comes from; what it says at first is believed.
        step_s: what it may gain between two looks without being doubted.
        belief_s: after so many seconds a step is believed. A machine that slept is behind for as long.
    """

    def __init__(self, clock: Clock, *, step_s: float = 60.0, belief_s: float = 300.0) -> None:
        self._clock = clock
        self._step = timedelta(seconds=step_s)
        self._belief_s = belief_s
        self._believed = clock.now() - timedelta(seconds=clock.monotonic())
        self._doubted_since: float | None = None

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def sleep(self, seconds: float) -> None:
        self._clock.sleep(seconds)

    def now(self) -> datetime:
        monotonic = self._clock.monotonic()
        since_start = timedelta(seconds=monotonic)
        told = self._clock.now() - since_start
        if told > self._believed + self._step:
            if self._doubted_since is None:
                self._doubted_since = monotonic
            if monotonic - self._doubted_since < self._belief_s:
                return self._believed + since_start
        self._doubted_since = None
        self._believed = told
        return told + since_start


class Deadline:
    """A moment on a clock that a step must not pass; retries and nested steps share it and never restart it.

    Args:
        clock: where the time comes from.
        timeout_s: seconds from now; None for no end.
    """

    def __init__(self, clock: Clock, timeout_s: float | None) -> None:
        self.clock = clock
        self.timeout_s = timeout_s
        self._started = clock.monotonic()

    def elapsed_s(self) -> float:
        """Return the seconds since the deadline was made."""
        return self.clock.monotonic() - self._started

    def remaining_s(self) -> float:
        """Return the seconds left, at least 0; infinity without an end."""
        if self.timeout_s is None:
            return float("inf")
        return max(0.0, self.timeout_s - self.elapsed_s())

    def passed(self) -> bool:
        return self.remaining_s() <= 0

    def check(self, what: str) -> None:
        """Raise DeadlineExceeded, naming `what` was under way, when the deadline has passed."""
        if self.passed():
            raise DeadlineExceeded(f"{what} took longer than the {self.timeout_s:g} seconds it was given.")

    def within(self, timeout_s: float | None) -> Deadline:
        """Return a deadline of `timeout_s` from now that does not outlast this one."""
        left = self.remaining_s()
        wanted = float("inf") if timeout_s is None else timeout_s
        shorter = min(left, wanted)
        return Deadline(self.clock, None if shorter == float("inf") else shorter)
