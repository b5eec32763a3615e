"""What Spark is asked, without a Spark: what is refused before it, how SQL is said, what its answers become."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Generator
from datetime import date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

import duckdb
import pytest

from sekoia_export.analysis.answering import Asked, answer
from sekoia_export.analysis.database import Limits
from sekoia_export.analysis.events import OnBadLine
from sekoia_export.analysis.files import finding
from sekoia_export.analysis.questions import Question
from sekoia_export.analysis.spark.asking import Cluster
from sekoia_export.analysis.spark.dialect import to_spark
from sekoia_export.analysis.writing import FileFormat
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

    def __init__(self, *answers: list[tuple[Any, ...]]) -> None:
        self.asked: list[str] = []
        self.views: dict[str, str] = {}
        self.ended = False
        self.given = 0
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

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        self.asked.append(sql)
        return self._answers.pop(0)

    def stream(self, sql: str) -> Generator[tuple[Any, ...], None, None]:
        self.asked.append(sql)
        for row in self._answers.pop(0):
            self.given += 1
            yield row


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
    spark = ToldSpark([(1, datetime(2026, 1, 1)), (None, None), (3, None), (4, None)])  # noqa: DTZ001 - as Spark gives it
    with finding(dataset.storage, ["dataset"]) as found:
        given = cluster(found, spark).answer(Question(sql='SELECT n, "@timestamp" AS time FROM events'), limit=2)
    assert given["columns"] == ["n", "time"]
    assert given["rows"] == [{"n": 1, "time": "2026-01-01T00:00:00Z"}, {"n": None, "time": None}]
    assert (given["row_count"], given["truncated"], given["path"], spark.given) == (2, True, None, 3)
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
    spark = ToldSpark([(5, 3, None, None)], [(None, 2)])
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


def test_rows_that_are_too_large_for_the_results_are_not_fetched(dataset: Folder) -> None:
    spark = ToldSpark([("x" * 3_000_000, 1)] * 5)
    with finding(dataset.storage, ["dataset"]) as found:
        given = cluster(found, spark).answer(Question(sql='SELECT "a.b", n FROM events'), limit=5)
    assert (given["row_count"], given["truncated"], spark.given) == (1, True, 2)
    with finding(dataset.storage, ["dataset"]) as found, pytest.raises(UsageError, match="to_file"):
        cluster(found, ToldSpark([("x" * 5_000_000,)])).answer(Question(sql='SELECT "a.b" FROM events'), limit=5)


FILED = """
SELECT "a.b" AS t, n, sum(n) OVER () AS s, CAST(n AS DOUBLE) AS d, n > 1 AS ok, "@timestamp" AS at,
  [n, NULL] AS l, CAST(n AS DECIMAL(9, 2)) AS m, CAST("@timestamp" AS DATE) AS day FROM events
"""
VALUES: list[tuple[Any, ...]] = [
    ("=1+1", 1, 2**70, 0.5, True, datetime(2026, 1, 1, 0, 0, 1), [1, None], Decimal("1.50"), date(2026, 1, 1)),  # noqa: DTZ001
    (None, None, None, None, None, None, None, None, None),
    ("null", 0, 0, float("inf"), False, datetime(1969, 1, 1), [], Decimal(-1), date(1969, 1, 1)),  # noqa: DTZ001
]


@pytest.mark.parametrize("name", ["rows.csv", "rows.json", "rows.jsonl", "rows.parquet"])
def test_a_file_has_the_columns_and_types_of_duckdbs(dataset: Folder, name: str) -> None:
    file_format = FileFormat(name.rpartition(".")[2])
    with finding(dataset.storage, ["dataset"]) as found:
        given = cluster(found, ToldSpark(VALUES)).answer(Question(sql=FILED), limit=1, file_format=file_format)
        assert (given["row_count"], given["rows"], given["truncated"], given["bad_lines"]) == (3, [], False, 0)
        written = Path(given["path"]).read_bytes()
    with finding(dataset.storage, ["dataset"]) as found:
        asked = Asked(
            found=found,
            question=Question(sql=FILED),
            limit=1,
            file_format=file_format,
            on_bad_line=OnBadLine.SKIP,
            limits=Limits(),
        )
        beside = answer(asked, 60)
        assert given["columns"] == beside["columns"] == ["t", "n", "s", "d", "ok", "at", "l", "m", "day"]
        if file_format is FileFormat.PARQUET:
            assert parquet_kinds(dataset.raw("ours.parquet", written), dataset) == parquet_kinds(
                beside["path"], dataset
            )
    if file_format is FileFormat.CSV:
        assert written.decode().splitlines()[1].startswith("'=1+1,1,")
    elif file_format is FileFormat.JSONL:
        lines = [json.loads(line) for line in written.splitlines()]
        assert [line["at"] for line in lines] == ["2026-01-01T00:00:01.000000Z", None, "1969-01-01T00:00:00.000000Z"]
        assert [line["t"] for line in lines] == ["=1+1", None, "null"]


def parquet_kinds(name: str, folder: Folder) -> list[Any]:
    return duckdb.connect().execute(f"DESCRIBE FROM '{folder.root / name}'").fetchall()


@pytest.mark.parametrize(("kind", "value"), [("CAST(n AS BIGINT)", "much"), ("CAST(n AS BIGINT)", 2.5), ("n > 1", "x")])
def test_values_of_another_type_are_no_file(dataset: Folder, kind: str, value: Any) -> None:
    question = Question(sql=f"SELECT {kind} AS v FROM events")
    with finding(dataset.storage, ["dataset"]) as found, pytest.raises(UsageError, match=r"types|fractions") as refused:
        cluster(found, ToldSpark([(value,)])).answer(question, limit=1, file_format=FileFormat.CSV)
    assert "/" not in refused.value.cause


def test_a_type_that_no_file_can_have_is_refused_before_spark_is_asked(dataset: Folder) -> None:
    spark = ToldSpark()
    question = Question(sql='SELECT encode("a.b") AS bytes FROM events')
    with finding(dataset.storage, ["dataset"]) as found, pytest.raises(UsageError, match="bytes"):
        cluster(found, spark).answer(question, limit=1, file_format=FileFormat.CSV)
    assert not spark.asked


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
