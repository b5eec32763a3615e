"""What Spark is asked, without a Spark: what is refused before it, how SQL is said, what its answers become."""

from __future__ import annotations

import sys
from collections.abc import Callable
from datetime import datetime
from typing import Any, Self

import pytest

from sekoia_export.analysis.database import Limits
from sekoia_export.analysis.files import finding
from sekoia_export.analysis.questions import Question
from sekoia_export.analysis.spark.asking import Cluster
from sekoia_export.analysis.spark.dialect import to_spark
from sekoia_export.arguments.analysis import ConvertArguments, HuntArguments, QueryArguments
from sekoia_export.arguments.base import read_arguments
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.errors import UsageError
from sekoia_export.operations.convert import convert_export
from sekoia_export.operations.hunt import hunt_export
from sekoia_export.operations.query import query_export
from tests.analysis.conftest import Folder, in_this_process

RULE = "title: T\nlogsource:\n    category: any\ndetection:\n    s:\n        n|gt: 1\n    condition: s\n"


class ToldSpark:
    """A session that answers what it was told to, and remembers what it was asked."""

    def __init__(self, *answers: tuple[list[str], list[tuple[Any, ...]]]) -> None:
        self.asked: list[str] = []
        self.views: dict[str, str] = {}
        self.ended = False
        self._answers = list(answers)

    def __call__(self, **_: Any) -> Self:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.ended = True

    def read(self, name: str, paths: list[str]) -> None:
        self.views[name] = ",".join(paths)

    def make_view(self, name: str, sql: str) -> None:
        self.views[name] = sql

    def make_functions(self) -> None:
        pass

    def rows(self, sql: str, *, most: int | None = None) -> tuple[list[str], list[tuple[Any, ...]]]:
        self.asked.append(sql)
        return self._answers.pop(0)


@pytest.fixture
def dataset(folder: Folder) -> Folder:
    folder.jsonl("events.jsonl", [{"@timestamp": "2026-01-01T00:00:00Z", "n": at, "a.b": str(at)} for at in range(5)])
    read = read_arguments(ConvertArguments, {"file_path": "events.jsonl", "file_name": "dataset/all.parquet"})
    convert_export(folder.storage, SystemClock(), read, limits=Limits(), run=in_this_process)
    return folder


def cluster(found: Any, session: Callable[..., Any]) -> Cluster:
    deadline = Deadline(SystemClock(), 60)
    return Cluster(master="told", found=found, deadline=deadline, limits=Limits(), run=in_this_process, session=session)


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT a FROM events WHERE a LIKE '%\\%'", "SELECT a FROM events WHERE a LIKE '%\\\\%' ESCAPE '\\001'"),
        ("SELECT suffix(a, 'b') FROM events", "SELECT ENDSWITH(a, 'b') FROM events"),
        ('SELECT "a.b" FROM events ORDER BY 1', "SELECT `a.b` FROM events ORDER BY 1 NULLS LAST"),
    ],
)
def test_sql_is_said_in_sparks_words(sql: str, said: str) -> None:
    assert to_spark(sql) == said


def test_a_bucket_of_time_begins_where_duckdbs_does() -> None:
    assert "946857600" in to_spark('SELECT time_bucket(INTERVAL 90 SECOND, "@timestamp") FROM events')
    with pytest.raises(UsageError, match="time_bucket"):
        to_spark('SELECT time_bucket(INTERVAL 1 MONTH, "@timestamp") FROM events')


def test_an_answer_has_the_form_of_duckdbs(dataset: Folder) -> None:
    spark = ToldSpark((["n", "time"], [(1, datetime(2026, 1, 1)), (None, None), (3, None)]))  # noqa: DTZ001 - as Spark gives it
    with finding(dataset.storage, ["dataset"]) as found:
        given = cluster(found, spark).answer(Question(top="n"), limit=2)
    assert given["rows"] == [{"n": 1, "time": "2026-01-01T00:00:00Z"}, {"n": None, "time": None}]
    assert (given["row_count"], given["truncated"], given["path"]) == (2, True, None)
    assert "`a.b`" in spark.views["events"]
    assert spark.views["source"].endswith("dataset/all.parquet")


def test_a_spark_that_cannot_read_the_files_is_ended_too(dataset: Folder) -> None:
    class BlindSpark(ToldSpark):
        def read(self, name: str, paths: list[str]) -> None:
            raise UsageError("Spark cannot carry it out: there is no such path.")

    spark = BlindSpark()
    with finding(dataset.storage, ["dataset"]) as found, pytest.raises(UsageError, match="no such path"):
        cluster(found, spark).answer(Question(top="n"), limit=2)
    assert spark.ended


def test_a_hunt_asks_in_one_pass_and_for_examples_of_what_was_found(dataset: Folder) -> None:
    spark = ToldSpark(([], [(5, 3, None, None)]), ([], [(None, 2)]))
    read = read_arguments(HuntArguments, {"file_path": "dataset", "rules": RULE})
    with finding(dataset.storage, ["dataset"]) as found:
        from sekoia_export.operations.hunt import rule_texts

        given = cluster(found, spark).hunt(rule_texts(dataset.storage, read), examples=1)
    assert [(rule["matches"], len(rule["examples"])) for rule in given["rules"]] == [(3, 1)]
    assert len(spark.asked) == 2


def test_without_pyspark_the_extra_is_named(dataset: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    given = {"file_path": "dataset", "engine": "spark"}
    with pytest.raises(UsageError, match=r"\[analysis,spark\]"):
        query_export(
            dataset.storage,
            SystemClock(),
            read_arguments(QueryArguments, {**given, "top": "n"}),
            limits=Limits(),
            run=in_this_process,
        )
    with pytest.raises(UsageError, match=r"\[analysis,spark\]"):
        hunt_export(
            dataset.storage,
            SystemClock(),
            read_arguments(HuntArguments, {**given, "rules": RULE}),
            limits=Limits(),
            run=in_this_process,
        )


def test_spark_writes_no_file_of_rows(dataset: Folder) -> None:
    read = read_arguments(
        QueryArguments, {"file_path": "dataset", "engine": "spark", "top": "n", "to_file": "rows.csv"}
    )
    with pytest.raises(UsageError, match="to_file"):
        query_export(dataset.storage, SystemClock(), read, limits=Limits(), run=in_this_process)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT reflect('java.lang.System', 'getenv') FROM events",
        "SELECT java_method('java.lang.Runtime', 'getRuntime') FROM events",
        "SELECT * FROM parquet.`/etc/passwd`",
        "SELECT * FROM read_parquet('x')",
        "SELECT input_file_name() FROM events",
        "CREATE TABLE x AS SELECT 1",
        "SELECT 1; DROP VIEW events",
    ],
)
def test_what_duckdb_does_not_know_never_reaches_spark(dataset: Folder, sql: str) -> None:
    def reached(**_: Any) -> Any:
        raise AssertionError("Spark was asked")

    with finding(dataset.storage, ["dataset"]) as found, pytest.raises(UsageError):
        cluster(found, reached).answer(Question(sql=sql), limit=10)


def test_spark_is_asked_of_parquet_only(dataset: Folder) -> None:
    with finding(dataset.storage, ["events.jsonl"]) as found, pytest.raises(UsageError, match="convert_export"):
        cluster(found, lambda **_: None).answer(Question(top="n"), limit=10)
