"""Rules on what nodes are given: arguments against the schema of what runs, and what operators work on."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sekoia_export.playbooks.expressions import has_expressions
from sekoia_export.playbooks.finding import Finding, Severity, shown
from sekoia_export.playbooks.model import Case, Comparison, Node, Subtype
from sekoia_export.playbooks.references import result_of
from sekoia_export.playbooks.rules import Rule
from sekoia_export.playbooks.subject import Subject, alike, error, warning
from sekoia_export.playbooks.values import compatible, in_words, mismatch, type_of, types_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sekoia_export.playbooks.components import Component

_ORDERED = {Comparison.LESS, Comparison.GREATER, Comparison.AT_MOST, Comparison.AT_LEAST}
_SECRET = {"encryption_key"}
_SOURCES = ({"job_uuid"}, {"query", "earliest_time"})
"""What export_events takes either of, which no schema of a form tells."""


def check_givens(subject: Subject) -> Iterator[Finding]:
    """Return what is wrong with what nodes are given."""
    for number, node in subject.nodes.items():
        component = subject.components[number]
        if component is not None:
            yield from _arguments(subject, node, component)
        elif node.subtype is Subtype.CONDITION:
            yield from _condition(subject, node)
        elif node.subtype is Subtype.FOREACH:
            yield from _items(subject, node)


def _arguments(subject: Subject, node: Node, component: Component) -> Iterator[Finding]:
    properties = component.arguments.get("properties")
    if not isinstance(properties, dict):
        return
    for name in component.arguments.get("required", ()):
        if _is_missing(node.arguments.get(name)):
            meaning = properties.get(name, {}).get("description", "")
            yield error(
                Rule.MISSING_ARGUMENT,
                node,
                f"{component.name} needs it, and it is not given.",
                f"Give {name}: {meaning[0].lower()}{meaning[1:]}." if meaning else f"Give {name}.",
                place=f"argument {name}",
            )
    if component.command == "export_events":
        yield from _source(node)
    for name, value in node.arguments.items():
        place = f"argument {shown(name)}"
        if name not in properties:
            kind = error if component.ours else warning
            yield kind(
                Rule.UNKNOWN_ARGUMENT,
                node,
                f"{component.name} has no argument of this name.",
                alike(name, list(properties)),
                place=place,
            )
            continue
        yield from _value(subject, node, value, properties[name], place)
        if name in _SECRET and isinstance(value, str) and value.strip() and not has_expressions(value):
            yield warning(
                Rule.SECRET_IN_FILE,
                node,
                "A key stands in the playbook, where everybody who may read it sees it.",
                "Leave it out and configure an encryption secret, from which the keys of all exports are derived.",
                place=place,
            )


def _source(node: Node) -> Iterator[Finding]:
    given = {name for name, value in node.arguments.items() if not _is_missing(value)}
    if not any(names <= given for names in _SOURCES):
        yield error(
            Rule.MISSING_ARGUMENT,
            node,
            "Neither a query with its earliest_time nor a job_uuid is given.",
            "Give query and earliest_time, or the job_uuid of a search job that is done.",
            place="argument query" if "query" not in given else "argument earliest_time",
        )
    elif all(names & given for names in _SOURCES):
        yield error(
            Rule.CLASHING_ARGUMENTS,
            node,
            "A query and a job_uuid are given, and only one of them can be exported.",
            "Give query and earliest_time, or job_uuid.",
            place="argument job_uuid",
        )


def _is_missing(value: Any) -> bool:
    return value is None or (isinstance(value, str) and not value.strip())


def _value(subject: Subject, node: Node, value: Any, schema: Mapping[str, Any], place: str) -> Iterator[Finding]:
    """Check a value whose type is known before it runs."""
    if _is_missing(value):
        return
    allowed = types_of(schema)
    if isinstance(value, str) and has_expressions(value):
        found = subject.expressions(value)
        if found.error is not None:
            return
        if found.constant:
            value = found.constant[0]
        elif found.lone is not None:
            given = types_of(result_of(subject, found.lone))
            if not compatible(given, allowed):
                yield warning(
                    Rule.WRONG_TYPE,
                    node,
                    f"{found.lone.text} is {in_words(given)}, and {in_words(allowed)} is expected.",
                    f"Name a result that is {in_words(allowed)}.",
                    place=place,
                )
            return
        elif not found.whole and not compatible(frozenset({"string"}), allowed):
            yield warning(
                Rule.WRONG_TYPE,
                node,
                f"Text around an expression makes it a text, and {in_words(allowed)} is expected.",
                "Let the expression stand alone, without spaces before or after it.",
                place=place,
            )
            return
        else:
            return
    wrong = mismatch(value, schema)
    if wrong is not None:
        yield error(Rule.WRONG_TYPE, node, f"{wrong[0]}.", wrong[1], place=place)


def _condition(subject: Subject, node: Node) -> Iterator[Finding]:
    seen: set[str] = set()
    for position, case in enumerate(node.cases, start=1):
        place = f"case {case.name or position}"
        if case.name in seen:
            yield error(
                Rule.DUPLICATE_CASE,
                node,
                "Two cases have this name, and a name leads to one branch only.",
                "Give each case a name of its own, and wire its branch.",
                place=place,
            )
        elif case.name == "else":
            yield error(
                Rule.DUPLICATE_CASE,
                node,
                "else is the branch of what fits no case.",
                "Give the case another name, in outputs too.",
                place=place,
            )
        seen.add(case.name)
        yield from _comparison(subject, node, case, place)


def _comparison(subject: Subject, node: Node, case: Case, place: str) -> Iterator[Finding]:
    right = case.right
    literal = not (isinstance(right, str) and has_expressions(right))
    if case.comparison is Comparison.RANGE and literal and not _is_pair(right):
        yield error(
            Rule.WRONG_TYPE,
            node,
            "The right side of range is not a list of the lowest and the highest value.",
            "Write a list of two numbers, for instance [1, 100].",
            place=f"{place}, right",
        )
    if case.comparison in {Comparison.IN, Comparison.NOT_IN} and literal and not isinstance(right, list | str | dict):
        yield error(
            Rule.WRONG_TYPE,
            node,
            f"Nothing can be in {in_words(frozenset({type_of(right)}))}.",
            'Write a list, for instance ["a", "b"].',
            place=f"{place}, right",
        )
    numeric = isinstance(right, str) and right.strip().lstrip("-").isdecimal()
    lone = subject.expressions(case.left).lone
    left_is_number = lone is not None and types_of(result_of(subject, lone)) & {"integer", "number"}
    if numeric and (case.comparison in _ORDERED or left_is_number):
        yield warning(
            Rule.NUMBER_AS_TEXT,
            node,
            f"{shown(right)} is a text here, and a text is not compared as a number.",
            f"Write {{{{ {shown(right)} }}}}, which makes it a number.",
            place=f"{place}, right",
        )


def _is_pair(value: Any) -> bool:
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return False
    return isinstance(value, list) and len(value) == 2


def _items(subject: Subject, node: Node) -> Iterator[Finding]:
    if _is_missing(node.items):
        yield error(
            Rule.MISSING,
            node,
            "It is not told what to go through.",
            "Give items an expression that names a list, for instance {{ node.1.windows }}.",
            place="items",
        )
    elif isinstance(node.items, str) and not has_expressions(node.items) and not node.items.strip().startswith("["):
        yield error(
            Rule.WRONG_TYPE,
            node,
            "It is a text, and a list is expected.",
            "Give items an expression that names a list, for instance {{ node.1.windows }}.",
            place="items",
        )
    else:
        for finding in _value(subject, node, node.items, {"type": ["array", "string"]}, "items"):
            if finding.severity is Severity.ERROR:
                yield finding
        lone = subject.expressions(node.items).lone
        given = types_of(result_of(subject, lone)) if lone is not None else frozenset()
        if not compatible(given, frozenset({"array"})) and lone is not None:
            yield error(
                Rule.WRONG_TYPE,
                node,
                f"{lone.text} is {in_words(given)}, and a list is expected.",
                "Name a result that is a list.",
                place="items",
            )
