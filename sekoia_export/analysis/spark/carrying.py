"""Spark's rows as a file: they come as lines into the private folder, and DuckDB, in its bounded process, makes of them
what it makes of its own, with the columns and types that its own answer has.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import orjson
from isal import igzip

from sekoia_export.analysis.database import Database, QueryRefused
from sekoia_export.analysis.fields import identifier, literal
from sekoia_export.analysis.files import free_bytes, work_in
from sekoia_export.analysis.purpose import Purpose
from sekoia_export.analysis.values import plain
from sekoia_export.analysis.writing import FileFormat, write_rows
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.errors import DiskFull, UsageError
from sekoia_export.transfer.local_files import local_failures

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from pathlib import Path

    from sekoia_export.analysis.database import Limits

ROW_LIMIT_BYTES = 64 * 1024 * 1024
_COMPRESSION = 1
_CHECKED_BYTES = 64 * 1024 * 1024
_KINDS = re.compile(
    r"(VARCHAR|BOOLEAN|(U?(TINY|SMALL|BIG|HUGE)INT)|U?INTEGER|FLOAT|DOUBLE|DECIMAL\([0-9, ]+\)|DATE"
    r"|TIMESTAMP(_S|_MS|_NS| WITH TIME ZONE)?)(\[\])*"
)

_WHOLE = re.compile(r"U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER")


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """Rows that are to be a file.

    Attributes:
        private: the private folder of the question.
        lines: where the rows lie, in its folder `work`: a JSON object a line, gzip.
        columns: their names, all different, and DuckDB's types.
        file_format: of the file.
        limits: of memory, threads and disk.
    """

    private: Path
    lines: Path
    columns: list[tuple[str, str]]
    file_format: FileFormat
    limits: Limits


def check_kinds(columns: Iterable[tuple[str, str]]) -> None:
    """Raise UsageError when a column's type is none that lines can carry as it is."""
    for name, kind in columns:
        if not _KINDS.fullmatch(kind):
            raise UsageError(
                f"The column {name[:60]} is of the type {kind[:60]}, which no file of Spark's rows can have.",
                "Cast it, for instance to VARCHAR, or ask with engine duckdb.",
            )


def carry(rows: Iterable[Sequence[Any]], columns: Sequence[tuple[str, str]], path: Path) -> None:
    """Write rows to a new file, a JSON object each, compressed; one row is here at a time.

    Raises:
        UsageError: a row is too long, or has a fraction where DuckDB has whole numbers and would round.
        DiskFull, DataStorageError: the temporary folder.
    """
    whole = [(at, name) for at, (name, kind) in enumerate(columns) if _WHOLE.fullmatch(kind)]
    with local_failures("keeping the rows of Spark"), igzip.open(path, "xb", compresslevel=_COMPRESSION) as file:
        unchecked = 0
        for values in rows:
            for at, name in whole:
                if isinstance(values[at], float | Decimal) and values[at] % 1:
                    raise UsageError(
                        f"Spark has fractions in the column {name[:60]}, and DuckDB whole numbers.",
                        "Cast the column in the query, or ask with engine duckdb.",
                    )
            line = orjson.dumps({f"c{at}": plain(value) for at, value in enumerate(values)})
            if len(line) > ROW_LIMIT_BYTES:
                raise UsageError(
                    f"A row of the answer is larger than {ROW_LIMIT_BYTES // 2**20} MiB.", "Ask for fewer columns."
                )
            file.write(line + b"\n")
            unchecked += len(line)
            if unchecked > _CHECKED_BYTES:
                unchecked = 0
                if free_bytes(path.parent) <= 0:
                    raise DiskFull(
                        "The rows of Spark have no room in the temporary folder.",
                        "Ask for less, or set TMPDIR to a folder with room.",
                    )


def write_carried(carried: Carried, timeout_s: float | None) -> dict[str, Any]:
    """Return `row_count` and `path` of the file that rows became; runs in DuckDB's bounded process.

    Raises:
        UsageError: Spark's values are not of the types that DuckDB's are.
        DeadlineExceeded, DataStorageError, DiskFull: as their names say.
    """
    work = work_in(carried.private)
    database = Database(
        private=carried.private,
        work=work,
        readable=[carried.lines],
        limits=carried.limits,
        deadline=Deadline(SystemClock(), timeout_s),
        purpose=Purpose.QUERY,
    )
    kinds = ", ".join(f"c{at}: {literal(kind)}" for at, (_, kind) in enumerate(carried.columns))
    read = (
        f"read_json({literal(str(carried.lines))}, format = 'newline_delimited', records = true, "
        f"compression = 'gzip', columns = {{{kinds}}}, maximum_object_size = {ROW_LIMIT_BYTES + 1})"
    )
    selected = ", ".join(f"c{at} AS {identifier(name)}" for at, (name, _) in enumerate(carried.columns))
    path = work / f"answer.{carried.file_format.value}"
    try:
        database.rows(f"CREATE TEMP VIEW answer AS SELECT {selected} FROM {read}")
        count = write_rows(database, "FROM answer", path, carried.file_format)
    except QueryRefused as refusal:
        raise UsageError(
            f"The rows of Spark are not of the types that DuckDB has for the question: {_reason(refusal.cause)}.",
            "Cast the columns in the query, or ask with engine duckdb.",
        ) from None
    finally:
        database.close()
    return {"row_count": count, "path": str(path)}


def _reason(said: str) -> str:
    """Return what DuckDB says to a value, without where the rows lie."""
    return said[said.find("Failed to") :].partition(" Try setting")[0] if "Failed to" in said else "they do not fit"
