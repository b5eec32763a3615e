"""Exported files in another format. Runs in a process of its own, see `apart`.

Parquet takes one pass over the source where the file's beginning tells what the events are, which the written file
itself shows, and a second one where something came later that needs another column. A dataset by day is written from
such a file, see `days`. CSV takes one pass as well where each row says all of its event; where one does not, CSV is
written from Parquet.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from sekoia_export.analysis.database import Database, Limits
from sekoia_export.analysis.days import write_days
from sekoia_export.analysis.events import OnBadLine, bad_lines_found
from sekoia_export.analysis.fields import REST_COLUMN, TIMESTAMP_FIELD, identifier, literal, pointer
from sekoia_export.analysis.files import FileKind, work_in
from sekoia_export.analysis.lines import InflatedPipes
from sekoia_export.analysis.loading import check_fields, damages, events_in, first_events
from sekoia_export.analysis.parquet import events_of, parquet_source
from sekoia_export.analysis.purpose import Purpose
from sekoia_export.analysis.shape import METADATA_KEY, Shape, Stored, shape_of
from sekoia_export.analysis.writing import ConvertFormat, copy_to, csv_columns, parquet_options
from sekoia_export.clock import Deadline, SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from sekoia_export.analysis.files import FoundFiles

_SAMPLE_EVENTS = 2_000
_BAD_LINES, _LOOSE_ROWS = "bad_lines", "loose_rows"
# A column of JSON as it is: it holds no control character, and so neither this delimiter nor an end of a line.
_TEXT = "FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x1f'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Conversion:
    """What is to be converted to what.

    Attributes:
        found: the files.
        format: how they are written.
        by_day: whether Parquet files are written a day each, in a folder a day.
        on_bad_line: what is done about a line that is no JSON object.
        limits: of memory, threads and disk.
    """

    found: FoundFiles
    format: ConvertFormat
    by_day: bool
    on_bad_line: OnBadLine
    limits: Limits


def convert(conversion: Conversion, timeout_s: float | None) -> dict[str, Any]:
    """Return what was written: `path` of the file or folder, `events_count`, `bad_lines`; of JSON, lines without array.

    Raises:
        DamagedExport, DeadlineExceeded, DataStorageError, DiskFull, UsageError: as their names say.
    """
    work = work_in(conversion.found.private)
    database = Database(
        private=conversion.found.private,
        work=work,
        readable=[file.path for file in conversion.found.files],
        limits=conversion.limits,
        deadline=Deadline(SystemClock(), timeout_s),
        purpose=Purpose.CONVERSION,
    )
    try:
        return _Converter(database, conversion, work).run()
    finally:
        database.close()


class _Converter:
    def __init__(self, database: Database, conversion: Conversion, work: Path) -> None:
        self._database = database
        self._conversion = conversion
        self._work = work
        self._row_bytes = 0.0
        self._files = conversion.found.files
        self._of_kind = {kind: [file for file in self._files if file.kind is kind] for kind in FileKind}

    def run(self) -> dict[str, Any]:
        made = self._work / f"converted.{self._conversion.format.value}"
        match self._conversion.format:
            case ConvertFormat.PARQUET:
                count = self._parquet(made, by_day=self._conversion.by_day)
            case ConvertFormat.CSV:
                count = self._csv(made)
            case _:
                with self._reading() as events:
                    count = copy_to(self._database, f"SELECT json::VARCHAR FROM {events}", made, _TEXT)
        bad_lines = self._counted_by(_BAD_LINES)
        if bad_lines and self._conversion.on_bad_line is OnBadLine.ERROR:
            raise bad_lines_found(bad_lines)
        return {"path": str(made), "events_count": count, "bad_lines": bad_lines}

    def _parquet(self, made: Path, *, by_day: bool) -> int:
        beginning = list(self._beginning())
        shape = shape_of(beginning, partitioned=by_day)
        check_fields(len(shape.fields))
        self._row_bytes = sum(len(orjson.dumps(event)) for event in beginning) / max(1, len(beginning))
        rows, options = (self._work / "all-days.parquet", self._in_passing()) if by_day else (made, self._kept(shape))
        count = self._write(shape, rows, options)
        exact = self._exact(shape, rows)
        if exact.fields != shape.fields:
            rows.unlink()
            count = self._write(exact, rows, options if by_day else self._kept(exact))
        if by_day:
            write_days(self._database, rows, made, between=options, options=self._kept(exact))
        return count

    def _csv(self, made: Path) -> int:
        count = self._csv_at_once(made)
        if count is not None:
            return count
        made.unlink(missing_ok=True)
        rows = self._work / "rows.parquet"
        self._parquet(rows, by_day=False)
        return self._csv_of(parquet_source([rows]), made)

    def _csv_at_once(self, made: Path) -> int | None:
        """Write CSV in one pass; return None where a row does not say all of its event, as a null does not."""
        beginning = list(self._beginning())
        shape = shape_of(beginning, partitioned=False)
        check_fields(len(shape.fields))
        if Stored.JSON in shape.fields.values() or any(None in event.values() for event in beginning):
            return None
        self._database.rows(f"CREATE OR REPLACE TEMP SEQUENCE {_LOOSE_ROWS}")
        with self._reading() as events:
            whole = f"CASE WHEN {REST_COLUMN} IS NULL THEN true ELSE nextval('{_LOOSE_ROWS}') < 0 END"
            count = self._csv_of(f"(SELECT * FROM ({shape.rows(events)}) WHERE {whole})", made)
        return None if self._counted_by(_LOOSE_ROWS) else count

    def _csv_of(self, source: str, made: Path) -> int:
        described = self._database.rows(f"DESCRIBE SELECT * FROM {source}")
        columns = [(str(name), str(kind)) for name, kind, *_ in described if name != REST_COLUMN]
        # Without any field there is no column, and CSV cannot say how many rows there are.
        select = csv_columns(columns) or f"NULL AS {identifier(TIMESTAMP_FIELD)}"
        return copy_to(self._database, f"SELECT {select} FROM {source}", made, "FORMAT csv, HEADER true")

    def _counted_by(self, sequence: str) -> int:
        """Return how many rows a statement of ours has counted by a sequence."""
        select = "SELECT coalesce(max(last_value), 0) FROM duckdb_sequences() WHERE sequence_name = ?"
        [(count,)] = self._database.rows(select, [sequence])
        return int(count)

    def _write(self, shape: Shape, path: Path, options: str) -> int:
        with self._reading() as events:
            return copy_to(self._database, shape.rows(events), path, options)

    def _kept(self, shape: Shape) -> str:
        """Return how Parquet is written that says what it is."""
        metadata = f"KV_METADATA {{{METADATA_KEY}: {literal(shape.metadata())}}}"
        return f"{parquet_options(row_bytes=self._row_bytes)}, {metadata}"

    def _in_passing(self) -> str:
        """Return how Parquet is written that is read again at once: more bytes, and less time."""
        return parquet_options(compression="lz4_raw", row_bytes=self._row_bytes)

    def _exact(self, shape: Shape, path: Path) -> Shape:
        """Return the shape that all events have, seen from the rows that a first guess made of them."""
        source = parquet_source([path])
        columns = shape.columns
        loose = [field for field, stored in shape.fields.items() if stored is Stored.JSON]
        fields = dict(shape.fields)
        found = self._counted(source, [f"{identifier(columns[field])}::VARCHAR" for field in loose])
        fields.update({field: values.stored() for field, values in zip(loose, found, strict=True)})
        rest = f"(SELECT {REST_COLUMN}::JSON AS rest FROM {source} WHERE {REST_COLUMN} IS NOT NULL)"
        if not self._database.rows(f"SELECT 1 FROM {rest} LIMIT 1"):
            return Shape(fields, shape.time_format, shape.partitioned)
        late: set[str] = set()
        with self._database.running(f"SELECT DISTINCT unnest(json_keys(rest)) FROM {rest}") as result:
            while rows := result.fetchmany(1_000):
                late.update(name for (name,) in rows if name not in fields)
                check_fields(len(fields) + len(late))
        strict = [field for field, stored in shape.fields.items() if stored in {Stored.INTEGER, Stored.BOOLEAN}]
        asked = [*strict, *sorted(late)]
        found = self._counted(rest, [f"json_extract(rest, {literal(pointer(field))})::VARCHAR" for field in asked])
        for field, values in zip(asked, found, strict=True):
            if field == TIMESTAMP_FIELD:
                fields[field] = Stored.TIMESTAMP
            elif field in late or not values.are(shape.fields[field]):
                fields[field] = values.stored() if field in late else Stored.TEXT if values.texts else Stored.JSON
        return Shape(fields, shape.time_format, shape.partitioned)

    def _counted(self, source: str, values: Sequence[str]) -> list[_Values]:
        if not values:
            return []
        # No FILTER: each has a copy of what all the others count.
        counts = ", ".join(
            f"count(CASE WHEN {value} <> 'null' THEN 1 END), count(CASE WHEN starts_with({value}, '\"') THEN 1 END), "
            f"count(CASE WHEN {value} IN ('true', 'false') THEN 1 END), "
            f"count(CASE WHEN regexp_full_match({value}, '-?[0-9]+') THEN TRY_CAST({value} AS BIGINT) END)"
            for value in values
        )
        [row] = self._database.rows(f"SELECT {counts} FROM {source}")
        return [_Values(*row[4 * at : 4 * at + 4]) for at in range(len(values))]

    def _beginning(self) -> Iterator[dict[str, Any]]:
        """Yield first events."""
        yield from first_events([*self._of_kind[FileKind.LINES_GZ], *self._of_kind[FileKind.LINES]])
        for source in self._other_sources():
            for (text,) in self._database.rows(f"SELECT json::VARCHAR FROM {source} WHERE ok LIMIT {_SAMPLE_EVENTS}"):
                with contextlib.suppress(orjson.JSONDecodeError):
                    yield orjson.loads(text)

    @contextlib.contextmanager
    def _reading(self) -> Iterator[str]:
        """Give what SQL reads all events from, once: rows of `json`; the others are counted."""
        name = self._files[0].name if len(self._files) == 1 else "One of the files"
        # One of our own statements: what a query may not do, count by a sequence, this does.
        self._database.rows(f"CREATE OR REPLACE TEMP SEQUENCE {_BAD_LINES}")
        packed = [file.path for file in self._of_kind[FileKind.LINES_GZ]]
        with contextlib.ExitStack() as stack:
            stack.enter_context(damages(name))
            pipes = stack.enter_context(InflatedPipes(packed, self._work)).paths if packed else []
            sources = self._sources(pipes)
            together = " UNION ALL ".join(f"SELECT json, ok FROM {source}" for source in sources)
            yield f"(SELECT json FROM ({together}) WHERE CASE WHEN ok THEN true ELSE nextval('{_BAD_LINES}') < 0 END)"

    def _sources(self, pipes: Sequence[Path]) -> list[str]:
        """Return what SQL reads the events from."""
        sources = [events_in(pipes, array=False)] if pipes else []
        if files := self._of_kind[FileKind.LINES]:
            sources.append(events_in([file.path for file in files], array=False))
        return [*sources, *self._other_sources()]

    def _other_sources(self) -> list[str]:
        """Return what SQL reads the events of files that are no lines from."""
        sources = []
        if files := self._of_kind[FileKind.ARRAY]:
            sources.append(events_in([file.path for file in files], array=True))
        if files := self._of_kind[FileKind.PARQUET]:
            sources += events_of(self._database, [file.path for file in files])
        return sources


@dataclass(frozen=True, slots=True)
class _Values:
    """How many values of JSON there are but nulls, and of which kinds."""

    there: int
    texts: int
    booleans: int
    integers: int

    def are(self, stored: Stored) -> bool:
        return self.there == (self.integers if stored is Stored.INTEGER else self.booleans)

    def stored(self) -> Stored:
        if self.texts:
            return Stored.TEXT
        if self.there and self.are(Stored.INTEGER):
            return Stored.INTEGER
        return Stored.BOOLEAN if self.there and self.are(Stored.BOOLEAN) else Stored.JSON
