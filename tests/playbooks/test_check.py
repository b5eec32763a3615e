"""Checking playbooks: the shipped ones, those that others wrote, and whatever a file may hold."""

from __future__ import annotations

import copy
import json
import random
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sekoia_export.playbooks.check import Checked, check_file, check_playbook
from sekoia_export.playbooks.finding import Finding
from sekoia_export.playbooks.reader import MOST_NODES, parse_playbook

SHIPPED = sorted((Path(__file__).resolve().parent.parent.parent / "playbooks").glob("*.json"))
SEKOIA, VIRUSTOTAL, FILES = (
    "92d8bb47-7c51-445d-81de-ae04edbb6f0a",
    "d023af1d-25d8-465b-b85f-2ed48214d6a5",
    "07cce76b-a319-40ee-a0cf-1ba433431e21",
)
MANUAL, CREATED = "fc26eb9f-b272-4c15-b3bf-ace397c0dc57", "785583cf-4377-43ce-a5fb-f4572eb57456"
GET_ALERT, COMMENT_ALERT = "8d189665-5401-4098-8d60-944de9a6199a", "0d323de3-a864-4afe-a0c3-e7ff45883d7a"


def node(name: str, **values: Any) -> dict[str, Any]:
    return {"icon": "data:image/svg+xml;base64,PHN2Zy8+", "name": name, "outputs": {"default": []}, **values}


def trigger(name: str, uuid: str, then: str) -> dict[str, Any]:
    return node(name, type="trigger", module_uuid=SEKOIA, trigger_uuid=uuid, outputs={"default": [then]})


def action(
    name: str, module: str, component: str, then: list[str] | dict[str, list[str]], **given: Any
) -> dict[str, Any]:
    outputs = then if isinstance(then, dict) else {"default": then}
    return node(name, type="action", module_uuid=module, action_uuid=component, arguments=given, outputs=outputs)


def operator(name: str, subtype: str, then: list[str] | dict[str, list[str]], **values: Any) -> dict[str, Any]:
    return node(
        name, type="operator", subtype=subtype, outputs=then if isinstance(then, dict) else {"default": then}, **values
    )


def enrichment() -> dict[str, Any]:
    """Return a playbook of the kind that is shared: two triggers, other vendors' modules, no workspace, no uuid."""
    playbook: dict[str, Any] = json.loads(Path(__file__).with_name("enrichment.json").read_text())
    return playbook


def check(playbook: Any) -> list[Finding]:
    return check_playbook(parse_playbook(json.dumps(playbook).encode()))


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_nothing_is_wrong_with_a_shipped_playbook(file: Path) -> None:
    checked = check_file(file)
    assert checked.findings == ()
    playbook = json.loads(file.read_text())
    assert playbook.keys() == {"name", "uuid", "workspace", "description", "tags", "nodes"}
    assert len(playbook["description"]) > 200
    assert len({entry["name"] for entry in playbook["nodes"].values()}) == len(playbook["nodes"])


def test_shipped_playbooks_have_uuids_of_their_own() -> None:
    playbooks = [json.loads(file.read_text()) for file in SHIPPED]
    assert len({playbook["uuid"] for playbook in playbooks}) == len({playbook["name"] for playbook in playbooks}) >= 2


def test_of_a_shared_playbook_only_its_unknown_modules_are_named_each_once() -> None:
    found = check(enrichment())
    assert [(finding.rule, finding.node) for finding in found] == [("unknown-module", 4), ("unknown-module", 7)]
    assert FILES in found[0].cause
    assert "4 (Read JSON File)" in found[0].cause
    assert not any(finding.is_error for finding in found)


def test_everything_else_of_a_playbook_with_unknown_modules_is_still_checked() -> None:
    playbook = enrichment()
    playbook["nodes"]["3"]["arguments"]["stix"] = "yes"
    playbook["nodes"]["5"]["outputs"] = {"Yes": ["6"], "else": []}
    playbook["nodes"]["7"]["arguments"]["url"] = "{{ node.8.default.value }}"
    playbook["nodes"]["10"] = action("Scan", VIRUSTOTAL, "b43a7897-b92c-4fe1-8a5c-be9e023c4f1c", [], url="x")
    found = [(str(finding.rule), finding.node) for finding in check(playbook)]
    assert found.count(("unknown-module", 7)) == 1
    assert set(found) - {("unknown-module", 4), ("unknown-module", 7)} == {
        ("wrong-type", 3),
        ("unknown-branch", 5),
        ("unwired-branch", 5),
        ("unreachable", 10),
        ("not-upstream", 7),
        ("no-such-result", 7),
    }


def test_an_action_of_a_known_module_that_is_not_known_is_a_warning() -> None:
    playbook = enrichment()
    playbook["nodes"]["9"] = action("Reject", SEKOIA, "c4b84449-a26f-4f18-bde4-33efa921f4d4", [], any="thing")
    assert ("unknown-action", False) in [(finding.rule, finding.is_error) for finding in check(playbook)]


def test_a_node_after_two_triggers_may_ask_which_one_it_was() -> None:
    playbook = enrichment()
    lone = "{{ node.0.alert_uuid }}"
    playbook["nodes"]["3"]["arguments"]["uuid"] = lone
    assert ("not-always-upstream", 3) in [(finding.rule, finding.node) for finding in check(playbook)]
    playbook["nodes"]["3"]["arguments"]["uuid"] = f"{{% if node.0 is defined %}}{lone}{{% endif %}}"
    assert [finding.rule for finding in check(playbook)] == ["unknown-module", "unknown-module"]


def test_all_waits_for_every_path_and_any_for_the_first() -> None:
    def joined(subtype: str) -> list[str]:
        alert, both = "{{ node.0.alert_uuid }}", "{{ node.1.title }} {{ node.2.title }}"
        nodes = {
            "0": {**trigger("Manual", MANUAL, "1"), "outputs": {"default": ["1", "2"]}},
            "1": action("One", SEKOIA, GET_ALERT, ["3"], uuid=alert),
            "2": action("Two", SEKOIA, GET_ALERT, ["3"], uuid=alert),
            "3": operator("Both", subtype, ["4"]),
            "4": action("End", SEKOIA, COMMENT_ALERT, [], uuid=alert, content=both),
        }
        return [finding.rule for finding in check({"name": "p", "nodes": nodes})]

    assert joined("all") == []
    assert joined("any") == ["not-always-upstream", "not-always-upstream"]


def test_the_items_of_a_loop_are_known_where_its_list_is_this_module_s() -> None:
    def looped(items: str, *more: str) -> list[tuple[str, str]]:
        """Loop over `items`, in it over each of `more`, and name something of the innermost item."""
        last = 2 + len(more)
        plan = ("1b373e93-eab2-489d-a5fe-0b1d026525e7", "588b218e-bf6d-45d0-b0ff-4b71653b27d8")
        loops = {
            str(number): operator("Loop", "foreach", [], items=each, loop=[str(number + 1)])
            for number, each in enumerate([items, *more], start=2)
        }
        nodes = {
            "0": trigger("Manual", MANUAL, "1"),
            "1": action("Plan", *plan, {"planned": ["2"]}, query="x", earliest_time="-1d"),
            **loops,
            str(last + 1): operator(
                "Note", "store", [],
                modifications=[{"key": "x", "type": "set", "value": f"{{{{ node.{last}.default.value.start }}}}"}],
            ),
        }  # fmt: skip
        found = check({"name": "p", "nodes": nodes})
        return [(finding.rule, finding.cause) for finding in found if finding.rule != "unwired-branch"]

    [(rule, cause)] = looped("{{ node.1.windows }}")
    assert (rule, "there is no start" in cause) == ("no-such-result", True)
    assert looped("{{ node.1.windows | list }}") == []
    assert looped("{{ node.0.alert_uuid }}")[1:] == []
    assert looped("{{ node.2.default.value }}")[1:] == []
    assert looped("{{ [[1]] }}", *(f"{{{{ node.{number}.default.value }}}}" for number in range(2, 60))) == []


def test_a_playbook_without_nodes_has_no_trigger() -> None:
    assert [finding.rule for finding in check({"name": "p", "nodes": {}})] == ["no-trigger"]


def test_what_one_finding_says_of_itself() -> None:
    [finding] = check({"name": "p", "nodes": {"0": trigger("Manual", MANUAL, "7")}})
    assert finding.where == "node 0 (Manual), branch default"
    assert finding.as_json()["severity"] == "error"
    checked = Checked("p", 1, (finding,))
    assert (checked.errors, checked.verdict) == (1, "1 error")


def test_a_playbook_that_is_too_large_is_checked_as_far_as_it_is_read() -> None:
    chain = {str(number): operator(f"Step {number}", "any", [str(number + 1)]) for number in range(1, MOST_NODES + 50)}
    found = check({"name": "p", "nodes": {"0": trigger("Manual", MANUAL, "1"), **chain}})
    assert [finding.rule for finding in found] == ["too-large", "no-such-node"]


def test_of_megabytes_of_expressions_the_first_are_checked() -> None:
    comments = {
        str(number): action("C", SEKOIA, COMMENT_ALERT, [], uuid=f"{{# {'x' * 60_000} #}}{number}", content="x")
        for number in range(1, 30)
    }
    start = {**trigger("Manual", MANUAL, "1"), "outputs": {"default": [*comments]}}
    [finding] = check({"name": "p", "nodes": {"0": start, **comments}})
    assert (finding.rule, finding.where, finding.is_error) == ("too-large", "the playbook", False)


def test_where_everything_leads_to_everything_some_circles_are_named() -> None:
    numbers = [str(number) for number in range(1, 200)]
    nodes = {number: operator(f"Step {number}", "any", numbers) for number in numbers}
    found = check({"name": "p", "nodes": {"0": trigger("Manual", MANUAL, "1"), **nodes}})
    assert {finding.rule for finding in found} == {"cycle"}
    assert len(found) == 20


def test_every_circle_of_a_playbook_is_named_once() -> None:
    leads = {"1": ["2", "4"], "2": ["3"], "3": ["1", "3"], "4": ["5"], "5": ["4"]}
    nodes = {number: operator(f"Step {number}", "any", then) for number, then in leads.items()}
    found = check({"name": "p", "nodes": {"0": trigger("Manual", MANUAL, "1"), **nodes}})
    assert [finding.cause.partition(": ")[2] for finding in found] == [
        "1 (Step 1), 2 (Step 2), 3 (Step 3), and again.",
        "3 (Step 3), and again.",
        "4 (Step 4), 5 (Step 5), and again.",
    ]


VALUES: list[Any] = [
    None, True, -1, 10**30, 1.5, "", "x", "{{", "{{ node.1.x }}", "{{ node }}", "{{ store[node.1] }}", [], [[]], {},
    "\ud800", "else",
]  # fmt: skip


def mutate(playbook: Any, source: random.Random) -> Any:
    """Return a copy with one thing somewhere in it taken out, replaced, doubled or moved."""
    mutated = copy.deepcopy(playbook)
    places: list[tuple[Any, Any]] = []
    waiting = [mutated]
    while waiting:
        holder = waiting.pop()
        keys = list(holder) if isinstance(holder, dict) else range(len(holder))
        places.extend((holder, key) for key in keys)
        waiting.extend(holder[key] for key in keys if isinstance(holder[key], dict | list))
    holder, key = source.choice(places)
    other_holder, other_key = source.choice(places)
    match source.randrange(4):
        case 0:
            del holder[key]
        case 1:
            holder[key] = source.choice(VALUES)
        case 2:
            holder[key] = copy.deepcopy(other_holder[other_key])
        case _ if isinstance(holder, dict):
            holder[source.choice(["0", "1", "default", "else", "x", "\x1b[2J"])] = holder[key]
    return mutated


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 6), st.sampled_from([*SHIPPED, None]))
def test_whatever_becomes_of_a_playbook_it_is_checked(seed: int, times: int, file: Path | None) -> None:
    source = random.Random(seed)
    playbook = json.loads(file.read_text()) if file else enrichment()
    for _ in range(times):
        if not isinstance(playbook, dict) or not playbook:
            break
        playbook = mutate(playbook, source)
    for finding in check(playbook):
        assert finding.cause.isprintable()
        assert finding.remedy.isprintable()
        assert finding.where.isprintable()
        json.dumps(finding.as_json()).encode()


NUMBERS = st.sampled_from(["0", "1", "2", "3", "4", "5"])
EDGES = st.dictionaries(st.sampled_from(["default", "else", "a", "busy"]), st.lists(NUMBERS, max_size=3), max_size=3)


def some(*names: str) -> st.SearchStrategy[dict[str, Any]]:
    return st.dictionaries(st.sampled_from(names), st.sampled_from([*VALUES, "set", "==", "range"]), max_size=4)


SOME_NODE = st.fixed_dictionaries(
    {"name": st.text(max_size=5), "type": st.sampled_from(["trigger", "action", "operator"]), "outputs": EDGES},
    optional={
        "subtype": st.sampled_from(["condition", "foreach", "store", "any", "all"]),
        "module_uuid": st.just(SEKOIA),
        "trigger_uuid": st.just(MANUAL),
        "action_uuid": st.just(GET_ALERT),
        "arguments": st.dictionaries(st.sampled_from(["uuid", "stix"]), st.sampled_from(VALUES)),
        "loop": st.lists(NUMBERS, max_size=3),
        "items": st.sampled_from(VALUES),
        "cases": st.lists(some("name", "left", "right", "comparison")),
        "modifications": st.lists(some("key", "type", "value")),
    },
)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(NUMBERS, SOME_NODE, max_size=6))
def test_any_graph_of_nodes_is_checked(nodes: dict[str, Any]) -> None:
    check({"name": "p", "nodes": nodes})
