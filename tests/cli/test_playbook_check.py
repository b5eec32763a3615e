"""`sekoia-export playbook check`: what an author of playbooks sees."""

from __future__ import annotations

import json
from pathlib import Path

from tests.cli.bench import CommandLine

PLAYBOOKS = Path(__file__).resolve().parent.parent.parent / "playbooks"
CASE = PLAYBOOKS / "export-case-events.json"


def with_mistakes(command_line: CommandLine) -> Path:
    playbook = json.loads(CASE.read_text())
    playbook["nodes"]["5"]["arguments"] |= {"feilds": ["message"], "encryption_key": "a-key-in-the-file"}
    file = command_line.folder / "mine.json"
    file.write_text(json.dumps(playbook))
    return file


def test_playbooks_without_a_mistake_are_a_line_each(command_line: CommandLine) -> None:
    done = command_line.run("playbook", "check", *map(str, sorted(PLAYBOOKS.glob("*.json"))))
    assert (done.status, done.stderr) == (0, "")
    assert f"{CASE}: nothing is wrong with its 17 nodes\n" in done.stdout
    assert len(done.stdout.splitlines()) == len([*PLAYBOOKS.glob("*.json")])


def test_a_mistake_is_shown_with_node_place_and_remedy(command_line: CommandLine) -> None:
    with_mistakes(command_line)
    done = command_line.run("playbook", "check", "mine.json", str(CASE))
    assert (done.status, done.stderr) == (1, "")
    assert done.stdout.splitlines()[:4] == [
        "mine.json: 1 error, 1 warning",
        "  error    node 5 (Start the export), argument feilds",
        "           Trigger an export has no argument of this name.",
        "           > Did you mean fields?",
    ]
    assert "nothing is wrong" in done.stdout.splitlines()[-1]
    assert "a-key-in-the-file" not in done.stdout


def test_json_has_the_findings_of_every_file(command_line: CommandLine) -> None:
    with_mistakes(command_line)
    done = command_line.run("playbook", "check", "--json", "mine.json", str(CASE))
    mine, case = json.loads(done.stdout)["files"]
    assert (done.status, mine["errors"], mine["warnings"], case["findings"]) == (1, 1, 1, [])
    assert (mine["file"], mine["name"], mine["nodes"]) == ("mine.json", "Export the events of a case", 17)
    assert mine["findings"][0] == {
        "severity": "error",
        "rule": "unknown-argument",
        "node": 5,
        "name": "Start the export",
        "place": "argument feilds",
        "cause": "Trigger an export has no argument of this name.",
        "remedy": "Did you mean fields?",
    }


def test_warnings_alone_are_no_failure(command_line: CommandLine) -> None:
    shared = Path(__file__).resolve().parent.parent / "playbooks" / "enrichment.json"
    done = command_line.run("playbook", "check", str(shared))
    assert (done.status, done.stderr) == (0, "")
    assert "enrichment.json: 2 warnings" in done.stdout


def test_a_file_that_is_no_playbook_is_an_error_and_one_that_is_not_there_a_wrong_use(
    command_line: CommandLine,
) -> None:
    (command_line.folder / "text.json").write_text("no json")
    done = command_line.run("playbook", "check", "text.json")
    assert done.status == 1
    assert "  error    the playbook\n           The file is not JSON" in done.stdout
    missing = command_line.run("playbook", "check", "none.json")
    assert (missing.status, missing.stdout) == (2, "")
    assert "none.json cannot be read: No such file or directory" in missing.stderr
