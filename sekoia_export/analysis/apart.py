"""A process of its own for questions: what an author's query can cost, it costs there.

DuckDB's memory limit does not count the values of a single row (`repeat('x', 4000000000)` took 7 GiB under a limit of
64 MiB), and an interrupt waits for a call that can last an hour. So a question runs in a process whose memory the
kernel limits, that is killed when its time is over, and whose environment holds no secret.

The job goes in by pickle, what comes out is JSON: nothing that the process says is trusted more than text.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, BinaryIO, Protocol

import orjson

from sekoia_export import errors
from sekoia_export.analysis.database import MEBIBYTE, Limits, check_installed
from sekoia_export.errors import DataStorageError, DeadlineExceeded, ExportError, UsageError

if TYPE_CHECKING:
    from sekoia_export.clock import Deadline

OVERHEAD_BYTES = 400 * MEBIBYTE
THREAD_OVERHEAD_BYTES = 160 * MEBIBYTE
"""What a process has beside DuckDB's data, and each of its threads: stacks, heaps, buffers of readers and writers. It
is address space that may be written to; what is used of it is about a third."""
GRACE_S = 2.0
_KEPT = ("PATH", "TMPDIR", "LANG", "LC_ALL", "LC_CTYPE", "COVERAGE_PROCESS_START", "COVERAGE_PROCESS_CONFIG")
_SHORTEST_WAIT_S = 0.1


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
    """What runs a task: `run_apart`."""

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
    check_installed()
    deadline.check("The query")
    left_s = deadline.remaining_s()
    timeout_s = None if left_s == float("inf") else left_s
    data_bytes = limits.memory_bytes + OVERHEAD_BYTES + limits.threads * THREAD_OVERHEAD_BYTES
    job = Job(task, argument, timeout_s, data_bytes)
    environment = {name: value for name, value in os.environ.items() if name in _KEPT}
    environment["PYTHONPATH"] = os.pathsep.join(path or os.getcwd() for path in sys.path)  # noqa: PTH109 - "" is the cwd
    with tempfile.TemporaryFile() as said:
        process = subprocess.Popen(
            [sys.executable, "-m", "sekoia_export.analysis.child"],
            stdin=subprocess.PIPE,
            stdout=said,
            stderr=subprocess.DEVNULL,
            env=environment,
            start_new_session=True,
        )
        try:
            assert process.stdin is not None  # noqa: S101 - for the types: a pipe was asked for
            with contextlib.suppress(BrokenPipeError):
                pickle.dump(job, process.stdin)
                process.stdin.flush()
            # Its input stays open: a process that reads the end of it knows that whoever asked is gone.
            process.wait(None if timeout_s is None else max(_SHORTEST_WAIT_S, timeout_s) + GRACE_S)
        except subprocess.TimeoutExpired:
            raise _too_late(deadline) from None
        finally:
            process.kill()
            process.wait()
            if process.stdin is not None:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
        try:
            return _outcome(said, process.returncode, limits)
        except DeadlineExceeded:  # in the seconds of the process, fewer than those that the step was given
            raise _too_late(deadline) from None


def _outcome(said: BinaryIO, status: int, limits: Limits) -> Any:
    said.seek(0)
    try:
        outcome = orjson.loads(said.read())
    except orjson.JSONDecodeError:
        outcome = None
    if status or not isinstance(outcome, dict):
        raise UsageError(
            f"The query ended its process (status {status}), most likely for more memory than the "
            f"{limits.memory_bytes // MEBIBYTE} MiB of data it may have.",
            "Ask for less: fewer groups, a limit, a narrower where, shorter texts.",
        )
    if "result" in outcome:
        return outcome["result"]
    kind = getattr(errors, str(outcome.get("error")), None)
    if not (isinstance(kind, type) and issubclass(kind, ExportError)):
        raise DataStorageError(f"An unexpected {outcome.get('error')} happened: {outcome.get('cause')}")
    raise kind(str(outcome.get("cause")), str(outcome.get("remedy")))


def _too_late(deadline: Deadline) -> DeadlineExceeded:
    return DeadlineExceeded(
        f"The query took longer than the {deadline.timeout_s or 0:g} seconds it was given.",
        "Ask for less, or give the step a longer timeout.",
    )
