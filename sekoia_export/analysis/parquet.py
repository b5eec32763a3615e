"""Parquet files as a source of events: our own and those that other tools wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.analysis.fields import REST_COLUMN, TIMESTAMP_FIELD, Kind, as_timestamp, folded, identifier, literal

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sekoia_export.analysis.database import Database
    from sekoia_export.analysis.files import EventFile

_INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})


def parquet_source(files: Sequence[EventFile]) -> str:
    """Return what SQL reads the files from, the union of their columns by name."""
    paths = ", ".join(literal(str(file.path)) for file in files)
    return f"read_parquet([{paths}], union_by_name = true, hive_partitioning = false)"


def parquet_values(database: Database, source: str) -> dict[str, tuple[Kind, str]]:
    """Return the kind of each column's values, and the expression that reads them by the rule in `fields`."""
    described = database.rows(f"DESCRIBE SELECT * FROM {source}")  # noqa: S608 - literals
    return {name: _value(name, str(kind)) for name, kind, *_ in described if folded(name) != REST_COLUMN}


def _value(name: str, kind: str) -> tuple[Kind, str]:
    column = identifier(name)
    if name == TIMESTAMP_FIELD:
        if kind == "TIMESTAMP WITH TIME ZONE":
            return Kind.TIMESTAMP, f"({column} AT TIME ZONE 'UTC')"
        if kind.startswith("TIMESTAMP"):
            return Kind.TIMESTAMP, f"CAST({column} AS TIMESTAMP)"
        return Kind.TIMESTAMP, as_timestamp(f"CAST({column} AS VARCHAR)")
    if kind in _INTEGERS:
        return Kind.INTEGER, column if kind == "BIGINT" else f"CAST({column} AS BIGINT)"
    if kind == "BOOLEAN":
        return Kind.BOOLEAN, column
    if kind == "VARCHAR":
        return Kind.TEXT, column
    if kind == "JSON":
        return Kind.TEXT, f"({column} ->> '$')"
    if kind.startswith(("STRUCT", "MAP")) or kind.endswith("]"):
        return Kind.TEXT, f"CAST(to_json({column}) AS VARCHAR)"
    return Kind.TEXT, f"CAST({column} AS VARCHAR)"
