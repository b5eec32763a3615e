"""What expressions name: found by parsing, whatever they hold."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sekoia_export.playbooks.expressions import LONGEST, parse


@pytest.mark.parametrize(
    ("text", "references"),
    [
        ("{{ node.3.task_uuid }}", ["node.3.task_uuid"]),
        ("{{ node['3']['task_uuid'] }}", ["node.3.task_uuid"]),
        ("{{ node[3].windows[0].id }}", ["node.3.windows[0].id"]),
        ("from {{ node.1.a }} to {{ store.b }}", ["node.1.a", "store.b"]),
        ("{{ node.4['scans'][node.13.default.value].x }}", ["node.4.scans[...].x", "node.13.default.value"]),
        ("{{ node.2 | jsonpath(\"$.fields[*]['name']\", True) | length }}", ["node.2"]),
        ("{% for alert in node.2.alerts %}{{ alert.short_id }}{{ loop.index }}{% endfor %}", ["node.2.alerts"]),
        ("{{ store[node.1.key] }}", ["store[...]", "node.1.key"]),
        ("no expression", []),
    ],
)
def test_every_reference_is_found(text: str, references: list[str]) -> None:
    found = parse(text)
    assert [reference.text for reference in found.references] == references
    assert (found.error, found.unknown_names, found.unknown_filters) == (None, (), ())


@pytest.mark.parametrize(
    "text",
    [
        "{{ store.x | default('') }}",
        "{{ (node.1 | default({})).stix }}",
        "{% if node.8 is defined %}{{ node.8['a b'] }}{% endif %}",
    ],
)
def test_a_reference_that_may_be_missing_is_known_to_be_guarded(text: str) -> None:
    assert all(reference.guarded for reference in parse(text).references)


@pytest.mark.parametrize("text", ["{{ store.x or 1 }}", "{{ node.1.y | default('') }}", "{{ node.1.y is defined }}"])
def test_a_default_for_a_result_is_none_for_its_node(text: str) -> None:
    assert not any(reference.guarded for reference in parse(text).references)


def test_what_is_unknown_is_named() -> None:
    found = parse("{% set a = 1 %}{{ a }} {{ nodes.3.x | shout is funny }} {{ range(3) }} {{ b is defined }}")
    assert (found.unknown_names, found.unknown_filters, found.unknown_tests) == (("nodes",), ("shout",), ("funny",))
    assert parse("{% include 'x' %}").loads_templates
    assert parse("{% macro m(p) %}{{ p }}{% endmacro %}{{ m(1) }}").unknown_names == ()


def test_a_key_that_every_dictionary_has_as_a_method_is_noticed() -> None:
    methods = [reference.method for reference in parse("{{ node.1.items }}{{ node.1['items'] }}").references]
    assert methods == ["items", None]


def test_a_lone_expression_is_told_from_text() -> None:
    assert parse("{{ 6 }}").constant == (6,)
    assert parse("{{ node.1.total }}").lone is not None
    assert parse("{{ node.1.total + 1 }}").whole
    assert parse("{{ node.1.total + 1 }}").lone is None
    assert not parse(" {{ 6 }}").whole
    assert not parse("{{ node.1.a }}{{ node.1.b }}").whole


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{{ node.1.x ", "end of"),
        ("{% if x %}", "endif"),
        ("{{ " + "9" * 5000 + " }}", "too long"),
        ("{{ " + "(" * 9000 + "1" + ")" * 9000 + " }}", "too deep"),
        ("{{ 1 }}" + "x" * LONGEST, "KiB"),
    ],
)
def test_what_cannot_be_parsed_says_why(text: str, error: str) -> None:
    found = parse(text)
    assert found.error is not None
    assert error in found.error
    assert len(found.error) <= 120


def test_a_path_of_thousands_of_steps_is_walked() -> None:
    assert len(parse("{{ node" + ".a" * 20_000 + " }}").references[0].path) == 20_000
    assert parse("{{ " + "a + " * 10_000 + "a }}").unknown_names == ("a",)


PIECES = st.sampled_from(
    [
        "{{",
        "}}",
        "{%",
        "%}",
        "{#",
        "node",
        ".",
        "3",
        "store",
        "['x']",
        "|",
        "if",
        "for",
        "in",
        "'",
        '"',
        "(",
        ")",
        " ",
        "\\",
    ]
)


@settings(deadline=None)
@given(st.lists(PIECES | st.text(max_size=3), max_size=30).map("".join))
def test_any_text_is_parsed(text: str) -> None:
    for reference in parse(text).references:
        assert reference.text.isprintable()
