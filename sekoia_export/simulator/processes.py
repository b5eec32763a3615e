"""How a node's process is started, and what the engine needs to know of it."""

from __future__ import annotations

import subprocess
from typing import IO, TYPE_CHECKING, Protocol, cast

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


class NodeProcess(Protocol):
    """A running process of a node; `subprocess.Popen` with pipes is one.

    Attributes:
        pid: of the process.
        stdout, stderr: what it prints, as text.
    """

    @property
    def pid(self) -> int: ...
    @property
    def stdout(self) -> IO[str]: ...
    @property
    def stderr(self) -> IO[str]: ...

    def poll(self) -> int | None:
        """Return the exit status, negative when a signal ended it; None while it runs."""

    def wait(self, timeout: float | None = None) -> int:
        """Return the exit status when it has ended.

        Raises:
            subprocess.TimeoutExpired: it still runs after `timeout` seconds.
        """

    def terminate(self) -> None:
        """Send SIGTERM; nothing when it has ended."""

    def kill(self) -> None:
        """Send SIGKILL; nothing when it has ended."""


class StartProcess(Protocol):
    """Starts the process of a node."""

    def __call__(self, command_line: Sequence[str], *, folder: Path, env: Mapping[str, str]) -> NodeProcess:
        """Start `command_line` in `folder` with the environment `env`, in a process group of its own.

        Its standard input is empty, its output is for the engine alone.

        Raises:
            OSError: it cannot be started.
        """


def start_process(command_line: Sequence[str], *, folder: Path, env: Mapping[str, str]) -> NodeProcess:
    """Start a node as the playbook engine does: a new interpreter, that has loaded nothing yet."""
    started = subprocess.Popen(  # noqa: S603 - the caller's own module
        command_line,
        cwd=folder,
        env=env,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        errors="replace",
        process_group=0,  # Ctrl-C in a terminal is for who runs the node; the engine stops it with SIGTERM
    )
    return cast(NodeProcess, started)  # with PIPE, stdout and stderr are there
