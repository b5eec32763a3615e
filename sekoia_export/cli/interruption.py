"""Ctrl-C, SIGTERM and a closed terminal: the first ends the work in order, a second one ends the process at once.

Nothing is lost either way: what is remembered is written before and after each thing that is to be done once, in one
move. Only the threads of a transfer, and what is said, need the time that the first one gives.
"""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType, TracebackType

    from sekoia_export.cli.exit_status import ExitStatus
    from sekoia_export.cli.terminal import Terminal

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Stopped(BaseException):
    """A signal came. No Exception: a library that catches those would swallow it."""


class Interruption:
    """While it is entered, the first signal raises Stopped in the main thread, and a second one ends the process.

    A signal that the process was started to ignore (`nohup`, a shell's background) stays ignored.

    Args:
        status: with which the process ends at the second signal.
        tell: says what goes on and how to go on with it.
        stopping: told of the first signal, before Stopped is raised.
        terminal: where it is said. Nothing is written to one that was closed.
    """

    def __init__(
        self, *, status: ExitStatus, tell: Callable[[], None], stopping: Callable[[], None], terminal: Terminal
    ) -> None:
        self._status = status
        self._tell = tell
        self._stopping = stopping
        self._came = False
        self._told = False
        self._before: dict[signal.Signals, object] = {}
        self._terminal = terminal
        streams = terminal.streams
        self._terminals = [stream for stream in (streams.stdout, streams.stderr) if stream.isatty()]

    def lost_terminal(self) -> bool:
        """Return whether the terminal was closed; what is written from now on then goes nowhere instead of failing."""
        closed = [stream for stream in self._terminals if not stream.isatty()]
        for stream in closed:
            with suppress(OSError):
                nowhere = os.open(os.devnull, os.O_WRONLY)
                os.dup2(nowhere, stream.fileno())
                os.close(nowhere)
        return bool(closed)

    def tell_once(self) -> None:
        """Say what goes on, if that was not said to its end yet: a second signal can come in the middle of it."""
        if not self._told:
            with suppress(OSError):
                self._tell()
            self._told = True

    def __enter__(self) -> Self:
        for number in _SIGNALS:
            if signal.getsignal(number) is not signal.SIG_IGN:
                self._before[number] = signal.signal(number, self._handle)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._came:
            return  # the process is about to end, and a second signal is to end it quietly up to the last moment
        for number, before in self._before.items():
            signal.signal(number, before)  # type: ignore[arg-type]  # what signal.signal returned

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.lost_terminal()
        if not self._came:
            self._came = True
            self._stopping()
            raise Stopped
        try:
            self._terminal.abandon()
            self.tell_once()
        finally:
            os._exit(self._status)
