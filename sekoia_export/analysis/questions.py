"""Questions for people who write no SQL, and the SQL that they mean; apart from what runs it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sekoia_export.analysis.fields import TIMESTAMP_FIELD, identifier
from sekoia_export.analysis.guard import TABLE
from sekoia_export.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence

COUNT, TIME = "count", "time"
_INTERVAL = re.compile(r"([1-9][0-9]{0,5})\s*([smhdw])")
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What is asked of the table `events`: `sql`, `top`, `distinct`, `count_by` and `over_time`, or a `where` alone.

    Args:
        sql: a SELECT, as it is.
        top: the field whose most frequent values are wanted; events without it do not count.
        distinct: the field whose different values are wanted, in order.
        count_by: the fields whose combinations are counted, a missing value among them.
        over_time: the interval by which events are counted, such as `1h`.
        where: a condition in SQL on the events that count.
    """

    sql: str | None = None
    top: str | None = None
    distinct: str | None = None
    count_by: Sequence[str] = ()
    over_time: str | None = None
    where: str | None = None

    def check(self) -> None:
        """Raise UsageError unless one thing is asked."""
        asked = [
            name
            for name, given in (
                ("sql", self.sql),
                ("top", self.top),
                ("distinct", self.distinct),
                ("count_by or over_time", self.count_by or self.over_time),
            )
            if given
        ]
        if len(asked) > 1:
            raise UsageError(
                f"The arguments {' and '.join(asked)} are given together.", "Ask one thing at a time; give one of them."
            )
        if self.sql and self.where:
            raise UsageError("The argument where is given together with sql.", "Write the condition into the SQL.")
        if not asked and not self.where:
            raise UsageError("Nothing is asked.", "Give sql, top, distinct, count_by, over_time or where.")
        if self.over_time:
            interval_s(self.over_time)

    def as_sql(self, *, most: int | None) -> str:
        """Return the SELECT that the question means.

        Args:
            most: how many rows are wanted at most, None for all; `sql` stays as it is.
        """
        if self.sql:
            return self.sql
        end = "" if most is None else f" LIMIT {most}"
        condition = f"(\n{self.where}\n)" if self.where else ""
        if self.top:
            field = identifier(self.top)
            there = " AND ".join(filter(None, (condition, f"{field} IS NOT NULL")))
            return (
                f'SELECT {field}, count(*) AS "{COUNT}" FROM {TABLE} WHERE {there} GROUP BY 1 ORDER BY 2 DESC, 1{end}'
            )
        if self.distinct:
            field = identifier(self.distinct)
            there = " AND ".join(filter(None, (condition, f"{field} IS NOT NULL")))
            return f"SELECT DISTINCT {field} FROM {TABLE} WHERE {there} ORDER BY 1{end}"
        chosen = f" WHERE {condition}" if condition else ""
        if not self.count_by and not self.over_time:
            return f"SELECT * FROM {TABLE}{chosen}{end}"
        columns = [identifier(field) for field in self.count_by]
        order = [f"{len(columns) + 1} DESC", *(str(at + 1) for at in range(len(columns)))]
        if self.over_time:
            seconds = interval_s(self.over_time)
            bucket = f'time_bucket(INTERVAL {seconds} SECOND, {identifier(TIMESTAMP_FIELD)}) AS "{TIME}"'
            columns = [bucket, *columns]
            order = ["1", f"{len(columns) + 1} DESC", *(str(at + 1) for at in range(1, len(columns)))]
        groups = ", ".join(str(at + 1) for at in range(len(columns)))
        return (
            f'SELECT {", ".join(columns)}, count(*) AS "{COUNT}" FROM {TABLE}{chosen} '
            f"GROUP BY {groups} ORDER BY {', '.join(order)}{end}"
        )


def interval_s(text: str) -> int:
    """Return the seconds of an interval such as 30s, 5m, 1h, 1d, 1w.

    Raises:
        UsageError: it is none.
    """
    found = _INTERVAL.fullmatch(text.strip().lower())
    if not found:
        raise UsageError("The argument over_time is no interval.", "Give over_time as 30s, 5m, 1h, 1d or 1w.")
    return int(found[1]) * _SECONDS[found[2]]


def check_condition(tree: dict[str, object]) -> None:
    """Raise UsageError unless `SELECT 1 FROM events WHERE (...)` is still that: the condition closed no parenthesis.

    Args:
        tree: the statement as DuckDB serializes it.
    """
    node = tree["node"]
    assert isinstance(node, dict)  # noqa: S101 - DuckDB's form
    more = ("having", "qualify", "sample", "group_expressions", "modifiers")
    if node.get("type") != "SELECT_NODE" or any(node.get(name) for name in more):
        raise UsageError("The argument where is more than a condition.", "Give a condition, as it stands after WHERE.")
