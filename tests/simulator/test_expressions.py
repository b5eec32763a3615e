from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from sekoia_export.errors import UsageError
from sekoia_export.playbooks.expressions import PLATFORM_FILTERS
from sekoia_export.simulator.expression_worker import new_environment
from sekoia_export.simulator.expressions import Bounds, Expressions

RESULTS = {1: {"job_uuid": "123", "fields": ["a", "b"], "count": 7, "none": None, "map": {"k": 1.5}}, 2: {}}
BOUNDS = Bounds(cpu_s=0.4, memory_bytes=256 * 1024 * 1024, size_bytes=100_000)


@pytest.fixture(scope="module")
def expressions() -> Iterator[Expressions]:
    made = Expressions(BOUNDS)
    yield made
    made.close()


@pytest.fixture(scope="module")
def mortal() -> Iterator[Expressions]:
    """Give one whose process will be stopped: what the tests covered there is lost."""
    made = Expressions(BOUNDS)
    yield made
    made.close()


def render(expressions: Expressions, value: Any) -> Any:
    return expressions.arguments({"it": value}, node="node 3 (Ask)", results=RESULTS, store={"x": True})["it"]


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
        ("{% if node.2.nothing is defined %}yes{% endif %}", ""),
        ("{{ store.x }}", True),
        ("{{ 80 }}", 80),
        ("{{ '80' }}", "80"),
        ("{{ true }}", True),
        ("[{{ 10 }}, {{ 100 }}]", "[10, 100]"),
        (["{{ node.1.count }}", {"deep": "{{ store.x }}"}], [7, {"deep": True}]),
        ("{{ node.1 | jsonpath('$.fields[*]') }}", ["a", "b"]),
        ("{{ node.1 | jsonpath('$.map.k') }}", 1.5),
        ("{{ node.1 | jsonpath('$.map.k', True) }}", [1.5]),
        ("{{ node.1 | jsonpath('$.gone') }}", None),
        ("{{ node.1 | jsonpath('$.gone', True) | length }}", 0),
        ("{{ '10.0.0.1' | regex_match('^10[.]') }}", True),
        ("{{ 'HTTPS' | regex_match('http', ignore_case=True) }}", True),
        ("{{ 'see http' | regex_match('http', ignore_case=False) }}", False),
        ("{{ 1767225600 | timestamp_to_iso8601 }}", "2026-01-01T00:00:00+00:00"),
        ("{{ (-60 | time_with_delta) < (0 | time_with_delta) < (3600 | time_with_delta) }}", True),
        ("{{ (0 | time_with_delta)[10] }}{{ (0 | time_with_delta)[-1] }}", "TZ"),
    ],
)
def test_arguments_keep_the_type_of_what_they_name(expressions: Expressions, value: Any, rendered: Any) -> None:
    result = render(expressions, value)
    assert result == rendered
    assert type(result) is type(rendered)


def test_every_filter_that_a_check_knows_can_be_run() -> None:
    assert set(new_environment().filters) >= PLATFORM_FILTERS


@pytest.mark.parametrize(
    ("expression", "cause"),
    [
        ("{{ node.1.nothing }}", "nothing"),
        ("{{ node.9.x }}", "9"),
        ("{{ [node.1.nothing] }}", "nothing"),
        ("{{ {'a': node.1.nothing} }}", "nothing"),
        ("{{ unknown }}", "unknown"),
        ("{{ node.1.", "expected"),
        ("{{ 1 / 0 }}", "division by zero"),
        ("{{ 1e400 }}", "inf"),
        ("{{ node.1.fields | nonsense }}", "nonsense"),
        ("{{ node.1.map.items }}", "function"),
        ("{{ node.1 | jsonpath('$.[') }}", "Parse error"),
    ],
)
def test_what_cannot_be_rendered_is_named(expressions: Expressions, expression: str, cause: str) -> None:
    with pytest.raises(UsageError) as error:
        render(expressions, expression)
    text = str(error.value)
    assert f"The expression {expression} (node 3 (Ask), argument it)" in text
    assert cause in text


@pytest.mark.parametrize(
    "text",
    [
        "a text {{ node.1.count }} with {{ store.gone }} in it",
        "a text {{ node.1.count }}\n\nof {{ node.1.job_uuid }} lines:\n{{ store.gone }} and {{ store.x }}",
        "{% for field in node.1.fields %}{{ field }}\n{{ store.gone }}{% endfor %}",
        ["{{ store.x }}", {"deep": "text {{ store.gone }}"}],
    ],
)
def test_of_a_text_with_several_expressions_the_one_to_blame_is_named(expressions: Expressions, text: Any) -> None:
    with pytest.raises(UsageError, match=r"The expression \{\{ store\.gone \}\} \(node 3"):
        render(expressions, text)


@pytest.mark.parametrize(
    "expression",
    [
        "{{ ''.__class__.__mro__ }}",
        "{{ node.1.fields.append('c') }}",
        "{{ node.1.__class__.__init__.__globals__ }}",
        "{{ node.1.fields.sort() }}",
        "{{ self.__init__.__globals__ }}",
        "{{ cycler.__init__.__globals__.os.environ }}",
        "{{ ''.__class__.mro()[1].__subclasses__() }}",
        "{{ '{0.__class__}'.format(node) }}",
        "{{ lipsum.__globals__['os'].environ }}",
        "{{ (node | attr('__class__')) }}",
        "{% include '/etc/passwd' %}",
        "{% import 'os' as os %}",
        "{{ range(999999999) | list }}",
    ],
)
def test_nothing_leaves_the_sandbox(expressions: Expressions, expression: str) -> None:
    with pytest.raises(UsageError, match="cannot be rendered"):
        render(expressions, expression)


@pytest.mark.parametrize(
    ("expression", "cause"),
    [
        ("{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}", "more time or memory"),
        ("{{ 9 ** (9 ** 9) }}", "more time or memory"),
        ("{{ 'a' * 10 ** 12 }}", "memory"),
        ("{{ 'x' | center(10 ** 10) }}", "memory"),
        ("{{ '%9999999999d' | format(1) }}", "memory|too long|too large"),
        ("{{ [1] * 10 ** 10 }}", "memory"),
        ("{{ 'a' * 200000 }}", "larger than 100,000 bytes"),
        ("{% macro again() %}{{ again() }}{% endmacro %}{{ again() }}", "without end"),
        ("{{ ('a' * 40 + 'b') | regex_match('(a+)+$') }}", "more time or memory"),
        ("{% for i in range(99999) %}{% for j in range(9999) %}0123456789{% endfor %}{% endfor %}", "more time|memory"),
    ],
)
def test_an_expression_without_end_is_stopped_and_named(mortal: Expressions, expression: str, cause: str) -> None:
    with pytest.raises(UsageError, match=cause) as error:
        render(mortal, expression)
    assert expression[:190] in str(error.value)
    assert "node 3 (Ask), argument it" in str(error.value)
    assert render(mortal, "{{ node.1.count }}") == 7


def test_arguments_that_are_too_large_together_are_refused(expressions: Expressions) -> None:
    with pytest.raises(UsageError, match="its arguments together"):
        render(expressions, ["{{ 'a' * 60000 }}", "{{ 'b' * 60000 }}"])


def test_where_the_processor_gives_no_time_the_clock_ends_it() -> None:
    bounded = Expressions(Bounds(cpu_s=60, wall_s=0.5))
    with pytest.raises(UsageError, match="more time or memory"):
        render(bounded, "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}")
    bounded.close()


def test_where_no_process_can_be_started_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(UsageError, match=r"ended at once\. Install the extra \[playbook\]"):
        render(Expressions(), "{{ node.1.count }}")


def test_threads_share_it(expressions: Expressions) -> None:
    with ThreadPoolExecutor(8) as pool:
        rendered = list(pool.map(lambda number: render(expressions, f"{{{{ {number} + node.1.count }}}}"), range(50)))
    assert rendered == [number + 7 for number in range(50)]


def test_text_of_a_result_is_no_expression(expressions: Expressions) -> None:
    results = {1: {"message": "{{ store.gone }} {% for %}"}}
    given = {"content": "said {{ node.1.message }}", "same": "{{ node.1.message }}"}
    rendered = expressions.arguments(given, node="node 2", results=results, store={})
    assert rendered == {"content": "said {{ store.gone }} {% for %}", "same": "{{ store.gone }} {% for %}"}
