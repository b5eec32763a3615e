"""query_export: a question, and its answer inline or as a file."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from sekoia_export.analysis.apart import Runner, run_apart
from sekoia_export.analysis.database import MEBIBYTE, Limits
from sekoia_export.arguments.analysis import QueryArguments
from sekoia_export.arguments.base import read_arguments
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.errors import DamagedExport, DeadlineExceeded, UsageError
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.operations.query import query_export
from sekoia_export.results.analysis import QueryResults
from tests.analysis.conftest import Folder, in_this_process

EVENTS = [
    {"@timestamp": "2026-01-01T10:00:00.5Z", "user": "ann", "port": 443, "ok": True},
    {"@timestamp": "2026-01-01T10:59:59Z", "user": "bob", "port": 22, "ok": False},
    {"@timestamp": "2026-01-01T11:00:00Z", "user": "ann", "port": 443},
    {"@timestamp": "2026-01-02T00:00:00Z", "port": 80, "tags": ["a", 1]},
]


def ask(
    folder: Folder, *, limits: Limits | None = None, run: Runner = in_this_process, **arguments: Any
) -> Outcome[QueryResults]:
    """Ask, of a.jsonl unless told otherwise."""
    given = {"file_path": "a.jsonl", "timeout": 60, **arguments}
    return query_export(folder.storage, SystemClock(), read_arguments(QueryArguments, given), limits=limits, run=run)


@pytest.fixture
def events(folder: Folder) -> Folder:
    folder.jsonl("a.jsonl", EVENTS)
    return folder


@pytest.mark.parametrize(
    ("question", "rows"),
    [
        ({"top": "user"}, [{"user": "ann", "count": 2}, {"user": "bob", "count": 1}]),
        ({"top": "user", "where": "port > 100", "limit": "1"}, [{"user": "ann", "count": 2}]),
        ({"distinct": "port"}, [{"port": 22}, {"port": 80}, {"port": 443}]),
        ({"distinct": "user", "where": "ok -- only those"}, [{"user": "ann"}]),
        (
            {"count_by": "user, ok", "limit": 2},
            [{"user": "ann", "ok": True, "count": 1}, {"user": "ann", "ok": None, "count": 1}],
        ),
        (
            {"over_time": "1h"},
            [
                {"time": "2026-01-01T10:00:00Z", "count": 2},
                {"time": "2026-01-01T11:00:00Z", "count": 1},
                {"time": "2026-01-02T00:00:00Z", "count": 1},
            ],
        ),
        (
            {"over_time": "1d", "count_by": ["user"]},
            [
                {"time": "2026-01-01T00:00:00Z", "user": "ann", "count": 2},
                {"time": "2026-01-01T00:00:00Z", "user": "bob", "count": 1},
                {"time": "2026-01-02T00:00:00Z", "user": None, "count": 1},
            ],
        ),
        (
            {"where": "port = 22"},
            [{"@timestamp": "2026-01-01T10:59:59Z", "ok": False, "port": 22, "tags": None, "user": "bob"}],
        ),
        (
            {"sql": "SELECT max(\"@timestamp\") AS t, sum(port) AS n, avg(port) x, [1, 2] l, {'a': 1} s FROM events; "},
            [{"t": "2026-01-02T00:00:00Z", "n": 988, "x": 247.0, "l": [1, 2], "s": {"a": 1}}],
        ),
        (
            {"sql": "SELECT 'NaN'::FLOAT a, 1.50::DECIMAL(9,2) b, '\\xAA'::BLOB c, INTERVAL 1 DAY e"},
            [{"a": "nan", "b": "1.50", "c": "qg==", "e": 86400.0}],
        ),
        ({"sql": "SELECT port, port, PORT FROM events LIMIT 1"}, [{"port": 443, "port#2": 443, "port#3": 443}]),
    ],
    ids=lambda value: json.dumps(value) if isinstance(value, dict) else "",
)
def test_a_question_has_an_answer(events: Folder, question: dict[str, Any], rows: list[dict[str, Any]]) -> None:
    outcome = ask(events, **question)
    assert outcome.branch is Branch.ROWS
    assert outcome.results.rows == rows
    assert outcome.results.columns == list(rows[0])
    assert outcome.results.row_count == len(rows)
    assert json.loads(outcome.results.model_dump_json())["rows"] == rows


def test_no_rows_are_a_branch(events: Folder) -> None:
    outcome = ask(events, where="port = 7")
    assert (outcome.branch, outcome.results.rows, outcome.results.row_count) == (Branch.NO_ROWS, [], 0)
    assert "port" in outcome.results.columns


@pytest.mark.parametrize(("limit", "truncated"), [(3, True), (4, False), (5, False)])
def test_more_rows_than_the_limit_are_told(events: Folder, limit: int, truncated: bool) -> None:
    results = ask(events, sql="SELECT port FROM events", limit=limit).results
    assert (results.row_count, results.truncated) == (min(limit, 4), truncated)


def test_rows_that_are_too_large_for_results_are_cut_off(folder: Folder) -> None:
    folder.jsonl("a.jsonl", [{"n": number, "text": "x" * MEBIBYTE} for number in range(6)])
    results = ask(folder, sql="SELECT n, text FROM events ORDER BY n").results
    assert (results.row_count, results.truncated) == (3, True)
    with pytest.raises(UsageError, match="first row alone"):
        ask(folder, sql="SELECT repeat(text, 5) FROM events")


@pytest.mark.parametrize("suffix", ["csv", "json", "jsonl", "parquet"])
def test_all_rows_go_into_a_file(events: Folder, suffix: str) -> None:
    outcome = ask(events, top="user", to_file=f"out/answer.{suffix}", limit=1)
    assert (outcome.branch, outcome.results.file_path) == (Branch.ROWS, f"out/answer.{suffix}")
    assert (outcome.results.rows, outcome.results.row_count, outcome.results.truncated) == ([], 2, False)
    assert read_rows(events.root / "out" / f"answer.{suffix}") == [["ann", 2], ["bob", 1]]


def read_rows(path: Path) -> list[list[Any]]:
    if path.suffix == ".csv":
        with path.open(newline="") as file:
            header, *rows = csv.reader(file)
        assert header == ["user", "count"]
        return [[user, int(count)] for user, count in rows]
    if path.suffix == ".parquet":
        return [list(row.values()) for row in pq.read_table(path).to_pylist()]
    text = path.read_text()
    rows_found = json.loads(text) if path.suffix == ".json" else [json.loads(line) for line in text.splitlines()]
    return [list(row.values()) for row in rows_found]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"to_file": "../out.csv", "top": "user"}, "to_file leaves"),
        ({"to_file": "out.xlsx", "top": "user"}, "to_file does not say"),
        ({"to_file": "a.jsonl", "top": "user"}, "to_file names a file that is read"),
        ({"to_file": "link.jsonl", "top": "user"}, "to_file names a file that is read"),
        ({"file_path": "../a.jsonl", "top": "user"}, "file_path leaves"),
        ({"file_path": "", "top": "user"}, "file_path is missing"),
        ({}, "Nothing is asked"),
        ({"top": "user", "sql": "SELECT 1"}, "sql and top are given together"),
        ({"top": "user", "distinct": "user"}, "top and distinct"),
        ({"where": "true", "sql": "SELECT 1"}, "where is given together with sql"),
        ({"over_time": "1 fortnight"}, "no interval"),
        ({"over_time": "0h"}, "no interval"),
        ({"top": "usr"}, 'There are the fields "user"'),
        ({"where": "true) UNION SELECT (1"}, "more than a condition"),
        ({"where": "true) GROUP BY (port"}, "more than a condition"),
        ({"where": "true) LIMIT (1"}, "more than a condition"),
        ({"where": "true; DROP VIEW events"}, "cannot be carried out|statements"),
        ({"where": "true); DROP VIEW events; --"}, "statements|cannot be carried out"),
        ({"where": "port IN (SELECT content FROM read_text('/etc/passwd'))"}, "read_text"),
        ({"where": "true /*"}, "cannot be carried out"),
        ({"top": "user\" FROM read_text('/etc/passwd') --"}, "cannot be carried out"),
        ({"sql": "COPY events TO 'x'"}, "kind COPY"),
        ({"limit": 0, "top": "user"}, "limit is not valid"),
    ],
)
def test_what_cannot_be_asked_is_an_error_and_nothing_is_written(
    events: Folder, arguments: dict[str, Any], match: str
) -> None:
    (events.root / "link.jsonl").symlink_to(events.root / "a.jsonl")
    before = {path: path.read_bytes() for path in events.root.iterdir()}
    with pytest.raises(UsageError, match=match):
        ask(events, **arguments)
    assert {path: path.read_bytes() for path in events.root.iterdir()} == before


def test_bad_lines_are_counted_and_by_choice_an_error(folder: Folder) -> None:
    folder.raw("a.jsonl", b'{"a":1}\nnot json\n')
    assert ask(folder, top="a").results.bad_lines == 1
    with pytest.raises(DamagedExport, match="1 lines"):
        ask(folder, top="a", on_bad_line="error")


@pytest.mark.parametrize(
    "query",
    [
        "SELECT repeat('x', 4000000000) FROM events",
        "SELECT list(repeat(range::VARCHAR, 1000)) FROM events, range(100000000)",
    ],
)
def test_no_query_takes_more_memory_than_it_may(events: Folder, query: str) -> None:
    with pytest.raises(UsageError, match="memory"):
        ask(events, sql=query, limits=Limits(memory_bytes=64 * MEBIBYTE, spill_bytes=MEBIBYTE), run=run_apart)


@pytest.mark.parametrize(
    "query",
    [
        # An interrupt has no effect on this one, it is one call of minutes.
        "SELECT max(levenshtein(repeat('a', 50000), repeat('b', 50000) || range)) FROM range(2000), events",
        "WITH RECURSIVE r AS (SELECT 1 n UNION ALL SELECT n + 1 FROM r) SELECT count(*) FROM r, events",
    ],
)
def test_no_query_takes_longer_than_it_may(events: Folder, query: str) -> None:
    with pytest.raises(DeadlineExceeded, match="the 1 seconds"):
        ask(events, sql=query, timeout=1, run=run_apart)


def test_without_duckdb_the_error_says_what_to_install(events: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    for run in (run_apart, in_this_process):
        with pytest.raises(UsageError, match=r"pip install 'sekoia-event-export\[analysis\]'"):
            ask(events, top="user", run=run)


def test_nothing_of_the_library_imports_duckdb_before_it_is_used() -> None:
    modules = "sekoia_export.operations.query, sekoia_export.operations.convert, sekoia_export.cli.answers"
    code = f"import sys, {modules}, sekoia_export.analysis.answering; sys.exit('duckdb' in sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_process_that_is_told_to_stop_takes_the_querys_with_it(events: Folder) -> None:
    """The query's process sees the end of its input when whoever started it is gone, killed or not."""
    query = "SELECT max(levenshtein(repeat('a', 50000), repeat('b', 50000) || range)) FROM range(2000), events"
    code = (
        "import sys; from pathlib import Path; from tests.analysis.test_query import ask, run_apart; "
        "from tests.analysis.conftest import Folder; folder = Folder.__new__(Folder); "
        "folder.root = Path(sys.argv[1]); print('begun', flush=True); ask(folder, sql=sys.argv[2], run=run_apart)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(events.root), query], stdout=subprocess.PIPE) as asking:
        assert asking.stdout is not None
        asking.stdout.readline()
        started = _children(asking.pid)
        while not started:
            started = _children(asking.pid)
        asking.kill()
    [child] = started
    while _is_alive(child):
        pass


def _children(pid: int) -> list[int]:
    return [int(found) for found in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _is_alive(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_a_querys_process_knows_no_secret(events: Folder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MODULE_CONFIGURATION", "canary-encryption-secret-of-40-characters")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "canary-s3-secret-access-key")
    seen = run_apart(
        "tests.analysis.test_query:environment", None, deadline=Deadline(SystemClock(), 60), limits=Limits()
    )
    assert "PATH" in seen
    assert not {"MODULE_CONFIGURATION", "AWS_SECRET_ACCESS_KEY"} & set(seen)


def environment(_argument: None, _timeout_s: float | None) -> list[str]:
    """Return what the process of a query has in its environment."""
    return sorted(os.environ)
