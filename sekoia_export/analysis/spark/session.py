"""A Spark that answers: a local one, a cluster's, or one behind Spark Connect."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any, Self

from sekoia_export.analysis.purpose import Purpose
from sekoia_export.analysis.spark.failing import Failures
from sekoia_export.analysis.spark.opening import (
    OLDEST_VERSION,
    OPENING_RETRIES,
    RETRIES,
    begin_session,
    check_installed,
    is_connect,
    retry,
)
from sekoia_export.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator, Mapping, Sequence
    from pathlib import Path

    from sekoia_export.clock import Deadline

_BEFORE, _AFTER = (f"filter(split(split_part(a, '::', {at}), ':'), g -> g <> '')" for at in (1, 2))
ADDRESS_FUNCTION = (
    "CREATE OR REPLACE TEMPORARY FUNCTION address_bits(a STRING) RETURNS STRING RETURN CASE "
    "WHEN a RLIKE '^([0-9]{1,3}[.]){3}[0-9]{1,3}$' THEN "
    "CASE WHEN exists(split(a, '[.]'), o -> cast(o AS INT) > 255) THEN NULL "
    "ELSE array_join(transform(split(a, '[.]'), o -> lpad(lower(hex(cast(o AS INT))), 2, '0')), '') END "
    "WHEN a RLIKE '^[0-9A-Fa-f:]{2,39}$' AND contains(a, ':') THEN lower(array_join(transform("
    f"CASE WHEN contains(a, '::') THEN concat({_BEFORE}, "
    f"array_repeat('0', greatest(0, 8 - size({_BEFORE}) - size({_AFTER}))), {_AFTER}) "
    "ELSE filter(split(a, ':'), g -> g <> '') END, g -> lpad(g, 4, '0')), '')) END"
)
"""The macro of addresses that Sigma's networks are compared with (`analysis.sigma.backend`), as Spark has it."""
_CONFIGURATION = {
    "spark.sql.session.timeZone": "UTC",
    "spark.sql.timestampType": "TIMESTAMP_NTZ",
    "spark.sql.caseSensitive": "false",
    "spark.sql.ansi.enabled": "true",
}
GRACE_S = 5.0


class Spark:
    """A session of Spark with the views of some Parquet files.

    A context; leaving it ends the session, and a Spark that it started.

    Args:
        master: `local[*]`, `spark://host:port` and the like, or `sc://host:port` for Spark Connect.
        private: a private folder, for what a Spark started here writes.
        deadline: what runs is interrupted when it passes.
        purpose: what Spark is asked for, as errors call it.
        configuration: more of Spark's own.
        retries: how often a request to Spark Connect that was not answered is sent again.
        grace_s: what Spark Connect has to end a question whose time is over, before the connection is closed.

    Raises:
        UsageError: PySpark is not installed, or what answers is no Spark that can be asked.
        NetworkError: no Spark answers there.
        DeadlineExceeded: it took too long.
    """

    def __init__(
        self,
        *,
        master: str,
        private: Path,
        deadline: Deadline,
        purpose: Purpose = Purpose.QUERY,
        configuration: Mapping[str, str] | None = None,
        retries: int = RETRIES,
        grace_s: float = GRACE_S,
    ) -> None:
        self._deadline = deadline
        self._purpose = purpose
        self._grace_s = grace_s
        self._remote = is_connect(master)
        check_installed()
        self._failures = Failures(master=master, deadline=deadline, purpose=purpose)
        purpose.check(deadline)
        with self._failures.translated():
            self._session: Any = begin_session(master, private)
            if self._remote:
                retry(self._session, min(retries, OPENING_RETRIES))
        try:
            with self._in_time():
                self._check_version()
                for name, value in {**_CONFIGURATION, **(configuration or {})}.items():
                    self._session.conf.set(name, value)
        except BaseException:
            self._failures.lost |= self._remote
            self._end()
            raise
        self._failures.opened = True
        if self._remote:
            retry(self._session, retries)

    def make_view(self, name: str, sql: str) -> None:
        """Make a temporary view of a SELECT."""
        with self._in_time():
            self._session.sql(sql).createOrReplaceTempView(name)

    def read(self, name: str, paths: Sequence[str]) -> None:
        """Make a temporary view of Parquet files, the union of their columns by name."""
        with self._in_time():
            self._session.read.option("mergeSchema", "true").parquet(*paths).createOrReplaceTempView(name)

    def make_functions(self) -> None:
        """Make the functions that rules use."""
        with self._in_time():
            self._session.sql(ADDRESS_FUNCTION).collect()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return the rows of a SELECT whose answer is known to be small.

        Raises:
            UsageError: Spark refuses it.
            NetworkError: Spark does not answer any more.
            DeadlineExceeded: it took too long.
        """
        with self._in_time():
            return [tuple(row) for row in self._session.sql(sql).collect()]

    def stream(self, sql: str) -> Generator[tuple[Any, ...], None, None]:
        """Give the rows of a SELECT as they come: no more than a part of them is on this machine at once.

        Raises:
            UsageError: Spark refuses it.
            NetworkError: Spark does not answer any more.
            DeadlineExceeded: it took too long.
        """
        with self._in_time():
            yield from map(tuple, self._session.sql(sql).toLocalIterator())

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _check_version(self) -> None:
        version = str(self._session.version)
        if int(version.partition(".")[0]) < OLDEST_VERSION:
            raise UsageError(
                f"The Spark that was asked has version {version[:20]}.",
                f"Ask one of version {OLDEST_VERSION} or newer, or ask with engine duckdb.",
            )

    def _end(self) -> None:
        if self._remote:
            # What does not answer is not waited for: the server ends a session that nobody uses.
            self._session.release_session_on_close = not self._failures.lost
            retry(self._session, 0)
        with self._failures.ignored():  # the answer is there, or the error that matters is on its way
            self._session.stop()

    @contextlib.contextmanager
    def _in_time(self) -> Iterator[None]:
        self._purpose.check(self._deadline)
        left_s = self._deadline.remaining_s()
        ended = threading.Event()
        watch = threading.Thread(target=self._interrupt, args=(left_s, ended), name="deadline", daemon=True)
        if left_s != float("inf"):
            watch.start()
        try:
            with self._failures.translated():
                yield
        finally:
            ended.set()

    def _interrupt(self, left_s: float, ended: threading.Event) -> None:
        if ended.wait(left_s):
            return
        # A server that hangs does not answer an interrupt either, hence a thread of its own.
        threading.Thread(target=self._interrupt_all, name="interrupt", daemon=True).start()
        if self._remote and not ended.wait(self._grace_s):
            self._session.client.close()

    def _interrupt_all(self) -> None:
        with self._failures.ignored():  # who waits for the answer says what happened
            self._session.interruptAll()
