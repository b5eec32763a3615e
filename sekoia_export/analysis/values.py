"""Values of an answer as JSON can say them."""

from __future__ import annotations

import base64
import math
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from sekoia_export.analysis.fields import folded

_SAFE_INTEGER = 2**63


def plain(value: Any) -> Any:
    """Return a value of DuckDB's as JSON can say it.

    Times are ISO 8601 in UTC, durations seconds, bytes base64; integers beyond 64 bits, decimals and what JSON has no
    number for (infinity, not a number) are text; the keys of maps are text.
    """
    if value is None or isinstance(value, (str, bool)):
        return value.encode("utf-8", "replace").decode() if isinstance(value, str) else value
    if isinstance(value, int):
        return value if -_SAFE_INTEGER <= value < _SAFE_INTEGER else str(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else str(value)
    if isinstance(value, datetime):
        return moment(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, (bytes, bytearray, memoryview)):
        return base64.b64encode(value).decode()
    if isinstance(value, dict):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, (list, tuple, set)):
        return [plain(part) for part in value]
    if isinstance(value, (Decimal, UUID)):
        return str(value)
    return str(value)


def moment(value: datetime) -> str:
    """Return a time, in UTC where it says nothing else, as ISO 8601 with as much of its fraction as it has."""
    aware = value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)
    kind = "seconds" if not aware.microsecond else "microseconds" if aware.microsecond % 1_000 else "milliseconds"
    return aware.isoformat(timespec=kind).replace("+00:00", "Z")


def distinct_names(names: list[str]) -> list[str]:
    """Return the names of an answer's columns, a repeated one (in any case) numbered: its rows are objects."""
    given = {folded(name) for name in names}
    taken: set[str] = set()
    found: list[str] = []
    for name in names:
        unique, number = name, 2
        while folded(unique) in taken or (unique != name and folded(unique) in given):
            unique, number = f"{name}#{number}", number + 1
        taken.add(folded(unique))
        found.append(unique)
    return found
