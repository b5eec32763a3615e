"""A playbook file as it is read: whatever the file holds, a `Playbook` comes out, with what was wrong beside it.

::

    {"name", "uuid", "workspace", "description", "tags", "nodes": {"<number>": {
        "name", "type": "trigger" | "action" | "operator", "outputs": {"<branch>": ["<number>", ...]},
        "module_uuid", "trigger_uuid" | "action_uuid", "arguments": {...},
        "subtype": "condition"  with "cases": [{"left", "comparison", "right", "name"}],
                   "foreach"    with "items" and "loop": ["<number>", ...],
                   "store"      with "modifications": [{"key", "type", "value"}],
                   "any" | "all"}}}

The file may hold the playbook itself, or `{"playbook": {...}}` as it is sent to the platform. Numbers of nodes may be
texts or integers. What has the wrong type counts as missing and is a problem of severity error.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any


class NodeType(StrEnum):
    """What a node is."""

    TRIGGER = "trigger"
    ACTION = "action"
    OPERATOR = "operator"


class Subtype(StrEnum):
    """What an operator does."""

    CONDITION = "condition"
    FOREACH = "foreach"
    STORE = "store"
    ANY = "any"
    ALL = "all"


class Comparison(StrEnum):
    """How a case of a condition compares its two sides; `range` is [lowest, highest], both included."""

    EQUAL = "=="
    NOT_EQUAL = "!="
    LESS = "<"
    GREATER = ">"
    AT_MOST = "<="
    AT_LEAST = ">="
    IN = "in"
    NOT_IN = "not in"
    RANGE = "range"


class Change(StrEnum):
    """What a modification does to a key of the store; append and remove work on a list."""

    SET = "set"
    UNSET = "unset"
    APPEND = "append"
    REMOVE = "remove"


DEFAULT_BRANCH = "default"
"""The one branch of a node that has no others, and of foreach: after the last item."""
ELSE_BRANCH = "else"
"""The branch of a condition of which no case holds."""
LOOP_BRANCH = "loop"
"""How an edge from a foreach to the nodes that run for each item is named."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """A case of a condition; when it holds, the run goes on in the branch that is called as the case is.

    Attributes:
        comparison: None when the file has none that is known.
        left, right: values, or texts with expressions.
    """

    name: str
    comparison: Comparison | None
    left: Any
    right: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Modification:
    """A change to one key of the store.

    Attributes:
        key: a name, or a text with expressions.
        change: None when the file has none that is known.
    """

    key: str
    change: Change | None
    value: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A node.

    Attributes:
        name: as the author called it; "" when the file has none.
        type, subtype: None when the file has none that is known.
        component_uuid: of the action or trigger; None for operators, or when the file has none.
        arguments: of an action, or the configuration of a trigger; texts may hold expressions.
        outputs: the numbers of the nodes that follow, by branch, in the file's order; the nodes may not exist.
        items, loop: of a foreach.
    """

    number: int
    name: str = ""
    type: NodeType | None = None
    subtype: Subtype | None = None
    module_uuid: str | None = None
    component_uuid: str | None = None
    arguments: dict[str, Any] = field(default_factory=dict)
    outputs: dict[str, tuple[int, ...]] = field(default_factory=dict)
    cases: tuple[Case, ...] = ()
    items: Any = None
    loop: tuple[int, ...] = ()
    modifications: tuple[Modification, ...] = ()

    @property
    def title(self) -> str:
        """Return its name, or its number where it has none."""
        return self.name or f"node {self.number}"

    def edges(self) -> list[tuple[str, int]]:
        """Return branch and following node of every edge that leaves it; a foreach's loop is the branch `loop`."""
        found = [(branch, follower) for branch, followers in self.outputs.items() for follower in followers]
        return found + [(LOOP_BRANCH, follower) for follower in self.loop]


@dataclass(frozen=True, slots=True, kw_only=True)
class Playbook:
    """A playbook.

    Attributes:
        nodes: by number, in the file's order.
    """

    name: str = ""
    uuid: str = ""
    workspace: str = ""
    description: str = ""
    tags: tuple[str, ...] = ()
    nodes: dict[int, Node] = field(default_factory=dict)

    @property
    def triggers(self) -> list[Node]:
        """Return the nodes that start a run."""
        return [node for node in self.nodes.values() if node.type is NodeType.TRIGGER]
