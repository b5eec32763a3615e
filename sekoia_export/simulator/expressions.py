"""Expressions of playbooks, rendered from earlier nodes' results as the playbook engine does it, and bounded.

Jinja's immutable sandbox keeps an expression away from Python; it does not keep it from running for ever or from
filling the memory. So a process of its own (expression_worker.py) renders, and is stopped when it needs too much.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sekoia_export.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

_WORKER = Path(__file__).with_name("expression_worker.py")
_INHERITED_PREFIXES = ("PATH", "PYTHON", "LD_LIBRARY_PATH", "SYSTEMROOT", "COVERAGE_")
_MARKS = ("{{", "{%", "{#")
_LONGEST_SHOWN = 200
_TO_END_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What rendering the arguments of one node may take.

    Attributes:
        cpu_s: processor time.
        wall_s: time, where the system cannot bound the processor's, or gives none of it.
        memory_bytes: of the whole process that renders.
        size_bytes: of what is rendered, as JSON.
    """

    cpu_s: float = 2.0
    wall_s: float = 30.0
    memory_bytes: int = 512 * 1024 * 1024
    size_bytes: int = 4 * 1024 * 1024


class Expressions:
    """Renders values; any thread may. The process that does it is started with the first value that needs it."""

    def __init__(self, bounds: Bounds | None = None) -> None:
        self._bounds = bounds or Bounds()
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()

    def arguments(
        self, arguments: Mapping[str, Any], *, node: str, results: Mapping[int, Any], store: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return arguments rendered from `results` (by node) and `store`.

        Args:
            arguments: by name; texts in them, at any depth, may hold expressions.
            node: how an error calls the node whose arguments they are.
            results: what `node.1` and the like name.
            store: what `store.x` names.

        Raises:
            UsageError: an expression cannot be rendered, or needs too much; the text names node, argument and
                expression.
        """
        if not _has_expressions(arguments):
            return dict(arguments)
        request = {"value": dict(arguments), "context": {"node": results, "store": store}}
        answer = self._ask(json.dumps(request).encode())
        if "value" in answer:
            return dict(answer["value"])
        path = answer["path"]
        place = f"{node}, argument {path[0]}" if path else f"{node}, its arguments together"
        raise _failure(answer["cause"], place, answer["expression"])

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._end()

    def _ask(self, request: bytes) -> dict[str, Any]:
        """Return the answer to `request`: `value`, or `cause`, `path` and `expression`."""
        with self._lock:
            process = self._running()
            timer = threading.Timer(self._bounds.wall_s, process.kill)
            timer.start()
            at: dict[str, Any] = {"path": [], "expression": ""}
            try:
                _send(process, request)
                while line := _receive(process):
                    if "value" in line or "cause" in line:
                        return line
                    at = line
            finally:
                timer.cancel()
            self._end()
            return {**at, "cause": "it takes more time or memory than an expression may"}

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is not None:
            return self._process
        env = {name: value for name, value in os.environ.items() if name.upper().startswith(_INHERITED_PREFIXES)}
        # -P: the worker's folder is no place to import from, its neighbours' names are the standard library's too.
        command = [sys.executable, "-P", str(_WORKER), json.dumps(asdict(self._bounds))]
        process = subprocess.Popen(  # noqa: S603 - our own file
            command, env=env, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
        )
        self._process = process
        if not _receive(process):
            self._end()
            raise UsageError(
                "Expressions cannot be rendered: the process that does it ended at once.",
                "Install the extra [playbook], which brings Jinja and JSONPath.",
            )
        return process

    def _end(self) -> None:
        """Let the process end: it does when there is nothing more to read, if it has not already been stopped."""
        if self._process is None:
            return
        try:
            self._process.communicate(timeout=_TO_END_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
        self._process = None


def _send(process: subprocess.Popen[bytes], request: bytes) -> None:
    assert process.stdin is not None  # noqa: S101 - a pipe was asked for
    with contextlib.suppress(BrokenPipeError):  # it has ended, and so will its answers
        process.stdin.write(request + b"\n")
        process.stdin.flush()


def _receive(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """Return the next line; empty when the process has ended."""
    assert process.stdout is not None  # noqa: S101 - a pipe was asked for
    line = process.stdout.readline()
    return dict(json.loads(line)) if line.endswith(b"\n") else {}


def _has_expressions(value: Any) -> bool:
    if isinstance(value, str):
        return any(mark in value for mark in _MARKS)
    if isinstance(value, dict):
        return any(_has_expressions(item) for item in value.values())
    return isinstance(value, list) and any(_has_expressions(item) for item in value)


def _failure(cause: str, place: str, expression: str) -> UsageError:
    shown = " ".join(expression.split())
    shown = shown if len(shown) <= _LONGEST_SHOWN else f"{shown[:_LONGEST_SHOWN]}..."
    subject = f"The expression {shown} ({place})" if shown else f"An expression ({place})"
    return UsageError(
        f"{subject} cannot be rendered: {cause}.", "Correct the expression, or the node whose result it names."
    )
