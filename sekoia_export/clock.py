"""Time, passed in: the library takes its clock as an argument, so a test (or a benchmark) can run hours in no time."""

from __future__ import annotations

import time
from datetime import UTC, datetime
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
