"""What is asked of Spark, judged first: runs in DuckDB's bounded process, see `analysis.apart`.

What an author wrote is no nearer to Spark than the guard lets it be to DuckDB: one SELECT of the table `events`, whose
every function DuckDB knows; Spark's own, some of which call any method of Java's, are none of them.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from sekoia_export.analysis.events import EventTable
from sekoia_export.analysis.files import FileKind
from sekoia_export.analysis.guard import TABLE
from sekoia_export.analysis.parquet import parquet_source, parquet_values
from sekoia_export.analysis.purpose import Purpose
from sekoia_export.analysis.questions import Question, check_condition
from sekoia_export.analysis.spark.dialect import to_spark
from sekoia_export.analysis.values import distinct_names
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.errors import UsageError

if TYPE_CHECKING:
    from sekoia_export.analysis.database import Limits
    from sekoia_export.analysis.files import FoundFiles
    from sekoia_export.analysis.sigma.rules import RuleText

SOURCE = "source"
"""The view of the Parquet files as they are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedQuestion:
    """A question to plan; `most` rows are wanted at most, None for all."""

    found: FoundFiles
    question: Question
    most: int | None
    limits: Limits


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedHunt:
    """Rules to plan; `examples` events of each are wanted at most."""

    found: FoundFiles
    texts: list[RuleText]
    examples: int
    limits: Limits


def plan_question(asked: PlannedQuestion, timeout_s: float | None) -> dict[str, Any]:
    """Return `view`, the SELECT that makes the table `events` of SOURCE, and `sql`, the question, both Spark's, and
    `columns`, the name and the type that DuckDB's answer has for each column.

    Raises:
        UsageError: the files are not Parquet, or the question may not run, or has no form in Spark's SQL.
        DeadlineExceeded, DataStorageError, DiskFull: as their names say.
    """
    question = asked.question
    with _table(asked.found, asked.limits, timeout_s, Purpose.QUERY) as table:
        if question.where:
            check_condition(table.judge(f"SELECT 1 FROM {TABLE} WHERE (\n{question.where}\n)").tree)
        judged = table.judge(question.as_sql(most=asked.most))
        table.prepare(judged)
        described = table.database.rows(f"DESCRIBE {judged.sql}")
        names = distinct_names([str(row[0]) for row in described])
        columns = list(zip(names, (str(row[1]) for row in described), strict=True))
        return {"view": _view(table, asked.found), "sql": to_spark(judged.sql), "columns": columns}


def plan_hunt(asked: PlannedHunt, timeout_s: float | None) -> dict[str, Any]:
    """Return `view` as plan_question does, and `plan`, the fields of a HuntPlan with Spark's SQL.

    Raises:
        UsageError: the files are not Parquet, or none of the rules can be used.
        DeadlineExceeded, DataStorageError, DiskFull: as their names say.
    """
    from sekoia_export.analysis.sigma import plan

    with _table(asked.found, asked.limits, timeout_s, Purpose.HUNT) as table:
        hunt = plan.plan_hunt(table, asked.texts, examples=asked.examples)
        said = replace(
            hunt,
            prepared=to_spark(hunt.prepared),
            counting=[to_spark(sql) for sql in hunt.counting],
            examples=[to_spark(sql) if sql else None for sql in hunt.examples],
        )
        return {"view": _view(table, asked.found), "plan": asdict(said)}


def _table(found: FoundFiles, limits: Limits, timeout_s: float | None, purpose: Purpose) -> EventTable:
    others = [file.name for file in found.files if file.kind is not FileKind.PARQUET]
    if others:
        raise UsageError(
            f"{others[0]} is no Parquet file, and Spark is asked of Parquet.",
            "Convert the export first: convert_export with format parquet and by_day.",
        )
    return EventTable(found, deadline=Deadline(SystemClock(), timeout_s), limits=limits, purpose=purpose)


def _view(table: EventTable, found: FoundFiles) -> str:
    values = parquet_values(table.database, parquet_source([file.path for file in found.files]))
    return to_spark(f"SELECT {table.select_of(values)} FROM {SOURCE}")
