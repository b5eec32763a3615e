"""The hunt: what of the table `events` each rule finds. Runs in a process of its own, see `analysis.apart`.

All rules are asked in one pass over the events. Only the fields that the rules name are loaded, and a few that an
example should have.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sekoia_export.analysis.events import EventTable, OnBadLine
from sekoia_export.analysis.fields import TIMESTAMP_FIELD, folded, identifier, literal
from sekoia_export.analysis.guard import TABLE, judge
from sekoia_export.analysis.sigma.rules import RuleText, Unusable, read_rules, reason_of
from sekoia_export.analysis.values import moment, plain
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sigma.rule import SigmaRule

    from sekoia_export.analysis.database import Database, Limits
    from sekoia_export.analysis.files import FoundFiles
    from sekoia_export.analysis.sigma.backend import EventsBackend

EXAMPLE_FIELDS = (TIMESTAMP_FIELD, "message", "host.name", "user.name", "source.ip", "destination.ip")
_VALUE_LIMIT = 300
_EXAMPLE_FIELDS_LIMIT = 30
_RULES_A_PASS = 200
_PREPARED = "prepared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunt:
    """What is hunted for, and where.

    Attributes:
        found: the files.
        texts: with the rules.
        examples: how many events of a rule are shown at most.
        on_bad_line: what is done about a line that is no JSON object.
        limits: of memory, threads and disk.
    """

    found: FoundFiles
    texts: list[RuleText]
    examples: int
    on_bad_line: OnBadLine
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A rule as a condition in SQL.

    Attributes:
        rule: that it comes from.
        sql: the condition.
        fields: that it names.
        keywords: whether it looks into every field.
    """

    rule: SigmaRule
    sql: str
    fields: frozenset[str]
    keywords: bool


@dataclass(slots=True)
class _Converted:
    conditions: list[Condition] = field(default_factory=list)
    unusable: list[Unusable] = field(default_factory=list)


def hunt(asked: Hunt, timeout_s: float | None) -> dict[str, Any]:
    """Return `rules` (those that could be run, those that found something first), `unusable` rules with reasons, the
    number of `events`, and `bad_lines`.

    Raises:
        UsageError: none of the rules can be used, or they take too much memory.
        DamagedExport, DeadlineExceeded, DataStorageError, DiskFull: as their names say.
    """
    deadline = Deadline(SystemClock(), timeout_s)
    with EventTable(asked.found, deadline=deadline, limits=asked.limits, on_bad_line=asked.on_bad_line) as table:
        from sekoia_export.analysis.sigma.backend import address_macros

        for statement in address_macros():
            table.database.rows(statement)
        converted = convert(table.database, asked.texts)
        if not converted.conditions:
            reasons = "; ".join(f"{rule.title}: {rule.reason}" for rule in converted.unusable[:3])
            raise UsageError(f"None of the rules can be used. {reasons}", "Correct the rules, or give others.")
        names = _load(table, converted.conditions)
        _prepare(table, converted.conditions, names)
        events, counted = _count(table.database, converted.conditions)
        results = [
            _result(condition, row, _examples(table, condition, names, asked.examples) if row[0] else [], names)
            for condition, row in zip(converted.conditions, counted, strict=True)
        ]
        return {
            "rules": sorted(results, key=lambda result: -int(result["matches"])),
            "unusable": [{"title": rule.title, "reason": rule.reason} for rule in converted.unusable],
            "events": events,
            "bad_lines": table.bad_lines,
        }


def convert(database: Database, texts: Iterable[RuleText]) -> _Converted:
    """Return the rules as conditions, and those that cannot be used."""
    from sigma.exceptions import SigmaError

    from sekoia_export.analysis.sigma.backend import EventsBackend
    from sekoia_export.analysis.sigma.fields import platform_fields

    converted = _Converted()
    backend = EventsBackend(platform_fields())
    for rule in read_rules(texts):
        if isinstance(rule, Unusable):
            converted.unusable.append(rule)
            continue
        try:
            converted.conditions.append(_condition(database, backend, rule))
        except (SigmaError, NotImplementedError, UsageError, ValueError, TypeError, RecursionError) as failure:
            reason = failure.cause if isinstance(failure, UsageError) else reason_of(failure)
            converted.unusable.append(Unusable(str(rule.title), f"it cannot be converted: {reason}"))
    return converted


def _condition(database: Database, backend: EventsBackend, rule: SigmaRule) -> Condition:
    sql = backend.condition(rule)
    for pattern in backend.patterns:
        database.rows(f"SELECT regexp_matches('', {literal(pattern)})")  # raises what RE2 does not know
    judge(database, f"SELECT 1 FROM {TABLE} WHERE ({sql})")
    return Condition(rule=rule, sql=sql, fields=frozenset(backend.fields), keywords=backend.keywords)


def _load(table: EventTable, conditions: list[Condition]) -> dict[str, str]:
    """Load what the rules need; return the column of each field that they name and that some event has."""
    named = {name for condition in conditions for name in condition.fields}
    table.load(None if any(condition.keywords for condition in conditions) else named | {*EXAMPLE_FIELDS})
    exact = {column.field: column.name for column in table.columns}
    alike = {folded(column.field): column.name for column in table.columns}
    found = {name: exact.get(name) or alike.get(folded(name)) for name in named}
    return {name: column for name, column in found.items() if column is not None}


def _prepare(table: EventTable, conditions: list[Condition], names: dict[str, str]) -> None:
    """Make the view that the conditions are asked of: every field that they name, NULL where no event has it."""
    from sekoia_export.analysis.sigma.backend import KEYWORDS_COLUMN, keywords_of

    named = sorted({name for condition in conditions for name in condition.fields})
    columns = [
        f"{identifier(names[name]) if name in names else 'CAST(NULL AS VARCHAR)'} AS {identifier(name)}"
        for name in _distinct(named)
    ]
    there = {folded(name) for name in named}
    columns += [identifier(column.name) for column in table.columns if folded(column.name) not in there]
    if any(condition.keywords for condition in conditions):
        columns.append(f"{keywords_of(column.name for column in table.columns)} AS {identifier(KEYWORDS_COLUMN)}")
    table.database.rows(f"CREATE OR REPLACE TEMP VIEW {_PREPARED} AS SELECT {', '.join(columns)} FROM {TABLE}")


def _distinct(names: Iterable[str]) -> list[str]:
    """Return names of which DuckDB takes none for another."""
    return list({folded(name): name for name in names}.values())


def _count(database: Database, conditions: list[Condition]) -> tuple[int, list[tuple[int, Any, Any]]]:
    """Return the number of events, and for each rule how many it finds and when the first and the last were."""
    time = _time(database)
    events = 0
    counted: list[tuple[int, Any, Any]] = []
    for start in range(0, len(conditions), _RULES_A_PASS):
        part = conditions[start : start + _RULES_A_PASS]
        flags = ", ".join(f"({condition.sql}) AS r{at}" for at, condition in enumerate(part))
        aggregates = ", ".join(
            f"count(*) FILTER (r{at}), min(t) FILTER (r{at}), max(t) FILTER (r{at})" for at in range(len(part))
        )
        [row] = database.rows(f"SELECT count(*), {aggregates} FROM (SELECT {time} AS t, {flags} FROM {_PREPARED})")
        events = int(row[0])
        counted += [(row[3 * at + 1], row[3 * at + 2], row[3 * at + 3]) for at in range(len(part))]
    return events, counted


def _time(database: Database) -> str:
    kinds = {str(row[0]): str(row[1]) for row in database.rows(f"DESCRIBE {_PREPARED}")}
    return identifier(TIMESTAMP_FIELD) if kinds.get(TIMESTAMP_FIELD) == "TIMESTAMP" else "CAST(NULL AS TIMESTAMP)"


def _examples(table: EventTable, condition: Condition, names: dict[str, str], most: int) -> list[dict[str, Any]]:
    """Return the first events that a rule finds, with the fields that it names and a few others."""
    shown = [*EXAMPLE_FIELDS, *sorted(condition.fields)]
    columns = [column for column in table.columns if column.field in shown or column.name in names.values()]
    wanted = [column for column in columns if column.field in shown or condition.keywords] or columns
    wanted = wanted[:_EXAMPLE_FIELDS_LIMIT]
    if not most or not wanted:
        return []
    select = ", ".join(identifier(column.name) for column in wanted)
    rows = table.database.rows(f"SELECT {select} FROM {_PREPARED} WHERE {condition.sql} LIMIT {most}")
    return [
        {column.field: _short(value) for column, value in zip(wanted, row, strict=True) if value is not None}
        for row in rows
    ]


def _short(value: Any) -> Any:
    given = plain(value)
    if isinstance(given, str) and len(given) > _VALUE_LIMIT:
        return given[:_VALUE_LIMIT] + "…"
    return given


def _result(
    condition: Condition, row: tuple[int, Any, Any], examples: list[dict[str, Any]], names: dict[str, str]
) -> dict[str, Any]:
    rule = condition.rule
    return {
        "title": str(rule.title),
        "id": str(rule.id) if rule.id else None,
        "level": rule.level.name.lower() if rule.level else None,
        "tags": [str(tag) for tag in rule.tags],
        "matches": int(row[0]),
        "first": moment(row[1]) if row[1] is not None else None,
        "last": moment(row[2]) if row[2] is not None else None,
        "examples": examples,
        "missing_fields": sorted(name for name in condition.fields if name not in names),
    }
