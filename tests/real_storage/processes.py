"""Server processes of the tests: started with a log, waited for, stopped by their own pid."""

from __future__ import annotations

import contextlib
import socket
import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

HOST = "127.0.0.1"
_POLL_S = 0.05


@contextlib.contextmanager
def running(
    command: Sequence[str | Path], *, log: Path, env: Mapping[str, str], grace_s: float
) -> Iterator[subprocess.Popen[bytes]]:
    """Start a process in the folder of its log, and stop it at the end.

    Args:
        command: the command line.
        log: takes what it prints.
        env: its environment.
        grace_s: how long it may take to end after SIGTERM before it is killed; its data is thrown away in any case.
    """
    with log.open("ab") as output:
        process = subprocess.Popen(
            command, cwd=log.parent, env=env, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(grace_s)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_port(port: int, process: subprocess.Popen[bytes], *, timeout_s: float) -> None:
    """Return once somebody listens on the port.

    Raises:
        RuntimeError: the process has ended, or nobody does in time.
    """
    for _ in range(int(timeout_s / _POLL_S)):
        with contextlib.suppress(OSError), socket.create_connection((HOST, port), timeout=1):
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            raise RuntimeError(f"the server ended with status {process.wait(_POLL_S)}")
    raise RuntimeError(f"nobody listened on port {port} within {timeout_s:g} s")


def free_ports(count: int) -> list[int]:
    """Return ports of loopback that nobody listens on, all different."""
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in sockets:
            each.bind((HOST, 0))
        return [int(each.getsockname()[1]) for each in sockets]
