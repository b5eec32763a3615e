"""The hunt: what of the table `events` each rule finds. Runs in a process of its own, see `analysis.apart`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sekoia_export.analysis.events import EventTable, OnBadLine
from sekoia_export.analysis.purpose import Purpose
from sekoia_export.analysis.sigma.plan import PREPARED, HuntPlan, plan_hunt
from sekoia_export.analysis.values import plain
from sekoia_export.clock import Deadline, SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from sekoia_export.analysis.database import Limits
    from sekoia_export.analysis.files import FoundFiles
    from sekoia_export.analysis.sigma.rules import RuleText

_VALUE_LIMIT = 300


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


def hunt(asked: Hunt, timeout_s: float | None) -> dict[str, Any]:
    """Return what `found_by` does, and `bad_lines`.

    Raises:
        UsageError: none of the rules can be used, or they take too much memory.
        DamagedExport, DeadlineExceeded, DataStorageError, DiskFull: as their names say.
    """
    deadline = Deadline(SystemClock(), timeout_s)
    with EventTable(
        asked.found, deadline=deadline, limits=asked.limits, on_bad_line=asked.on_bad_line, purpose=Purpose.HUNT
    ) as table:
        plan = plan_hunt(table, asked.texts, examples=asked.examples)
        table.database.rows(f"CREATE OR REPLACE TEMP VIEW {PREPARED} AS {plan.prepared}")
        return {**found_by(plan, table.database.rows), "bad_lines": table.bad_lines}


def found_by(plan: HuntPlan, rows: Callable[[str], list[tuple[Any, ...]]]) -> dict[str, Any]:
    """Return `rules` (those that find most first), `unusable` rules with reasons, and the number of `events`.

    Args:
        plan: what is asked; the view PREPARED is there.
        rows: runs a SELECT.
    """
    events = 0
    counted: list[tuple[int, Any, Any]] = []
    for sql in plan.counting:
        [row] = rows(sql)
        events = int(row[0])
        counted += [(int(row[at]), row[at + 1], row[at + 2]) for at in range(1, len(row), 3)]
    rules = []
    parts = zip(plan.rules, counted, plan.examples, plan.example_fields, strict=True)
    for described, (matches, first, last), example, fields in parts:
        examples = rows(example) if matches and example else []
        rules.append(
            {
                **described,
                "matches": matches,
                "first": plain(first),
                "last": plain(last),
                "examples": [_example(fields, values) for values in examples],
            }
        )
    rules.sort(key=lambda rule: -int(rule["matches"]))
    return {"rules": rules, "unusable": plan.unusable, "events": events}


def _example(fields: list[str], values: tuple[Any, ...]) -> dict[str, Any]:
    return {name: _short(value) for name, value in zip(fields, values, strict=True) if value is not None}


def _short(value: Any) -> Any:
    given = plain(value)
    if isinstance(given, str) and len(given) > _VALUE_LIMIT:
        return given[:_VALUE_LIMIT] + "…"
    return given
