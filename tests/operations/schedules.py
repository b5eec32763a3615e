"""A trigger's schedule on a test's clock: processes that begin, look, are killed, and what they sent."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sekoia_export.arguments.base import read_arguments
from sekoia_export.arguments.schedule import ScheduleArguments
from sekoia_export.operations.scheduled import Look, Scheduler
from sekoia_export.state import State
from sekoia_export.times import read_moment
from sekoia_export.transfer.local_storage import LocalDataStorage
from tests.operations.bench import Killed

if TYPE_CHECKING:
    from collections.abc import Callable

    from sekoia_export.results.schedule import ScheduledWindow
    from tests.clock import ManualClock

PLAYBOOK = "0b1f6a0e-0000-4000-8000-000000000001"


class MemoryStorage(LocalDataStorage):
    """A data storage of state files alone, that waits for no disk.

    Attributes:
        files: by name.
    """

    def __init__(self) -> None:
        super().__init__(Path("/nowhere"))
        self.files: dict[str, bytes] = {}
        self._failure: BaseException | None = None
        self._writes_left = 0

    def read(self, name: str) -> bytes | None:
        return self.files.get(name)

    def write(self, name: str, data: bytes) -> None:
        if self._failure is not None and not self._writes_left:
            raise self._failure
        self._writes_left -= 1
        self.files[name] = data

    def fail(self, failure: BaseException | None, *, after: int = 0) -> None:
        """Let writes raise `failure`, once so many more have worked; None to let them work."""
        self._failure = failure
        self._writes_left = after


def moment(text: str) -> datetime:
    found = read_moment(text).absolute
    assert found is not None
    return found


def edges(window: ScheduledWindow) -> tuple[datetime, datetime]:
    return moment(window.earliest_time), moment(window.latest_time)


@dataclass
class Trigger:
    """A trigger through all its processes.

    Attributes:
        clock: of the machine.
        configuration: of the trigger; `configure` changes it, as an author does, which starts a new process.
        sent: every window, in the order of sending.
        on_send: called with each window before it counts as sent; may raise.
    """

    clock: ManualClock
    configuration: dict[str, Any]
    storage: MemoryStorage = field(default_factory=MemoryStorage)
    playbook: str = PLAYBOOK
    sent: list[ScheduledWindow] = field(default_factory=list)
    on_send: Callable[[ScheduledWindow], object] = lambda window: None
    _scheduler: Scheduler | None = None

    def look(self, **options: Any) -> Look:
        """Look once, in a new process when the last one is gone."""
        if self._scheduler is None:
            arguments = read_arguments(ScheduleArguments, {"query": "*", **self.configuration})
            self._scheduler = Scheduler(
                State(self.storage), self.clock, arguments, trigger=self.playbook, send=self._send
            )
        return self._scheduler.look(**options)

    def restart(self) -> None:
        self._scheduler = None

    def configure(self, **values: Any) -> None:
        self.configuration = {**self.configuration, **values}
        self.restart()

    def run(self, duration: timedelta, *, longest_wait_s: float = 60) -> list[ScheduledWindow]:
        """Look again and again for as long, as the trigger does, and return what was sent meanwhile."""
        before, end_s = len(self.sent), self.clock.monotonic() + duration.total_seconds()
        while self.clock.monotonic() <= end_s:
            wait_s = min(self.look().wait_s, longest_wait_s)
            self.clock.advance(max(1.0, min(wait_s, end_s - self.clock.monotonic() + 1)))
        return self.sent[before:]

    def periods(self) -> list[str]:
        """Return what was sent as short text: "01T12-01T13"."""
        return [f"{window.earliest_time[8:13]}-{window.latest_time[8:13]}" for window in self.sent]

    def _send(self, name: str, window: ScheduledWindow) -> None:
        assert window.earliest_time in name
        self.on_send(window)
        self.sent.append(window)


def at(day: int, hour: int = 0, minute: int = 0) -> datetime:
    """Return a moment of January 2026, where the manual clock begins on the 15th, a Thursday, at noon."""
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


def kill(*_: object) -> None:
    raise Killed
