"""Starts nodes from a process that has already imported the SDK: 0.05 s a node instead of 0.6 s.

A node is a process of its own all the same (tests/warm/parent.py). Where a node's start is what a test shows, it is
started cold, as the playbook engine does it: `start_process`.
"""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from sekoia_export.simulator import NodeProcess, start_process

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

LIBRARIES = (
    "sekoia_automation.account_validator",
    "sekoia_automation.action",
    "sekoia_automation.module",
    "sekoia_automation.trigger",
)
"""What importing main.py costs: the SDK, and with it requests, pydantic, boto3 and Flask."""

_INHERITED = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH")
# What the interpreter and the libraries under it read when they start, beside what the parent says that was read.
_READ_AT_START = ("PYTHON", "LC_", "LANG", "LD_", "MALLOC_", "OPENSSL_", "SSL_")
_LONGEST_REQUEST_BYTES = 100_000  # Linux takes 128 KiB in one variable, and a socket somewhat more
_LONGEST_POLL_MS = 2**31 - 1
_GONE = "The process that starts nodes has ended."


class WarmNode:
    """A node that was forked; see NodeProcess."""

    def __init__(self, *, pid: int, handle: int, answers: socket.socket, stdout: IO[str], stderr: IO[str]) -> None:
        self.pid = pid
        self.stdout = stdout
        self.stderr = stderr
        self._handle = handle
        self._answers = answers
        self._exit_status: int | None = None
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        return self._ended(0.0)

    def wait(self, timeout: float | None = None) -> int:
        if (exit_status := self._ended(timeout)) is None:
            raise subprocess.TimeoutExpired(f"node {self.pid}", timeout or 0.0)
        return exit_status

    def terminate(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        self._send(signal.SIGKILL)

    def close(self) -> None:
        """Let go of the process; it goes on."""
        if self._handle >= 0:
            self._answers.close()
            os.close(self._handle)
            self._handle = -1

    def _ended(self, timeout_s: float | None) -> int | None:
        with self._lock:
            if self._exit_status is not None:
                return self._exit_status
            waiting = self._answers.dup()
        with waiting:  # outside of the lock: others may ask, and send signals, meanwhile
            poll = select.poll()
            poll.register(waiting, select.POLLIN)
            if not poll.poll(None if timeout_s is None else min(max(timeout_s, 0.0) * 1000, _LONGEST_POLL_MS)):
                return None
        with self._lock:
            if self._exit_status is None:
                answer = self._answers.recv(64)
                if not answer:
                    raise ChildProcessError(_GONE)
                self._exit_status = int(answer)
                self.close()
            return self._exit_status

    def _send(self, number: signal.Signals) -> None:
        with self._lock:
            if self._exit_status is None:
                try:
                    signal.pidfd_send_signal(self._handle, number)
                except ProcessLookupError:
                    return  # it has ended, and its status is on the way


class WarmStarter:
    """Starts nodes warm, as `start` of an Engine; its parent process runs while the `with` does."""

    def __init__(self, libraries: Sequence[str] = LIBRARIES) -> None:
        self._libraries = libraries
        self._lock = threading.Lock()
        self._read: set[str] | None = None

    def __enter__(self) -> Self:
        self._requests, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        inherited = {name: value for name, value in os.environ.items() if name in _INHERITED or name.startswith("LC_")}
        self._env = {**inherited, "PYTHONUNBUFFERED": "1"}
        with theirs:
            self._parent = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("parent.py")), str(theirs.fileno()), *self._libraries],
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                process_group=0,
            )
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._requests.close()
        self._parent.wait()

    def starts_warm(self, command_line: Sequence[str], env: Mapping[str, str]) -> bool:
        """Return whether a node like this can be forked: the same interpreter, with nothing else to read at its start.

        Raises:
            ChildProcessError: the parent has ended.
        """
        with self._lock:
            if self._read is None:
                if not (said := self._requests.recv(1 << 16)):
                    raise ChildProcessError(_GONE)
                self._read = set(json.loads(said))
        names = {name for name in {*env, *self._env} if name in self._read or name.startswith(_READ_AT_START)}
        return (
            command_line[0] == sys.executable
            and command_line[1].endswith(".py")
            and all(env.get(name) == self._env.get(name) for name in names)
        )

    def __call__(self, command_line: Sequence[str], *, folder: Path, env: Mapping[str, str]) -> NodeProcess:
        """Start a node, see StartProcess."""
        request = json.dumps({"command_line": list(command_line), "folder": str(folder), "env": dict(env)}).encode()
        if (
            len(request) > _LONGEST_REQUEST_BYTES
            or not (folder / command_line[1]).is_file()
            or not self.starts_warm(command_line, env)
        ):
            return start_process(command_line, folder=folder, env=env)
        answers, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        (stdout, their_stdout), (stderr, their_stderr) = os.pipe(), os.pipe()
        try:
            with self._lock:
                socket.send_fds(self._requests, [request], [their_stdout, their_stderr, theirs.fileno()])
            theirs.close()
            data, handles, _, _ = socket.recv_fds(answers, 64, 1)
            if not data:
                raise ChildProcessError(_GONE)
        except OSError:
            answers.close()
            os.close(stdout)
            os.close(stderr)
            raise
        finally:
            theirs.close()
            os.close(their_stdout)
            os.close(their_stderr)
        return WarmNode(
            pid=int(data),
            handle=handles[0],
            answers=answers,
            stdout=os.fdopen(stdout, encoding="utf-8", errors="replace"),
            stderr=os.fdopen(stderr, encoding="utf-8", errors="replace"),
        )
