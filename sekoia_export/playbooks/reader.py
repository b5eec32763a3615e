"""Reading a playbook file. Files come from others: nothing in one makes the reader fail."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from typing import TYPE_CHECKING, Any, TypeVar

from sekoia_export.errors import UsageError
from sekoia_export.playbooks.finding import Finding, Severity, shown
from sekoia_export.playbooks.model import Case, Change, Comparison, Modification, Node, NodeType, Playbook, Subtype
from sekoia_export.playbooks.rules import Rule

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

K = TypeVar("K", bound=StrEnum)

LARGEST_BYTES = 16 * 1024 * 1024
"""Playbooks with an icon in each node have some 100 KiB."""
DEEPEST = 64
MOST_NODES = 2000
_LARGEST_NUMBER = 1_000_000_000
# What is wrong in every node of a file that is no playbook at all is told so often.
_MOST_PROBLEMS = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A playbook as far as it could be read, and what was wrong with the file."""

    playbook: Playbook
    problems: tuple[Finding, ...] = ()


def read_playbook(path: Path) -> Reading:
    """Read a file.

    Raises:
        UsageError: there is no such file, or it cannot be opened.
    """
    try:
        with path.open("rb") as file:
            data = file.read(LARGEST_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not a file name"
        raise UsageError(
            f"The playbook {shown(path)} cannot be read: {reason}.", "Name a file that exists and that you may read."
        ) from error
    return parse_playbook(data)


def parse_playbook(data: bytes) -> Reading:
    """Read the bytes of a file."""
    reader = _Reader()
    raw = reader.document(data)
    playbook = reader.playbook(raw) if raw is not None else Playbook()
    return Reading(playbook=playbook, problems=tuple(reader.problems))


class _Pairs(dict[str, Any]):
    """A JSON object that remembers which of its names came twice."""

    repeated: frozenset[str] = frozenset()


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = _Pairs(pairs)
    if len(found) < len(pairs):
        times = Counter(name for name, _ in pairs)
        found.repeated = frozenset(name for name, count in times.items() if count > 1)
    return found


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _depth_exceeds(value: Any, limit: int) -> bool:
    level: list[Any] = [value]
    for _ in range(limit):
        level = [child for item in level for child in _children(item)]
        if not level:
            return False
    return True


def _children(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _kind(value: Any) -> str:
    """Return what JSON calls the type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true or false"
    for kind, name in ((str, "a text"), (int | float, "a number"), (list, "a list")):
        if isinstance(value, kind):
            return name
    return "an object"


@dataclass(slots=True)
class _Reader:
    problems: list[Finding] = field(default_factory=list)
    _node: int | None = None
    _name: str | None = None

    def problem(self, rule: Rule, cause: str, remedy: str, *, place: str | None = None) -> None:
        if len(self.problems) < _MOST_PROBLEMS:
            self.problems.append(
                Finding(
                    severity=Severity.ERROR,
                    rule=rule,
                    node=self._node,
                    name=self._name,
                    place=place,
                    cause=cause,
                    remedy=remedy,
                )
            )

    def document(self, data: bytes) -> dict[str, Any] | None:
        """Return the playbook's object; None when the file holds none."""
        if len(data) > LARGEST_BYTES:
            self.problem(
                Rule.TOO_LARGE,
                f"The file has more than {LARGEST_BYTES // 1024 // 1024} MiB.",
                "Take the icons out of its nodes, or name another file.",
            )
            return None
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            self.problem(
                Rule.NOT_UTF_8, f"The file is not UTF-8: byte {error.start + 1} fits nowhere.", "Save it as UTF-8."
            )
            return None
        try:
            raw = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
        except json.JSONDecodeError as error:
            self.problem(
                Rule.NOT_JSON,
                f"The file is not JSON: {error.msg}, line {error.lineno}, column {error.colno}.",
                "Copy the playbook from the platform's code view once more, or mend the JSON there.",
            )
            return None
        except ValueError:  # NaN, Infinity, an integer of thousands of digits
            self.problem(Rule.NOT_JSON, "The file is not JSON: it has a number that JSON does not allow.", "Mend it.")
            return None
        except RecursionError:
            raw = None
            deep = True
        else:
            deep = _depth_exceeds(raw, DEEPEST)
        if deep:
            self.problem(
                Rule.TOO_DEEP,
                f"Objects are nested more than {DEEPEST} deep.",
                "Name a file that is a playbook.",
            )
            return None
        if isinstance(raw, dict) and "nodes" not in raw and isinstance(raw.get("playbook"), dict):
            raw = raw["playbook"]  # as the platform's API takes it
        if not isinstance(raw, dict):
            self.problem(
                Rule.NO_PLAYBOOK, f"The file holds {_kind(raw)}, not a playbook.", "Name a file that is a playbook."
            )
            return None
        return raw

    def playbook(self, raw: dict[str, Any]) -> Playbook:
        """Return what `raw` holds."""
        nodes: dict[int, Node] = {}
        given = self._of_kind(raw, "nodes", dict, needed=True) or {}
        for repeated in sorted(getattr(given, "repeated", ())):
            self.problem(
                Rule.DUPLICATE_NODE,
                f"The number {shown(repeated)} names two nodes, and only the last is read.",
                "Give one of them a number of its own, and correct the outputs that lead to it.",
            )
        if len(given) > MOST_NODES:
            self.problem(
                Rule.TOO_LARGE,
                f"It has more than {MOST_NODES:,} nodes.",
                "Split it: the first alone are checked.",
            )
        for key, value in islice(given.items(), MOST_NODES):
            number = _number(key)
            self._node, self._name = number, None
            if number is None:
                self.problem(
                    Rule.NODE_NUMBER, f"The node {shown(key)} is not numbered.", "Name it by a whole number such as 3."
                )
            elif number in nodes:
                self.problem(
                    Rule.DUPLICATE_NODE,
                    f"The number {number} names two nodes.",
                    "Give one of them a number of its own.",
                )
            elif not isinstance(value, dict):
                self.problem(
                    Rule.WRONG_TYPE, f"The node is {_kind(value)}, not an object.", "Describe the node, or drop it."
                )
            else:
                nodes[number] = self._read_node(number, value)
        self._node = self._name = None
        tags = self._of_kind(raw, "tags", list) or []
        return Playbook(
            name=self._text(raw, "name", needed=True),
            uuid=self._text(raw, "uuid"),
            workspace=self._text(raw, "workspace"),
            description=self._text(raw, "description"),
            tags=tuple(shown(tag) for tag in tags if isinstance(tag, str)),
            nodes=nodes,
        )

    def _read_node(self, number: int, raw: dict[str, Any]) -> Node:
        self._name = shown(raw["name"]) if isinstance(raw.get("name"), str) else None
        name = shown(self._text(raw, "name", needed=True))
        kind = self._choice(raw, "type", NodeType, needed=True)
        subtype = self._choice(raw, "subtype", Subtype, needed=kind is NodeType.OPERATOR)
        component = {NodeType.ACTION: "action_uuid", NodeType.TRIGGER: "trigger_uuid"}.get(kind) if kind else None
        return Node(
            number=number,
            name=name,
            type=kind,
            subtype=subtype if kind is NodeType.OPERATOR else None,
            module_uuid=self._text(raw, "module_uuid", needed=component is not None).lower() or None,
            component_uuid=self._text(raw, component, needed=True).lower() or None if component else None,
            arguments=self._of_kind(raw, "arguments", dict) or {},
            outputs=self._outputs(raw),
            cases=self._cases(raw) if subtype is Subtype.CONDITION else (),
            items=raw.get("items") if subtype is Subtype.FOREACH else None,
            loop=self._numbers(raw.get("loop"), "loop") if subtype is Subtype.FOREACH else (),
            modifications=self._modifications(raw) if subtype is Subtype.STORE else (),
        )

    def _outputs(self, raw: dict[str, Any]) -> dict[str, tuple[int, ...]]:
        given = self._of_kind(raw, "outputs", dict, needed=True) or {}
        return {shown(branch): self._numbers(value, f"branch {shown(branch)}") for branch, value in given.items()}

    def _numbers(self, raw: Any, place: str) -> tuple[int, ...]:
        if raw is None:
            return ()
        if not isinstance(raw, list):
            self.problem(
                Rule.WRONG_TYPE,
                f"What follows is {_kind(raw)}, not a list of numbers of nodes.",
                'Write a list such as ["3"], or [] for nothing.',
                place=place,
            )
            return ()
        numbers: dict[int, None] = {}
        for item in raw:
            number = _number(item)
            if number is None:
                self.problem(
                    Rule.WRONG_TYPE,
                    f"{_kind(item).capitalize()} follows where the number of a node is expected.",
                    'Write the number of a node as a text such as "3".',
                    place=place,
                )
            else:
                numbers[number] = None
        return tuple(numbers)

    def _cases(self, raw: dict[str, Any]) -> tuple[Case, ...]:
        cases = []
        for place, case in self._objects(raw, "cases", "case"):
            cases.append(
                Case(
                    name=shown(self._text(case, "name", needed=True, place=place)),
                    comparison=self._choice(case, "comparison", Comparison, needed=True, place=place),
                    left=self._side(case, "left", place),
                    right=self._side(case, "right", place),
                )
            )
        return tuple(cases)

    def _side(self, case: dict[str, Any], name: str, place: str) -> Any:
        if name not in case:
            self.problem(Rule.MISSING, f"The case has no {name} side.", f"Give {name} a value.", place=place)
        return case.get(name)

    def _modifications(self, raw: dict[str, Any]) -> tuple[Modification, ...]:
        changes = []
        for place, given in self._objects(raw, "modifications", "modification"):
            change = self._choice(given, "type", Change, needed=True, place=place)
            if "value" not in given and change not in {Change.UNSET, None}:
                self.problem(Rule.MISSING, "The modification has no value.", "Give it a value.", place=place)
            key = self._text(given, "key", needed=True, place=place)
            changes.append(Modification(key=key, change=change, value=given.get("value")))
        return tuple(changes)

    def _objects(self, raw: dict[str, Any], name: str, single: str) -> Iterable[tuple[str, dict[str, Any]]]:
        """Return place and object of everything in a list of objects that must not be empty."""
        given = self._of_kind(raw, name, list, needed=True)
        if given == []:
            self.problem(Rule.MISSING, f"It has no {single}.", f"Add a {single}.")
        for position, item in enumerate(given or (), start=1):
            place = f"{single} {position}"
            if isinstance(item, dict):
                yield place, item
            else:
                self.problem(
                    Rule.WRONG_TYPE, f"It is {_kind(item)}, not an object.", f"Describe the {single}.", place=place
                )

    def _of_kind(
        self, raw: dict[str, Any], name: str, kind: type[Any], *, needed: bool = False, place: str | None = None
    ) -> Any:
        """Return what `raw` has under `name`; None, and a problem, when it is of another type or needed and missing."""
        value = raw.get(name)
        if value is None:
            if needed:
                self.problem(Rule.MISSING, f"{name} is missing.", f"Add {name}.", place=place)
            return None
        if not isinstance(value, kind):
            expected = _kind(kind())
            self.problem(
                Rule.WRONG_TYPE, f"{name} is {_kind(value)}, not {expected}.", f"Make it {expected}.", place=place
            )
            return None
        return value

    def _text(self, raw: dict[str, Any], name: str, *, needed: bool = False, place: str | None = None) -> str:
        value = self._of_kind(raw, name, str, needed=needed, place=place)
        return (value or "").strip()

    def _choice(
        self, raw: dict[str, Any], name: str, choices: type[K], *, needed: bool, place: str | None = None
    ) -> K | None:
        text = self._of_kind(raw, name, str, needed=needed, place=place)
        if text is None:
            return None
        try:
            return choices(text.strip())
        except ValueError:
            self.problem(
                Rule.UNKNOWN_CHOICE,
                f"{name} is {shown(text)}, which is not known.",
                f"Choose one of: {', '.join(choices)}.",
                place=place,
            )
            return None


def _number(value: Any) -> int | None:
    """Return the number of a node, which may be a text or an integer; None when it is none."""
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < len(str(_LARGEST_NUMBER)):
        return int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < _LARGEST_NUMBER:
        return value
    return None
