"""`sekoia-export playbook run`: what is on the screen while it runs, what is said at its end, what is refused."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyte
import pytest

from sekoia_export.simulator import Simulator
from sekoia_export.simulator.cases import seeded_cases
from tests.canaries import EXPLICIT_KEY, check_text
from tests.cli.bench import CommandLine, Done
from tests.simulator.playbook_bench import MANUAL, MODULE, TICK, action, operator, write_module

ROOT = Path(__file__).resolve().parents[2]
SEKOIA, MATTERMOST = MANUAL["module_uuid"], "89c860f0-3e73-4946-a5c9-431deb33b0e8"
GET_CASE, COMMENT_CASE = "0ecabc04-43b4-4564-b9b2-08b80e0e1ecf", "0fcabc04-43b4-4564-b9b2-08b80e0e1ecf"
POST_MESSAGE = "e682ce5e-57aa-49b0-aace-9849448b2082"


def other(name: str, module: str, action_uuid: str, *then: int, **arguments: Any) -> dict[str, Any]:
    return {
        "name": name,
        "type": "action",
        "module_uuid": module,
        "action_uuid": action_uuid,
        "arguments": arguments,
        "outputs": {"default": [str(number) for number in then]},
    }


def write(folder: Path, nodes: dict[int, dict[str, Any]], **trigger: Any) -> str:
    """Write a playbook that starts with a manual trigger, or another, and return its file's name."""
    start = {"name": "Start", "type": "trigger", "outputs": {"default": ["1"]}, **MANUAL, **trigger}
    numbered = {"0": start, **{str(number): node for number, node in nodes.items()}}
    (folder / "playbook.json").write_text(json.dumps({"name": "A playbook", "uuid": MODULE, "nodes": numbered}))
    return "playbook.json"


@pytest.fixture
def module(tmp_path: Path) -> Path:
    return write_module(tmp_path / "module")


def run(command_line: CommandLine, module: Path, nodes: dict[int, dict[str, Any]], *more: str, **how: Any) -> Done:
    file = write(command_line.folder, nodes, **how.pop("trigger", {}))
    return command_line.run("playbook", "run", file, "--module", str(module), *more, **how)


GOOD = {
    1: other("Get the case", SEKOIA, GET_CASE, 2, uuid="{{ node.0.case_uuid }}"),
    2: action("choose", branches={"a": [3], "b": []}, chosen=["a"], text="two\nlines", list=[1, "x" * 300]),
    3: operator("foreach", 5, items="{{ [1, 2] }}", loop=["4"]),
    4: action("echo", value="{{ node.3.default.value }}"),
    5: other("Comment", SEKOIA, COMMENT_CASE, uuid="{{ node.1.uuid }}", content="**done** {{ node.4.value }}"),
}


def lines(text: str) -> list[str]:
    """Return the lines, without times and process ids."""
    return [line.rsplit("  ", 1)[0] if line.endswith(" s") else line for line in text.splitlines()]


def test_without_a_terminal_each_step_is_a_line_and_results_are_on_stdout(
    command_line: CommandLine, module: Path
) -> None:
    done = run(command_line, module, GOOD)
    assert done.status == 0
    assert lines(done.stderr) == [
        "node 0  Start  succeeded",
        "node 1  Get the case  running",
        "node 1  Get the case  succeeded",
        "node 2  choose it  running",
        "node 2  choose it  succeeded: a",
        "node 3  the foreach  running",
        "item 1 of 2: node 4  echo it  running",
        "item 1 of 2: node 4  echo it  succeeded",
        "item 2 of 2: node 4  echo it  running",
        "item 2 of 2: node 4  echo it  succeeded",
        "node 3  the foreach  succeeded",
        "node 5  Comment  running",
        "node 5  Comment  succeeded",
    ]
    said = done.stdout.splitlines()
    assert said[:6] == [
        "node 1  Get the case: default",
        "node 2  choose it: a",
        '  chosen  ["a"]',
        "  text",
        "    two",
        "    lines",
    ]
    assert said[6].startswith('  list    [1, "xxxx')
    assert said[6].endswith("...")
    assert "item 2 of 2: node 4  echo it: default" in said
    assert said[-3].startswith("On the simulated platform")
    assert said[-2].startswith("  comment on the case CA")
    assert said[-1] == "    **done** 2"


def test_results_as_json_are_all_of_them(command_line: CommandLine, module: Path) -> None:
    event = json.dumps({"case_uuid": seeded_cases(1, "", datetime.now(UTC))[0].uuid})
    done = run(command_line, module, GOOD, "--json", "--event", event)
    told = json.loads(done.stdout)
    [ran] = told["runs"]
    assert (ran["event"], ran["succeeded"], ran["store"]) == (json.loads(event), True, {})
    steps = [(step["node"], step["status"], step["branches"], step["items"]) for step in ran["steps"]]
    assert steps == [
        (0, "succeeded", ["default"], []),
        (1, "succeeded", ["default"], []),
        (2, "succeeded", ["a"], []),
        (3, "succeeded", ["default"], []),
        (4, "succeeded", ["default"], [0]),
        (4, "succeeded", ["default"], [1]),
        (5, "succeeded", ["default"], []),
    ]
    assert ran["steps"][2]["results"]["list"][1] == "x" * 300
    assert [comment["content"] for comment in told["simulated"]["comments"]] == ["**done** 2"]


def test_what_was_stored_is_shown_after_the_results(command_line: CommandLine, module: Path) -> None:
    changes = [
        {"key": "noted", "type": "set", "value": "{{ node.0.case_uuid is string }}: done"},
        {"key": "windows", "type": "append", "value": "one\ntwo"},
    ]
    done = run(command_line, module, {1: operator("store", modifications=changes)})
    assert done.status == 0
    assert done.stdout == 'In the store\n  noted    True: done\n  windows  ["one\\ntwo"]\n'


def screen_of(done: Done) -> list[str]:
    """Return what a terminal shows of what was written to it."""
    screen = pyte.Screen(100, 50)
    pyte.Stream(screen).feed(done.stderr.replace("\n", "\r\n"))
    return [line.rstrip() for line in screen.display if line.strip()]


def test_on_a_terminal_a_tree_grows(command_line: CommandLine, module: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    done = run(command_line, module, GOOD, terminal=True)
    assert done.status == 0
    assert [line.rsplit("  ", 1)[0] for line in screen_of(done)[1:]] == [
        "├── 0 Start  succeeded",
        "├── 1 Get the case  succeeded",
        "├── 2 choose it  succeeded: a",
        "├── 3 the foreach  succeeded",
        "│   ├── item 1 of 2",
        "│   └── item 2 of 2",
        "│       └── 4 echo it  succeeded",
        "└── 5 Comment  succeeded",
    ]
    assert screen_of(done)[0] == "A playbook"


def test_paths_that_fork_are_below_the_node_that_they_follow(
    command_line: CommandLine, module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    stored = [{"key": "x", "type": "set", "value": 1}]
    nodes = {
        1: operator("store", 2, 5, modifications=stored),
        2: action("meet", 3, me="left", other="right"),
        3: operator("store", 4, modifications=stored),
        4: operator("all"),
        5: action("meet", me="right", other="left"),
    }
    done = run(command_line, module, nodes, terminal=True)
    assert [line.rsplit("  ", 1)[0] for line in screen_of(done)[1:]] == [
        "├── 0 Start  succeeded",
        "└── 1 the store  succeeded",
        "    ├── 2 meet it  succeeded",
        "    │   ├── 3 the store  succeeded",
        "    │   └── 4 the all  succeeded",
        "    └── 5 meet it  succeeded",
    ]


def test_of_many_items_the_tree_shows_the_last_and_those_that_failed(
    command_line: CommandLine, module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    value = "{{ 'fine' if node.1.default.index != 1 else store.gone }}"
    loop = {
        1: operator("foreach", items="{{ range(20) | list }}", loop=["2"]),
        2: operator("store", modifications=[{"key": "x", "type": "set", "value": value}]),
    }
    done = run(command_line, module, loop, terminal=True)
    assert done.status == 1
    shown = [line.strip("│├└─ ").rsplit("  ", 1)[0] for line in screen_of(done)]
    assert shown[:3] == ["A playbook", "0 Start  succeeded", "1 the foreach  succeeded"]
    assert shown[3:11] == [
        "14 items before",
        "item 2 of 20",
        "2 the store  failed",
        *(f"item {number} of 20" for number in range(15, 20)),
    ]
    assert shown[11:13] == ["item 20 of 20", "2 the store  succeeded"]


def test_a_tree_that_is_longer_than_the_screen_shows_where_it_grows(
    command_line: CommandLine, module: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "8")
    stored = [{"key": "x", "type": "set", "value": 1}]
    chain = {number: operator("store", number + 1, modifications=stored) for number in range(1, 12)} | {
        12: action("meet", me="a", other="a")
    }
    done = run(command_line, module, chain, terminal=True)
    frames = done.stderr.split("\x1b[2K")
    assert any("12 meet it" in frame and "Start" not in frame for frame in frames)
    assert [line.split()[1] for line in screen_of(done)[1:]] == [str(number) for number in range(13)]


@pytest.mark.parametrize("terminal", [False, True])
def test_a_node_that_failed_is_no_success(command_line: CommandLine, module: Path, terminal: bool) -> None:
    nodes = {1: action("echo", 2, 3, x=1), 2: action("fail"), 3: action("echo", x="{{ node.2.gone }}")}
    done = run(command_line, module, nodes, terminal=terminal)
    assert done.status == 1
    said = " ".join(re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]", "", done.stderr).split())
    assert "node 2 (fail it): It went wrong. Mend it." in said
    assert "node 3 (echo it): The expression {{ node.2.gone }} (node 3 (echo it), argument x)" in said
    assert "node 2  fail it: failed" in done.stdout


def test_quiet_leaves_errors_and_results(command_line: CommandLine, module: Path) -> None:
    done = run(command_line, module, {1: action("echo", 2), 2: action("fail")}, "--quiet")
    assert (done.status, done.stderr) == (1, "node 2 (fail it): It went wrong. Mend it.\n")
    assert done.stdout.startswith("node 1  echo it: default")


def test_a_key_that_a_node_reveals_and_a_links_query_are_not_on_the_screen(
    command_line: CommandLine, module: Path
) -> None:
    event = {"key": EXPLICIT_KEY, "link": "https://storage.example/file?X-Amz-Signature=abcdef"}
    nodes = {
        1: action("echo", 2, encryption_key="{{ node.0.key }}", download_url="{{ node.0.link }}"),
        2: other("Tell", MATTERMOST, POST_MESSAGE, 3, message="{{ node.1.download_url }} {{ node.1.encryption_key }}"),
        3: action("echo", x="{{ {}[node.1.encryption_key] }}"),
    }
    for more in ((), ("--json",)):
        done = run(command_line, module, nodes, "--event", json.dumps(event), *more)  # searched for both by the bench
        assert "https://storage.example/file" in done.stdout
        assert "***" in done.stdout
        assert "has no attribute '***'" in done.stderr


REFUSED = [
    (
        (),
        {1: other("Do", SEKOIA, MODULE)},
        f"node 1 (Do) runs the action {MODULE} of the module Sekoia.io, which is not",
    ),
    (("--event", "{"), {}, "The event given with --event is not JSON."),
    (("--event", "[]"), {}, 'is not a JSON object. Give an object such as \'{"case_uuid": "..."}\''),
    (("--event", "@gone.json"), {}, "The event's file gone.json cannot be read: No such file or directory."),
    (("--set", "x"), {}, "The option --set x has another form than NODE.ARGUMENT=VALUE."),
    (("--set", "9.x=1"), {}, "The playbook has no action or trigger 9."),
    (("--mishap", "rain"), {}, "There is no mishap rain. Choose one of: empty, search_failed"),
    (("--trigger", "1"), {}, "Node 1 is no trigger."),
    (("--mishap", "busy", "--against", "platform"), {}, "The option --mishap is for the simulator"),
    (("--module", "."), {}, "it has no main.py. Run it in a checkout, or name the module's folder with --module."),
]


@pytest.mark.parametrize(("more", "nodes", "said"), REFUSED, ids=[case[2][:40] for case in REFUSED])
def test_what_cannot_be_run_is_refused_before_anything_runs(
    command_line: CommandLine, module: Path, more: tuple[str, ...], nodes: dict[int, dict[str, Any]], said: str
) -> None:
    done = run(command_line, module, nodes or {1: action("echo")}, *more)
    assert (done.status, done.stdout) == (2, "")
    assert said in done.stderr
    assert "node 0" not in done.stderr.splitlines()[0].partition(" (")[0]
    assert not list((command_line.folder / "playbook-run").glob("*"))


def test_event_and_arguments_are_given_on_the_command_line(command_line: CommandLine, module: Path) -> None:
    (command_line.folder / "event.json").write_text('{"who": "me"}')
    nodes = {1: action("echo", who="{{ node.0.who }}", count=1, text="a")}
    more = ("--event", "@event.json", "--set", "1.count=[2]", "--set", "1.text=it is {{ node.0.who }}")
    done = run(command_line, module, nodes, *more, "--json")
    results = json.loads(done.stdout)["runs"][0]["steps"][1]["results"]
    assert {**results, "pid": 0} == {"who": "me", "count": [2], "text": "it is me", "pid": 0}


def test_the_module_is_configured_for_the_simulator_and_for_a_bucket_of_its_own(
    command_line: CommandLine, module: Path
) -> None:
    nodes = {1: action("configured")}
    known = [
        json.loads(run(command_line, module, nodes, "--json", *more).stdout)["runs"][0]["steps"][1]["results"]
        for more in ((), ("--own-bucket",))
    ]
    assert [set(each) for each in known] == [
        {"base_url"},
        {"base_url", "s3_bucket", "s3_region", "s3_endpoint_url", "s3_access_key_id"},
    ]
    assert known[1]["s3_bucket"] == "own-bucket"


def test_against_the_platform_comments_are_the_platforms(command_line: CommandLine, module: Path) -> None:
    with Simulator() as platform:
        command_line.configure(platform)
        case = next(iter(platform.cases.values()))
        event = ("--event", json.dumps({"case_uuid": case.uuid}), "--against", "platform")
        done = run(command_line, module, GOOD, *event)
        assert done.status == 0, done.stderr
        assert [comment.content for comment in case.comments] == ["**done** 2"]
        assert "On the simulated platform" not in done.stdout
        refused = run(command_line, module, {1: other("Tell", MATTERMOST, POST_MESSAGE, message="x")}, *event)
        assert refused.status == 2
        assert "node 1 (Tell) runs Post Message of Mattermost, which cannot be done on the platform" in refused.stderr
        untold = run(command_line, module, GOOD, "--against", "platform")
        assert untold.status == 2
        assert "Give the event that it would send, as JSON, with --event." in untold.stderr


def test_a_trigger_of_the_module_starts_a_run_for_each_of_its_events(command_line: CommandLine, module: Path) -> None:
    trigger = {"module_uuid": MODULE, "trigger_uuid": TICK, "arguments": {"times": 5}}
    nodes = {1: action("echo", number="{{ node.0.number }}")}
    done = run(command_line, module, nodes, "--events", "3", "--json", trigger=trigger)
    assert done.status == 0
    told = json.loads(done.stdout)["runs"]
    assert [ran["event"] for ran in told] == [{"number": 0}, {"number": 1}, {"number": 2}]
    assert [ran["steps"][1]["results"]["number"] for ran in told] == [0, 1, 2]
    both = run(command_line, module, nodes, "--events", "2", trigger=trigger)
    assert both.stderr.startswith("Waiting for the trigger Start to send an event.\n")
    assert "Run 2 of 2\nnode 1  echo it: default\n  number  1\n" in both.stdout


def test_the_scheduled_trigger_itself_starts_a_shipped_playbook(command_line: CommandLine) -> None:
    start = (datetime.now(UTC) - timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    archive = str(ROOT / "playbooks" / "archive-to-our-bucket.json")
    more = ("--set", f"0.start_at={start.isoformat()}", "--set", "0.settle=0", "--json")
    done = command_line.run("playbook", "run", archive, *more)
    assert done.status == 0, done.stderr
    [ran] = json.loads(done.stdout)["runs"]
    assert datetime.fromisoformat(ran["event"]["earliest_time"]) == start
    assert [step["branches"] for step in ran["steps"][1:4]] == [["done"], ["triggered"], ["finished"]]
    assert "events in event-archive" in ran["store"]["archived"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_the_nodes_and_is_told(tmp_path: Path, module: Path, number: signal.Signals) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    file = write(tmp_path, {1: action("hang", pipe=str(pipe))})
    command = [sys.executable, "-m", "sekoia_export.cli", "playbook", "run", file, "--module", str(module)]
    env = {**os.environ, "PYTHONPATH": str(ROOT), "SEKOIA_EXPORT_HOME": str(tmp_path / "home")}
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    with subprocess.Popen(
        command, cwd=tmp_path, env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        select.select([reader], [], [], 60)
        node = int(os.read(reader, 20))
        os.close(reader)
        process.send_signal(number)
        said = process.communicate(timeout=60)[1]
    assert process.returncode == 130
    assert said.endswith("sekoia-export: Interrupted. The nodes that ran were told to stop.\n")
    assert "Traceback" not in said
    check_text(said, "the output")
    with pytest.raises(ProcessLookupError):
        os.kill(node, 0)
