"""Schedule: windows that are due are sent, each once, and what was sent is written down.

::

    written down that it is being sent -> sent -> written down that it was
                                       `-- a crash here, and this one window is sent again, with the same window_id

An export of it is then taken up (`reuse`: same query, same absolute period), so the repeat costs nothing. What is being
sent is kept because the schedule may be changed before it goes on: another window in its place would overlap it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from sekoia_export.clock import SteadyClock
from sekoia_export.errors import ConfigurationError
from sekoia_export.results.schedule import ScheduledWindow
from sekoia_export.schedule import A_MONDAY, Span, next_window, with_covered
from sekoia_export.state import ScheduleRecord, fingerprint
from sekoia_export.times import format_moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from sekoia_export.arguments.schedule import ScheduleArguments
    from sekoia_export.clock import Clock
    from sekoia_export.state import State

_WINDOWS = UUID("7dc4a2dd-9409-40bb-ae01-157ad93484cd")  # the namespace of their ids, for good
_NO_EARLIER = datetime(2025, 1, 1, tzinfo=UTC)  # a clock that says so was never set


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at the schedule did.

    Attributes:
        sent: the windows that were sent.
        next_due: when the next window is due; not after now while more are due than may be sent at once.
        wait_s: seconds until there is something to do.
        told: what happened, as sentences for a log.
    """

    sent: list[ScheduledWindow]
    next_due: datetime
    wait_s: float
    told: list[str]


class Scheduler:
    """The schedule of one trigger.

    Args:
        state: where it is written down what was sent.
        clock: where time comes from.
        arguments: what is to be exported, and how often.
        trigger: what tells this trigger from others; the same after a restart and after a change of its arguments.
        send: starts the playbook run of a window, with a name for it. What it raises passes through, and the window is
            sent again.

    Raises:
        StateCorrupt: what was written down cannot be read.
        ConfigurationError: the machine's clock cannot be right.
    """

    def __init__(
        self,
        state: State,
        clock: Clock,
        arguments: ScheduleArguments,
        *,
        trigger: str,
        send: Callable[[str, ScheduledWindow], object],
    ) -> None:
        self._state = state
        self._clock = SteadyClock(clock)
        self._arguments = arguments
        self._start = arguments.start
        self._trigger = trigger
        self._send = send
        self._name = fingerprint("schedule", trigger)
        self._record = self._begun()
        self._is_written = True
        self._has_looked = False
        self._free_at_s = self._clock.monotonic() + self._pause_left_s()

    def look(self, *, running: Callable[[], bool] = lambda: True) -> Look:
        """Send the windows that are due, `max_catch_up` at most, and tell what comes next.

        Args:
            running: asked before each window; when it says no, nothing more is sent.

        Raises:
            DataStorageError: it cannot be written down what was sent; nothing more is sent until it is.
        """
        if not self._is_written:
            self._write()
        sent: list[ScheduledWindow] = []
        while len(sent) < self._arguments.max_catch_up and running() and self._wait_s() <= 0:
            window = self._next()
            event = self._event(window)
            self._keep({"sending": (window.start, window.end)})
            self._send(_name(event), event)
            sent.append(event)
            if len(sent) == self._arguments.max_catch_up:
                self._free_at_s = self._clock.monotonic() + self._arguments.catch_up_pause
            self._note(window)
        next_due, wait_s = self._due_at(self._next()), max(0.0, self._wait_s())
        told = self._told(next_due, wait_s) if sent or not self._has_looked else []
        self._has_looked = True
        return Look(sent, next_due, wait_s, told)

    def _told(self, next_due: datetime, wait_s: float) -> list[str]:
        if next_due <= self._clock.now():
            return [f"More windows are due; the next ones are started in {wait_s:.0f} s."]
        return [f"The next window is due at {format_moment(next_due)}."]

    def _begun(self) -> ScheduleRecord:
        """Return the record of an earlier process, or begin one with the period that is running now."""
        now = self._clock.now()
        if now < _NO_EARLIER:
            raise ConfigurationError(
                f"The clock of this machine says {format_moment(now)}, which cannot be right.",
                "Set the clock: windows are due by it.",
            )
        record = self._state.read(ScheduleRecord, self._name)
        if record is None:
            record = ScheduleRecord(start=self._arguments.every.running_since(now))
            self._state.write(record, self._name)
        return record

    def _pause_left_s(self) -> float:
        """Return for how long an earlier process would still pause: restarts must not start more windows at once."""
        if self._record.sent_at is None:
            return 0.0
        since_s = (self._clock.now() - self._record.sent_at).total_seconds()
        return self._arguments.catch_up_pause - since_s if 0 <= since_s < self._arguments.catch_up_pause else 0.0

    def _next(self) -> Span:
        if self._record.sending is not None:
            return Span(*self._record.sending)
        covered = [Span(*edges) for edges in self._record.covered]
        begun = covered[-1].end if covered else self._record.start
        return next_window(
            covered,
            start=self._start or begun,
            every=self._arguments.every,
            grid=self._start or A_MONDAY,
        )

    def _due_at(self, window: Span) -> datetime:
        return window.end + timedelta(seconds=self._arguments.settle)

    def _wait_s(self) -> float:
        """Return the seconds until the next window may be sent; 0 or less when it may be now."""
        until_due_s = (self._due_at(self._next()) - self._clock.now()).total_seconds()
        return max(until_due_s, self._free_at_s - self._clock.monotonic())

    def _event(self, window: Span) -> ScheduledWindow:
        arguments = self._arguments
        communities = sorted(str(uuid) for uuid in arguments.community_uuids or ())
        period = [format_moment(window.start), format_moment(window.end)]
        what = [arguments.query, sorted(arguments.all_fields), communities]
        return ScheduledWindow(
            window_id=str(uuid5(_WINDOWS, fingerprint(self._trigger, what, period))),
            query=arguments.query,
            earliest_time=period[0],
            latest_time=period[1],
            fields=arguments.all_fields,
            community_uuids=communities,
            every=arguments.every,
            due_at=format_moment(self._due_at(window)),
        )

    def _note(self, window: Span) -> None:
        """Remember that the window was sent, also while it cannot be written down."""
        covered = with_covered([Span(*edges) for edges in self._record.covered], window)
        edges = [(span.start, span.end) for span in covered]
        self._keep({"covered": edges, "sending": None, "sent_at": self._clock.now()})

    def _keep(self, changes: dict[str, Any]) -> None:
        self._record = self._record.model_copy(update=changes)
        self._is_written = False
        self._write()

    def _write(self) -> None:
        self._state.write(self._record, self._name)
        self._is_written = True


def _name(event: ScheduledWindow) -> str:
    return f"Export of {event.earliest_time} to {event.latest_time}"
