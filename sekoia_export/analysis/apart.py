"""A process of its own for questions: what an author's query can cost, it costs there.

DuckDB's memory limit does not count the values of a single row (`repeat('x', 4000000000)` took 7 GiB under a limit of
64 MiB), and an interrupt waits for a call that can last an hour. So a question runs in a process whose memory the
kernel limits, that is killed when its time is over, and whose environment holds no secret.

The job goes in by pickle, what comes out is JSON: nothing that the process says is trusted more than text.

Its start, DuckDB's with it, takes as long as counting millions of rows. So it can begin ahead of its job, while
whoever will ask imports what it needs itself: see `Ahead`. That is why this module imports little until there is a job.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import select
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import IO, TYPE_CHECKING, Any, Protocol, Self

from sekoia_export.errors import DeadlineExceeded

if TYPE_CHECKING:
    from types import TracebackType

    from sekoia_export.analysis.database import Limits
    from sekoia_export.clock import Deadline

GRACE_S = 2.0
_KEPT = ("PATH", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
_SHORTEST_WAIT_S = 0.1
_LONGEST_POLL_MS = 2**31 - 1


@dataclass(frozen=True, slots=True)
class Job:
    """What the process is to do.

    Attributes:
        task: the function, as `module:name`; it takes the argument and seconds, and returns what JSON can say.
        argument: whatever it takes; pickled.
        timeout_s: the seconds it has, None for no end.
        data_bytes: of memory that the process may write to.
    """

    task: str
    argument: Any
    timeout_s: float | None
    data_bytes: int


class Runner(Protocol):
    """What runs a task: `run_apart`, or a process that has begun."""

    def __call__(self, task: str, argument: Any, *, deadline: Deadline, limits: Limits) -> Any: ...


def run_apart(task: str, argument: Any, *, deadline: Deadline, limits: Limits) -> Any:
    """Run a function of this package in a process of its own and return what it returns.

    Args:
        task: the function, as `module:name`.
        argument: its first argument; the second is the seconds it has.
        deadline: the process is killed soon after it passed.
        limits: of memory, the process's own needs added.

    Raises:
        ExportError: the one that the function raised.
        UsageError: the process died: of a lack of memory, as far as is known.
        DeadlineExceeded: it took too long.
    """
    with Ahead(task.partition(":")[0]) as run:
        return run(task, argument, deadline=deadline, limits=limits)


class Ahead:
    """A process that begins at once and waits for its job; further jobs have processes of their own. A Runner.

    As a context manager it ends the process that got no job.

    Args:
        module: that has the task, imported meanwhile.
    """

    def __init__(self, module: str) -> None:
        self._module = module
        self._waiting: _Process | None = None

    def __enter__(self) -> Self:
        self._waiting = self._waiting or _Process(self._module)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._waiting is not None:
            self._waiting.end()
            self._waiting = None

    def __call__(self, task: str, argument: Any, *, deadline: Deadline, limits: Limits) -> Any:
        """Run a task, see `run_apart`."""
        from sekoia_export.analysis.database import check_installed
        from sekoia_export.analysis.ending import data_bytes, result_of
        from sekoia_export.analysis.purpose import purpose_of

        check_installed()
        purpose = purpose_of(task)
        purpose.check(deadline)
        process, self._waiting = self._waiting or _Process(self._module), None
        left_s = deadline.remaining_s()
        timeout_s = None if left_s == float("inf") else left_s
        try:
            status = process.run(Job(task, argument, timeout_s, data_bytes(limits)))
            return result_of(process.said, status, limits, purpose)
        except (subprocess.TimeoutExpired, DeadlineExceeded):
            # The process speaks of its own seconds, fewer than those that the step was given.
            raise purpose.too_late(deadline) from None
        finally:
            process.end()


class _Process:
    """The process that runs a job.

    Attributes:
        said: what it said, once it has run.
    """

    def __init__(self, module: str) -> None:
        environment = {name: value for name, value in os.environ.items() if name in _KEPT}
        environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109 - "" is the cwd
        self.said: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - closed by `end`
        self._process = subprocess.Popen(  # noqa: S603 - this interpreter, a module of this package
            [sys.executable, "-m", "sekoia_export.analysis.child", module],
            stdin=subprocess.PIPE,
            stdout=self.said,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )

    def run(self, job: Job) -> int:
        """Give the process its job and return the status it ends with.

        Raises:
            subprocess.TimeoutExpired: it took too long.
        """
        assert self._process.stdin is not None  # noqa: S101 - for the types: a pipe was asked for
        with contextlib.suppress(BrokenPipeError):
            pickle.dump(job, self._process.stdin)
            self._process.stdin.flush()
        # Its input stays open: a process that reads the end of it knows that whoever asked is gone.
        timeout_s = None if job.timeout_s is None else max(_SHORTEST_WAIT_S, job.timeout_s) + GRACE_S
        if timeout_s is not None and _ends_within(self._process.pid, timeout_s):
            timeout_s = None
        return self._process.wait(timeout_s)

    def end(self) -> None:
        """End the process, whatever it does."""
        self._process.kill()
        self._process.wait()
        if self._process.stdin is not None:
            with contextlib.suppress(BrokenPipeError):
                self._process.stdin.close()
        self.said.close()


def _ends_within(pid: int, seconds: float) -> bool:
    """Return whether a child ends within some seconds; False at once where the system cannot tell.

    `Popen.wait` with a timeout looks every 50 ms only, which an answer from Parquet does not take.
    """
    if not hasattr(os, "pidfd_open"):
        return False
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:  # an old or a restricted kernel
        return False
    try:
        ended = select.poll()
        ended.register(descriptor, select.POLLIN)
        return bool(ended.poll(min(_LONGEST_POLL_MS, seconds * 1_000)))
    finally:
        os.close(descriptor)
