"""Parquet files as a source of events: our own and those that other tools wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from sekoia_export.analysis.fields import REST_COLUMN, TIMESTAMP_FIELD, Kind, as_timestamp, folded, identifier, literal
from sekoia_export.analysis.shape import METADATA_KEY, shape_from_metadata
from sekoia_export.analysis.writing import moment_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sekoia_export.analysis.database import Database

_INTEGERS = frozenset({"TINYINT", "SMALLINT", "INTEGER", "BIGINT", "UTINYINT", "USMALLINT", "UINTEGER"})


def parquet_source(paths: Sequence[Path]) -> str:
    """Return what SQL reads the files from, the union of their columns by name."""
    return f"read_parquet({_list(paths)}, union_by_name = true, hive_partitioning = false)"


def parquet_values(database: Database, source: str) -> dict[str, tuple[Kind, str]]:
    """Return the kind of each column's values, and the expression that reads them by the rule in `fields`."""
    described = database.rows(f"DESCRIBE SELECT * FROM {source}")
    return {name: _value(name, str(kind)) for name, kind, *_ in described if folded(name) != REST_COLUMN}


def events_of(database: Database, paths: Sequence[Path]) -> list[str]:
    """Return what SQL reads the files' events from, in their order as far as their metadata are the same.

    Each has rows of `json`, and `ok`, true. Events of our own files come out as they went in, see `shape`.
    """
    key = literal(METADATA_KEY)
    listed = database.rows(f"SELECT file_name, value FROM parquet_kv_metadata({_list(paths)}) WHERE key = {key}")
    metadata = {str(name): bytes(value) for name, value in listed}
    alike: dict[bytes, list[Path]] = {}
    for path in paths:
        alike.setdefault(metadata.get(str(path), b""), []).append(path)
    return [_events(database, parquet_source(group), text) for text, group in alike.items()]


def _events(database: Database, source: str, metadata: bytes) -> str:
    described = database.rows(f"DESCRIBE SELECT * FROM {source}")
    kinds = {str(name): str(kind) for name, kind, *_ in described}
    shape = shape_from_metadata(metadata)
    if shape is not None and {*shape.columns.values(), REST_COLUMN} == set(kinds):
        event = shape.event()
    else:
        entries = [
            f"{literal(orjson.dumps(name).decode() + ':')} || {_as_json(identifier(name), kind)}"
            for name, kind in kinds.items()
        ]
        event = f"'{{' || concat_ws(',', {', '.join(entries)}) || '}}'"
    return f"(SELECT ({event})::JSON AS json, true AS ok FROM {source})"


def _as_json(column: str, kind: str) -> str:
    return f"{column}::VARCHAR" if kind == "JSON" else f"to_json({moment_text(column, kind)})::VARCHAR"


def _list(paths: Sequence[Path]) -> str:
    return f"[{', '.join(literal(str(path)) for path in paths)}]"


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
