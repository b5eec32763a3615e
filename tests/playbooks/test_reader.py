"""Reading playbook files that others wrote: what is sound comes out, what is not is told, and nothing fails."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekoia_export.errors import UsageError
from sekoia_export.playbooks.model import Change, Comparison, NodeType, Subtype
from sekoia_export.playbooks.reader import LARGEST_BYTES, Reading, parse_playbook, read_playbook

if TYPE_CHECKING:
    from pathlib import Path

TRIGGER = {
    "name": "Manual",
    "type": "trigger",
    "module_uuid": "92D8BB47-7c51-445d-81de-ae04edbb6f0a",
    "trigger_uuid": "511d6f60-2166-4a16-9815-f86b42e8f689",
    "outputs": {"default": ["1"]},
}


def read(playbook: Any) -> Reading:
    return parse_playbook(json.dumps(playbook).encode())


def with_node(**node: Any) -> Reading:
    given = {"name": "A node", "type": "operator", "outputs": {"default": []}, **node}
    return read({"name": "p", "nodes": {"0": TRIGGER, "1": given}})


def told(reading: Reading) -> list[tuple[str, int | None, str | None]]:
    return [(problem.rule, problem.node, problem.place) for problem in reading.problems]


def test_a_playbook_with_everything_is_read_without_a_problem() -> None:
    reading = read(
        {
            "name": "Everything",
            "uuid": "u",
            "workspace": "w",
            "description": "d",
            "tags": ["a", "b"],
            "nodes": {
                "0": TRIGGER,
                "1": {
                    "name": "Which",
                    "type": "operator",
                    "subtype": "condition",
                    "icon": "data:image/png;base64,AAAA",
                    "cases": [{"name": "many", "left": "{{ 3 }}", "comparison": "range", "right": [1, 4]}],
                    "outputs": {"many": ["2"], "else": [3]},
                },
                "2": {
                    "name": "Each",
                    "type": "operator",
                    "subtype": "foreach",
                    "items": "{{ [1] }}",
                    "loop": ["4"],
                    "outputs": {"default": []},
                },
                "3": {"name": "Either", "type": "operator", "subtype": "any", "outputs": {"default": []}},
                "4": {
                    "name": "Note",
                    "type": "operator",
                    "subtype": "store",
                    "modifications": [{"key": "seen", "type": "append", "value": 1}, {"key": "seen", "type": "unset"}],
                    "outputs": {"default": []},
                },
            },
        }
    )
    assert reading.problems == ()
    nodes = reading.playbook.nodes
    assert (reading.playbook.name, reading.playbook.tags) == ("Everything", ("a", "b"))
    assert [node.type for node in nodes.values()] == [NodeType.TRIGGER, *[NodeType.OPERATOR] * 4]
    assert nodes[0].module_uuid == "92d8bb47-7c51-445d-81de-ae04edbb6f0a"
    assert nodes[0].edges() == [("default", 1)]
    assert nodes[1].subtype is Subtype.CONDITION
    assert nodes[1].edges() == [("many", 2), ("else", 3)]
    assert nodes[1].cases[0].comparison is Comparison.RANGE
    assert nodes[2].edges() == [("loop", 4)]
    assert [change.change for change in nodes[4].modifications] == [Change.APPEND, Change.UNSET]
    assert reading.playbook.triggers == [nodes[0]]


def test_a_playbook_as_the_platforms_api_takes_it_is_read() -> None:
    assert read({"playbook": {"name": "wrapped", "nodes": {"0": TRIGGER}}}).playbook.name == "wrapped"


def test_files_others_wrote_may_lack_what_a_run_does_not_need() -> None:
    assert read({"name": "no uuid, no workspace", "nodes": {"0": TRIGGER}}).problems == ()


@pytest.mark.parametrize(
    ("data", "rule"),
    [
        (b"", "not-json"),
        (b"{", "not-json"),
        (b'{"nodes": NaN}', "not-json"),
        (b"[" + b"9" * 5000 + b"]", "not-json"),
        (b"\xff\xfe{}", "not-utf-8"),
        (b"[" * 100_000 + b"]" * 100_000, "too-deep"),
        (b'{"a": ' * 80 + b"1" + b"}" * 80, "too-deep"),
        (b"[1]", "no-playbook"),
        (b"null", "no-playbook"),
        (b" " * (LARGEST_BYTES + 1), "too-large"),
    ],
)
def test_a_file_that_is_no_playbook_is_one_problem(data: bytes, rule: str) -> None:
    reading = parse_playbook(data)
    assert told(reading) == [(rule, None, None)]
    assert reading.playbook.nodes == {}


def test_a_byte_order_mark_is_no_problem() -> None:
    assert parse_playbook(b"\xef\xbb\xbf" + json.dumps({"name": "p", "nodes": {"0": TRIGGER}}).encode()).problems == ()


@pytest.mark.parametrize(
    ("node", "problem"),
    [
        ({"name": 4, "subtype": "any"}, ("wrong-type", 1, None)),
        ({"type": "robot"}, ("unknown-choice", 1, None)),
        ({"subtype": "while"}, ("unknown-choice", 1, None)),
        ({}, ("missing", 1, None)),
        ({"subtype": "any", "outputs": None}, ("missing", 1, None)),
        ({"subtype": "any", "outputs": {"default": "2"}}, ("wrong-type", 1, "branch default")),
        ({"subtype": "any", "outputs": {"default": [True]}}, ("wrong-type", 1, "branch default")),
        ({"subtype": "any", "outputs": {"default": ["٣"]}}, ("wrong-type", 1, "branch default")),
        ({"subtype": "any", "arguments": []}, ("wrong-type", 1, None)),
        ({"subtype": "foreach", "loop": 3}, ("wrong-type", 1, "loop")),
        ({"subtype": "condition", "cases": []}, ("missing", 1, None)),
        ({"subtype": "condition", "cases": ["x"]}, ("wrong-type", 1, "case 1")),
        (
            {"subtype": "condition", "cases": [{"name": "a", "left": 1, "comparison": "=", "right": 1}]},
            ("unknown-choice", 1, "case 1"),
        ),
        (
            {"subtype": "condition", "cases": [{"name": "a", "left": 1, "comparison": "=="}]},
            ("missing", 1, "case 1"),
        ),
        ({"subtype": "store", "modifications": [{"key": "a", "type": "set"}]}, ("missing", 1, "modification 1")),
        (
            {"subtype": "store", "modifications": [{"key": "a", "type": "push", "value": 1}]},
            ("unknown-choice", 1, "modification 1"),
        ),
        ({"type": "action", "module_uuid": "m"}, ("missing", 1, None)),
    ],
)
def test_what_a_node_has_wrong_is_told_with_its_place(
    node: dict[str, Any], problem: tuple[str, int | None, str | None]
) -> None:
    assert told(with_node(**node)) == [problem]


def test_two_nodes_of_one_number_are_told() -> None:
    node = json.dumps(TRIGGER)
    twice = f'{{"name": "p", "nodes": {{"0": {node}, "0": {node}, "00": {node}, "x": {node}}}}}'
    assert [problem.rule for problem in parse_playbook(twice.encode()).problems] == [
        "duplicate-node",
        "duplicate-node",
        "node-number",
    ]


def test_names_are_shown_without_what_a_terminal_would_act_on() -> None:
    reading = with_node(name="a\x1b[31m\nb\ud800" + "c" * 500, subtype="any")
    name = reading.playbook.nodes[1].name
    assert name.isprintable()
    assert name.encode()
    assert len(name) == 120


def test_a_file_that_is_not_there_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read: No such file"):
        read_playbook(tmp_path / "none.json")
    with pytest.raises(UsageError, match="cannot be read: Is a directory"):
        read_playbook(tmp_path)
    with pytest.raises(UsageError, match="not a file name"):
        read_playbook(tmp_path / "a\0b")


def test_a_file_is_read_as_its_bytes_are(tmp_path: Path) -> None:
    file = tmp_path / "playbook.json"
    file.write_text(json.dumps({"name": "p", "nodes": {"0": TRIGGER}}))
    assert read_playbook(file).playbook.nodes.keys() == {0}


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=12,
)
NAMES = ["name", "type", "subtype", "outputs", "arguments", "cases", "items", "loop", "modifications", "module_uuid"]
KEYS = st.sampled_from([*NAMES, "left", "right", "comparison", "key", "value", "default", "0", "1"])
SHAPED = st.recursive(
    JSON | st.sampled_from(["operator", "trigger", "action", "foreach", "condition", "store", "==", "set", "1"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=6),
    max_leaves=20,
)


@settings(deadline=None)
@given(st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_any_bytes_are_read(data: bytes) -> None:
    parse_playbook(data)


@settings(deadline=None)
@given(st.dictionaries(st.sampled_from(["0", "1", "2", "x"]), SHAPED, max_size=4))
def test_any_nodes_are_read(nodes: dict[str, Any]) -> None:
    reading = parse_playbook(json.dumps({"name": "p", "nodes": nodes}).encode())
    for problem in reading.problems:
        assert problem.cause.isprintable()
        assert problem.remedy
