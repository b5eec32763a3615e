"""Answers of Spark's, in the form of DuckDB's: the same keys, the same values, the same order."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sekoia_export.analysis.answering import first_rows
from sekoia_export.analysis.files import work_in
from sekoia_export.analysis.guard import TABLE
from sekoia_export.analysis.purpose import Purpose
from sekoia_export.analysis.sigma.hunting import found_by
from sekoia_export.analysis.sigma.plan import PREPARED, HuntPlan
from sekoia_export.analysis.spark.carrying import Carried, carry, check_kinds
from sekoia_export.analysis.spark.planning import SOURCE, PlannedHunt, PlannedQuestion
from sekoia_export.analysis.spark.session import Spark

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sekoia_export.analysis.apart import Runner
    from sekoia_export.analysis.database import Limits
    from sekoia_export.analysis.files import FoundFiles
    from sekoia_export.analysis.questions import Question
    from sekoia_export.analysis.sigma.rules import RuleText
    from sekoia_export.analysis.writing import FileFormat
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

    def answer(self, question: Question, *, limit: int, file_format: FileFormat | None = None) -> dict[str, Any]:
        """Return what `answering.answer` returns.

        Args:
            question: what is asked.
            limit: how many rows are given.
            file_format: all rows go into a file of this kind instead, None for none.

        Raises:
            UsageError: the question cannot be answered as it stands, or not by Spark.
            NetworkError: Spark does not answer, or does not answer any more.
            DeadlineExceeded, DataStorageError, DiskFull: as their names say.
        """
        most = None if file_format else limit + 1
        asked = PlannedQuestion(found=self.found, question=question, most=most, limits=self.limits)
        planned = self._plan("plan_question", asked)
        columns = [(str(name), str(kind)) for name, kind in planned["columns"]]
        names = [name for name, _ in columns]
        if file_format is not None:
            return {**self._file(planned, columns, file_format), "columns": names, "rows": [], "truncated": False}
        with self._streamed(planned) as rows:
            given = first_rows(names, rows, limit)
        return {**given, "bad_lines": 0, "path": None}

    def _file(self, planned: dict[str, Any], columns: list[tuple[str, str]], file_format: FileFormat) -> dict[str, Any]:
        check_kinds(columns)
        private = self.found.private
        lines = work_in(private) / "rows.jsonl.gz"
        with self._streamed(planned) as rows:
            carry(rows, columns, lines)
        carried = Carried(private=private, lines=lines, columns=columns, file_format=file_format, limits=self.limits)
        made: dict[str, Any] = self._run_apart("carrying:write_carried", carried)
        lines.unlink()
        return {**made, "bad_lines": 0}

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
        with self._opened(planned["view"], Purpose.HUNT) as spark:
            spark.make_functions()
            spark.make_view(PREPARED, plan.prepared)
            return {**found_by(plan, spark.rows), "bad_lines": 0}

    def _plan(self, name: str, asked: PlannedQuestion | PlannedHunt) -> Any:
        return self._run_apart(f"planning:{name}", asked)

    def _run_apart(self, task: str, argument: PlannedQuestion | PlannedHunt | Carried) -> Any:
        return self.run(f"sekoia_export.analysis.spark.{task}", argument, deadline=self.deadline, limits=self.limits)

    @contextlib.contextmanager
    def _streamed(self, planned: dict[str, Any]) -> Iterator[Iterator[tuple[Any, ...]]]:
        with (
            self._opened(planned["view"], Purpose.QUERY) as spark,
            contextlib.closing(spark.stream(planned["sql"])) as rows,
        ):
            yield rows

    @contextlib.contextmanager
    def _opened(self, view: str, purpose: Purpose) -> Iterator[Spark]:
        with self.session(
            master=self.master, private=self.found.private, deadline=self.deadline, purpose=purpose
        ) as spark:
            spark.read(SOURCE, [str(file.path) for file in self.found.files])
            spark.make_view(TABLE, view)
            yield spark
