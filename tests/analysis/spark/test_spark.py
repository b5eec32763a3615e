"""Spark's answers are DuckDB's, row by row: questions, SQL, files and every Sigma case, on a cluster with two workers,
as its driver and through Spark Connect.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest

from sekoia_export.analysis.answering import Asked, answer
from sekoia_export.analysis.database import Limits
from sekoia_export.analysis.events import OnBadLine
from sekoia_export.analysis.files import finding
from sekoia_export.analysis.questions import Question
from sekoia_export.analysis.sigma.hunting import Hunt, hunt
from sekoia_export.analysis.sigma.rules import RuleText
from sekoia_export.analysis.spark.asking import Cluster
from sekoia_export.analysis.writing import FileFormat
from sekoia_export.arguments.analysis import ConvertArguments
from sekoia_export.arguments.base import read_arguments
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.operations.convert import convert_export
from tests.analysis.conftest import Folder, in_this_process
from tests.analysis.sigma_cases import CASES
from tests.analysis.spark.conftest import TOKEN, LocalCluster

HEAD = "title: {title}\nstatus: test\nlogsource:\n    category: test\n"
USERS, ADDRESSES = ("alice", "Bob", "", None, "élodie"), ("10.0.0.1", "192.168.1.130", "2001:db8::1", "host", None)


def events() -> list[dict[str, Any]]:
    return [
        {
            "@timestamp": f"2026-01-0{1 + at % 3}T{at % 24:02}:{at % 60:02}:00.{at % 1000:03}Z",
            "user.name": USERS[at % 5],
            "source.ip": ADDRESSES[at % 5 - at % 2],
            "n": at % 7,
            "ok": at % 3 == 0,
            "mixed": at if at % 2 else f"text {at}",
            "message": f"event {at}: 100% \\ 'quoted' \"double\"",
        }
        for at in range(500)
    ]


@pytest.fixture
def dataset(folder: Folder) -> Folder:
    """A folder with Parquet files by day, as convert_export writes them."""
    folder.jsonl("events.jsonl", events())
    read = read_arguments(
        ConvertArguments, {"file_path": "events.jsonl", "format": "parquet", "by_day": True, "file_name": "dataset"}
    )
    convert_export(folder.storage, SystemClock(), read, limits=Limits(), run=in_this_process)
    return folder


def both(folder: Folder, session: Callable[..., Any], question: Question, *, limit: int = 50) -> list[dict[str, Any]]:
    """Return DuckDB's answer and Spark's."""
    with finding(folder.storage, ["dataset"]) as found:
        asked = Asked(
            found=found,
            question=question,
            limit=limit,
            file_format=None,
            on_bad_line=OnBadLine.SKIP,
            limits=Limits(),
        )
        return [answer(asked, 60), _cluster(found, session).answer(question, limit=limit)]


def _cluster(found: Any, session: Callable[..., Any]) -> Cluster:
    deadline = Deadline(SystemClock(), 300)
    return Cluster(master="kept", found=found, deadline=deadline, limits=Limits(), run=in_this_process, session=session)


SQL = """
SELECT count(*), count("user.name"), sum(n), avg(n), min("@timestamp"), max(mixed) FROM events;
SELECT "user.name", count(*) AS c FROM events GROUP BY ALL ORDER BY c DESC, "user.name" NULLS FIRST;
SELECT n, message FROM events ORDER BY n DESC, message LIMIT 7 OFFSET 3;
SELECT date_trunc('day', "@timestamp") AS day, count(*) FROM events GROUP BY 1 ORDER BY 1;
WITH a AS (SELECT n, count(*) AS c FROM events GROUP BY n)
  SELECT a.n, a.c, b.c FROM a JOIN a b ON a.n = b.n + 1 ORDER BY 1;
SELECT n, row_number() OVER (PARTITION BY n ORDER BY message) AS r, message FROM events QUALIFY r = 1 ORDER BY n;
SELECT lower("user.name") AS u, min(n), max(n) FROM events GROUP BY 1 ORDER BY 1;
SELECT count(*) FILTER (WHERE ok), count(DISTINCT "source.ip") FROM events;
SELECT CASE WHEN n > 3 THEN 'much' ELSE 'little' END AS how, count(*) FROM events GROUP BY 1 ORDER BY 1;
SELECT 'a\\b''c' AS t, message FROM events WHERE message LIKE '%\\%' ORDER BY message LIMIT 2
"""
QUESTIONS = [
    Question(top="user.name"),
    Question(top="user.name", where="\"source.ip\" LIKE '10.%' AND n > 2"),
    Question(distinct="mixed"),
    Question(count_by=("user.name", "ok")),
    Question(over_time="6h"),
    Question(over_time="1w", count_by=("ok",)),
    Question(over_time="90s", where="n = 3"),
    Question(where="message LIKE '%11%' AND ok"),
    *(Question(sql=sql) for sql in SQL.split(";")),
]


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda question: str(QUESTIONS.index(question)))
def test_a_question_has_the_same_answer(dataset: Folder, spark: Callable[..., Any], question: Question) -> None:
    duckdb, answered = both(dataset, spark, question)
    assert duckdb["rows"]
    assert answered["columns"] == duckdb["columns"]
    rows, expected = ([list(row.values()) for row in given["rows"]] for given in (answered, duckdb))
    if question.where and not question.top and not question.over_time:  # in no order
        rows, expected = sorted(rows, key=repr)[:5], sorted(expected, key=repr)[:5]
    assert rows == expected
    assert (answered["row_count"], answered["truncated"]) == (duckdb["row_count"], duckdb["truncated"])


FILED = """
SELECT "@timestamp", "user.name", "source.ip", n, ok, mixed, sum(n) OVER (PARTITION BY n) AS of_all, n / 4 AS part,
  CASE WHEN n > 3 THEN '=cmd()' END AS formula
FROM events WHERE n <> 5 ORDER BY message
"""


@pytest.mark.parametrize("file_format", FileFormat)
def test_a_file_is_duckdbs(dataset: Folder, spark: Callable[..., Any], file_format: FileFormat) -> None:
    question = Question(sql=FILED)
    with finding(dataset.storage, ["dataset"]) as found:
        asked = Asked(
            found=found,
            question=question,
            limit=1,
            file_format=file_format,
            on_bad_line=OnBadLine.SKIP,
            limits=Limits(),
        )
        duckdb = answer(asked, 60)
        beside = written(Path(duckdb["path"]))
        answered = _cluster(found, spark).answer(question, limit=1, file_format=file_format)
        assert written(Path(answered["path"])) == beside
    assert answered == duckdb
    assert duckdb["row_count"] > 400


def written(path: Path) -> Any:
    """Return what a file holds: of Parquet the columns with their types, and the rows."""
    if path.suffix != ".parquet":
        return path.read_bytes()
    table = pyarrow.parquet.read_table(path)
    return [(column.name, column.type) for column in table.schema], table.to_pylist()


def test_the_command_asks_spark_connect_and_tells_no_token(dataset: Folder, local_cluster: LocalCluster) -> None:
    asked = ["query", str(dataset.root / "dataset"), "--top", "user.name", "--json"]
    by_spark = [*asked, "--engine", "spark", "--master", local_cluster.connect]
    told = {
        name: subprocess.run(
            [sys.executable, "-m", "sekoia_export.cli", *arguments],
            env={**os.environ, "SPARK_CONNECT_AUTHENTICATE_TOKEN": token},
            capture_output=True,
            text=True,
            check=False,
        )
        for name, arguments, token in (("duckdb", asked, ""), ("spark", by_spark, TOKEN), ("refused", by_spark, "no"))
    }
    assert (told["spark"].returncode, told["spark"].stderr) == (0, told["duckdb"].stderr)
    rows = {name: json.loads(told[name].stdout)["rows"] for name in ("duckdb", "spark")}
    assert rows["spark"] == rows["duckdb"] != []
    assert told["refused"].returncode != 0
    assert "SPARK_CONNECT_AUTHENTICATE_TOKEN" in told["refused"].stderr
    assert "Traceback" not in told["refused"].stderr


@pytest.mark.parametrize(("spark", "every"), [("driver", 8), ("connect", 1)], indirect=["spark"])
def test_every_sigma_case_finds_the_same(folder: Folder, spark: Callable[..., Any], every: int) -> None:
    events = [event for case in CASES for event in case.events]
    times = [f"2026-01-01T{at // 3600:02}:{at // 60 % 60:02}:{at % 60:02}Z" for at in range(len(events))]
    folder.jsonl("events.jsonl", [{"@timestamp": at, **event} for at, event in zip(times, events, strict=True)])
    read = read_arguments(ConvertArguments, {"file_path": "events.jsonl", "file_name": "dataset/all.parquet"})
    convert_export(folder.storage, SystemClock(), read, limits=Limits(), run=in_this_process)
    texts = [RuleText(case.name, HEAD.format(title=f"case {at}") + case.detection) for at, case in enumerate(CASES)]
    # The first events of a rule are a question more: where they are compiled, every eighth rule is asked for them.
    for some, examples in [(texts, 0), (texts[::every], 5)] if every > 1 else [(texts, 5)]:
        with finding(folder.storage, ["dataset"]) as found:
            asked = Hunt(found=found, texts=some, examples=examples, on_bad_line=OnBadLine.SKIP, limits=Limits())
            duckdb = hunt(asked, 60)
            answered = _cluster(found, spark).hunt(some, examples=examples)
        assert answered["events"] == duckdb["events"] == len(events)
        assert answered["unusable"] == duckdb["unusable"] == []
        rules = {rule["title"]: rule for rule in answered["rules"]}
        assert rules.keys() == {rule["title"] for rule in duckdb["rules"]}
        for rule in duckdb["rules"]:
            assert rules[rule["title"]] == rule, CASES[int(rule["title"].split()[1])].name
        assert sum(rule["matches"] for rule in duckdb["rules"]) > len(some)
