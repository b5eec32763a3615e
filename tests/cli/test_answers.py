"""`sekoia-export query` and `convert`: files of this machine, and nothing of them is trusted."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.bench import CommandLine

EVENTS = [
    {"@timestamp": "2026-01-01T00:00:00Z", "user.name": "ann", "port": 443},
    {"@timestamp": "2026-01-01T01:00:00Z", "user.name": "bob\x1b[31m\u202e\n", "port": 22},
    {"@timestamp": "2026-01-01T02:00:00Z", "user.name": "ann", "port": 8_080},
]


@pytest.fixture
def export(command_line: CommandLine) -> CommandLine:
    lines = "".join(json.dumps(event) + "\n" for event in EVENTS)
    (command_line.folder / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    return command_line


def test_an_answer_is_a_table(export: CommandLine) -> None:
    done = export.run("query", "a.jsonl.gz", "--top", "user.name")
    assert (done.status, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["user.name   count", "ann             2", "bob\ufffd[31m\ufffd\ufffd      1"]


def test_an_answer_is_a_json_document(export: CommandLine) -> None:
    done = export.run("query", "a.jsonl.gz", "--sql", "SELECT max(port) AS p FROM events", "--json")
    document = json.loads(done.stdout)
    assert (done.status, document["branch"], document["rows"]) == (0, "rows", [{"p": 8_080}])


def test_an_answer_is_a_file_that_is_replaced_by_force_only(export: CommandLine) -> None:
    asked = ("query", str(export.folder / "a.jsonl.gz"), "--where", "port > 100", "-o", "out.json")
    assert export.run(*asked).status == 0
    assert [row["port"] for row in json.loads((export.folder / "out.json").read_text())] == [443, 8_080]
    again = export.run(*asked)
    assert again.status == 2
    assert "is there already" in again.stderr
    assert export.run(*asked, "--force").status == 0
    assert sorted(path.name for path in export.folder.iterdir()) == ["a.jsonl.gz", "out.json"]


def test_no_rows_and_more_rows_are_said(export: CommandLine) -> None:
    done = export.run("query", "a.jsonl.gz", "--where", "port = 7")
    assert (done.status, done.stdout, done.stderr) == (0, "", "No rows.\n")
    done = export.run("query", "a.jsonl.gz", "--distinct", "port", "--limit", "1")
    assert "more rows" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("query", "missing.jsonl", "--top", "port"), "There is no file"),
        (("query", "a.jsonl.gz"), "Nothing is asked"),
        (("query", "a.jsonl.gz", "--over-time", "x"), "--over-time is no interval"),
        (("query", "a.jsonl.gz", "--sql", "DROP TABLE events"), "single SELECT"),
        (("query", "a.jsonl.gz", "--top", "usr.name"), '"user.name"'),
        (("query", "a.jsonl.gz", "--top", "port", "-o", "a.xlsx"), "--output does not say"),
        (("convert", "a.jsonl.gz", "--format", "csv", "--by-day"), "--by-day is for parquet"),
    ],
)
def test_what_cannot_be_asked_is_two_sentences(export: CommandLine, arguments: tuple[str, ...], says: str) -> None:
    done = export.run(*arguments)
    assert done.status == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_a_conversion_says_where_the_file_is(export: CommandLine) -> None:
    done = export.run("convert", "a.jsonl.gz")
    assert (done.status, done.stdout) == (0, f"{export.folder / 'a.parquet'}\n")
    done = export.run("convert", "a.parquet", "--format", "json", "-o", "b.json", "--json")
    assert json.loads(done.stdout)["events_count"] == 3
    assert json.loads((export.folder / "b.json").read_text()) == EVENTS
    assert sorted(path.name for path in export.folder.iterdir()) == ["a.jsonl.gz", "a.parquet", "b.json"]


def test_bad_lines_are_said(export: CommandLine) -> None:
    (export.folder / "b.jsonl").write_text('{"a":1}\nno\n')
    assert "1 lines are no JSON objects" in export.run("query", "b.jsonl", "--top", "a").stderr
    assert export.run("query", "b.jsonl", "--top", "a", "--on-bad-line", "error").status == 4


@pytest.mark.parametrize(
    ("words", "status", "said"),
    [
        (["query", "a.jsonl", "--top", "user"], 0, "ada"),
        (["query", "a.jsonl", "--top", "nobody"], 2, "not found"),
        (["query", "b.jsonl", "--top", "user"], 2, "There is no file"),
        (["query", "--top"], 2, "requires an argument"),
        (["query", "--help"], 0, "Ask exported files"),
        (["convert", "a.jsonl"], 0, "a.parquet"),
    ],
)
def test_a_process_that_begins_ahead_answers_or_is_gone(
    tmp_path: Path, words: list[str], status: int, said: str
) -> None:
    (tmp_path / "a.jsonl").write_text('{"user":"ada"}\n')
    ran = subprocess.run(
        [sys.executable, "-m", "sekoia_export.cli", *words], cwd=tmp_path, check=False, capture_output=True, text=True
    )
    assert ran.returncode == status, ran.stderr
    assert said in ran.stdout + ran.stderr
