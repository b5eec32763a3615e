"""A process that has imported what nodes import, and forks one whenever it is asked to.

    python parent.py SOCKET_FD MODULE...

It imports the modules, which are libraries only, never this project's, and says over the socket which environment
variables they looked at. Then it gets requests there: the JSON of a command line, a folder and an environment, with
three descriptors: the node's standard output, its standard error, and a socket on which it answers with the pid and a
pidfd, and with the exit status when the node has ended.

What a node inherits of this process are imported libraries. Everything else is put as a new interpreter would have it:
environment, folder, descriptors, process group, signals, argv, path and `__main__`. tests/warm/test_warm_start.py
compares the two.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.machinery
import json
import logging
import os
import select
import signal
import socket
import sys
import tempfile
import threading
import time
import types
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

_REQUEST_BYTES = 1 << 20  # the environment of a process is smaller


@dataclass(frozen=True, slots=True)
class Wanted:
    """A node that was asked for: descriptors are numbers, so that none is closed behind the node's back."""

    command_line: list[str]
    folder: str
    env: dict[str, str]
    stdout: int
    stderr: int
    status: int


class _Noted(os._Environ[str]):  # noqa: SLF001 - it must be of the same kind to take the environment's place
    """The environment, noting the names that are asked for."""

    names: ClassVar[set[str]] = set()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return str(super().__getitem__(name))

    def __contains__(self, name: object) -> bool:
        self.names.add(str(name))
        return bool(super().__contains__(name))


def load(names: list[str]) -> list[str]:
    """Import the modules and return what they read of the environment; exit when they left what nodes would inherit."""
    descriptors = set(Path("/proc/self/fd").iterdir())
    os.environ.__class__ = _Noted
    for name in names:
        importlib.import_module(name)
    os.environ.__class__ = os._Environ  # noqa: SLF001
    left = {
        "threads": threading.active_count() - 1,
        "descriptors": set(Path("/proc/self/fd").iterdir()) - descriptors,
        "log handlers": logging.getLogger().handlers,
        "a temporary folder": tempfile.tempdir,
        "this project's modules": [name for name in sys.modules if name.startswith("sekoia_export")],
    }
    if found := {what: much for what, much in left.items() if much}:
        sys.exit(f"Nodes cannot be forked from here: the imports left {found}.")
    return sorted(_Noted.names)


def serve(requests: socket.socket) -> Wanted | None:
    """Fork nodes until nobody can ask any more (None); in a node, return what it is."""
    ended, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    running: dict[int, int] = {}
    while True:
        ready, _, _ = select.select([requests.fileno(), ended], [], [])
        if ended in ready:
            os.read(ended, 1024)
            _report_ended(running)
        if requests.fileno() in ready:
            try:
                data, descriptors, _, _ = socket.recv_fds(requests, _REQUEST_BYTES, 3)
            except ConnectionResetError:  # closed before what was said was read
                return None
            if not data:
                return None
            stdout, stderr, status = descriptors
            wanted = Wanted(**json.loads(data), stdout=stdout, stderr=stderr, status=status)
            if (pid := os.fork()) == 0:
                requests.detach()
                return wanted
            running[pid] = wanted.status
            _say(wanted.status, pid)
            os.close(wanted.stdout)
            os.close(wanted.stderr)


def _say(status: int, pid: int) -> None:
    handle = os.pidfd_open(pid)
    answers = socket.socket(fileno=status)
    try:
        socket.send_fds(answers, [str(pid).encode()], [handle])
    except OSError:  # who asked is gone; the node finds out itself
        pass
    finally:
        answers.detach()
        os.close(handle)


def _report_ended(running: dict[int, int]) -> None:
    while running:
        pid, how = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            return
        status = running.pop(pid)
        try:
            os.write(status, str(os.waitstatus_to_exitcode(how)).encode())
        except OSError:  # who asked is gone
            pass
        finally:
            os.close(status)


def become(wanted: Wanted) -> tuple[types.CodeType, dict[str, Any]]:
    """Make this process what `python script argument...` is before its first line, and return the script."""
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.dup2(wanted.stdout, 1)
    os.dup2(wanted.stderr, 2)
    os.closerange(3, os.sysconf("SC_OPEN_MAX"))
    os.environ.clear()
    os.environ.update(wanted.env)
    time.tzset()
    os.chdir(wanted.folder)
    _, script, *arguments = wanted.command_line
    path = Path(script).absolute()
    sys.orig_argv = list(wanted.command_line)
    sys.argv = [script, *arguments]
    sys.path[0] = str(path.resolve().parent)
    if wanted.env.get("COVERAGE_PROCESS_START") or wanted.env.get("COVERAGE_PROCESS_CONFIG"):
        import coverage  # as coverage's .pth file does it when an interpreter starts

        coverage.process_startup(slug="pth")
    main = types.ModuleType("__main__")
    main.__dict__.update(
        __file__=str(path),
        __builtins__=builtins,
        __loader__=importlib.machinery.SourceFileLoader("__main__", str(path)),
        __annotations__={},
        __cached__=None,
    )
    sys.modules["__main__"] = main
    return compile(path.read_bytes(), str(path), "exec", dont_inherit=True), main.__dict__


def run(code: types.CodeType, names: dict[str, Any]) -> None:
    """Run the script; a traceback begins in it."""
    try:
        exec(code, names)
    except Exception as error:  # noqa: BLE001 - whatever the script did not catch
        beginning = error.__traceback__ and error.__traceback__.tb_next
        sys.excepthook(type(error), error.with_traceback(beginning), beginning)
        sys.exit(1)


if __name__ == "__main__":
    descriptor, *modules = sys.argv[1:]
    kept = sys.modules["__main__"]  # a node's own takes its place, and this code is still needed
    asked = socket.socket(fileno=int(descriptor))
    asked.send(json.dumps(load(modules)).encode())
    node = serve(asked)
    if node is not None:
        run(*become(node))
