"""Playbooks of nodes that do next to nothing, to see what the engine makes of them.

The module is one of its own: its nodes talk to the engine as the SDK's do, without its half second of imports.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from sekoia_export.playbooks.components import load_catalogue
from sekoia_export.playbooks.model import Playbook
from sekoia_export.playbooks.reader import Reading, parse_playbook
from sekoia_export.simulator import Engine, Simulator
from sekoia_export.simulator.expressions import Bounds
from sekoia_export.simulator.playbook_run import PlaybookRun
from sekoia_export.simulator.playbook_start import choose_trigger, refuse
from sekoia_export.simulator.playbook_steps import Observer, Outcome, Step
from sekoia_export.simulator.stand_ins import StandIns

MAIN = """
import json, os, sys, time, urllib.request
from pathlib import Path

def report(body, verb="PATCH"):
    request = urllib.request.Request(os.environ["URL_CALLBACK"], json.dumps(body).encode(), method=verb)
    request.add_header("Authorization", "Bearer " + os.environ["TOKEN"])
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())

command, given = sys.argv[1], json.loads(os.environ.get("ARGUMENTS", "{}"))
data = Path(os.environ["SUB_FOLDER"])
if command == "tick":
    configuration = json.loads(os.environ["TRIGGER_CONFIGURATION"])
    for number in range(configuration["times"]):
        report({"name": "tick", "event": {"number": number}}, "POST")
    if configuration.get("dies"):
        sys.exit(3)
    if not configuration.get("ends"):
        time.sleep(600)
    sys.exit(0)
report({"status": "running", "need_secrets": True})
if command == "echo":
    report({"status": "finished", "results": {**given, "pid": os.getpid()}})
elif command == "configured":
    report({"status": "finished", "results": json.loads(os.environ["MODULE_CONFIGURATION"])})
elif command == "choose":
    report({"status": "finished", "results": given, "outputs": {name: name in given["chosen"] for name in "ab"}})
elif command == "fail":
    report({"status": "finished", "error": "It went wrong. Mend it."})
elif command == "die":
    print("Traceback: it is broken", file=sys.stderr)
    sys.exit(3)
elif command == "hang":
    Path(given["pipe"]).write_text(str(os.getpid()))
    time.sleep(600)
elif command == "meet":
    # Ends only when the other is there as well: two that run one after the other never end well.
    (data / given["me"]).touch()
    end = time.monotonic() + 20
    while not (data / given["other"]).exists() and time.monotonic() < end:
        time.sleep(0.01)
    met = (data / given["other"]).exists()
    report({"status": "finished", "results": {"met": met}, **({} if met else {"error": "Nobody came. Wait."})})
"""
MODULE = "10000000-0000-4000-8000-000000000000"
COMMANDS = {"echo": (), "choose": ("a", "b"), "fail": (), "die": (), "meet": (), "hang": (), "configured": ()}
TICK = "20000000-0000-4000-8000-00000000000f"
UUIDS = {name: f"20000000-0000-4000-8000-{number:012d}" for number, name in enumerate(COMMANDS, start=1)}
MANUAL = {
    "module_uuid": "92d8bb47-7c51-445d-81de-ae04edbb6f0a",
    "trigger_uuid": "511d6f60-2166-4a16-9815-f86b42e8f689",
}


def write_module(folder: Path) -> Path:
    """Write the module and its manifests into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "main.py").write_text(MAIN)
    (folder / "manifest.json").write_text(json.dumps({"uuid": MODULE, "name": "Test", "slug": "test"}))
    for name, branches in COMMANDS.items():
        manifest = {
            "uuid": UUIDS[name],
            "name": name.title(),
            "docker_parameters": name,
            "arguments": {"type": "object", "properties": {}},
            "results": {"type": "object", "properties": {}},
            **({"outputs": dict.fromkeys(branches, "")} if branches else {}),
        }
        (folder / f"action_{name}.json").write_text(json.dumps(manifest))
    trigger = {"uuid": TICK, "name": "Tick", "docker_parameters": "tick", "arguments": {}, "results": {}}
    (folder / "trigger_tick.json").write_text(json.dumps(trigger))
    return folder


def action(name: str, *then: int, branches: Mapping[str, list[int]] | None = None, **arguments: Any) -> dict[str, Any]:
    """Return a node that runs a command of the module."""
    outputs = branches if branches is not None else {"default": then}
    return {
        "name": f"{name} it",
        "type": "action",
        "module_uuid": MODULE,
        "action_uuid": UUIDS[name],
        "arguments": arguments,
        "outputs": {branch: [str(number) for number in numbers] for branch, numbers in outputs.items()},
    }


def operator(subtype: str, *then: int, outputs: Mapping[str, list[int]] | None = None, **given: Any) -> dict[str, Any]:
    """Return an operator."""
    followers = outputs if outputs is not None else {"default": then}
    return {
        "name": f"the {subtype}",
        "type": "operator",
        "subtype": subtype,
        "outputs": {branch: [str(number) for number in numbers] for branch, numbers in followers.items()},
        **given,
    }


def playbook_of(nodes: Mapping[int, dict[str, Any]], *first: int) -> Reading:
    """Return a playbook that starts with a manual trigger, node 0, and goes on with `first` (node 1)."""
    trigger = {
        "name": "Start",
        "type": "trigger",
        **MANUAL,
        "outputs": {"default": [str(number) for number in first or (1,)]},
    }
    numbered = {"0": trigger, **{str(number): node for number, node in nodes.items()}}
    return parse_playbook(json.dumps({"name": "Test", "uuid": MODULE, "nodes": numbered}).encode())


class Bench:
    """Runs playbooks with the module's nodes against one simulated platform."""

    def __init__(self, folder: Path, stack: ExitStack) -> None:
        self.module = write_module(folder / "module")
        self.data = folder / "data"
        self.simulator = stack.enter_context(Simulator())
        self.catalogue = load_catalogue(self.module)
        self.stand_ins = StandIns(
            base_url=self.simulator.base_url, api_key=SecretStr(self.simulator.api_key), simulator=self.simulator
        )
        self.engine = stack.enter_context(
            Engine(module_folder=self.module, data_folder=self.data, bounds=Bounds(cpu_s=0.4))
        )

    def refuse(self, reading: Reading) -> None:
        refuse(reading, catalogue=self.catalogue, stand_ins=self.stand_ins, where="the simulator")

    def run(
        self, reading: Reading, event: dict[str, Any] | None = None, *, observer: Observer | None = None
    ) -> Outcome:
        """Run a playbook that can be run."""
        self.refuse(reading)
        playbook: Playbook = reading.playbook
        run = PlaybookRun(
            playbook, engine=self.engine, stand_ins=self.stand_ins, catalogue=self.catalogue, observer=observer
        )
        return run.run(choose_trigger(playbook, None), event or {})

    def ran(self, nodes: Mapping[int, dict[str, Any]], *first: int, event: dict[str, Any] | None = None) -> Outcome:
        """Run a playbook of these nodes."""
        return self.run(playbook_of(nodes, *first), event)


def numbers(outcome: Outcome) -> list[int]:
    """Return the numbers of the nodes that ran, in the order in which they began, without the trigger."""
    return [step.node.number for step in outcome.steps[1:]]


def step(outcome: Outcome, number: int) -> Step:
    """Return the one step of a node."""
    [found] = [each for each in outcome.steps if each.node.number == number]
    return found
