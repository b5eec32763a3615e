"""The shape of events as columns of a Parquet file, and the way back: nothing is lost, and that is checked row by row.

Each event becomes a row of typed columns by the rule in `fields`. Where the row does not say all of the event (a null
beside a missing field, an integer beyond 64 bits, a time in another form, a field that the shape does not know), the
column `__rest` keeps the event's own text, and the way back takes that. The file's metadata say which column is which
field, in their order.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson

from sekoia_export.analysis.fields import (
    REST_COLUMN,
    TIMESTAMP_FIELD,
    as_timestamp,
    column_names,
    identifier,
    literal,
    pointer,
)

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

METADATA_KEY = "sekoia_export"
METADATA_VERSION = 1
MILLISECONDS = "%Y-%m-%dT%H:%M:%S.%gZ"
TIME_FORMATS = ("%Y-%m-%dT%H:%M:%S.%fZ", MILLISECONDS, "%Y-%m-%dT%H:%M:%SZ")
"""How times are written, by the digits of their fraction: six, three, none."""
_FRACTION_DIGITS = {6: TIME_FORMATS[0], 3: TIME_FORMATS[1], 0: TIME_FORMATS[2]}


class Stored(StrEnum):
    """How a column stores its field's values; the value is the column's type in SQL."""

    TIMESTAMP = "TIMESTAMPTZ"
    INTEGER = "BIGINT"
    BOOLEAN = "BOOLEAN"
    TEXT = "VARCHAR"
    JSON = "JSON"


@dataclass(frozen=True, slots=True)
class Shape:
    """How events become rows.

    Attributes:
        fields: the fields in the order in which they are written again, and how each is stored.
        time_format: how the times of `@timestamp` are written again.
        partitioned: whether the rows have a day beside their columns.
    """

    fields: Mapping[str, Stored]
    time_format: str
    partitioned: bool = False

    @property
    def columns(self) -> dict[str, str]:
        """Return the column's name of each field."""
        return column_names(self.fields, reserved=("day",) if self.partitioned else ())

    def metadata(self) -> str:
        """Return what the file's metadata say of the shape, JSON."""
        names = self.columns
        fields = [[names[field], field, stored.name] for field, stored in self.fields.items()]
        return orjson.dumps({"version": METADATA_VERSION, "time_format": self.time_format, "fields": fields}).decode()

    def rows(self, events: str) -> str:
        """Return the SELECT of the rows.

        Args:
            events: what SQL reads the events from: rows of `json`.
        """
        as_json = [field for field, stored in self.fields.items() if stored is Stored.JSON]
        as_text = [field for field in self.fields if field not in as_json]
        at_text = {field: at + 1 for at, field in enumerate(as_text)}
        values = {field: self._value(self.fields[field], f"t[{at}]") for field, at in at_text.items()}
        values |= {field: self._value(Stored.JSON, f"j[{at + 1}]") for at, field in enumerate(as_json)}
        read = ["json::VARCHAR AS raw", "len(json_keys(json)) AS entries"]
        if as_text:
            pointers = _pointers(as_text)
            read += [f"json_extract_string(json, {pointers}) AS t", f"json_type(json, {pointers}) AS kinds"]
        if as_json:
            read.append(f"json_extract(json, {_pointers(as_json)}) AS j")
        short = {field: f"c{at}" for at, field in enumerate(self.fields)}
        inner = ", ".join(
            ["* EXCLUDE (j)" if as_json else "*", *(f"{values[field]} AS {short[field]}" for field in short)]
        )
        names = self.columns
        columns = [
            f"{short[field]}::{stored.value} AS {identifier(names[field])}" for field, stored in self.fields.items()
        ]
        columns.append(f"CASE WHEN {self._whole(short, at_text)} THEN NULL ELSE raw END AS {REST_COLUMN}")
        if self.partitioned:
            time = short.get(TIMESTAMP_FIELD)
            columns.append("NULL::DATE AS day" if time is None else f"CAST({time} AS DATE) AS day")
        return f"SELECT {', '.join(columns)} FROM (SELECT {inner} FROM (SELECT {', '.join(read)} FROM {events}))"

    def event(self) -> str:
        """Return the expression of an event's JSON from a row of a file of this shape."""
        names = self.columns
        entries = []
        for field, stored in self.fields.items():
            value = identifier(names[field])
            if stored is Stored.TIMESTAMP:
                value = f"to_json(strftime({value} AT TIME ZONE 'UTC', {literal(self.time_format)}))"
            elif stored is Stored.TEXT:
                value = f"to_json({value})"
            entries.append(f"{literal(orjson.dumps(field).decode() + ':')} || {value}::VARCHAR")
        return f"coalesce({REST_COLUMN}, '{{' || concat_ws(',', {', '.join([*entries, 'NULL'])}) || '}}')"

    def _whole(self, short: Mapping[str, str], at_text: Mapping[str, int]) -> str:
        """Return the condition of a row that says all of its event.

        Every entry of the event is a column that is not NULL (an unknown field, a repeated one, a null are one entry
        too many), and its value is of the kind that the way back makes of the column.
        """
        there = _sum([f"({column} IS NOT NULL)::INTEGER" for column in short.values()])
        conditions = [f"entries = {there}"]
        for field, at in at_text.items():
            stored = self.fields[field]
            kinds = {Stored.INTEGER: "'UBIGINT', 'BIGINT'", Stored.BOOLEAN: "'BOOLEAN'"}.get(stored, "'VARCHAR'")
            conditions.append(f"(kinds[{at}] IS NULL OR kinds[{at}] IN ({kinds}))")
            if stored is Stored.TIMESTAMP:
                column = short[field]
                written = f"strftime({column}, {literal(self.time_format)})"
                conditions.append(f"({column} IS NULL OR {written} = t[{at}])")
        return " AND ".join(conditions)

    @staticmethod
    def _value(stored: Stored, value: str) -> str:
        if stored is Stored.TIMESTAMP:
            return as_timestamp(value)
        if stored is Stored.INTEGER:
            return f"TRY_CAST({value} AS BIGINT)"
        if stored is Stored.BOOLEAN:
            return f"CASE {value} WHEN 'true' THEN true WHEN 'false' THEN false END"
        return f"NULLIF({value}::VARCHAR, 'null')" if stored is Stored.JSON else value


def shape_of(events: Iterable[dict[str, Any]], *, partitioned: bool) -> Shape:
    """Return the shape of some events: of those at the beginning of a file, a guess."""
    kinds: dict[str, set[type]] = {}
    order: list[str] = []
    time_format = ""
    for event in events:
        before = None
        for field, value in event.items():
            if field not in kinds:
                # Where it stands among the others.
                order.insert(0 if before is None else order.index(before) + 1, field)
            before = field
            found = kinds.setdefault(field, set())
            if value is not None:
                found.add(int if type(value) is int and -(2**63) <= value < 2**63 else _kind(value))
        if not time_format and isinstance(text := event.get(TIMESTAMP_FIELD), str):
            time_format = _time_format(text)
    fields = {field: _stored(field, kinds[field]) for field in order}
    return Shape(fields, time_format or MILLISECONDS, partitioned)


def shape_from_metadata(text: bytes) -> Shape | None:
    """Return the shape that a file's metadata name, None when they name none that this understands."""
    try:
        found = orjson.loads(text)
        if found["version"] != METADATA_VERSION or found["time_format"] not in TIME_FORMATS:
            return None
        fields = {field: Stored[stored] for _column, field, stored in found["fields"]}
        names = {field: column for column, field, _stored in found["fields"]}
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None
    for partitioned in (False, True):
        shape = Shape(fields, found["time_format"], partitioned)
        if shape.columns == names:
            return shape
    return None


def _kind(value: Any) -> type:
    return type(value) if isinstance(value, (str, bool)) else object


def _stored(field: str, kinds: set[type]) -> Stored:
    if field == TIMESTAMP_FIELD:
        return Stored.TIMESTAMP
    if str in kinds:
        return Stored.TEXT
    if kinds == {int}:
        return Stored.INTEGER
    return Stored.BOOLEAN if kinds == {bool} else Stored.JSON


def _time_format(text: str) -> str:
    _, dot, fraction = text.removesuffix("Z").partition(".")
    return _FRACTION_DIGITS.get(len(fraction) if dot else 0, MILLISECONDS)


def _sum(parts: Sequence[str]) -> str:
    """Return the sum of expressions, nested as little as can be: DuckDB takes a depth of 1000."""
    parts = list(parts) or ["0"]
    while len(parts) > 1:
        parts = [f"({' + '.join(parts[at : at + 2])})" for at in range(0, len(parts), 2)]
    return parts[0]


def _pointers(fields: Sequence[str]) -> str:
    return f"[{', '.join(literal(pointer(field)) for field in fields)}]"
