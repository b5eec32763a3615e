"""DuckDB, locked: what it may read, what memory, disk and time it may take, its failures as this project's errors."""

from __future__ import annotations

import contextlib
import importlib.util
import os
import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self

from sekoia_export.analysis.fields import literal
from sekoia_export.analysis.files import free_bytes
from sekoia_export.errors import DataStorageError, DiskFull, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from pathlib import Path

    import duckdb

    from sekoia_export.analysis.purpose import Purpose
    from sekoia_export.clock import Deadline

MEBIBYTE = 1024 * 1024
MOST_THREADS = 4
_MESSAGE_LIMIT = 600
_TURN_S = 0.5


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What a database may take of the machine.

    Args:
        memory_bytes: for data; what lies beyond goes to the private temporary folder.
        threads: at once.
        spill_bytes: in the temporary folder; None for whatever the disk has.
    """

    memory_bytes: int = 640 * MEBIBYTE
    threads: int = MOST_THREADS
    spill_bytes: int | None = None

    @classmethod
    def of_this_machine(cls) -> Self:
        """Return the limits that suit the machine's processors, four at most."""
        return cls(threads=max(1, min(MOST_THREADS, os.cpu_count() or 1)))


def check_installed() -> None:
    """Raise UsageError when DuckDB is not installed, without the tenth of a second that importing it takes."""
    if importlib.util.find_spec("duckdb") is None:
        raise UsageError(
            "Analysis needs DuckDB, which is not installed.",
            "Install it with: pip install 'sekoia-event-export[analysis]'",
        )


_opened: list[duckdb.DuckDBPyConnection] = []


def open_ahead() -> None:
    """Open what the next Database takes: a process that waits for its job has the time for it.

    No statement runs there before that Database has limited and locked it.
    """
    _opened.append(_open())


def _open() -> duckdb.DuckDBPyConnection:
    import duckdb

    return duckdb.connect(
        config={
            "threads": 1,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "allow_community_extensions": False,
            "allow_persistent_secrets": False,
            "python_enable_replacements": False,
        }
    )


class Database:
    """A database in memory that reads and writes nothing but what it is told, and loads no code.

    Args:
        private: a private folder; spills go below it.
        readable: the files that may be read (and, by SQL that is not judged first, written).
        work: a private folder whose files may be read and written.
        limits: see Limits.
        deadline: statements are interrupted when it passes.
        purpose: what they are for, as errors call it.
        unchanging: whether no Parquet file that is read is written meanwhile. Then its metadata is read once, and not
            for each view, plan and run: 10 ms a time where there are hundreds of row groups.
    """

    def __init__(
        self,
        *,
        private: Path,
        work: Path,
        readable: Iterable[Path],
        limits: Limits,
        deadline: Deadline,
        purpose: Purpose,
        unchanging: bool = False,
    ) -> None:
        check_installed()
        import duckdb

        self._duckdb = duckdb
        self._deadline = deadline
        self._purpose = purpose
        self._limits = limits
        spill = private / "spill"
        spill.mkdir(mode=0o700, exist_ok=True)
        spill_bytes = max(MEBIBYTE, free_bytes(private) if limits.spill_bytes is None else limits.spill_bytes)
        self._connection: duckdb.DuckDBPyConnection = _opened.pop() if _opened else _open()
        for setting in (
            f"memory_limit = '{limits.memory_bytes}B'",
            f"threads = {limits.threads}",
            f"temp_directory = {literal(str(spill))}",
            f"max_temp_directory_size = '{spill_bytes}B'",
            "TimeZone = 'UTC'",
            "enable_progress_bar = false",
            f"parquet_metadata_cache = {'true' if unchanging else 'false'}",
            f"allowed_paths = [{', '.join(literal(str(path)) for path in readable)}]",
            f"allowed_directories = [{literal(str(work))}]",
            "enable_external_access = false",
            "lock_configuration = true",
        ):
            self._connection.execute(f"SET {setting}")

    def close(self) -> None:
        self._connection.close()

    def statements(self, sql: str) -> Sequence[Any]:
        """Return the statements that DuckDB's own parser finds in `sql`.

        Raises:
            UsageError: it finds none: the syntax is wrong.
        """
        with self._failures():
            found: Sequence[Any] = self._connection.extract_statements(sql)
            return found

    def rows(self, sql: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        """Run a statement and return all of its rows: for answers that are known to be small."""
        with self.running(sql, parameters) as result:
            return result.fetchall()

    @contextlib.contextmanager
    def running(self, sql: str, parameters: Sequence[Any] | None = None) -> Iterator[duckdb.DuckDBPyConnection]:
        """Run a statement under the deadline and give what its rows are fetched from, while the context lasts.

        Raises:
            UsageError: the statement cannot be carried out as it stands, or takes more memory than is allowed.
            DeadlineExceeded: it took too long.
            DiskFull, DataStorageError: the disk.
        """
        with self._failures(), self._interrupted_in_time():
            yield self._connection.execute(sql, parameters)

    @contextlib.contextmanager
    def _interrupted_in_time(self) -> Iterator[None]:
        self._purpose.check(self._deadline)
        left_s = self._deadline.remaining_s()
        ended = threading.Event()

        def interrupt() -> None:
            wait_s = left_s
            # Once is not enough: an interrupt between two calls of the client is lost.
            while not ended.wait(wait_s):
                self._connection.interrupt()
                wait_s = _TURN_S

        watch = threading.Thread(target=interrupt, name="deadline", daemon=True) if left_s != float("inf") else None
        if watch:
            watch.start()
        try:
            yield
        finally:
            ended.set()
            if watch:
                watch.join()

    @contextlib.contextmanager
    def _failures(self) -> Iterator[None]:
        duck = self._duckdb
        try:
            yield
        except duck.InterruptException:
            raise self._purpose.too_late(self._deadline) from None
        except duck.OutOfMemoryException as error:
            if "temp_directory" in str(error) or "temporary" in str(error):
                raise DiskFull(
                    f"The {self._purpose} needs more room for its temporary files than the disk has.",
                    "Ask for less, or set TMPDIR to a folder with room.",
                ) from None
            raise UsageError(
                f"The {self._purpose} needs more memory than the {self._limits.memory_bytes // MEBIBYTE} MiB it may "
                "take.",
                self._purpose.less,
            ) from None
        except duck.PermissionException:
            raise UsageError(
                f"The {self._purpose} asks for something outside of the named files.", "Ask of the table events only."
            ) from None
        except duck.IOException as error:
            raise DataStorageError(f"The files could not be read: {_plain(error)}") from None
        except duck.Error as error:
            raise QueryRefused(f"The {self._purpose} cannot be carried out: {_plain(error)}") from None
        except MemoryError:
            raise UsageError(f"The {self._purpose} needs more memory than there is.", self._purpose.less) from None


class QueryRefused(UsageError):
    """DuckDB refused a statement: its syntax, a name, a type, or a value that cannot be cast."""

    remedy = 'Correct it; fields are columns in double quotes, such as "source.ip", and texts stand in single quotes.'


def _plain(error: Exception) -> str:
    """Return a failure's text in one line, without the excerpt of the statement that DuckDB adds."""
    text = " ".join(str(error).split("\n\nLINE ")[0].split("Stack Trace")[0].split())
    text = text if len(text) <= _MESSAGE_LIMIT else f"{text[:_MESSAGE_LIMIT]} ..."
    return text if text.endswith((".", "!", "?")) else f"{text}."
