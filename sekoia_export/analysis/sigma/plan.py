"""What a hunt asks: rules become conditions, and these a few SELECTs, the same for every engine.

Rules are counted some at once (`_RULES_A_PASS`) in a pass over the loaded events. Only the fields that the rules name
are loaded, and a few that an example should have.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sekoia_export.analysis.fields import TIMESTAMP_FIELD, folded, identifier, literal
from sekoia_export.analysis.guard import TABLE, judge
from sekoia_export.analysis.sigma.rules import RuleText, Unusable, read_rules, reason_of
from sekoia_export.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sigma.rule import SigmaRule

    from sekoia_export.analysis.database import Database
    from sekoia_export.analysis.events import EventTable
    from sekoia_export.analysis.sigma.backend import EventsBackend

EXAMPLE_FIELDS = (TIMESTAMP_FIELD, "message", "host.name", "user.name", "source.ip", "destination.ip")
PREPARED = "prepared"
"""The view that rules are asked of: every field that they name, NULL where no event has it."""
_EXAMPLE_FIELDS_LIMIT = 30
# DuckDB holds a vector for each part of each condition and thread: with 50 rules of networks in one SELECT they took
# more memory than the process may have, and fewer rules at once were no slower.
_RULES_A_PASS = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class HuntPlan:
    """What a hunt asks, as SQL of DuckDB's.

    Attributes:
        prepared: the SELECT of the table `events` that makes the view PREPARED.
        counting: SELECTs of one row: the number of events, then for each of some rules the number that it finds, the
            time of the first and of the last.
        examples: for each rule the SELECT of the first events that it finds; None where none are wanted.
        example_fields: for each rule the fields of those events, in order.
        rules: for each rule what the results say of it already.
        unusable: the rules that cannot be used, title and reason.
    """

    prepared: str
    counting: list[str]
    examples: list[str | None]
    example_fields: list[list[str]]
    rules: list[dict[str, Any]]
    unusable: list[dict[str, str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """A rule as a condition in SQL.

    Attributes:
        rule: that it comes from.
        sql: the condition.
        fields: that it names.
        networks: those of them that are compared as addresses.
        keywords: whether it looks into every field.
    """

    rule: SigmaRule
    sql: str
    fields: frozenset[str]
    networks: frozenset[str]
    keywords: bool


@dataclass(slots=True)
class _Converted:
    conditions: list[Condition] = field(default_factory=list)
    unusable: list[Unusable] = field(default_factory=list)


def plan_hunt(table: EventTable, texts: Iterable[RuleText], *, examples: int) -> HuntPlan:
    """Return what a hunt for rules asks of a table, loading the fields that it needs.

    Raises:
        UsageError: none of the rules can be used.
        DamagedExport, DeadlineExceeded, DataStorageError, DiskFull: of the files.
    """
    from sekoia_export.analysis.sigma.backend import address_macros

    for statement in address_macros():
        table.database.rows(statement)
    converted = _convert(table.database, texts)
    conditions = converted.conditions
    if not conditions:
        reasons = "; ".join(f"{rule.title}: {rule.reason}" for rule in converted.unusable[:3])
        raise UsageError(f"None of the rules can be used. {reasons}", "Correct the rules, or give others.")
    names = _load(table, conditions)
    shown = [_shown(table, condition, names) for condition in conditions]
    return HuntPlan(
        prepared=_prepared(table, conditions, names),
        counting=list(_counting(conditions, timed=any(column.field == TIMESTAMP_FIELD for column in table.columns))),
        examples=[
            _first(condition, list(fields.values()), examples) if examples and fields else None
            for condition, fields in zip(conditions, shown, strict=True)
        ],
        example_fields=[list(fields) for fields in shown],
        rules=[_described(condition, names) for condition in conditions],
        unusable=[{"title": rule.title, "reason": rule.reason} for rule in converted.unusable],
    )


def _convert(database: Database, texts: Iterable[RuleText]) -> _Converted:
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
    return Condition(
        rule=rule,
        sql=sql,
        fields=frozenset(backend.fields),
        networks=frozenset(backend.networks),
        keywords=backend.keywords,
    )


def _load(table: EventTable, conditions: list[Condition]) -> dict[str, str]:
    """Load what the rules need; return the column of each field that they name and that some event has."""
    named = {name for condition in conditions for name in condition.fields}
    table.load(None if any(condition.keywords for condition in conditions) else named | {*EXAMPLE_FIELDS})
    exact = {column.field: column.name for column in table.columns}
    alike = {folded(column.field): column.name for column in table.columns}
    found = {name: exact.get(name) or alike.get(folded(name)) for name in named}
    return {name: column for name, column in found.items() if column is not None}


def _prepared(table: EventTable, conditions: list[Condition], names: dict[str, str]) -> str:
    from sekoia_export.analysis.sigma.backend import KEYWORDS_COLUMN, bits_column, bits_of, keywords_of

    named = sorted({name for condition in conditions for name in condition.fields})
    columns = [
        f"{identifier(names[name]) if name in names else 'CAST(NULL AS VARCHAR)'} AS {identifier(name)}"
        for name in _distinct(named)
    ]
    there = {folded(name) for name in named}
    columns += [identifier(column.name) for column in table.columns if folded(column.name) not in there]
    networks = sorted({name for condition in conditions for name in condition.networks})
    for name in _distinct(networks):
        bits = bits_of(names[name]) if name in names else "CAST(NULL AS VARCHAR)"
        columns.append(f"{bits} AS {identifier(bits_column(name))}")
    if any(condition.keywords for condition in conditions):
        columns.append(f"{keywords_of(column.name for column in table.columns)} AS {identifier(KEYWORDS_COLUMN)}")
    return f"SELECT {', '.join(columns)} FROM {TABLE}"


def _distinct(names: Iterable[str]) -> list[str]:
    """Return names of which DuckDB takes none for another."""
    return list({folded(name): name for name in names}.values())


def _counting(conditions: list[Condition], *, timed: bool) -> Iterable[str]:
    time = identifier(TIMESTAMP_FIELD) if timed else "CAST(NULL AS TIMESTAMP)"
    for start in range(0, len(conditions), _RULES_A_PASS):
        part = conditions[start : start + _RULES_A_PASS]
        flags = ", ".join(f"({condition.sql}) AS r{at}" for at, condition in enumerate(part))
        aggregates = ", ".join(
            f"count(CASE WHEN r{at} THEN 1 END), min(CASE WHEN r{at} THEN t END), max(CASE WHEN r{at} THEN t END)"
            for at in range(len(part))
        )
        yield f"SELECT count(*), {aggregates} FROM (SELECT {time} AS t, {flags} FROM {PREPARED})"


def _shown(table: EventTable, condition: Condition, names: dict[str, str]) -> dict[str, str]:
    """Return the columns of a rule's examples by their fields: those that it names, and a few others."""
    own = {names[name] for name in condition.fields if name in names}
    wanted = [column for column in table.columns if column.name in own or column.field in EXAMPLE_FIELDS]
    if condition.keywords or not wanted:
        wanted += [column for column in table.columns if column not in wanted]
    wanted.sort(key=lambda column: (column.field != TIMESTAMP_FIELD, column.name not in own))
    return {column.field: column.name for column in wanted[:_EXAMPLE_FIELDS_LIMIT]}


def _first(condition: Condition, columns: list[str], most: int) -> str:
    select = ", ".join(map(identifier, columns))
    # In an order that every engine has: the time first, where there is one.
    order = ", ".join(f"{at + 1} NULLS LAST" for at in range(len(columns)))
    return f"SELECT {select} FROM {PREPARED} WHERE {condition.sql} ORDER BY {order} LIMIT {most}"


def _described(condition: Condition, names: dict[str, str]) -> dict[str, Any]:
    rule = condition.rule
    return {
        "title": str(rule.title),
        "id": str(rule.id) if rule.id else None,
        "level": rule.level.name.lower() if rule.level else None,
        "tags": [str(tag) for tag in rule.tags],
        "missing_fields": sorted(name for name in condition.fields if name not in names),
    }
