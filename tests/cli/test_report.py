"""`sekoia-export report`: files of this machine as a page, a comment, or on the terminal."""

from __future__ import annotations

import json

import pytest

from tests.cli.bench import CommandLine

EVENTS = [
    {"@timestamp": "2026-01-01T00:00:00Z", "user.name": "ann", "process.args": "whoami /all"},
    {"@timestamp": "2026-01-01T01:00:00Z", "user.name": "bob\x1b[31m\u202e\n", "process.args": "dir"},
    {"@timestamp": "2026-01-01T02:00:00Z", "user.name": "ann", "process.args": "dir"},
]
RULE = """
title: Whoami
level: high
logsource:
    category: process_creation
detection:
    selection:
        process.args|contains: whoami
    condition: selection
"""


@pytest.fixture
def export(command_line: CommandLine) -> CommandLine:
    lines = "".join(json.dumps(event) + "\n" for event in EVENTS)
    (command_line.folder / "a.jsonl").write_text(lines)
    (command_line.folder / "rule.yml").write_text(RULE)
    return command_line


def test_the_page_and_the_picture_lie_here_and_stay_unless_forced(export: CommandLine) -> None:
    done = export.run("report", "a.jsonl", "--rules", "rule.yml", "--case", "CA-1", "--author", "A. Analyst")
    page = export.folder / "a.report.html"
    assert (done.status, done.stdout) == (0, f"{page}\n")
    assert str(export.folder / "a.report.png") in done.stderr
    text = page.read_text()
    assert all(said in text for said in ("CA-1", "A. Analyst", "Whoami"))
    again = export.run("report", "a.jsonl")
    assert again.status == 2
    assert "is there already" in again.stderr
    page.unlink()
    assert "a.report.png is there already" in export.run("report", "a.jsonl").stderr
    done = export.run("report", "a.jsonl", "--force", "--json", "--since", "2026-01-01", "--until", "2026-01-02")
    document = json.loads(done.stdout)
    assert (document["branch"], document["file_path"], document["gaps_count"]) == ("done", str(page), 0)
    assert sorted(path.name for path in export.folder.iterdir()) == ["a.jsonl", page.name, "a.report.png", "rule.yml"]


def test_the_comment_is_written_to_stdout(export: CommandLine) -> None:
    done = export.run("report", "a.jsonl", "--markdown", "-o", "x.html")
    assert (done.status, done.stdout.splitlines()[0]) == (0, "**Report: `Events of a.jsonl`**")
    assert "bob[U+001B][31m[U+202E][\\n]" in done.stdout


def test_the_text_writes_no_file_and_moves_no_cursor(export: CommandLine) -> None:
    done = export.run("report", "a.jsonl", "--text", "--rules", "rule.yml")
    assert (done.status, done.stderr) == (0, "")
    assert "       2  ann " in done.stdout
    assert "       1  high           Whoami" in done.stdout
    assert "bob[U+001B][31m[U+202E][\\n]" in done.stdout
    assert not {"\x1b", "\u202e"} & set(done.stdout)
    assert sorted(path.name for path in export.folder.iterdir()) == ["a.jsonl", "rule.yml"]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("missing.jsonl",), "There is no file"),
        (("a.jsonl", "-o", "a.txt"), "--output does not end in .html"),
        (("a.jsonl", "--rules", "missing"), "There is no file"),
        (("a.jsonl", "--rules", "a.jsonl"), "rule"),
    ],
)
def test_what_cannot_be_reported_is_two_sentences(export: CommandLine, arguments: tuple[str, ...], says: str) -> None:
    done = export.run("report", *arguments)
    assert done.status == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
