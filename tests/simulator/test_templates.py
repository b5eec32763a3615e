from __future__ import annotations

from typing import Any

import pytest

from sekoia_export.errors import UsageError
from sekoia_export.simulator.templates import Renderer

RESULTS = {1: {"job_uuid": "123", "fields": ["a", "b"], "count": 7, "none": None, "map": {"k": 1.5}}, 2: {}}


def render(value: Any, filters: dict[str, Any] | None = None) -> Any:
    return Renderer(filters).arguments({"it": value}, node=3, results=RESULTS, store={"x": True})["it"]


@pytest.mark.parametrize(
    ("value", "rendered"),
    [
        ("plain", "plain"),
        ("", ""),
        (5, 5),
        (None, None),
        ("{{ node.1.job_uuid }}", "123"),
        ("job {{ node.1.job_uuid }} of {{ node.1.count }}", "job 123 of 7"),
        ("{{ node.1.fields }}", ["a", "b"]),
        ("{{ node.1.count }}", 7),
        ("{{ node.1.none }}", None),
        ("{{ node.1.map }}", {"k": 1.5}),
        ("{{ node['1'].map.k }}", 1.5),
        ("{{ node[1].fields | map('upper') }}", ["A", "B"]),
        ("{{ node.1.fields | tojson }}", '["a", "b"]'),
        ("{{ node.2.nothing | default('other') }}", "other"),
        ("{% for field in node.1.fields %}{{ field }};{% endfor %}", "a;b;"),
        ("{{ store.x }}", True),
        (["{{ node.1.count }}", {"deep": "{{ store.x }}"}], [7, {"deep": True}]),
    ],
)
def test_arguments_keep_the_type_of_what_they_name(value: Any, rendered: Any) -> None:
    result = render(value)
    assert result == rendered
    assert type(result) is type(rendered)


@pytest.mark.parametrize(
    ("expression", "cause"),
    [
        ("{{ node.1.nothing }}", "nothing"),
        ("{{ node.9.x }}", "9"),
        ("{{ [node.1.nothing] }}", "nothing"),
        ("{{ {'a': node.1.nothing} }}", "nothing"),
        ("text {{ store.y }}", "y"),
        ("{{ unknown }}", "unknown"),
        ("{{ node.1.", "expected"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ node.1.fields.append('c') }}", "unsafe"),
        ("{{ ''.__class__.__mro__ }}", "unsafe"),
        ("{{ node.1.fields | nonsense }}", "nonsense"),
        ("{{ node.1.map.items }}", "function"),
    ],
)
def test_what_cannot_be_rendered_is_named(expression: str, cause: str) -> None:
    with pytest.raises(UsageError) as error:
        render(expression)
    text = str(error.value)
    assert expression in text
    assert "node 3, argument it" in text
    assert cause in text


def test_filters_can_be_added() -> None:
    assert render("{{ node.1.fields | first_of }}", {"first_of": lambda items: items[0]}) == "a"
