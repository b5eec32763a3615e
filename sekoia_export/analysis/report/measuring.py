"""What the report asks of the events: how many, when, which values, the first and the last.

Whatever the events hold, what comes back is small: values are cut in the database, and counted by their beginning and
the digest of the whole, so that two long ones are not taken for one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sekoia_export.analysis.fields import TIMESTAMP_FIELD, identifier
from sekoia_export.analysis.guard import TABLE
from sekoia_export.analysis.report.timeline import Span, Timeline, timeline

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sekoia_export.analysis.events import EventTable
    from sekoia_export.analysis.fields import Column

TOP_VALUES = 10
SHOWN_EVENTS = 5
SHOWN_FIELDS = 30
VALUE_LENGTH = 400
"""Characters of a value that are read; how many are shown is the page's."""
MOST_OTHER_FIELDS = 10
_MESSAGE_FIELD = "message"
# Free text and numbers of single events: to count them says nothing.
_NEVER_COUNTED = {TIMESTAMP_FIELD, _MESSAGE_FIELD, "event.id"}
# Beyond these years a time is a mistake, and neither Python nor a chart goes on for ever.
_USABLE_TIMES = "BETWEEN TIMESTAMP '1000-01-01' AND TIMESTAMP '2999-12-31 23:59:59.999'"


@dataclass(frozen=True, slots=True)
class Value:
    """A value, or its beginning.

    Attributes:
        text: at most `VALUE_LENGTH` characters.
        length: of the whole.
    """

    text: str
    length: int


@dataclass(frozen=True, slots=True)
class TopValues:
    """A field's most frequent values.

    Attributes:
        field: the events' own name of it.
        values: the most frequent first, with how often each is there.
        different: how many different values there are.
        events: how many events have the field.
    """

    field: str
    values: Sequence[tuple[Value, int]]
    different: int
    events: int


@dataclass(frozen=True, slots=True)
class Group:
    """Fields that belong together: of a field set, or those that an author chose."""

    name: str
    tops: Sequence[TopValues]


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """One event, with the fields that it has.

    Attributes:
        time_ms: None where it has no usable time.
        fields: name and value, in the order of the columns that are shown.
    """

    time_ms: int | None
    fields: Sequence[tuple[str, Value]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What there is to say of the events.

    Attributes:
        count: of all events.
        bad_lines: lines that are no events.
        timed: how many events have a usable time.
        outside: how many of them lie outside of the period.
        span: from the first to the last; None where no event has a time.
        timeline: None where there is neither a period nor a time.
        groups: of fields, with their most frequent values.
        missing_fields: fields that were chosen, and that no event has.
        first, last: events, in the order of time; in the files' order where none has a time.
        fields_count: how many fields were seen: not all, where some come late in a file.
    """

    count: int
    bad_lines: int
    timed: int
    outside: int
    span: Span | None
    timeline: Timeline | None
    groups: Sequence[Group]
    missing_fields: Sequence[str]
    first: Sequence[ShownEvent]
    last: Sequence[ShownEvent]
    fields_count: int


def measure(table: EventTable, wanted: Mapping[str, Sequence[str]], period: Span | None) -> Measured:
    """Return what there is to say of the events.

    Args:
        table: that has them; what is needed is loaded.
        wanted: fields by the name of their group; empty for those that the events have beside the usual ones.
        period: that was asked for; None where it is not known, and the events' own is taken.
    """
    seen = [field for field in table.seen_fields() if field != TIMESTAMP_FIELD]
    groups = {name: [field for field in fields if field not in _NEVER_COUNTED] for name, fields in wanted.items()}
    shown = list(dict.fromkeys([*(field for fields in groups.values() for field in fields), _MESSAGE_FIELD, *seen]))
    others = [field for field in seen if field not in _NEVER_COUNTED][:MOST_OTHER_FIELDS]
    table.load([TIMESTAMP_FIELD, *shown[: SHOWN_FIELDS * 2], *others])
    columns = {column.field: column for column in table.columns}
    if not any(field in columns for fields in groups.values() for field in fields):
        groups = {**groups, "The export's own fields": others}
    time = identifier(columns[TIMESTAMP_FIELD].name) if TIMESTAMP_FIELD in columns else None
    times = f"(SELECT {_milliseconds(time)} AS ms FROM {TABLE})"
    [(count, timed, first_ms, last_ms)] = table.database.rows(
        f"SELECT count(*), count(ms), min(ms), max(ms) FROM {times}"
    )
    span = None if first_ms is None else Span(first_ms, last_ms)
    covered = period or span
    line = None if covered is None else timeline(table.database, times, covered)
    fields = [columns[field] for field in shown if field in columns][:SHOWN_FIELDS]
    return Measured(
        count=count,
        bad_lines=table.bad_lines,
        timed=timed,
        outside=timed - line.count if line else 0,
        span=span,
        timeline=line,
        groups=[
            Group(name, tops)
            for name, chosen in groups.items()
            if (tops := [_top(table, columns[field]) for field in chosen if field in columns])
        ],
        missing_fields=[field for chosen in groups.values() for field in chosen if field not in columns],
        first=_events(table, fields, time, last=False),
        last=_events(table, fields, time, last=True) if count > SHOWN_EVENTS else [],
        fields_count=len({*seen, *columns}),
    )


def _milliseconds(time: str | None) -> str:
    return "NULL::BIGINT" if time is None else f"CASE WHEN {time} {_USABLE_TIMES} THEN epoch_ms({time}) END"


def _top(table: EventTable, column: Column) -> TopValues:
    text = f"{identifier(column.name)}::VARCHAR"
    rows = table.database.rows(
        "SELECT text, length, times, count(*) OVER (), sum(times) OVER () FROM ("
        f"SELECT left({text}, {VALUE_LENGTH}) AS text, length({text}) AS length, "
        f"CASE WHEN length({text}) > {VALUE_LENGTH} THEN md5({text}) END AS digest, count(*) AS times "
        f"FROM {TABLE} WHERE {identifier(column.name)} IS NOT NULL GROUP BY ALL"
        f") ORDER BY times DESC, text, digest LIMIT {TOP_VALUES}"
    )
    values = [(Value(str(shown), int(length)), int(times)) for shown, length, times, _different, _events in rows]
    different, events = (int(rows[0][3]), int(rows[0][4])) if rows else (0, 0)
    return TopValues(column.field, values, different, events)


def _events(table: EventTable, columns: Iterable[Column], time: str | None, *, last: bool) -> list[ShownEvent]:
    columns = list(columns)
    texts = [f"{identifier(column.name)}::VARCHAR" for column in columns]
    names = [
        name
        for at, text in enumerate(texts)
        for name in (f"left({text}, {VALUE_LENGTH}) AS v{at}", f"length({text}) AS n{at}")
    ]
    if time is None:
        if last:
            return []
        rows = table.database.rows(f"SELECT {', '.join(['NULL', *names])} FROM {TABLE} LIMIT {SHOWN_EVENTS}")
    else:
        usable = f"{_milliseconds(time)} AS ms"
        # Of equal times, the texts say which comes first: the same files make the same report.
        order = ", ".join([f"ms {'DESC' if last else 'ASC'} NULLS LAST", *(f"v{at}" for at in range(len(columns)))])
        rows = table.database.rows(
            f"SELECT * FROM (SELECT {', '.join([usable, *names])} FROM {TABLE}) ORDER BY {order} LIMIT {SHOWN_EVENTS}"
        )
    events = [
        ShownEvent(
            ms,
            [
                (column.field, Value(str(values[2 * at]), int(values[2 * at + 1])))
                for at, column in enumerate(columns)
                if values[2 * at] is not None
            ],
        )
        for ms, *values in rows
    ]
    return events[::-1] if last else events
