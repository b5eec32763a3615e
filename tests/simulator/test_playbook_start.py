"""What is refused before anything runs, and what starts a run."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from sekoia_export.errors import ExportError, UsageError
from sekoia_export.playbooks.model import Node
from sekoia_export.playbooks.reader import parse_playbook
from sekoia_export.simulator.playbook_start import choose_trigger, events_of, with_arguments
from tests.simulator.playbook_bench import MANUAL, MODULE, TICK, Bench, action, operator, playbook_of

SEKOIA = MANUAL["module_uuid"]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with ExitStack() as stack:
        yield Bench(tmp_path_factory.mktemp("playbooks"), stack)


def other(action_uuid: str, module_uuid: str = SEKOIA) -> dict[str, Any]:
    return {"name": "Other", "type": "action", "module_uuid": module_uuid, "action_uuid": action_uuid,
            "arguments": {}, "outputs": {"default": []}}  # fmt: skip


@pytest.mark.parametrize(
    ("nodes", "said"),
    [
        (
            {1: other("77777777-0000-4000-8000-000000000000")},
            "node 1 (Other) runs the action 77777777-0000-4000-8000-000000000000 of the module Sekoia.io, which is not",
        ),
        (
            {1: other("77777777-0000-4000-8000-000000000000", "88888888-0000-4000-8000-000000000000")},
            "of the module 88888888-0000-4000-8000-000000000000, which is not known here",
        ),
        (
            {1: other("ef3794ca-b5fa-4cee-af3f-fd5ffac01c88", "89c860f0-3e73-4946-a5c9-431deb33b0e8")},
            "runs Post Sekoia.io Alert of Mattermost, which cannot be done on the simulator from here",
        ),
        ({1: action("echo", 9)}, "node 1 (echo it) leads to node 9, which does not exist"),
        ({1: action("echo", 2), 2: action("echo", 1)}, "the nodes 1 -> 2 lead in a circle"),
        ({1: operator("foreach", items="{{ [] }}", loop=["1"])}, "the nodes 1 lead in a circle"),
        ({1: {**action("echo"), "type": "magic"}}, "node 1: type is magic"),
        (
            {1: operator("condition", cases=[{"left": 1, "comparison": "~", "right": 1, "name": "x"}])},
            "comparison is ~",
        ),
    ],
)
def test_what_cannot_be_run_is_refused_by_name(bench: Bench, nodes: dict[int, dict[str, Any]], said: str) -> None:
    with pytest.raises(UsageError) as error:
        bench.refuse(playbook_of(nodes))
    assert said in str(error.value)


def test_a_file_that_is_no_playbook_is_refused(bench: Bench) -> None:
    with pytest.raises(UsageError, match="The file is not JSON"):
        bench.refuse(parse_playbook(b"{"))


def test_of_many_reasons_some_are_named(bench: Bench) -> None:
    with pytest.raises(UsageError, match="and 20 more"):
        bench.refuse(playbook_of({number: action("echo", 100) for number in range(1, 31)}))


def trigger(number: int, **given: Any) -> dict[str, Any]:
    return {str(number): {"name": f"Trigger {number}", "type": "trigger", "outputs": {"default": []}, **given}}


def test_the_first_trigger_starts_a_run_or_the_one_that_is_named() -> None:
    nodes = {**trigger(3, **MANUAL), **trigger(5, **MANUAL)}
    playbook = parse_playbook(json.dumps({"name": "x", "nodes": nodes}).encode()).playbook
    assert choose_trigger(playbook, None).number == 3
    assert choose_trigger(playbook, 5).number == 5
    with pytest.raises(UsageError, match=r"Node 4 is no trigger\. Name one of the playbook's triggers: 3, 5"):
        choose_trigger(playbook, 4)
    with pytest.raises(UsageError, match="has no trigger"):
        choose_trigger(parse_playbook(b'{"name": "x", "nodes": {}}').playbook, None)


def test_arguments_are_replaced_by_node_and_name() -> None:
    playbook = playbook_of({1: action("echo", a=1, b=2)}).playbook
    assert with_arguments(playbook, {1: {"b": 3, "c": 4}}).nodes[1].arguments == {"a": 1, "b": 3, "c": 4}
    assert playbook.nodes[1].arguments == {"a": 1, "b": 2}
    with pytest.raises(UsageError, match="has no action or trigger 7"):
        with_arguments(playbook, {7: {"b": 3}})


def events(bench: Bench, node: dict[str, Any], stopping: threading.Event | None = None) -> Iterator[dict[str, Any]]:
    playbook = parse_playbook(json.dumps({"name": "x", "nodes": {"0": node}}).encode()).playbook
    found: Node = choose_trigger(playbook, None)
    return events_of(
        found,
        catalogue=bench.catalogue,
        engine=bench.engine,
        stand_ins=bench.stand_ins,
        stopping=stopping or threading.Event(),
    )


def tick(**configuration: Any) -> dict[str, Any]:
    return {"name": "Trigger 0", "type": "trigger", "outputs": {"default": []}, "module_uuid": MODULE,
            "trigger_uuid": TICK, "arguments": configuration}  # fmt: skip


def test_a_trigger_of_the_module_is_started_and_stopped(bench: Bench) -> None:
    stopping, seen = threading.Event(), []
    for event in events(bench, tick(times=3), stopping):
        seen.append(event)
        if len(seen) == 3:
            stopping.set()
    assert seen == [{"number": 0}, {"number": 1}, {"number": 2}]


def test_a_trigger_that_ends_well_sends_no_more(bench: Bench) -> None:
    assert list(events(bench, tick(times=2, ends=True))) == [{"number": 0}, {"number": 1}]


def test_a_trigger_that_dies_is_an_error_after_its_events(bench: Bench) -> None:
    found = events(bench, tick(times=1, dies=True))
    assert next(found) == {"number": 0}
    with pytest.raises(ExportError, match=r"The trigger Trigger 0 \(node 0\) ended with an error"):
        next(found)


def test_manual_triggers_are_used_on_the_simulators_first_case(bench: Bench) -> None:
    first = next(iter(bench.simulator.cases.values()))
    assert list(events(bench, trigger(0, **MANUAL)["0"])) == [{"case_uuid": first.uuid}]
    on_alerts = {"module_uuid": SEKOIA, "trigger_uuid": "fc26eb9f-b272-4c15-b3bf-ace397c0dc57"}
    assert list(events(bench, trigger(0, **on_alerts)["0"])) == [{"alert_uuid": first.alerts[0].uuid}]


def test_other_triggers_need_their_event(bench: Bench) -> None:
    unknown = {"module_uuid": SEKOIA, "trigger_uuid": "785583cf-4377-43ce-a5fb-f4572eb57456"}
    with pytest.raises(UsageError, match="Give the event that it would send, as JSON, with --event"):
        next(events(bench, trigger(0, **unknown)["0"]))
