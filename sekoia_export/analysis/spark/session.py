"""A Spark that answers: a local one, a cluster's, or one behind Spark Connect."""

from __future__ import annotations

import contextlib
import os
import threading
from typing import TYPE_CHECKING, Any, Self

from sekoia_export.errors import DeadlineExceeded, NetworkError, UsageError
from sekoia_export.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from pyspark.sql import SparkSession

    from sekoia_export.clock import Deadline

CONNECT_SCHEME = "sc://"
DEFAULT_MASTER = "local[*]"
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


class Spark:
    """A session of Spark with the view SOURCE of some Parquet files.

    A context; leaving it ends the session, and a Spark that it started.

    Args:
        master: `local[*]`, `spark://host:port` and the like, or `sc://host:port` for Spark Connect.
        private: a private folder, for what a Spark started here writes.
        deadline: what runs is interrupted when it passes.
        configuration: more of Spark's own.

    Raises:
        UsageError: PySpark is not installed, or the address is none.
        NetworkError: no Spark answers there.
    """

    def __init__(
        self, *, master: str, private: Path, deadline: Deadline, configuration: Mapping[str, str] | None = None
    ) -> None:
        self._deadline = deadline
        self._session = self._open(master, private, {**_CONFIGURATION, **(configuration or {})})

    def make_view(self, name: str, sql: str) -> None:
        """Make a temporary view of a SELECT."""
        with self._failures():
            self._session.sql(sql).createOrReplaceTempView(name)

    def read(self, name: str, paths: Sequence[str]) -> None:
        """Make a temporary view of Parquet files, the union of their columns by name."""
        with self._failures():
            self._session.read.option("mergeSchema", "true").parquet(*paths).createOrReplaceTempView(name)

    def make_functions(self) -> None:
        """Make the functions that rules use."""
        with self._failures():
            self._session.sql(ADDRESS_FUNCTION).collect()

    def rows(self, sql: str, *, most: int | None = None) -> tuple[list[str], list[tuple[Any, ...]]]:
        """Return the columns and the rows, `most` of them, of a SELECT whose answer is small without it.

        Raises:
            UsageError: Spark refuses it.
            DeadlineExceeded: it took too long.
        """
        with self._failures(), self._interrupted_in_time():
            frame = self._session.sql(sql) if most is None else self._session.sql(sql).limit(most)
            return list(frame.columns), [tuple(row) for row in frame.collect()]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._session.stop()

    def _open(self, master: str, private: Path, configuration: Mapping[str, str]) -> SparkSession:
        try:
            from pyspark.sql import SparkSession
        except ImportError:
            raise UsageError(
                "The engine spark needs PySpark, which is not installed.",
                "Install it with: pip install 'sekoia-event-export[analysis,spark]'",
            ) from None
        builder = SparkSession.builder.appName("sekoia-export")
        if master.startswith(CONNECT_SCHEME):
            builder = builder.remote(master)
        else:
            builder = builder.master(master)
            for name, value in _local_configuration(master, private).items():
                builder = builder.config(name, value)
        with self._failures(master):
            session = builder.getOrCreate()
            for name, value in configuration.items():
                session.conf.set(name, value)
            return session

    @contextlib.contextmanager
    def _interrupted_in_time(self) -> Iterator[None]:
        self._deadline.check("The query")
        left_s = self._deadline.remaining_s()
        timer = threading.Timer(left_s, self._session.interruptAll) if left_s != float("inf") else None
        if timer:
            timer.daemon = True
            timer.start()
        try:
            yield
        finally:
            if timer:
                timer.cancel()

    @contextlib.contextmanager
    def _failures(self, master: str | None = None) -> Iterator[None]:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException

        try:
            yield
        except (PySparkException, Py4JError) as failure:
            if self._deadline.passed():
                raise DeadlineExceeded(
                    f"The query took longer than the {self._deadline.timeout_s or 0:g} seconds it was given.",
                    "Ask for less, or give the step a longer timeout.",
                ) from None
            said = redact(" ".join(str(failure).split("\tat ", 1)[0].split())[:300])
            if master is not None:
                raise NetworkError(f"No Spark answers at {master}: {said}", "Check the argument master.") from None
            raise UsageError(f"Spark cannot carry it out: {said}", "Correct it, or ask with engine duckdb.") from None
        except (OSError, RuntimeError) as failure:
            place = f" at {master}" if master is not None else ""
            raise NetworkError(
                f"Spark{place} does not answer ({type(failure).__name__}).",
                "Check the argument master; a Spark that is started here needs Java 17 or newer.",
            ) from None


def _local_configuration(master: str, private: Path) -> dict[str, str]:
    """Return the configuration of a driver that runs here; what Spark writes goes below `private`."""
    os.environ.setdefault("SPARK_WORKER_DIR", str(private / "spark-workers"))
    configuration = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.local.dir": str(private / "spark"),
        "spark.sql.warehouse.dir": str(private / "spark-warehouse"),
    }
    if master.startswith("local"):
        configuration |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    return configuration
