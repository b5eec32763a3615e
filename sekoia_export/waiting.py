"""Waiting for a search job or an export task with few requests, and telling how far it is.

`wait_for` looks, tells an observer, asks `Pace` when to look again, sleeps. It has no clock of its own: the deadline
brings one. The pace rests on three rules:

1. *Without a forecast*, the next look comes after 2 % of the age, at least 2 s (sooner in the first seconds), at most
   30 s. Whatever ends before it was seen within max(2 s, 2 % of its duration), so this holds for every shape.
2. *With progress seen*, the end cannot plausibly come before the events left are done at twice the fastest speed seen
   so far. The next look may come that much later, but no farther ahead than progress has been watched for, and within
   30 s. The last 3 % of the expected events count as done already: the total is an estimate.
3. *Near the expected end*, the last look or two are brought forward so that the last one comes just after it.

So the end is seen within max(2 s, 2 %) for steady, slowing, pausing, stalling and unknown progress, and for bursts no
more than twice as fast as what was seen before. It may be seen up to 30 s late, never later, when a task finishes
faster than that, or ends with less than 97 % of its expected events: a last burst, a total far too high, a counter told
in coarse steps. Of a task that took 25 minutes or more, 30 s are within 2 % anyway.
`benchmarks/polling.py` prints how late it was, and what it cost in requests.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from sekoia_export.errors import DeadlineExceeded
from sekoia_export.times import in_words

if TYPE_CHECKING:
    from sekoia_export.clock import Deadline

T = TypeVar("T")

# The rate forgets over a quarter of the age (half a minute at least): bursts even out, and a lasting change shows.
_SHORTEST_MEMORY_S = 30.0
_MEMORY_SHARE = 0.25
# A longer estimate says only that next to nothing moves.
_LONGEST_ESTIMATE_S = 86_400.0


@dataclass(frozen=True, slots=True)
class Observation:
    """What one look at a search job or a task saw.

    Attributes:
        ended: whether it has ended, in whatever way.
        done: events so far. It may stall, jump and go back.
        total: events expected, an estimate that may change and be exceeded; None, 0 or less while unknown.
    """

    ended: bool
    done: int = 0
    total: int | None = None


@dataclass(frozen=True, slots=True)
class Progress:
    """What observers are told after each look.

    Attributes:
        done: events so far; less than before when the task began again.
        total: events expected; None while unknown.
        percent: 0 to 100; None while the total is unknown.
        rate_per_s: events a second, newer looks weighing more (EWMA); None before anything can be said.
        remaining_s: an estimate, more than 0 while it runs and 0 once it has ended; None when nothing can be said.
        elapsed_s: for how long it has been running, the time before this wait (`age_s`) included.
    """

    done: int
    total: int | None
    percent: float | None
    rate_per_s: float | None
    remaining_s: float | None
    elapsed_s: float


ProgressObserver = Callable[[Progress], None]


def silent(progress: Progress) -> None:
    """Observe nothing."""


def combine(*observers: ProgressObserver) -> ProgressObserver:
    """Return an observer that tells all of `observers`, in this order."""

    def tell_all(progress: Progress) -> None:
        for observer in observers:
            observer(progress)

    return tell_all


@dataclass(frozen=True, slots=True)
class Waited(Generic[T]):
    """How a wait went.

    Attributes:
        last: what the last look returned.
        ended: False when the deadline came first.
        progress: as of the last look.
        looks: how many looks were answered.
    """

    last: T
    ended: bool
    progress: Progress
    looks: int


@dataclass(frozen=True, slots=True)
class Forecast:
    """What the progress seen so far says about the end. The defaults say nothing.

    Attributes:
        earliest_s: the end cannot plausibly come within these seconds.
        expected_s: it comes in these seconds when all goes on as before; None when nothing can be said.
        watched_s: for how long progress has been watched: as far ahead the forecast is trusted. A slow first second
            then does not stand for the rest.
    """

    earliest_s: float = 0.0
    expected_s: float | None = None
    watched_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Pace:
    """How the next look is planned: the module's docstring has the rules, here are their numbers.

    Attributes:
        first_s: the first interval and the least, so that what is over at once is seen at once. The intervals then
            double until they reach `late_s`: two looks more than a poll at that interval, and far from the rate limit.
        late_s: what the end of a short task may be seen late by; a person does not notice it.
        late_share: what the end of a longer task may be seen late by, as a share of its duration.
        longest_s: no interval is longer, however old the task: nobody waits longer for news.
        speed_margin: a task is taken to speed up to this many times the fastest speed seen. Higher costs a look or two
            before the end, lower makes late what only gathers speed.
        total_margin: this share of the expected events may be missing at the end. At ten minutes, 2 % more cost a look.
        aim_margin: the look for the expected end comes this share later than it (plus `first_s`), because a look just
            before the end is wasted.
        answer_s: the last look starts this long before the deadline, so that it can be answered within it.
    """

    first_s: float = 0.5
    late_s: float = 2.0
    late_share: float = 0.02
    longest_s: float = 30.0
    speed_margin: float = 2.0
    total_margin: float = 0.03
    aim_margin: float = 0.05
    answer_s: float = 1.0

    def allowed_s(self, age_s: float) -> float:
        """Return how late the end of a task of this age may be seen."""
        return max(self.late_s, self.late_share * age_s)

    def blind_s(self, age_s: float) -> float:
        """Return the interval at this age when nothing is known of the end."""
        quick_s = min(self.first_s + age_s, self.late_s)
        return min(max(quick_s, self.late_share * age_s), self.longest_s)

    def next_look_s(self, age_s: float, forecast: Forecast) -> float:
        """Return the seconds until the next look.

        Args:
            age_s: for how long the task has been running.
            forecast: what is known of its end.
        """
        interval_s = self.blind_s(age_s)
        # An end that may be nearer than that gains little, and the speed of a burst between two looks is measured low.
        if forecast.earliest_s >= self.allowed_s(age_s):
            in_time_s = forecast.earliest_s + self.allowed_s(age_s + forecast.earliest_s)
            interval_s = max(interval_s, min(in_time_s, forecast.watched_s, self.longest_s))
        if forecast.expected_s is None:
            return interval_s
        # When one look or two will do, the last one meets the end. Never below a third of the interval: at its last
        # events a task can hang, and would seem about to end at every look.
        aim_s = forecast.expected_s * (1 + self.aim_margin) + self.first_s
        aim_s = aim_s if aim_s <= interval_s else aim_s / 2
        return aim_s if max(interval_s / 3, self.late_s) <= aim_s <= interval_s else interval_s


DEFAULT_PACE = Pace()


class _History:
    """The looks so far, as far as a rate and a forecast need them.

    Args:
        age_s: for how long the task had been running when the wait began; if it had, it began with 0 events.
    """

    def __init__(self, age_s: float) -> None:
        self._age_s = 0.0
        self._seen = Observation(ended=False) if age_s > 0 else None
        self._moving_since_s: float | None = None
        self._fastest_per_s = 0.0
        self._recent_events = self._recent_s = 0.0

    def add(self, seen: Observation, *, age_s: float) -> None:
        """Take in what was seen at this age."""
        # Some services say -1 for what they do not know.
        total = seen.total if seen.total and seen.total > 0 else None
        seen = Observation(ended=seen.ended, done=max(0, seen.done), total=total)
        before, passed_s = self._seen, age_s - self._age_s
        self._seen, self._age_s = seen, age_s
        # A step back is a new beginning: it says nothing about the speed, and what is known of it stays.
        if before is None or passed_s <= 0 or seen.done < before.done:
            return
        events = seen.done - before.done
        kept = math.exp(-passed_s / max(_SHORTEST_MEMORY_S, _MEMORY_SHARE * age_s))
        self._recent_events = self._recent_events * kept + events
        self._recent_s = self._recent_s * kept + passed_s
        self._fastest_per_s = max(self._fastest_per_s, events / passed_s)
        if events and self._moving_since_s is None:
            self._moving_since_s = age_s

    def forecast(self, pace: Pace) -> Forecast:
        seen = self._seen
        if seen is None or not seen.total or self._moving_since_s is None:
            return Forecast()
        sure_s = (seen.total * (1 - pace.total_margin) - seen.done) / (pace.speed_margin * self._fastest_per_s)
        return Forecast(
            earliest_s=max(0.0, sure_s),
            expected_s=self._remaining_s(seen),
            watched_s=self._age_s - self._moving_since_s,
        )

    def progress(self) -> Progress:
        seen = self._seen or Observation(ended=False)
        return Progress(
            done=seen.done,
            total=seen.total,
            percent=min(100.0, 100.0 * seen.done / seen.total) if seen.total else None,
            rate_per_s=self._rate_per_s(),
            remaining_s=0.0 if seen.ended else self._remaining_s(seen),
            elapsed_s=self._age_s,
        )

    def _rate_per_s(self) -> float | None:
        return self._recent_events / self._recent_s if self._recent_s > 0 else None

    def _remaining_s(self, seen: Observation) -> float | None:
        rate_per_s, left = self._rate_per_s(), (seen.total or 0) - seen.done
        if not rate_per_s or left <= 0:
            return None
        remaining_s = left / rate_per_s
        return remaining_s if remaining_s <= _LONGEST_ESTIMATE_S else None


def wait_for(
    look: Callable[[], T],
    observe: Callable[[T], Observation],
    *,
    deadline: Deadline,
    age_s: float = 0.0,
    on_progress: ProgressObserver = silent,
    pace: Pace = DEFAULT_PACE,
) -> Waited[T]:
    """Look until it has ended or the deadline comes, and return what was seen last.

    Args:
        look: makes one request, under the same deadline. Its retries are its own; what it raises passes through, but a
            DeadlineExceeded after an earlier look was answered: that is how a wait ends, and the caller needs `last`.
        observe: reads what `look` returned.
        deadline: when to give up. The last look starts `pace.answer_s` before it.
        age_s: for how long the thing had been running when this wait began (a step that is run again).
        on_progress: told after each look.
        pace: when to look again.

    Raises:
        DeadlineExceeded: not even the first look was answered in time.
    """
    clock = deadline.clock
    began_s = clock.monotonic() - age_s
    history = _History(age_s)
    waited: Waited[T] | None = None
    last_chance = False
    while True:
        asked_s = clock.monotonic()
        try:
            last = look()
        except DeadlineExceeded:
            if waited is None:
                raise
            return waited
        answered_s = clock.monotonic()
        seen = observe(last)
        history.add(seen, age_s=answered_s - began_s)
        waited = Waited(last, seen.ended, history.progress(), looks=waited.looks + 1 if waited else 1)
        on_progress(waited.progress)
        left_s = deadline.remaining_s()
        if waited.ended or last_chance or left_s <= 0:
            return waited
        interval_s = pace.next_look_s(answered_s - began_s, history.forecast(pace))
        # The answer may be as old as the question; but after long retries it is not, and the platform needs a rest.
        pause_s = max(interval_s / 2, interval_s - (answered_s - asked_s))
        longest_pause_s = left_s - min(pace.answer_s, left_s / 2)
        last_chance = pause_s >= longest_pause_s
        clock.sleep(min(pause_s, longest_pause_s))


class TenthsLog:
    """An observer that writes one sentence for every tenth of the way, and one at the end.

    While the total is unknown it writes one whenever the elapsed time has doubled, from 30 s on. Progress that goes
    back is not told again until it has passed where it was.

    Args:
        log: takes a sentence.
    """

    def __init__(self, log: Callable[[str], None]) -> None:
        self._log = log
        self._tenths_told = 0
        self._next_untold_s = 30.0

    def __call__(self, progress: Progress) -> None:
        if progress.remaining_s == 0:
            self._log(f"Ended after {in_words(progress.elapsed_s)}: {_how_far(progress)}.")
        elif progress.percent is None:
            if progress.elapsed_s >= self._next_untold_s:
                self._next_untold_s = 2 * progress.elapsed_s
                self._log(f"Running for {in_words(progress.elapsed_s)}: {_how_far(progress)}.")
        elif progress.percent >= 10 * (self._tenths_told + 1):
            self._tenths_told = int(progress.percent // 10)
            self._log(f"{_how_far(progress)}.")


def _how_far(progress: Progress) -> str:
    """Return "470,000 of 1,000,000 events (47 %), 5,200 a second, about 2 min left", as far as it is known."""
    if progress.total is not None and progress.percent is not None:
        parts = [f"{progress.done:,} of {progress.total:,} events ({math.floor(progress.percent)} %)"]
    else:
        parts = [f"{progress.done:,} events" if progress.done else "no events counted"]
    if progress.rate_per_s:
        rate = progress.rate_per_s
        parts.append(f"{rate:,.0f} a second" if rate >= 10 else f"{rate:.1f} a second")
    if progress.remaining_s:
        parts.append(f"about {in_words(progress.remaining_s)} left")
    return ", ".join(parts)
