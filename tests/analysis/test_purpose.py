"""Errors name what their reader asked for: who hunts is not told of a query."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sekoia_export.analysis.apart import run_apart
from sekoia_export.analysis.database import MEBIBYTE, Limits
from sekoia_export.analysis.files import finding
from sekoia_export.analysis.questions import Question
from sekoia_export.analysis.sigma.rules import RuleText
from sekoia_export.analysis.spark.asking import Cluster
from sekoia_export.arguments.analysis import ConvertArguments, HuntArguments, ObservablesArguments, QueryArguments
from sekoia_export.arguments.base import read_arguments
from sekoia_export.arguments.report import ReportArguments
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.errors import DeadlineExceeded, UsageError
from sekoia_export.operations.convert import convert_export
from sekoia_export.operations.hunt import hunt_export
from sekoia_export.operations.observables import extract_observables
from sekoia_export.operations.query import query_export
from sekoia_export.operations.report import Reporter
from tests.analysis.conftest import Folder, in_this_process
from tests.clock import ManualClock

HERE = "tests.analysis.test_purpose"
RULE = "title: T\nlogsource:\n    category: any\ndetection:\n    s:\n        source.ip: 192.0.2.1\n    condition: s\n"
FILE = {"file_path": "a.jsonl"}
STEPS: dict[str, Callable[..., object]] = {
    "query": lambda folder, **how: query_export(
        folder.storage, SystemClock(), read_arguments(QueryArguments, {**FILE, "sql": "SELECT * FROM events"}), **how
    ),
    "hunt": lambda folder, **how: hunt_export(
        folder.storage, SystemClock(), read_arguments(HuntArguments, {**FILE, "rules": RULE}), **how
    ),
    "extraction of observables": lambda folder, **how: extract_observables(
        folder.storage, SystemClock(), read_arguments(ObservablesArguments, FILE), **how
    ),
    "conversion": lambda folder, **how: convert_export(
        folder.storage, SystemClock(), read_arguments(ConvertArguments, {**FILE, "format": "csv"}), **how
    ),
    "report": lambda folder, **how: Reporter(folder.storage, SystemClock(), **how).write(
        read_arguments(ReportArguments, {**FILE, "observables": []})
    ),
}


def hunt(_argument: None, _timeout_s: float | None) -> None:
    raise MemoryError


def too_late(task: str, argument: Any, *, deadline: Deadline, limits: Limits) -> Any:
    """Run a task whose time is over when it begins."""
    return in_this_process(task, argument, deadline=Deadline(SystemClock(), 0), limits=limits)


@pytest.mark.parametrize("name", STEPS)
def test_what_took_too_long_is_named(folder: Folder, name: str) -> None:
    folder.jsonl("a.jsonl", [{"source.ip": "192.0.2.1"}])
    with pytest.raises(DeadlineExceeded, match=f"The {name} took longer than the 0 seconds"):
        STEPS[name](folder, run=too_late)


@pytest.mark.parametrize(
    ("task", "name"),
    [
        ("converting:convert", "conversion"),
        ("sigma.hunting:hunt", "hunt"),
        ("spark.planning:plan_hunt", "hunt"),
        ("spark.planning:plan_question", "query"),
        ("spark.carrying:write_carried", "query"),
        ("observables:extract", "extraction of observables"),
        ("report.making:make", "report"),
        ("answering:answer", "query"),
    ],
)
def test_what_took_too_long_in_a_process_of_its_own_is_named(task: str, name: str) -> None:
    clock = ManualClock()
    deadline = Deadline(clock, 5)
    clock.advance(6)
    with pytest.raises(DeadlineExceeded, match=f"The {name} took longer than the 5 seconds"):
        run_apart(f"sekoia_export.analysis.{task}", None, deadline=deadline, limits=Limits.of_this_machine())


@pytest.mark.parametrize("name", STEPS)
def test_what_needs_too_much_memory_is_named_with_what_can_be_done_about_it(folder: Folder, name: str) -> None:
    folder.jsonl("a.jsonl", [{"source.ip": f"10.0.{at % 99}.{at % 7}", "text": "x" * 9_000} for at in range(2_000)])
    limits = Limits(memory_bytes=4 * MEBIBYTE, threads=1, spill_bytes=MEBIBYTE)
    with pytest.raises(UsageError, match=f"The {name} needs more memory than the 4 MiB") as raised:
        STEPS[name](folder, run=in_this_process, limits=limits)
    assert ("narrower where" in raised.value.remedy) == (name == "query")


def test_what_runs_out_of_its_process_s_memory_is_named() -> None:
    with pytest.raises(UsageError, match="The hunt needs more memory than it may have"):
        run_apart(f"{HERE}:hunt", None, deadline=Deadline(SystemClock(), 60), limits=Limits())


def test_a_spark_is_told_what_it_is_asked_for(folder: Folder) -> None:
    folder.jsonl("a.jsonl", [{"source.ip": "192.0.2.1"}])
    read = read_arguments(ConvertArguments, {"file_path": "a.jsonl"})
    convert_export(folder.storage, SystemClock(), read, run=in_this_process)
    purposes = []

    def opened(*, purpose: str, **_: Any) -> Any:
        purposes.append(str(purpose))
        raise UsageError("There is no Spark.")

    with finding(folder.storage, ["a.parquet"]) as found:
        cluster = Cluster(
            master="told",
            found=found,
            deadline=Deadline(SystemClock(), 60),
            limits=Limits(),
            run=in_this_process,
            session=opened,
        )
        with pytest.raises(UsageError, match="no Spark"):
            cluster.answer(Question(top="source.ip"), limit=1)
        with pytest.raises(UsageError, match="no Spark"):
            cluster.hunt([RuleText("rules", RULE)], examples=1)
    assert purposes == ["query", "hunt"]
