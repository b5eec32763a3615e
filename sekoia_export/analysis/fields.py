"""How the fields of events become columns: one rule for every question and every format.

- `@timestamp` is a TIMESTAMP in UTC; what cannot be read as one of the years 1 to 9999 is NULL.
- A field whose values are all integers of 64 bits is a BIGINT, one whose values are all booleans a BOOLEAN.
- Everything else is text: a JSON string as it reads, any other value as its JSON.
- A field that an event does not have, and a JSON null, are NULL.

DuckDB (and Spark) take `User` and `user` for one name. Where events have both, the name in lower case keeps it, or else
the first in order, and the others are numbered in order: `User#2`.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

TIMESTAMP_FIELD = "@timestamp"
_FIRST_MOMENT, _LAST_MOMENT = "TIMESTAMP '0001-01-01'", "TIMESTAMP '9999-12-31 23:59:59.999999'"
REST_COLUMN = "__rest"
"""The column of our own Parquet files that holds what the others cannot tell; none of the table `events`."""


class Kind(StrEnum):
    """What the values of a column are; the value is the column's type in SQL."""

    TIMESTAMP = "TIMESTAMP"
    INTEGER = "BIGINT"
    BOOLEAN = "BOOLEAN"
    TEXT = "VARCHAR"


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the table `events`.

    Attributes:
        name: in SQL.
        field: the events' own name for it.
        kind: of its values.
    """

    name: str
    field: str
    kind: Kind


def column_names(fields: Iterable[str], *, reserved: Iterable[str] = ()) -> dict[str, str]:
    """Return the column's name of each field, in the order of the fields.

    Args:
        fields: the events' own names.
        reserved: names in lower case that no column may have.
    """
    kept = {REST_COLUMN, *reserved}
    fields = list(dict.fromkeys(fields))
    alike: dict[str, list[str]] = defaultdict(list)
    for field in fields:
        alike[folded(_writable(field))].append(field)
    taken = {*alike, *kept}
    names: dict[str, str] = {}
    for group in alike.values():
        ordered = sorted(group, key=lambda name: (_writable(name) != name, name != folded(name), name))
        if folded(_writable(ordered[0])) not in kept:
            first = ordered.pop(0)
            names[first] = _writable(first)
        number = 2
        for other in ordered:
            while folded(name := f"{_writable(other)}#{number}") in taken:
                number += 1
            taken.add(folded(name))
            names[other] = name
    return {field: names[field] for field in fields}


def identifier(name: str) -> str:
    """Return a name as SQL writes it."""
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Return a text as SQL writes it."""
    parts = ["'" + part.replace("'", "''") + "'" for part in text.split("\0")]
    return parts[0] if len(parts) == 1 else "(" + " || chr(0) || ".join(parts) + ")"


def as_timestamp(text: str) -> str:
    """Return the expression of a text's moment in UTC, NULL where it is none; one without an offset counts as UTC."""
    # DuckDB's cast to TIMESTAMP drops the offset that a text ends in.
    offset = f"TRY_CAST({text} AS TIMESTAMPTZ) AT TIME ZONE 'UTC'"
    moment = f"CASE WHEN suffix({text}, 'Z') THEN TRY_CAST({text} AS TIMESTAMP) ELSE {offset} END"
    # It also knows infinity, years before Christ and beyond 9999, which neither RFC 3339 nor Python has a way to write.
    return f"CASE WHEN {moment} BETWEEN {_FIRST_MOMENT} AND {_LAST_MOMENT} THEN {moment} END"


def pointer(field: str) -> str:
    """Return the JSON pointer (RFC 6901) of an event's field."""
    return "/" + field.replace("~", "~0").replace("/", "~1")


def folded(name: str) -> str:
    """Return a name as DuckDB compares it: ASCII letters without their case."""
    return "".join(chr(ord(letter) + 32) if "A" <= letter <= "Z" else letter for letter in name)


def _writable(field: str) -> str:
    # SQL has no empty identifier, and none with a NUL in it.
    return field.replace("\0", "\N{SYMBOL FOR NULL}") or "#"
