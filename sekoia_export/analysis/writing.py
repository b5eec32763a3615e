"""Rows as files: CSV that a spreadsheet can open, JSON, JSON Lines, Parquet.

CSV is made for spreadsheets, which take a cell that begins with `=`, `+`, `-`, `@`, a tab or a carriage return for a
formula, and run it. Such a text gets an apostrophe in front, the spreadsheets' own sign for text; a text that is a
plain number (`-5`, `+1.5e3`) stays one, and so do columns of numbers. The name `@timestamp` in the first line stays.
"""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from sekoia_export.analysis.fields import TIMESTAMP_FIELD, identifier, literal

if TYPE_CHECKING:
    from pathlib import Path

    from sekoia_export.analysis.database import Database

ROW_GROUP_BYTES = 16 * 1024 * 1024
"""Of JSON in a row group: each thread holds some of them, uncompressed, until they are written in order."""
FEWEST_ROWS, MOST_ROWS = 2_048, 122_880
WIDE_ROW_BYTES = 1_024
_SIGNS = "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"  # the last four are their full width forms
_NUMBER = r"[+-]?([0-9]+([.][0-9]*)?|[.][0-9]+)([eE][+-]?[0-9]+)?"
_UTC = "strftime({value}, '%Y-%m-%dT%H:%M:%S.%fZ')"


class FileFormat(StrEnum):
    """How rows are written; the value is the file's suffix."""

    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"
    PARQUET = "parquet"


class ConvertFormat(StrEnum):
    """What files are converted to; the value is the file's suffix."""

    PARQUET = "parquet"
    CSV = "csv"
    JSON = "json"
    JSONL = "jsonl"


def write_rows(database: Database, source: str, path: Path, file_format: FileFormat) -> int:
    """Write the rows of a query, whose columns' names differ, to a new file and return how many they are.

    Args:
        database: that the query is of.
        source: a query without SELECT: FROM and what follows.
        path: of the file, in a folder of the database's.
        file_format: how.
    """
    columns = [(str(name), str(kind)) for name, kind, *_ in database.rows(f"DESCRIBE SELECT * {source}")]
    if file_format is FileFormat.PARQUET:
        select, options = "*", parquet_options()
    elif file_format is FileFormat.CSV:
        select, options = csv_columns(columns), "FORMAT csv, HEADER true"
    else:
        array = "true" if file_format is FileFormat.JSON else "false"
        select, options = json_columns(columns), f"FORMAT json, ARRAY {array}"
    return copy_to(database, f"SELECT {select} {source}", path, options)


def parquet_options(*, compression: str = "zstd", row_bytes: float = WIDE_ROW_BYTES) -> str:
    """Return how Parquet is written, in row groups of a bounded size.

    Args:
        compression: of the columns.
        row_bytes: what a row has about, as JSON.
    """
    rows = int(ROW_GROUP_BYTES / max(1.0, row_bytes)) // FEWEST_ROWS * FEWEST_ROWS
    rows = min(MOST_ROWS, max(FEWEST_ROWS, rows))
    return f"FORMAT parquet, COMPRESSION {compression}, ROW_GROUP_SIZE {rows}"


def copy_to(database: Database, query: str, path: Path, options: str) -> int:
    """Write the rows of a SELECT to a file and return how many they are."""
    [(count,)] = database.rows(f"COPY ({query}) TO {literal(str(path))} ({options})")
    return int(count)


def csv_columns(columns: list[tuple[str, str]]) -> str:
    """Return the expressions of columns, given by name and type, as CSV for a spreadsheet has them."""
    return ", ".join(
        f"{_csv_value(identifier(name), kind)} AS {identifier(csv_header(name))}" for name, kind in columns
    )


def csv_header(name: str) -> str:
    """Return a column's name as the first line of a CSV file has it."""
    return f"'{name}" if name[:1] in {*_SIGNS} and name != TIMESTAMP_FIELD else name


def json_columns(columns: list[tuple[str, str]]) -> str:
    """Return the expressions of columns, given by name and type, as JSON has them: times in ISO 8601."""
    return ", ".join(f"{moment_text(identifier(name), kind)} AS {identifier(name)}" for name, kind in columns)


def moment_text(column: str, kind: str) -> str:
    """Return the expression of a column's values, times as ISO 8601 in UTC."""
    if kind == "TIMESTAMP WITH TIME ZONE":
        return _UTC.format(value=f"({column} AT TIME ZONE 'UTC')")
    return _UTC.format(value=column) if kind.startswith("TIMESTAMP") else column


def _csv_value(column: str, kind: str) -> str:
    if kind in {"BIGINT", "INTEGER", "HUGEINT", "UBIGINT", "DOUBLE", "BOOLEAN"} or kind.startswith("DECIMAL"):
        return column
    if kind.startswith("TIMESTAMP"):
        return moment_text(column, kind)
    text = column if kind == "VARCHAR" else f"CAST({column} AS VARCHAR)"
    formula = f"{text} <> '' AND contains({literal(_SIGNS)}, left({text}, 1))"
    number = f"regexp_full_match({text}, {literal(_NUMBER)})"
    return f"CASE WHEN {formula} AND NOT {number} THEN chr(39) || {text} ELSE {text} END"
