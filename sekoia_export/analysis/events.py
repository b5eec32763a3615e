"""The table `events`: exported files, asked in SQL."""

from __future__ import annotations

import contextlib
import difflib
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Self

from sekoia_export.analysis.database import Database, Limits, QueryRefused
from sekoia_export.analysis.fields import Column, Kind, column_names, folded, identifier
from sekoia_export.analysis.files import FileKind, work_in
from sekoia_export.analysis.guard import TABLE, Judged, judge
from sekoia_export.analysis.loading import Loader, Sample
from sekoia_export.analysis.parquet import parquet_source, parquet_values
from sekoia_export.analysis.purpose import Purpose
from sekoia_export.errors import DamagedExport, UsageError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from types import TracebackType

    import duckdb

    from sekoia_export.analysis.files import FoundFiles
    from sekoia_export.analysis.loading import Loaded
    from sekoia_export.clock import Deadline

_NAMED_FIELDS = 20


class OnBadLine(StrEnum):
    """What is done about a line that is no JSON object."""

    SKIP = "skip"
    ERROR = "error"


def bad_lines_found(count: int) -> DamagedExport:
    """Return the error of lines that are no JSON objects."""
    return DamagedExport(
        f"{count} lines of the files are no JSON objects.", "Look at the files, or set on_bad_line to skip."
    )


class EventTable:
    """The events of some files as the table `events`, one column a field; `fields` has the rule.

    A context. Of files of JSON only the fields that a query mentions are loaded, when it is asked; `load` loads those
    of several queries at once.

    Args:
        found: the files, and the private folder for what is loaded.
        deadline: statements are interrupted when it passes.
        limits: of memory, threads and disk.
        on_bad_line: what is done about a line that is no JSON object.
        purpose: what the table is for, as errors call it.

    Raises:
        UsageError: DuckDB is not installed.

    Attributes:
        database: that has the table.
        bad_lines: lines that are no JSON object, known once something was loaded.
    """

    def __init__(
        self,
        found: FoundFiles,
        *,
        deadline: Deadline,
        limits: Limits | None = None,
        on_bad_line: OnBadLine = OnBadLine.SKIP,
        purpose: Purpose = Purpose.QUERY,
    ) -> None:
        self.bad_lines = 0
        self._on_bad_line = on_bad_line
        self._columns: dict[str, Column] = {}
        self._all_fields: list[str] | None = None
        self._loaded_fields: set[str] | None = None
        self._seen: Sample | None = None
        self._work = work_in(found.private)
        self._parquet = [file for file in found.files if file.kind is FileKind.PARQUET]
        self._found_values: dict[str, tuple[Kind, str]] | None = None
        json_files = [file for file in found.files if file.kind is not FileKind.PARQUET]
        self.database = Database(
            private=found.private,
            work=self._work,
            readable=[file.path for file in found.files],
            limits=limits or Limits(),
            deadline=deadline,
            purpose=purpose,
            unchanging=not json_files,
        )
        self._loader = Loader(self.database, json_files, work=self._work) if json_files else None

    @property
    def columns(self) -> list[Column]:
        """Return the columns that are there, by name; all of them after `load(None)`."""
        return sorted(self._columns.values(), key=lambda column: column.name)

    def seen_fields(self) -> list[str]:
        """Return the fields that the files' beginnings have, in order; every one of Parquet files and of arrays alone.

        Raises:
            UsageError: there are more than can be columns.
        """
        return sorted({*self._sample().fields, *self._parquet_values()}) or self._survey()

    def load(self, fields: Collection[str] | None) -> None:
        """Have these fields as columns, those that some event has; None for every field.

        Raises:
            DamagedExport: a file is damaged, or has a line that is no JSON object where that is an error.
        """
        if fields is not None and self._loaded_fields is not None and self._loaded_fields.issuperset(fields):
            return
        loaded = self._load(fields)
        self._make_table(loaded)

    def judge(self, sql: str) -> Judged:
        """Return the query as it may run. Raises UsageError when it may not, see `guard`."""
        return judge(self.database, sql)

    @contextlib.contextmanager
    def asking(self, sql: str) -> Iterator[duckdb.DuckDBPyConnection]:
        """Run a query, loading what it mentions first, and give what its rows are fetched from.

        Raises:
            UsageError: the query may not run, or cannot be carried out.
            DeadlineExceeded: it took too long.
            DamagedExport, DataStorageError, DiskFull: of the files.
        """
        judged = self.judge(sql)
        self.prepare(judged)
        with self.database.running(judged.sql) as result:
            yield result

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return all rows of a query whose answer is known to be small."""
        with self.asking(sql) as result:
            return result.fetchall()

    def prepare(self, judged: Judged) -> None:
        """Load what a query mentions, until DuckDB finds every column of it.

        Raises:
            UsageError: a column is that of no event; the text has the names that are alike.
        """
        self.load(None if judged.names is None else self._mentioned(judged.names))
        try:
            self._bind(judged)
        except QueryRefused as refusal:
            names = judged.names
            if names is None:
                raise
            if self._all_fields is None:
                # Another way of writing a name, or a numbered one: only all fields tell what is meant.
                self._survey()
                self.load(self._mentioned(names))
                with contextlib.suppress(QueryRefused):
                    self._bind(judged)
                    return
            raise self._with_names(refusal, names) from None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.database.close()

    def _bind(self, judged: Judged) -> None:
        self.database.rows(f"EXPLAIN {judged.sql}")

    def _survey(self) -> list[str]:
        if self._all_fields is None:
            of_json = self._loader.fields() if self._loader else []
            self._all_fields = sorted({*of_json, *self._parquet_values()})
        return self._all_fields

    def _parquet_values(self) -> dict[str, tuple[Kind, str]]:
        if self._found_values is None:
            self._found_values = parquet_values(self.database, self._parquet_source()) if self._parquet else {}
        return self._found_values

    def _parquet_source(self) -> str:
        return parquet_source([file.path for file in self._parquet])

    def _sample(self) -> Sample:
        if self._seen is None:
            self._seen = self._loader.sample() if self._loader else Sample(frozenset(), frozenset(), {})
        return self._seen

    def _mentioned(self, names: Collection[str]) -> set[str]:
        """Return the fields that the names of a query can mean."""
        wanted = {folded(name) for name in names}
        if self._all_fields is not None:
            return {field for field, name in column_names(self._all_fields).items() if folded(name) in wanted}
        known = {*self._sample().fields, *self._parquet_values()}
        alike = {field for field in known if folded(field) in wanted} | set(names)
        if len({folded(field) for field in alike}) < len(alike):
            self._survey()
            return self._mentioned(names)
        return alike

    def _load(self, fields: Collection[str] | None) -> Loaded | None:
        wanted = sorted(self._survey() if fields is None else {*fields, *(self._loaded_fields or ())})
        self._loaded_fields = set(wanted)
        if self._loader is None:
            return None
        loaded = self._loader.load(wanted, self._sample())
        self.bad_lines = loaded.bad_lines
        if loaded.bad_lines and self._on_bad_line is OnBadLine.ERROR:
            raise bad_lines_found(loaded.bad_lines)
        return loaded

    def _make_table(self, loaded: Loaded | None) -> None:
        sources: list[tuple[str, dict[str, tuple[Kind, str]]]] = []
        if self._parquet:
            sources.append((self._parquet_source(), self._parquet_values()))
        if loaded is not None:
            sources.append((loaded.source, loaded.values))
        fields = sorted({field for _, values in sources for field in values})
        names = column_names(self._all_fields or fields)
        self._columns = {}
        for field in fields:
            kinds = {values[field][0] for _, values in sources if field in values}
            self._columns[field] = Column(names[field], field, kinds.pop() if len(kinds) == 1 else Kind.TEXT)
        selects = [f"SELECT {self.select_of(values)} FROM {source}" for source, values in sources]
        self.database.rows(f"CREATE OR REPLACE TEMP VIEW {TABLE} AS {' UNION ALL BY NAME '.join(selects)}")

    def select_of(self, values: dict[str, tuple[Kind, str]]) -> str:
        """Return the columns of the table, as a SELECT of a source with these values has them."""
        columns = []
        for field, (kind, expression) in sorted(values.items()):
            column = self._columns[field]
            typed = expression if kind is column.kind else f"CAST({expression} AS {column.kind.value})"
            columns.append(f"{typed} AS {identifier(column.name)}")
        # A table has a column; of events without any field only the number is left.
        return ", ".join(columns) or 'NULL AS "@timestamp"'

    def _with_names(self, refusal: QueryRefused, names: Collection[str]) -> UsageError:
        columns = list(column_names(self._survey()).values())
        close = {match for name in names for match in difflib.get_close_matches(name, columns, n=3)}
        shown = sorted(close - set(names)) or columns[:_NAMED_FIELDS]
        texts = ", ".join(identifier(name[:100]) for name in shown[:_NAMED_FIELDS])
        return UsageError(refusal.cause, f"{refusal.remedy} There are the fields {texts}." if texts else refusal.remedy)
