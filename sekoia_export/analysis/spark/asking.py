"""Answers of Spark's, in the form of DuckDB's: the same keys, the same values, the same order."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sekoia_export.analysis.guard import TABLE
from sekoia_export.analysis.sigma.hunting import found_by
from sekoia_export.analysis.sigma.plan import PREPARED, HuntPlan
from sekoia_export.analysis.spark.planning import SOURCE, PlannedHunt, PlannedQuestion
from sekoia_export.analysis.spark.session import Spark
from sekoia_export.analysis.values import distinct_names, plain

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sekoia_export.analysis.apart import Runner
    from sekoia_export.analysis.database import Limits
    from sekoia_export.analysis.files import FoundFiles
    from sekoia_export.analysis.questions import Question
    from sekoia_export.analysis.sigma.rules import RuleText
    from sekoia_export.clock import Deadline


@dataclass(frozen=True, slots=True, kw_only=True)
class Cluster:
    """Where Spark is, and how it is asked.

    Attributes:
        master: `local[*]`, `spark://host:port` and the like, or `sc://host:port` for Spark Connect.
        found: the Parquet files, in a folder that every worker sees under the same path.
        deadline: of all of it.
        limits: of the process that plans.
        run: what runs the planning.
        session: opens Spark.
    """

    master: str
    found: FoundFiles
    deadline: Deadline
    limits: Limits
    run: Runner
    session: Callable[..., Spark] = Spark

    def answer(self, question: Question, *, limit: int) -> dict[str, Any]:
        """Return what `answering.answer` returns for a question without a file.

        Raises:
            UsageError: the question cannot be answered as it stands, or not by Spark.
            NetworkError: Spark does not answer.
            DeadlineExceeded, DataStorageError, DiskFull: as their names say.
        """
        asked = PlannedQuestion(found=self.found, question=question, most=limit + 1, limits=self.limits)
        planned = self._plan("plan_question", asked)
        with self._opened(planned["view"]) as spark:
            columns, rows = spark.rows(planned["sql"], most=limit + 1)
        names = distinct_names(columns)
        given = [dict(zip(names, map(plain, row), strict=True)) for row in rows[:limit]]
        return {
            "columns": names,
            "rows": given,
            "row_count": len(given),
            "truncated": len(rows) > limit,
            "bad_lines": 0,
            "path": None,
        }

    def hunt(self, texts: Sequence[RuleText], *, examples: int) -> dict[str, Any]:
        """Return what `sigma.hunting.hunt` returns.

        Raises:
            UsageError: none of the rules can be used.
            NetworkError: Spark does not answer.
            DeadlineExceeded, DataStorageError, DiskFull: as their names say.
        """
        asked = PlannedHunt(found=self.found, texts=list(texts), examples=examples, limits=self.limits)
        planned = self._plan("plan_hunt", asked)
        plan = HuntPlan(**planned["plan"])
        with self._opened(planned["view"]) as spark:
            spark.make_functions()
            spark.make_view(PREPARED, plan.prepared)
            return {**found_by(plan, lambda sql: spark.rows(sql)[1]), "bad_lines": 0}

    def _plan(self, name: str, asked: PlannedQuestion | PlannedHunt) -> Any:
        task = f"sekoia_export.analysis.spark.planning:{name}"
        return self.run(task, asked, deadline=self.deadline, limits=self.limits)

    @contextlib.contextmanager
    def _opened(self, view: str) -> Iterator[Spark]:
        with self.session(master=self.master, private=self.found.private, deadline=self.deadline) as spark:
            spark.read(SOURCE, [str(file.path) for file in self.found.files])
            spark.make_view(TABLE, view)
            yield spark
