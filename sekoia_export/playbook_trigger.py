"""The adapter to sekoia-automation-sdk for triggers: a process that runs for months and starts playbook runs.

What the SDK does not do: a failure is a sentence without a traceback and told once, not each minute; SIGTERM ends the
process within three seconds, whatever it waits for; secrets are not fetched, because nothing here needs them.
"""

from __future__ import annotations

import os
import signal
import threading
import time
from abc import abstractmethod
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Protocol, TypeVar

from requests import RequestException
from sekoia_automation.exceptions import SendEventError
from sekoia_automation.timer import RepeatedTimer
from sekoia_automation.trigger import Trigger

from sekoia_export.arguments.base import Arguments, read_arguments
from sekoia_export.clock import Clock, SystemClock
from sekoia_export.errors import DataStorageError, ExportError, StateCorrupt, UsageError
from sekoia_export.playbook import EventExportModule, data_storage_of, place_of, quiet_libraries
from sekoia_export.redaction import redact
from sekoia_export.results.base import Results
from sekoia_export.state import State

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from sekoia_automation.module import LogLevelStr, Module

A = TypeVar("A", bound=Arguments)
R = TypeVar("R", bound=Results)

_LONGEST_WAIT_S = 60.0  # a clock that was set, and the liveness probe, are seen to so often
_SAME_FAILURE_AGAIN_S = 3_600.0
_GRACE_S = 1.0  # of the three seconds; what is being sent is usually through by then


class Look(Protocol):
    """What one look at what is due did."""

    @property
    def told(self) -> Sequence[str]:
        """Return what happened, as sentences for the log; nothing where nothing happened."""

    @property
    def wait_s(self) -> float:
        """Return the seconds until there is something to do."""


class Watcher(Protocol):
    """What a trigger looks at again and again."""

    def look(self, *, running: Callable[[], bool]) -> Look:
        """Send what is due while `running` says so."""


class ExportTrigger(Trigger, Generic[A, R]):
    """A trigger of playbooks.

    A component names its configuration and its event, and makes what is looked at in `watcher`.

    Attributes:
        uuid: of the trigger, stored: playbooks refer to it.
        configuration_type: what its configuration holds.
        event_type: what it hands to each playbook run.
        after_failure_s: seconds until it looks again after it failed to.
    """

    uuid: ClassVar[str]
    configuration_type: ClassVar[type[Arguments]]
    event_type: ClassVar[type[Results]]
    after_failure_s: ClassVar[float] = 60.0

    last_heartbeat_threshold = 1_800
    """The SDK tries for 17 minutes to send an event, and no heart beats meanwhile."""

    def __init__(self, module: Module | None = None, data_path: Path | None = None) -> None:
        self._cut_short = False
        self._interruptible = False
        self._last_failure = ("", 0.0)
        super().__init__(module or EventExportModule(), data_path)
        self._logs_timer = LogsTimer(self.LOGS_MAX_DELTA, self._send_logs_to_api)
        quiet_libraries()

    @abstractmethod
    def watcher(
        self, state: State, clock: Clock, configuration: A, *, trigger: str, send: Callable[[str, R], None]
    ) -> Watcher:
        """Return what is looked at.

        Args:
            state: what is remembered between runs.
            clock: where time comes from.
            configuration: of the trigger.
            trigger: the same after a restart and after a change of the configuration; another for another playbook.
            send: starts a playbook run, with a name for it and its event.
        """

    def run(self) -> None:
        """Look at what is due until it is told to stop."""
        watcher: Watcher | None = None
        while self.running:
            self.heartbeat()
            wait_s = self.after_failure_s
            with self._failures_told():
                watcher = watcher or self._open()
                look = watcher.look(running=lambda: self.running)
                for sentence in look.told:
                    self.log(sentence, level="info")
                wait_s = min(look.wait_s, _LONGEST_WAIT_S)
                self._last_failure = ("", 0.0)
            self._stop_event.wait(wait_s)

    def execute(self) -> None:
        """Do what the SDK's own does, without its secrets, and end when told to."""
        try:
            self._interruptible = True
            self._logs_timer.start()
            try:
                self.run()
            finally:
                self._logs_timer.stop()
                if not self._cut_short:
                    self._send_logs_to_api()
        except _CutShort:
            pass
        finally:
            self._interruptible = False

    def stop(self, *args: Any, **kwargs: Any) -> None:
        """End the trigger in order, and when that takes too long, out of whatever it waits for.

        Args:
            args: signal and frame when it is a signal's handler.
            kwargs: nothing that is used.
        """
        first = self.running
        super().stop(*args, **kwargs)
        if not args:
            return
        if first:
            again = threading.Timer(_GRACE_S, os.kill, (os.getpid(), signal.SIGTERM))
            again.daemon = True
            again.start()
        elif self._interruptible:
            self._cut_short = True
            raise _CutShort

    def stop_monitoring(self) -> None:
        """Leave the SDK's two servers to the end of the process: stopping each would take half a second."""

    def log_exception(self, exception: Exception, **_: Any) -> None:
        """Tell that a request of the SDK failed; it tries again, and its text may hold anything."""
        what = "The playbook engine" if isinstance(exception, RequestException) else "The data storage"
        self.log(f"{what} did not answer as it should ({type(exception).__name__}).", level="warning")

    def _open(self) -> Watcher:
        configuration: Any = self._read_configuration()
        try:
            storage = data_storage_of(self.data_path)
        except Exception as failure:
            raise DataStorageError(f"The data storage cannot be used ({type(failure).__name__}).") from failure
        # A change of the trigger's configuration may give it another uuid; the playbook keeps its own.
        trigger = self.module.playbook_uuid or self.module.trigger_configuration_uuid or ""
        return self.watcher(State(storage), SystemClock(), configuration, trigger=trigger, send=self._send)

    def _read_configuration(self) -> Arguments:
        remedy = "Correct the trigger's configuration and start the playbook again."
        try:
            raw: Any = self.configuration
        except ValueError:
            raw = None
        if not isinstance(raw, dict):
            raise UsageError("The trigger's configuration is not a JSON object.", remedy)
        try:
            return read_arguments(self.configuration_type, raw)
        except UsageError as failure:
            raise UsageError(failure.cause, remedy) from None

    def _send(self, name: str, event: Results) -> None:
        self.send_event(name, event.model_dump(mode="json"))
        self.log(f"{name}: started.", level="info")

    @contextmanager
    def _failures_told(self) -> Iterator[None]:
        try:
            yield
        except (UsageError, StateCorrupt) as failure:
            self._tell(redact(str(failure)), "critical")
        except ExportError as failure:
            self._tell(redact(str(failure)), "error")
        except SendEventError as failure:
            self._tell(
                f"The playbook engine did not take an event (status {failure.status_code}). It is sent again.", "error"
            )
        except Exception as failure:  # noqa: BLE001 - a trigger runs on; what is unexpected is told, not its text
            self._tell(f"An unexpected {type(failure).__name__} happened in {place_of(failure)}.", "error")

    def _tell(self, failure: str, level: LogLevelStr) -> None:
        """Log a failure, the same one once an hour."""
        last, at_s = self._last_failure
        if failure != last or time.monotonic() - at_s >= _SAME_FAILURE_AGAIN_S:
            self._last_failure = (failure, time.monotonic())
            self.log(failure, level=level)


class _CutShort(BaseException):
    """The grace after SIGTERM is over. No Exception: what is waited for would swallow it."""


class LogsTimer(RepeatedTimer):
    """The SDK's timer that keeps no process alive, and survives that logs could not be sent."""

    def __init__(self, interval_s: float, function: Callable[[], object]) -> None:
        super().__init__(interval_s, function)

    def stop(self) -> None:
        super().stop()

    def start(self) -> None:
        if not self._stop.is_set() and not self.is_running:
            self._timer = threading.Timer(self.interval, self._run)
            self._timer.daemon = True
            self._timer.start()
            self.is_running = True

    def _run(self) -> None:
        try:
            super()._run()
        except RequestException:
            self.is_running = False
            self.start()
