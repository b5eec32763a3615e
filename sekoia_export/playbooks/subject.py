"""A playbook while it is checked: with its paths, with what its nodes run, and with what its expressions name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from sekoia_export.playbooks.expressions import Expressions, has_expressions, parse
from sekoia_export.playbooks.finding import Finding, Severity, shown
from sekoia_export.playbooks.graph import Graph

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sekoia_export.playbooks.components import Catalogue, Component
    from sekoia_export.playbooks.model import Node, Playbook
    from sekoia_export.playbooks.rules import Rule

NO_EXPRESSIONS = Expressions()
MOST_EXPRESSIONS = 1024 * 1024
"""Characters of texts with expressions that are parsed in one playbook, which takes some seconds."""


class Text(NamedTuple):
    """A text with expressions, and where it stands in its node."""

    place: str
    text: str


class Subject:
    """What the rules look at.

    Attributes:
        components: what each node runs, by number; None for operators and for what is not known.
    """

    def __init__(self, playbook: Playbook, catalogue: Catalogue) -> None:
        self.playbook = playbook
        self.catalogue = catalogue
        self.graph = Graph(playbook)
        self.components: dict[int, Component | None] = {
            number: catalogue.of(node) for number, node in playbook.nodes.items()
        }
        self._parsed: dict[str, Expressions] = {}
        self._room = MOST_EXPRESSIONS

    @property
    def nodes(self) -> dict[int, Node]:
        """Return the nodes, by number."""
        return self.playbook.nodes

    def expressions(self, value: Any) -> Expressions:
        """Return what a value's expressions name; nothing when it is no text or has none."""
        if not isinstance(value, str) or not has_expressions(value):
            return NO_EXPRESSIONS
        if value not in self._parsed:
            self._room -= len(value)
            if self._room < 0:
                return NO_EXPRESSIONS
            self._parsed[value] = parse(value)
        return self._parsed[value]

    @property
    def left_out(self) -> bool:
        """Return whether there were more expressions than are parsed."""
        return self._room < 0

    def texts(self, node: Node) -> Iterator[Text]:
        """Return every text with expressions that a node has."""
        for name, value in node.arguments.items():
            yield from _texts(value, f"argument {shown(name)}")
        yield from _texts(node.items, "items")
        for position, case in enumerate(node.cases, start=1):
            place = f"case {case.name or position}"
            yield from _texts(case.left, f"{place}, left")
            yield from _texts(case.right, f"{place}, right")
        for position, change in enumerate(node.modifications, start=1):
            yield from _texts(change.key, f"modification {position}, key")
            yield from _texts(change.value, f"modification {position}, value")


def _texts(value: Any, place: str) -> Iterator[Text]:
    if isinstance(value, str):
        if has_expressions(value):
            yield Text(place, value)
    elif isinstance(value, dict):
        for name, item in value.items():
            yield from _texts(item, f"{place}.{shown(name)}")
    elif isinstance(value, list):
        for position, item in enumerate(value):
            yield from _texts(item, f"{place}[{position}]")


def error(rule: Rule, node: Node | None, cause: str, remedy: str, *, place: str | None = None) -> Finding:
    """Return a finding that keeps the playbook from running."""
    return _finding(Severity.ERROR, rule, node, cause=cause, remedy=remedy, place=place)


def warning(rule: Rule, node: Node | None, cause: str, remedy: str, *, place: str | None = None) -> Finding:
    """Return a finding that may be what the author wants."""
    return _finding(Severity.WARNING, rule, node, cause=cause, remedy=remedy, place=place)


def _finding(
    severity: Severity, rule: Rule, node: Node | None, *, cause: str, remedy: str, place: str | None
) -> Finding:
    return Finding(
        severity=severity,
        rule=rule,
        node=node.number if node else None,
        name=node.name if node else None,
        place=place,
        cause=cause,
        remedy=remedy,
    )


def alike(name: str, known: list[str]) -> str:
    """Return a remedy for a name that is not known: the most similar one, or all of them."""
    from difflib import get_close_matches

    similar = get_close_matches(name[:80], known, n=1, cutoff=0.6)
    if similar:
        return f"Did you mean {similar[0]}?"
    return f"Choose one of: {', '.join(known)}." if known else "Take it out."
