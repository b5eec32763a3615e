"""A node of a playbook while it runs, and what became of it."""

from __future__ import annotations

import re
import subprocess
import threading
import time
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, Any, Self

from sekoia_export.errors import DeadlineExceeded

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from sekoia_export.simulator.callback import Report
    from sekoia_export.simulator.processes import StartProcess

_READERS_END_S = 10.0
# As sekoia-automation-sdk formats what nodes log: date, time, logger, level, message.
_LOG_LINE = re.compile(r"^\S+ \S+ - [^-]+ - [A-Z]+ - (?P<message>.*)$")


def message_of(line: str) -> str:
    """Return what a line that a node printed says, without the time and level of a log line."""
    found = _LOG_LINE.match(line)
    return found["message"] if found else line


@dataclass(frozen=True, slots=True)
class NodeRun:
    """What became of a node.

    Attributes:
        arguments: as the node got them, rendered.
        status: the last that it said: "pending" (nothing), "running", "finished".
        results, error, logs, outputs: as it reported them.
        exit_status: of the process; negative when a signal ended it.
        secrets_sent: whether it was given the secrets.
    """

    node: int
    command: str
    arguments: dict[str, Any]
    status: str
    results: Any
    error: str | None
    logs: str | None
    outputs: dict[str, bool]
    exit_status: int
    stdout: str
    stderr: str
    duration_s: float
    secrets_sent: bool
    events: list[dict[str, Any]] = field(default_factory=list)

    @property
    def succeeded(self) -> bool:
        """Return whether it finished without an error."""
        return self.status == "finished" and self.error is None

    @property
    def branches(self) -> list[str]:
        """Return the branches that it activated."""
        return [name for name, active in self.outputs.items() if active]

    @property
    def branch(self) -> str | None:
        """Return the one branch that it activated; None when it was none or several."""
        return self.branches[0] if len(self.branches) == 1 else None


class StartedNode:
    """A running process of a node.

    Attributes:
        pid: of the process.
        report: what it has said to the callback so far.
    """

    def __init__(
        self,
        command_line: Sequence[str],
        *,
        folder: Path,
        env: Mapping[str, str],
        number: int,
        arguments: dict[str, Any],
        report: Report,
        start: StartProcess,
        on_output: Callable[[str], object] | None,
        on_end: Callable[[NodeRun], object],
    ) -> None:
        self.number = number
        self.arguments = arguments
        self.report = report
        self._on_output = on_output
        self._on_end = on_end
        self._lines: dict[str, list[str]] = {"stdout": [], "stderr": []}
        self._changed = threading.Condition()
        self._open_streams = 2
        self._run: NodeRun | None = None
        self._started_s = time.monotonic()
        self._process = start(command_line, folder=folder, env=env)
        self.pid = self._process.pid
        streams = (("stdout", self._process.stdout), ("stderr", self._process.stderr))
        self._readers = [threading.Thread(target=self._read, args=stream) for stream in streams]
        for reader in self._readers:
            reader.start()

    def terminate(self) -> None:
        """Send SIGTERM, as the engine does to a node that it stops; nothing when it has ended."""
        self._process.terminate()

    def kill(self) -> None:
        """Send SIGKILL, as a container that runs out of memory gets it."""
        self._process.kill()

    def poll(self) -> int | None:
        """Return the exit status, None while it runs."""
        return self._process.poll()

    def output(self) -> str:
        """Return what it has printed so far, standard output and then standard error."""
        with self._changed:
            return "".join(self._lines["stdout"] + self._lines["stderr"])

    def wait_for_output(self, pattern: str, timeout_s: float = 60.0) -> str:
        """Return the first line that matches the regular expression, as soon as it is printed.

        Raises:
            DeadlineExceeded: it was not printed in time, or the node has ended without.
        """
        end_s = time.monotonic() + timeout_s
        with self._changed:
            while True:
                lines = self._lines["stdout"] + self._lines["stderr"]
                if (found := next((line for line in lines if re.search(pattern, line)), None)) is not None:
                    return found.rstrip("\n")
                left_s = end_s - time.monotonic()
                if left_s <= 0 or self._open_streams == 0:
                    raise DeadlineExceeded(f"The node {self.number} ({self.report.command}) did not print {pattern}.")
                self._changed.wait(left_s)

    def wait(self, timeout_s: float = 300.0) -> NodeRun:
        """Return what became of it, when it has ended.

        Raises:
            DeadlineExceeded: it still runs after `timeout_s`; it goes on running.
        """
        if self._run is None:
            try:
                exit_status = self._process.wait(timeout_s)
            except subprocess.TimeoutExpired as late:
                raise DeadlineExceeded(
                    f"The node {self.number} ({self.report.command}) still ran after {timeout_s:g} seconds."
                ) from late
            self._run = self._ended(exit_status)
            self._on_end(self._run)
        return self._run

    def close(self) -> None:
        """Kill it when it still runs, and let go of its output."""
        if self._process.poll() is None:
            self._process.kill()
        self.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def _ended(self, exit_status: int) -> NodeRun:
        for reader in self._readers:
            reader.join(_READERS_END_S)
        report = self.report
        return NodeRun(
            node=self.number,
            command=report.command,
            arguments=self.arguments,
            status=report.status,
            results=report.results,
            error=report.error,
            logs=report.logs,
            outputs=report.outputs,
            exit_status=exit_status,
            stdout="".join(self._lines["stdout"]),
            stderr="".join(self._lines["stderr"]),
            duration_s=time.monotonic() - self._started_s,
            secrets_sent=report.secrets_sent,
            events=report.events,
        )

    def _read(self, name: str, stream: IO[str]) -> None:
        with stream:
            for line in stream:
                with self._changed:
                    self._lines[name].append(line)
                    self._changed.notify_all()
                    if self._on_output is not None:
                        self._on_output(line.rstrip("\n"))
        with self._changed:
            self._open_streams -= 1
            self._changed.notify_all()
