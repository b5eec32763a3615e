"""What Spark's failures are in this project's words."""

from __future__ import annotations

import contextlib
import warnings
from typing import TYPE_CHECKING

from sekoia_export.analysis.spark.opening import TOKEN_VARIABLE, is_connect, secrets_in
from sekoia_export.errors import DeadlineExceeded, ExportError, NetworkError, UsageError
from sekoia_export.redaction import hide, redact

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sekoia_export.analysis.purpose import Purpose
    from sekoia_export.clock import Deadline

_SAID_LIMIT = 300
_LOST = {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL", "UNKNOWN"}
_REFUSED = {"UNAUTHENTICATED", "PERMISSION_DENIED"}
_OF_THE_WAY = (OSError, RuntimeError, ValueError)
"""No Java, a connection that is closed, a port that is none."""
_NO_ADDRESS = "INVALID_CONNECT_URL"
_NO_SESSION = ("INVALID_HANDLE", "SESSION_NOT_FOUND", "OPERATION_NOT_FOUND")


class Failures:
    """Turns what PySpark raises into errors.

    Args:
        master: where Spark is; parts of it that can hold a secret are in no text.
        deadline: once it passed, every failure is its.
        purpose: what Spark is asked for.

    Attributes:
        opened: Spark has answered once.
        lost: Spark does not answer any more, and is not to be asked again.
    """

    def __init__(self, *, master: str, deadline: Deadline, purpose: Purpose) -> None:
        self.opened = False
        self.lost = False
        self._master = master
        self._place = redact(master)
        self._secrets = secrets_in(master)
        self._deadline = deadline
        self._purpose = purpose

    @contextlib.contextmanager
    def translated(self) -> Iterator[None]:
        """Turn failures of PySpark's into errors.

        Raises:
            UsageError: Spark refuses what it was asked, or is none that can be asked.
            NetworkError: Spark does not answer.
            DeadlineExceeded: the deadline has passed.
        """
        try:
            with warnings.catch_warnings():
                warnings.filterwarnings("ignore", message=r"\[RETRIES_EXCEEDED\]")
                yield
        except _of_pyspark() as failure:
            raise self._error(failure) from None
        except _OF_THE_WAY as failure:
            raise self._unanswered(f"{type(failure).__name__}.") from None

    @contextlib.contextmanager
    def ignored(self) -> Iterator[None]:
        """Go on when Spark fails: for what has no outcome."""
        with contextlib.suppress(*_of_pyspark(), *_OF_THE_WAY), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield

    def _error(self, failure: Exception) -> ExportError:
        if self._deadline.passed():
            self.lost = True
            return self.too_late()
        status = _grpc_status(failure)
        said = self._said(failure)
        if status in _REFUSED:
            return UsageError(
                f"The Spark at {self._place} refuses the caller: {said}",
                f"Set the environment variable {TOKEN_VARIABLE} to a token that it takes.",
            )
        if status == "UNIMPLEMENTED":
            return UsageError(
                f"What answers at {self._place} is no Spark Connect of version 4 or newer: {said}",
                "Check the argument master; the default port of Spark Connect is 15002.",
            )
        condition = str(getattr(failure, "getCondition", lambda: None)() or "")
        if condition == _NO_ADDRESS:
            return UsageError("The argument master is no address of Spark Connect.", self._remedy())
        if condition.startswith(_NO_SESSION):
            return self._unanswered(f"has ended the session: {said}")
        if status in _LOST and not condition and self.opened:
            return self._unanswered(said)
        if not self.opened:
            return NetworkError(f"No Spark answers at {self._place}: {said}", self._remedy())
        return UsageError(f"Spark cannot carry it out: {said}", "Correct it, or ask with engine duckdb.")

    def too_late(self) -> DeadlineExceeded:
        """Return the error of a deadline that has passed."""
        return self._purpose.too_late(self._deadline)

    def _unanswered(self, said: str) -> ExportError:
        self.lost = True
        if self._deadline.passed():
            return self.too_late()
        if not self.opened:
            return NetworkError(f"No Spark answers at {self._place}: {said}", self._remedy())
        return NetworkError(
            f"The Spark at {self._place} does not answer any more: {said}", "Look at its log, and run it again."
        )

    def _remedy(self) -> str:
        if is_connect(self._master):
            return "Check the argument master: sc://host:15002, with /;use_ssl=true where Spark Connect has TLS."
        return "Check the argument master; a Spark that is started here needs Java 17 or newer."

    def _said(self, failure: Exception) -> str:
        text = _details(failure).split("\tat ", 1)[0]
        return hide(redact(" ".join(text.split())[:_SAID_LIMIT]), self._secrets)


def _of_pyspark() -> tuple[type[Exception], ...]:
    from py4j.protocol import Py4JError
    from pyspark.errors import PySparkException

    return PySparkException, Py4JError


def _grpc_status(failure: Exception) -> str | None:
    """Return the name of the status that Spark Connect, or the way to it, gave; None for another failure."""
    code = getattr(failure, "_grpc_status_code", None)  # PySpark has no other way to it in 4.0
    return None if code is None else str(code.name)


def _details(failure: Exception) -> str:
    """Return what a failure says, of gRPC's inspection of itself only the sentence."""
    text = str(failure)
    for line in text.splitlines():
        name, separator, value = line.strip().partition(" = ")
        if separator and name == "details":
            return value.strip('"')
    return text
