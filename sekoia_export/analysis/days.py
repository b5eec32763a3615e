"""Rows of all days in one Parquet file as a dataset: a folder a day, in it one file with bounded row groups.

A COPY with PARTITION_BY holds unwritten rows of each day and thread, and so takes more the more there are: ten million
events of seven days went past the memory that the process may have. Here one day is written after the other, each as
any file is, and memory is that of one COPY however many days there are.

A day's rows are found by the statistics of the row groups. Where the rows come more or less in the order of time, or
in the opposite one, that reads each row group about once; where many row groups hold many days, the rows are sorted by
day first, on disk as far as they do not fit into memory. Within a day they keep the order they came in.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.analysis.fields import literal
from sekoia_export.analysis.writing import copy_to

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sekoia_export.analysis.database import Database

DAY_COLUMN = "day"
NO_DAY = "__HIVE_DEFAULT_PARTITION__"
_FILE_NAME = "events-0.parquet"
_MOST_READS = 3
_FETCHED_DAYS = 1_000
# Reading keeps the file's order (`preserve_insertion_order`), and this counts along. DuckDB's column file_row_number is
# not there where a field has its name; with it the sort of 5 million rows takes 4.5 s instead of 5.2.
_PLACE = "row_number() OVER ()"


def write_days(database: Database, rows: Path, folder: Path, *, between: str, options: str) -> None:
    """Write the rows of a Parquet file as a dataset, and delete the file.

    Args:
        database: that may read and write both.
        rows: Parquet with the column `day`, a DATE, NULL for rows without one; the dataset's files do not have it.
        folder: that is made.
        between: how Parquet is written that is read again at once.
        options: how the dataset's files are written.
    """
    if _mixed(database, rows):
        ordered = rows.with_name(f"{rows.name}-by-day")
        copy_to(database, f"SELECT * {_source(rows)} ORDER BY {DAY_COLUMN}, {_PLACE}", ordered, between)
        rows.unlink()
        rows = ordered
    folder.mkdir(mode=0o700)
    for name, condition in list(_days(database, rows)):
        below = folder / f"{DAY_COLUMN}={name}"
        below.mkdir(mode=0o700)
        select = f"SELECT * EXCLUDE ({DAY_COLUMN}) {_source(rows)} WHERE {condition}"
        copy_to(database, select, below / _FILE_NAME, options)
    rows.unlink()


def _source(rows: Path) -> str:
    return f"FROM read_parquet({literal(str(rows))}, hive_partitioning = false)"


def _days(database: Database, rows: Path) -> Iterator[tuple[str, str]]:
    """Yield each day's name in the folder's, as Hive and DuckDB write it, and the condition of its rows."""
    text = f"{DAY_COLUMN}::VARCHAR"
    days = (
        f"SELECT {text}, url_encode({text}) FROM (SELECT DISTINCT {DAY_COLUMN} {_source(rows)}) ORDER BY {DAY_COLUMN}"
    )
    with database.running(days) as result:
        while some := result.fetchmany(_FETCHED_DAYS):
            for day, encoded in some:
                if day is None:
                    yield NO_DAY, f"{DAY_COLUMN} IS NULL"
                else:
                    yield encoded, f"{DAY_COLUMN} = {literal(day)}::DATE"


def _mixed(database: Database, rows: Path) -> bool:
    """Return whether the days would read row groups far oftener than those of rows in the order of days.

    Sorted, each day has the end of one row group, and the beginning of another one, at most beside its own.
    """
    groups = (
        "SELECT stats_min_value::DATE AS earliest, stats_max_value::DATE AS latest "
        f"FROM parquet_metadata({literal(str(rows))}) WHERE path_in_schema = {literal(DAY_COLUMN)}"
    )
    days = f"SELECT DISTINCT {DAY_COLUMN} {_source(rows)} WHERE {DAY_COLUMN} IS NOT NULL"
    [(reads, least)] = database.rows(
        f"WITH groups AS ({groups}), days AS ({days}) SELECT "
        f"(SELECT count(*) FROM groups JOIN days ON {DAY_COLUMN} BETWEEN earliest AND latest), "
        f"(SELECT count(*) FROM groups) + (SELECT count(*) FROM days)"
    )
    return bool(reads > _MOST_READS * least)
