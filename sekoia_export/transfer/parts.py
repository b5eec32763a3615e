"""Which bytes are there, which are on their way, which are still to be asked for: shared by all threads of a transfer.

::

    missing ──take──> on its way ──came, finish──> present
       ^                  │
       └───give_back──────┘   what of it came is present and stays so; only the rest is missing again

The threads meet here and nowhere else: fetchers take parts, the verifier waits for the object's start to grow, the
main thread waits for something to decide (`Course`).
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import TYPE_CHECKING

from sekoia_export.transfer.pace import SMALLEST_PART_BYTES
from sekoia_export.transfer.ranges import RangeSet, Span

if TYPE_CHECKING:
    from sekoia_export.clock import Clock
    from sekoia_export.errors import TransferFailed
    from sekoia_export.transfer.pace import Pace
    from sekoia_export.transfer.patience import Patience
    from sekoia_export.transfer.source import ObjectAnswer

_NAP_S = 0.2


class Course(Enum):
    """What a transfer is doing; see `_COURSES` for what may follow what."""

    FETCHING = auto()
    LINK_DIED = auto()
    """No part is handed out until the link was read anew."""
    SOUND = auto()
    """All bytes are there and verified."""
    FAILED = auto()
    STOPPED = auto()


_COURSES: dict[Course, set[Course]] = {
    Course.FETCHING: {Course.LINK_DIED, Course.SOUND, Course.FAILED, Course.STOPPED},
    Course.LINK_DIED: {Course.FETCHING, Course.FAILED, Course.STOPPED},
    Course.SOUND: {Course.STOPPED},
    Course.FAILED: {Course.STOPPED},
    Course.STOPPED: set(),
}


@dataclass(slots=True, eq=False)
class Part:
    """A range that one fetcher brings over one connection.

    Attributes:
        end: None where the object's size is not known.
        position: offset of the next byte.
        failures: times in a row that it broke without a byte.
        generation: of the link that it is asked for with.
        asked_at, moved_at: the clock's seconds when it was asked for, and when bytes came last.
        answer: what is being read, once there is one.
        was_cut: that its connection was cut for being slow or stuck.
    """

    start: int
    end: int | None
    position: int
    failures: int = 0
    generation: int = 0
    asked_at: float = 0.0
    moved_at: float = 0.0
    answer: ObjectAnswer | None = None
    was_cut: bool = False


@dataclass(slots=True)
class _Gap:
    start: int
    end: int | None
    failures: int = 0
    not_before: float = 0.0


@dataclass(slots=True)
class _Counts:
    retries: int = 0
    on_the_way: set[Part] = field(default_factory=set)


class Parts:
    """The parts of one object.

    Args:
        size_bytes: the object's size, None where it is not known.
        present: what is there from an earlier run.
        ranges: whether parts can be asked for; without, the object comes in one stream from its first byte.
        window_bytes: how far beyond what was verified may be fetched; None for no such limit.
    """

    def __init__(
        self,
        size_bytes: int | None,
        *,
        present: RangeSet,
        ranges: bool,
        pace: Pace,
        patience: Patience,
        clock: Clock,
        window_bytes: int | None = None,
    ) -> None:
        self.size_bytes = size_bytes
        self.ranges = ranges and size_bytes is not None
        self._present = present
        self._pace = pace
        self._patience = patience
        self._clock = clock
        self._window_bytes = window_bytes
        self._verified = 0
        self._lock = threading.Lock()
        self._free = threading.Condition(self._lock)  # for fetchers: there may be a part to take
        self._room = threading.Condition(self._lock)  # for fetchers: the window may have room for what came
        self._grown = threading.Condition(self._lock)  # for the verifier: the object's start is longer
        self._decided = threading.Condition(self._lock)  # for the main thread: the course is another
        self._course = Course.FETCHING
        self._error: BaseException | None = None
        self._counts = _Counts()
        if size_bytes is None:
            self._gaps = [_Gap(present.prefix_end(), None)]
        else:
            self._gaps = [_Gap(gap.start, gap.end) for gap in present.gaps(size_bytes)]

    # For fetchers

    def take(self) -> Part | None:
        """Return the next part to fetch, waiting for one; None when there is nothing left to do."""
        while True:
            with self._lock:
                if self._course in {Course.SOUND, Course.FAILED, Course.STOPPED} or self._whole():
                    return None
                now = self._clock.monotonic()
                part = self._next(now) if self._course is Course.FETCHING else None
                if part is not None:
                    return part
                pauses = [gap.not_before - now for gap in self._gaps if gap.not_before > now]
                if self._course is not Course.FETCHING or not pauses or self._crowded():
                    self._free.wait(_NAP_S)
                    continue
                pause_s = min(pauses)
            # In naps, so that an end of the transfer is noticed; on the clock, which is a simulated one in tests.
            self._clock.sleep(min(pause_s, _NAP_S))

    def begin(self, part: Part, answer: ObjectAnswer) -> bool:
        """Note that a part's answer is being read; False when the transfer has ended meanwhile."""
        with self._lock:
            part.answer = answer
            part.moved_at = self._clock.monotonic()
            self._pace.bytes_came(0, now=part.moved_at)
            return self._course not in {Course.FAILED, Course.STOPPED}

    def wait_for_room(self, part: Part) -> None:
        """Return when the next bytes of a part lie within the window; one stream can run ahead of it."""
        if self._window_bytes is None:
            return
        with self._lock:
            while part.position >= self._verified + self._window_bytes:
                if self.ended():
                    return
                self._pace.held_back()
                part.moved_at = self._clock.monotonic()
                self._room.wait(_NAP_S)

    def came(self, part: Part, size_bytes: int) -> None:
        """Note that the next bytes of a part were kept."""
        with self._lock:
            before = self._present.prefix_end()
            self._present.add(Span(part.position, part.position + size_bytes))
            part.position += size_bytes
            part.failures = 0
            part.moved_at = now = self._clock.monotonic()
            after = self._present.prefix_end()
            if self._window_bytes is not None and after - self._verified > self._window_bytes // 2:
                self._pace.held_back()
            elif self._pace.bytes_came(size_bytes, now=now):
                self._free.notify_all()
            if after != before:
                self._grown.notify()

    def finish(self, part: Part) -> None:
        """Note that a part has come whole (where no size is known: that the object has)."""
        with self._lock:
            self._counts.on_the_way.discard(part)
            if part.end is None:
                self.size_bytes = part.position
            self._pace.part_came(part.position - part.start, self._clock.monotonic() - part.asked_at)
            self._grown.notify()
            self._free.notify()  # for one more, where it is allowed: the fetcher itself takes the next part

    def give_back(self, part: Part, failure: TransferFailed) -> bool:
        """Have what is missing of a part asked for again, after a while; False when that was tried often enough."""
        with self._lock:
            self._counts.retries += 1
            cut_for_slowness = part.was_cut and part.position > part.start
            if cut_for_slowness:
                # Where the whole link became slow, the next parts are measured by that.
                self._pace.part_came(part.position - part.start, self._clock.monotonic() - part.asked_at)
            part.failures += 1
            if failure.busy:
                self._pace.storage_is_busy()
            exhausted = part.failures >= self._patience.attempts
            wait_s = 0.0 if cut_for_slowness or exhausted else self._patience.wait_s(part.failures, failure)
            if exhausted:
                part.failures = 0
            self._return(part, self._clock.monotonic() + wait_s)
            return not exhausted

    def one_stream(self) -> None:
        """Ask for no parts any more: the server sends the whole object whatever is asked for."""
        with self._lock:
            self.ranges = False

    def link_died(self, part: Part | None) -> None:
        """Hand out no parts until `link_renewed`."""
        with self._lock:
            if part is not None:
                self._return(part, 0.0)
            if self._course is Course.FETCHING:
                self._go(Course.LINK_DIED)

    # For the verifier

    def wait_beyond(self, offset: int) -> int | None:
        """Return up to which offset the object is there without a gap, once it is more than `offset` or all of it.

        None when the transfer has ended.
        """
        with self._lock:
            while not self.ended():
                prefix = self._present.prefix_end()
                if prefix > offset or self._whole():
                    return prefix
                self._grown.wait()
            return None

    def verified(self, offset: int) -> bool:
        """Note up to where the object was read; False when the transfer has ended and reading on is of no use."""
        with self._lock:
            self._verified = offset
            self._room.notify_all()
            if self._window_bytes is not None and self._next_end() is not None:
                self._free.notify()
            return not self.ended()

    # For all

    def ended(self) -> bool:
        return self._course in {Course.FAILED, Course.STOPPED}

    def sound(self) -> None:
        """Note that all is there and verified."""
        with self._lock:
            if self._course is Course.FETCHING:
                self._go(Course.SOUND)

    def fail(self, error: BaseException) -> None:
        """End the transfer with an error; the first one counts."""
        with self._lock:
            if self._course in {Course.FETCHING, Course.LINK_DIED}:
                self._error = error
                self._go(Course.FAILED)

    # For the main thread

    def wait(self, timeout_s: float) -> Course:
        """Return what the transfer is doing, waiting for something to decide for `timeout_s` of real time at most.

        Raises:
            what `fail` was told.
        """
        with self._lock:
            if self._course is Course.FETCHING:
                self._decided.wait(timeout_s)
            if self._course is Course.FAILED and self._error is not None:
                raise self._error
            return self._course

    def link_renewed(self) -> None:
        with self._lock:
            self._go(Course.FETCHING)

    def cut_laggards(self) -> None:
        """Cut the connections of parts that are stuck, or far slower than the others."""
        now, patience, usual = self._clock.monotonic(), self._patience, self._pace.rate_bytes_per_s
        with self._lock:
            for part in self._counts.on_the_way:
                age_s = now - part.asked_at
                rate = (part.position - part.start) / age_s if age_s > 0 else 0.0
                slow = usual is not None and age_s >= patience.slow_after_s and rate < usual * patience.slow_ratio
                stuck = now - part.moved_at >= patience.stuck_s
                if part.answer is not None and not part.was_cut and self.ranges and (slow or stuck):
                    part.was_cut = True
                    part.answer.cut()

    def stop(self) -> None:
        """Have all threads end: no part is handed out, connections are cut."""
        with self._lock:
            self._go(Course.STOPPED)
            for part in self._counts.on_the_way:
                if part.answer is not None:
                    part.answer.cut()

    def counts(self) -> tuple[int, int, int]:
        """Return the bytes that are there, the parts on their way, and the retries so far."""
        with self._lock:
            return self._present.size_bytes, len(self._counts.on_the_way), self._counts.retries

    def present(self) -> RangeSet:
        """Return what is there; for after `stop`, when no thread writes any more."""
        return self._present

    def useful_connections(self, most: int) -> int:
        """Return how many fetchers have something to do."""
        if not self.ranges:
            return 1
        missing = sum((gap.end or 0) - gap.start for gap in self._gaps)
        return min(most, -(-missing // SMALLEST_PART_BYTES))

    def _go(self, course: Course) -> None:
        if course not in _COURSES[self._course] and course is not self._course:
            raise AssertionError(f"{self._course} cannot become {course}")
        self._course = course
        for waiting in (self._free, self._room, self._grown, self._decided):
            waiting.notify_all()

    def _whole(self) -> bool:
        return self.size_bytes is not None and self._present.prefix_end() >= self.size_bytes

    def _crowded(self) -> bool:
        return len(self._counts.on_the_way) >= (self._pace.connections if self.ranges else 1)

    def _next(self, now: float) -> Part | None:
        if self._crowded():
            return None
        for index, gap in enumerate(self._gaps):
            if gap.not_before > now:
                if not self.ranges:
                    return None  # one stream takes all that is missing, from its start
                continue
            if self.ranges and gap.end is not None:
                end = self._end_of_part(gap.start, gap.end)
                if end is None:
                    self._pace.held_back()
                    return None
            else:
                end = self.size_bytes  # one stream goes on to the object's end, over what is there already
            part = Part(gap.start, end, gap.start, failures=gap.failures, asked_at=now, moved_at=now)
            if end == gap.end:
                del self._gaps[index]
            else:
                gap.start = end if end is not None else gap.start
            if not self.ranges:
                self._gaps.clear()
            self._counts.on_the_way.add(part)
            return part
        return None

    def _next_end(self) -> int | None:
        """Return where the next part would end, None where there is none or the window has no room for it."""
        gap = self._gaps[0] if self._gaps else None
        return None if gap is None or gap.end is None else self._end_of_part(gap.start, gap.end)

    def _end_of_part(self, start: int, end: int) -> int | None:
        """Return where a part that begins at `start` ends, None where the window has no room for it.

        A part is cut short by the window only to a half of it: a window that opens a little with everything that was
        verified would make as many parts as it opens times.
        """
        missing = sum((gap.end or 0) - gap.start for gap in self._gaps)
        end = min(end, start + self._pace.part_bytes(missing))
        if self._window_bytes is None:
            return end
        room_end = self._verified + self._window_bytes
        return min(end, room_end) if room_end - start >= min(end - start, self._window_bytes // 2) else None

    def _return(self, part: Part, not_before: float) -> None:
        self._counts.on_the_way.discard(part)
        if part.end is None or part.position < part.end:
            self._gaps.append(_Gap(part.position, part.end, part.failures, not_before))
            self._gaps.sort(key=lambda gap: gap.start)
        self._free.notify_all()
