"""Mistakes, each a small change to a playbook without one: each is found, with its node, its place and a remedy."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import pytest

from sekoia_export.playbooks.check import check_playbook
from sekoia_export.playbooks.finding import Finding, Severity
from sekoia_export.playbooks.reader import parse_playbook

if TYPE_CHECKING:
    from collections.abc import Callable

FOLDER = Path(__file__).resolve().parent.parent.parent / "playbooks"
Nodes = dict[str, dict[str, Any]]
CASE, LONG = "export-case-events.json", "export-long-period.json"
PARTNER = "hand-a-file-to-a-partner.json"
COMMENT = {
    "name": "Comment: one more",
    "type": "action",
    "module_uuid": "92d8bb47-7c51-445d-81de-ae04edbb6f0a",
    "action_uuid": "0fcabc04-43b4-4564-b9b2-08b80e0e1ecf",
    "arguments": {"uuid": "{{ node.0.case_uuid }}", "content": "More"},
    "outputs": {"default": []},
}


class Mistake(NamedTuple):
    """A change and what must be found: rule, node, place, and a part of the remedy."""

    file: str
    change: Callable[[Nodes], object]
    rule: str
    node: int | None
    place: str | None
    remedy: str
    severity: Severity = Severity.ERROR
    beside: frozenset[str] = frozenset()
    """Rules that the change also breaks, by what follows from it."""


def gives(node: int, **arguments: Any) -> Callable[[Nodes], object]:
    return lambda nodes: nodes[str(node)]["arguments"].update(arguments)


def takes(node: int, *names: str) -> Callable[[Nodes], object]:
    return lambda nodes: [nodes[str(node)]["arguments"].pop(name) for name in names]


def leads(node: int, **outputs: list[str]) -> Callable[[Nodes], object]:
    return lambda nodes: nodes[str(node)]["outputs"].update(outputs)


def sets(node: int, **values: Any) -> Callable[[Nodes], object]:
    return lambda nodes: nodes[str(node)].update(values)


def case(**values: Any) -> Callable[[Nodes], object]:
    return lambda nodes: nodes["2"]["cases"][0].update(values)


def changes(**values: Any) -> Callable[[Nodes], object]:
    return lambda nodes: nodes["7"]["modifications"][0].update(values)


UNREACHABLE, UNWIRED = frozenset({"unreachable"}), frozenset({"unwired-branch"})
WARNING = Severity.WARNING
MISTAKES = {
    # Arguments
    "an argument that is missing": Mistake(
        CASE, takes(4, "query"), "missing-argument", 4, "argument query", "Give query"
    ),
    "an argument that is empty": Mistake(
        CASE, gives(4, query=" "), "missing-argument", 4, "argument query", "Give query"
    ),
    "an export of nothing": Mistake(
        PARTNER, takes(1, "query"), "missing-argument", 1, "argument query", "Give query and earliest_time, or"
    ),
    "an export of two things": Mistake(
        PARTNER,
        gives(1, job_uuid="{{ node.0.case_uuid }}"),
        "clashing-arguments",
        1,
        "argument job_uuid",
        "Give query and earliest_time, or job_uuid",
    ),
    "an argument that does not exist": Mistake(
        CASE, gives(5, feilds=["message"]), "unknown-argument", 5, "argument feilds", "Did you mean fields?"
    ),
    "an argument of another module that does not exist": Mistake(
        CASE, gives(8, text="x"), "unknown-argument", 8, "argument text", "Choose one of: uuid, content", WARNING
    ),
    "a number in quotes": Mistake(
        CASE, gives(6, timeout="14400"), "wrong-type", 6, "argument timeout", "Write the number without quotes"
    ),
    "a truth in quotes": Mistake(
        CASE, gives(5, reuse="false"), "wrong-type", 5, "argument reuse", "Write false without"
    ),
    "an object for a list": Mistake(CASE, gives(5, fields={"a": 1}), "wrong-type", 5, "argument fields", "Give a list"),
    "a list of the wrong things": Mistake(
        CASE, gives(5, fields=["a", 1]), "wrong-type", 5, "argument fields", "a text"
    ),
    "a value that is no choice": Mistake(
        CASE, gives(7, format="csv"), "wrong-type", 7, "argument format", "Choose one of: jsonl.gz, jsonl, json"
    ),
    "a number that is too large": Mistake(
        CASE, gives(7, preview=5000), "wrong-type", 7, "argument preview", "Give at most 1,000"
    ),
    "a constant that is too small": Mistake(
        CASE, gives(6, timeout="{{ 0 }}"), "wrong-type", 6, "argument timeout", "Give at least 1"
    ),
    "a text for a uuid": Mistake(
        CASE, gives(6, task_uuid="the last"), "wrong-type", 6, "argument task_uuid", "Give a uuid"
    ),
    "a space beside an expression": Mistake(
        CASE, gives(6, timeout="{{ node.5.reused }} "), "wrong-type", 6, "argument timeout", "stand alone", WARNING
    ),
    "a result of another type": Mistake(
        CASE, gives(6, timeout="{{ node.5.task_uuid }}"), "wrong-type", 6, "argument timeout", "a whole number", WARNING
    ),
    "a key in the file": Mistake(
        CASE,
        gives(5, encryption_key="c2VjcmV0"),
        "secret-in-file",
        5,
        "argument encryption_key",
        "Leave it out",
        WARNING,
    ),
    # References
    "a result of a node on another path": Mistake(
        CASE, gives(7, file_name="{{ node.14.uuid }}"), "not-upstream", 7, "argument file_name", "Lead node 14"
    ),
    "a result that the manifest does not have": Mistake(
        CASE,
        gives(7, file_name="{{ node.5.task_id }}"),
        "no-such-result",
        7,
        "argument file_name",
        "Did you mean task_uuid?",
    ),
    "a result of another module that its manifest does not have": Mistake(
        CASE,
        gives(8, content="{{ node.1.titel }}"),
        "no-such-result",
        8,
        "argument content",
        "Did you mean title?",
        WARNING,
    ),
    "a part of a result that is a text": Mistake(
        CASE, gives(7, file_name="{{ node.5.task_uuid.hex }}"), "no-such-result", 7, "argument file_name", "manifest"
    ),
    "a node that does not exist": Mistake(
        CASE, gives(7, file_name="{{ node.99.x }}"), "no-such-node", 7, "argument file_name", "by its number"
    ),
    "a node by its name": Mistake(
        CASE,
        gives(7, file_name="{{ node.get_the_case.uuid }}"),
        "no-such-node",
        7,
        "argument file_name",
        "Write node.1",
    ),
    "its own result": Mistake(
        CASE, gives(7, file_name="{{ node.7.sha256 }}"), "own-result", 7, "argument file_name", "a node before it"
    ),
    "a result that only some paths have": Mistake(
        CASE,
        leads(5, busy=["15"]),
        "not-always-upstream",
        15,
        "argument content",
        "{% if node.6 is defined %}",
        WARNING,
        UNREACHABLE,
    ),
    "an expression that is not closed": Mistake(
        CASE, gives(7, file_name="{{ node.5.task_uuid "), "syntax", 7, "argument file_name", "Mend it"
    ),
    "a name that names nothing": Mistake(
        CASE, gives(7, file_name="{{ nodes.5.task_uuid }}"), "unknown-name", 7, "argument file_name", "node.<number>"
    ),
    "a filter that is not known": Mistake(
        CASE,
        gives(8, content="{{ node.1.title | shorten }}"),
        "unknown-filter",
        8,
        "argument content",
        "Jinja",
        WARNING,
    ),
    "a test that is not known": Mistake(
        CASE, gives(8, content="{{ node.1.title is short }}"), "unknown-test", 8, "argument content", "Jinja", WARNING
    ),
    "a template that is loaded": Mistake(
        CASE, gives(8, content="{% include 'x' %}"), "loads-template", 8, "argument content", "into the argument"
    ),
    # Branches, edges, reach
    "a branch that does not exist": Mistake(
        CASE,
        leads(6, default=["7"]),
        "unknown-branch",
        6,
        "branch default",
        "Choose one of: finished, failed, timed_out",
    ),
    "a branch with a typing mistake": Mistake(
        CASE,
        lambda nodes: leads(5, bussy=nodes["5"]["outputs"].pop("busy"))(nodes),
        "unknown-branch",
        5,
        "branch bussy",
        "Did you mean busy?",
        beside=UNWIRED,
    ),
    "a branch that leads nowhere": Mistake(
        CASE, leads(5, busy=[]), "unwired-branch", 5, "branch busy", "Lead it to a node", WARNING, UNREACHABLE
    ),
    "an edge to a node that does not exist": Mistake(
        CASE, leads(5, busy=["14", "77"]), "no-such-node", 5, "branch busy", "Add that node"
    ),
    "an edge to a trigger": Mistake(
        CASE,
        leads(8, default=["0"]),
        "edge-to-trigger",
        8,
        "branch default",
        "after that trigger",
        beside=frozenset({"cycle"}),
    ),
    "a circle": Mistake(CASE, leads(8, default=["4"]), "cycle", 4, None, "Take one of these edges out"),
    "a node that nothing leads to": Mistake(
        CASE,
        lambda nodes: nodes.update({"30": COMMENT}),
        "unreachable",
        30,
        None,
        "Lead a branch to it",
        WARNING,
    ),
    "no trigger": Mistake(
        CASE,
        lambda nodes: nodes.pop("0"),
        "no-trigger",
        None,
        None,
        "Add a trigger",
        beside=frozenset({"no-such-node"}),
    ),
    "a trigger that leads nowhere": Mistake(
        CASE,
        leads(0, default=[]),
        "unwired-branch",
        0,
        "branch default",
        "Lead it",
        WARNING,
        beside=UNREACHABLE,
    ),
    "the same trigger twice": Mistake(
        CASE,
        lambda nodes: nodes.update({"30": nodes["0"]}),
        "duplicate-trigger",
        30,
        None,
        "Take one",
        WARNING,
        beside=frozenset({"not-always-upstream"}),
    ),
    # What nodes are
    "an action that the module does not have": Mistake(
        CASE, sets(5, action_uuid="0" * 32), "unknown-action", 5, "action_uuid", "Trigger an export ("
    ),
    "an action under another module": Mistake(
        CASE,
        sets(5, module_uuid=COMMENT["module_uuid"]),
        "wrong-module",
        5,
        "module_uuid",
        "Set module_uuid to 1b373e93",
    ),
    "a node of no type": Mistake(CASE, sets(8, type="step"), "unknown-choice", 8, None, "trigger, action, operator"),
    # Operators
    "a case that was renamed": Mistake(
        CASE, case(name="has some"), "unknown-branch", 2, "branch it has alerts", "has some", beside=UNWIRED
    ),
    "two cases of one name": Mistake(
        CASE,
        lambda nodes: nodes["2"]["cases"].append(nodes["2"]["cases"][0]),
        "duplicate-case",
        2,
        "case it has alerts",
        "a name of its own",
    ),
    "a comparison that does not exist": Mistake(CASE, case(comparison="=>"), "unknown-choice", 2, "case 1", "<=, >="),
    "a number as text in a comparison": Mistake(
        CASE, case(right="0"), "number-as-text", 2, "case it has alerts, right", "{{ 0 }}", WARNING
    ),
    "a range that is none": Mistake(
        CASE, case(comparison="range", right=5), "wrong-type", 2, "case it has alerts, right", "[1, 100]"
    ),
    "a range as text that is none": Mistake(
        CASE, case(comparison="range", right="1 to 5"), "wrong-type", 2, "case it has alerts, right", "[1, 100]"
    ),
    "a case that is called else": Mistake(
        CASE, case(name="else"), "duplicate-case", 2, "case else", "another name", beside=frozenset({"unknown-branch"})
    ),
    "something in a number": Mistake(
        CASE, case(comparison="in", right=5), "wrong-type", 2, "case it has alerts, right", '["a", "b"]'
    ),
    "a loop over nothing": Mistake(LONG, sets(2, items=" "), "missing", 2, "items", "{{ node.1.windows }}"),
    "a loop without a body": Mistake(
        LONG,
        sets(2, loop=[]),
        "missing",
        2,
        "loop",
        '"loop": ["4"]',
        beside=frozenset({"unreachable", "outside-loop", "stored-later"}),
    ),
    "a loop over a name": Mistake(LONG, sets(2, items="windows"), "wrong-type", 2, "items", "{{ node.1.windows }}"),
    "a loop over a number": Mistake(LONG, sets(2, items="{{ node.1.count }}"), "wrong-type", 2, "items", "a list"),
    "a loop's item by another name": Mistake(
        LONG, gives(3, query="{{ node.2.default.item }}"), "no-such-result", 3, "argument query", "node.2.default.value"
    ),
    "a part of a loop's item that it does not have": Mistake(
        LONG,
        gives(3, query="{{ node.2.default.value.earliest }}"),
        "no-such-result",
        3,
        "argument query",
        "Did you mean earliest_time?",
    ),
    "a loop's item after the loop": Mistake(
        LONG, gives(15, content="{{ node.2.default.index }}."), "outside-loop", 15, "argument content", "append"
    ),
    "a loop that runs into what comes after it": Mistake(
        LONG, leads(7, default=["14"]), "loop-left", 2, "loop", "output default", WARNING
    ),
    "a method of the dictionary for a key": Mistake(
        LONG, gives(3, query="{{ node.1.items }}"), "method", 3, "argument query", "['items']"
    ),
    "a key that nobody stores": Mistake(
        LONG, gives(15, content="{{ store.exportd }}"), "never-stored", 15, "argument content", "Did you mean exported?"
    ),
    "a key that is stored later": Mistake(
        LONG, gives(1, query="{{ store.exported }}"), "stored-later", 1, "argument query", "come before it", WARNING
    ),
    "a method of the dictionary for a key of the store": Mistake(
        LONG, gives(15, content="{{ store.keys }}"), "method", 15, "argument content", "['keys']"
    ),
    "a change that does not exist": Mistake(
        LONG, changes(type="push"), "unknown-choice", 7, "modification 1", "set, unset, append, remove"
    ),
    "the result of a store": Mistake(
        LONG, gives(16, content="{{ node.14.exported }}"), "no-such-result", 16, "argument content", "Name an action"
    ),
}


def findings(file: str, change: Callable[[Nodes], object] = lambda _: None) -> list[Finding]:
    playbook = json.loads((FOLDER / file).read_text())
    nodes = {number: copy.deepcopy(node) for number, node in playbook["nodes"].items()}
    change(nodes)
    return check_playbook(parse_playbook(json.dumps({**playbook, "nodes": nodes}).encode()))


def test_what_looks_like_a_mistake_and_is_none() -> None:
    assert findings(CASE, case(comparison="range", right="[1, 100]")) == []
    assert findings(CASE, case(comparison="in", right=["a"])) == []
    assert findings(CASE, gives(5, encryption_key="", field_set=None)) == []
    assert findings(CASE, gives(6, timeout="{{ node.5.reused and 60 or 600 }}")) == []
    assert findings(LONG, gives(15, content="{{ store['keys'] | default('') }}")) == []
    assert findings(LONG, sets(2, items="[1, 2]")) == []


@pytest.mark.parametrize("mistake", MISTAKES.values(), ids=[*MISTAKES])
def test_a_mistake_is_found_with_node_place_and_remedy(mistake: Mistake) -> None:
    assert findings(mistake.file) == []
    found = findings(mistake.file, mistake.change)
    assert {finding.rule for finding in found} - mistake.beside == {mistake.rule}
    finding = next(finding for finding in found if finding.rule == mistake.rule and finding.node == mistake.node)
    assert (finding.place, finding.severity) == (mistake.place, mistake.severity)
    assert mistake.remedy in finding.remedy
    assert finding.cause.endswith(".")
    assert finding.remedy.endswith((".", "?"))
    if mistake.node is not None:
        assert finding.name
