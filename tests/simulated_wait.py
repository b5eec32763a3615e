"""Tasks of every shape, waited for on a simulated clock: for the tests and for `benchmarks/polling.py`."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sekoia_export.clock import Deadline
from sekoia_export.waiting import DEFAULT_PACE, Observation, Pace, Waited, wait_for
from tests.clock import ManualClock

if TYPE_CHECKING:
    from collections.abc import Callable

EVENTS = 10_000_000
POLL_S = 2.0


@dataclass(frozen=True, slots=True)
class Shape:
    """How a task's progress runs.

    Attributes:
        done: the share of the expected events that is done at a share of the duration, both 0 to 1.
        total_known: whether the task tells how many events it expects.
        may_be_late: whether its end may be seen up to 30 s late.
    """

    name: str
    done: Callable[[float], float]
    total_known: bool = True
    may_be_late: bool = False


def _bursty(time: float) -> float:
    """Return ten bursts, each in the last fifth of its tenth."""
    bursts, within = divmod(time * 10, 1)
    return (bursts + max(0.0, within - 0.8) / 0.2) / 10


def _stalling(time: float) -> float:
    """Return nine tenths in a third of the time, then nothing, then the rest in the last twentieth."""
    if time < 0.3:
        return 0.9 * time / 0.3
    return 0.9 + 0.1 * max(0.0, time - 0.95) / 0.05


STEADY = Shape("steady", lambda time: time)
UNKNOWN = Shape("unknown total", lambda time: time, total_known=False)
SHAPES = (
    STEADY,
    Shape("bursty", _bursty),
    Shape("stalling at 90 %", _stalling),
    UNKNOWN,
    Shape("no progress at all", lambda time: 0.0),
    Shape("all at once, late", lambda time: max(0.0, time - 0.7) / 0.3),
    Shape("finishing touches", lambda time: min(1.0, time / 0.8)),
    Shape("begins again", lambda time: time if time < 0.4 else (time - 0.4) / 0.6),
    Shape("total 4 % too high", lambda time: 0.96 * time),
    Shape("total 30 % too low", lambda time: 1.3 * time),
    Shape("total twice too high", lambda time: 0.5 * time, may_be_late=True),
    Shape("ends in a burst", lambda time: 0.2 * time, may_be_late=True),
)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a wait cost, and how late it saw the end.

    Attributes:
        looks: the task's age when asked and the events it told, of each look.
    """

    duration_s: float
    looks: list[tuple[float, int]]
    waited: Waited[Observation]

    @property
    def requests(self) -> int:
        return len(self.looks)

    @property
    def poll_requests(self) -> int:
        """What a poll every two seconds takes that, too, looks at once."""
        return math.ceil(self.duration_s / POLL_S) + 1

    @property
    def share(self) -> float:
        return self.requests / self.poll_requests

    @property
    def late_s(self) -> float:
        return self.looks[-1][0] - self.duration_s

    @property
    def in_time(self) -> bool:
        """Whether the end was seen within max(2 s, 2 %); a microsecond is the clock's rounding."""
        return self.late_s <= max(2.0, 0.02 * self.duration_s) + 1e-6


def simulate(
    shape: Shape, duration_s: float, *, age_s: float = 0.0, look_s: float = 0.0, pace: Pace = DEFAULT_PACE
) -> Outcome:
    """Wait for a task.

    Args:
        shape: how its progress runs.
        duration_s: how long it takes.
        age_s: how long it has been running when the wait begins.
        look_s: how long an answer takes; the task is as it was when asked.
        pace: of the wait.
    """
    clock = ManualClock()
    deadline = Deadline(clock, None)
    looks: list[tuple[float, int]] = []

    def look() -> Observation:
        now_s = age_s + deadline.elapsed_s()
        done = round(EVENTS * shape.done(min(1.0, now_s / duration_s)))
        looks.append((now_s, done))
        clock.advance(look_s)
        return Observation(ended=now_s >= duration_s, done=done, total=EVENTS if shape.total_known else None)

    waited = wait_for(look, lambda seen: seen, deadline=deadline, age_s=age_s, pace=pace)
    return Outcome(duration_s, looks, waited)
