"""`sekoia-export hunt` and `observables`: rules and events of this machine, neither trusted."""

from __future__ import annotations

import gzip
import json

import pytest

from tests.cli.bench import CommandLine

EVENTS = [
    {"@timestamp": "2026-01-01T00:00:00Z", "source.ip": "8.8.8.8", "process.args": "whoami /all"},
    {"@timestamp": "2026-01-01T01:00:00Z", "source.ip": "10.0.0.1", "file.name": "a\u202egpj.exe"},
]
RULE = """
title: "{title}"
level: high
logsource:
    category: process_creation
detection:
    selection:
        process.args|contains: {word}
    condition: selection
"""


@pytest.fixture
def export(command_line: CommandLine) -> CommandLine:
    lines = "".join(json.dumps(event) + "\n" for event in EVENTS)
    (command_line.folder / "a.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    (command_line.folder / "sigma").mkdir()
    (command_line.folder / "sigma" / "one.yml").write_text(RULE.format(title="Who\\e[31m", word="whoami"))
    (command_line.folder / "sigma" / "bad.yml").write_text("title: bad")
    (command_line.folder / "own.txt").write_text(RULE.format(title="Mimikatz", word="mimikatz"))
    return command_line


def test_rules_that_find_something_are_a_table(export: CommandLine) -> None:
    done = export.run("hunt", "a.jsonl.gz", "--rules", "sigma", "--rules", "own.txt", "--rules", "sigma/one.yml")
    assert done.status == 0
    head, row = done.stdout.splitlines()
    assert head.split() == ["matches", "level", "title", "first", "last"]
    assert row.split() == ["1", "high", "Who\ufffd[31m", "2026-01-01T00:00:00Z", "2026-01-01T00:00:00Z"]
    assert "1 of 2 rules find something in 2 events." in done.stderr
    assert "bad" in done.stderr


def test_a_hunt_is_a_json_document_and_clean_is_told(export: CommandLine) -> None:
    done = export.run("hunt", "a.jsonl.gz", "--rules", str(export.folder / "own.txt"), "--json")
    document = json.loads(done.stdout)
    assert (done.status, document["branch"], document["rules_count"]) == (0, "clean", 1)
    done = export.run("hunt", "a.jsonl.gz", "--rules", "own.txt")
    assert (done.status, done.stdout) == (0, "")
    assert "0 of 1 rules" in done.stderr


def test_observables_are_a_table(export: CommandLine) -> None:
    done = export.run("observables", "a.jsonl.gz")
    assert (done.status, done.stderr) == (0, "")
    assert [line.split()[:3] for line in done.stdout.splitlines()] == [
        ["type", "value", "count"],
        ["ip", "8.8.8.8", "1"],
        ["ip", "10.0.0.1", "1"],
        ["file_name", "a\ufffdgpj.exe", "1"],
    ]


def test_observables_are_files_and_lists(export: CommandLine) -> None:
    asked = ("observables", "a.jsonl.gz", "-o", "all.csv", "--lists", "iocs")
    done = export.run(*asked)
    assert (done.status, done.stdout) == (0, "")
    assert f"3 observables in {export.folder / 'all.csv'}" in done.stderr
    assert json.loads((export.folder / "iocs" / "ip_addresses.json").read_text()) == ["8.8.8.8"]
    assert export.run(*asked).status == 2
    document = json.loads(export.run(*asked, "--force", "--json").stdout)
    assert document["file_path"] == str(export.folder / "all.csv")
    assert document["ip_addresses_path"] == str(export.folder / "iocs" / "ip_addresses.json")
    assert (document["branch"], document["domains_path"]) == ("found", None)
    assert sorted(path.name for path in export.folder.iterdir()) == [
        "a.jsonl.gz", "all.csv", "iocs", "own.txt", "sigma",
    ]  # fmt: skip


def test_no_observables_are_said(export: CommandLine) -> None:
    (export.folder / "b.jsonl").write_text('{"message": "8.8.8.8"}\nno\n')
    done = export.run("observables", "b.jsonl")
    assert (done.status, done.stdout) == (0, "")
    assert "No observables." in done.stderr
    assert "1 lines are no JSON objects" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("hunt", "a.jsonl.gz"), "--rules"),
        (("hunt", "a.jsonl.gz", "--rules", "nowhere"), "Give --rules"),
        (("hunt", "a.jsonl.gz", "--rules", "sigma/bad.yml"), "None of the rules can be used"),
        (("hunt", "missing.jsonl", "--rules", "sigma"), "There is no file"),
        (("observables", "a.jsonl.gz", "-o", "a.xlsx"), "--output does not say"),
        (("observables", "a.jsonl.gz", "--limit", "0"), "--limit"),
    ],
)
def test_what_cannot_be_asked_is_two_sentences(export: CommandLine, arguments: tuple[str, ...], says: str) -> None:
    done = export.run(*arguments)
    assert done.status == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
