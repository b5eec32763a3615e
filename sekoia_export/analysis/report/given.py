"""What other steps found, as a playbook hands it on: read for what can be shown, whatever else is in it.

A template can turn results into JSON, into an object, or into the text of one, and the steps that made them may know
more than this page shows. So a value that cannot be used is left out, and only a whole that is none of these forms is
an error of the author's.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_TEXT_LIMIT = 16 * 1024 * 1024
_MOST_ITEMS = 10_000
_LEVELS = ("critical", "high", "medium", "low", "informational")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """A hunting rule and what it found."""

    title: str
    level: str
    tags: Sequence[str]
    matches: int
    first: str
    last: str
    examples: Sequence[Mapping[str, Any]]
    missing_fields: Sequence[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Hunt:
    """What a hunt found.

    Attributes:
        rules: that ran: those with matches first, the severest before the others.
        unusable: rules that did not run, and why.
    """

    rules: Sequence[Rule]
    unusable: Sequence[tuple[str, str]]

    @property
    def matched(self) -> Sequence[Rule]:
        return [rule for rule in self.rules if rule.matches]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observable:
    """Something that can be looked for elsewhere, or blocked."""

    type: str
    value: str
    count: int | None
    first_seen: str
    last_seen: str
    private: bool


def parsed(value: Any) -> Any:
    """Return what a template made a text of: JSON, or Python's way of writing an object.

    Raises:
        ValueError: it is neither.
    """
    if not isinstance(value, str):
        return value
    if len(value) > _TEXT_LIMIT:
        raise ValueError("is too long")
    try:
        return orjson.loads(value)
    except orjson.JSONDecodeError:
        pass
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        raise ValueError("must be an object, a list, or the JSON of one") from None


def hunt_of(value: Any) -> Hunt:
    """Return the results of a hunt: an object with `rules` and `unusable_rules`, or the list of rules alone."""
    found = value if isinstance(value, dict) else {"rules": value}
    rules = [_rule(item) for item in _objects(found.get("rules"))]
    rules.sort(key=lambda rule: (not rule.matches, _severity(rule.level), -rule.matches, rule.title))
    unusable = [
        (_text(item, "title", "rule", "name", "id") or "a rule", _text(item, "reason", "error", "message", "cause"))
        for item in _objects(found.get("unusable_rules"))
    ]
    return Hunt(rules=rules, unusable=unusable)


def observables_of(value: Any) -> list[Observable]:
    """Return the observables of a list of objects: the public ones first, by type, the most frequent first."""
    items = _objects(value)
    found = [
        Observable(
            type=_text(item, "type") or "other",
            value=_text(item, "value"),
            count=_count(item.get("count")),
            first_seen=_text(item, "first_seen", "first"),
            last_seen=_text(item, "last_seen", "last"),
            private=item.get("private") is True,
        )
        for item in items
    ]
    found = [item for item in found if item.value]
    return sorted(found, key=lambda item: (item.private, item.type, -(item.count or 0), item.value))


def _rule(item: Mapping[str, Any]) -> Rule:
    return Rule(
        title=_text(item, "title", "name", "id") or "(no title)",
        level=_text(item, "level").lower(),
        tags=_texts(item.get("tags")),
        matches=_count(item.get("matches")) or 0,
        first=_text(item, "first", "first_seen"),
        last=_text(item, "last", "last_seen"),
        examples=_objects(item.get("examples"))[:10],
        missing_fields=_texts(item.get("missing_fields")),
    )


def _severity(level: str) -> int:
    return _LEVELS.index(level) if level in _LEVELS else len(_LEVELS)


def _objects(value: Any) -> list[dict[str, Any]]:
    items = value[:_MOST_ITEMS] if isinstance(value, (list, tuple)) else []
    return [item for item in items if isinstance(item, dict)]


def _texts(value: Any) -> list[str]:
    items = value[:100] if isinstance(value, (list, tuple)) else []
    return [item for item in items if isinstance(item, str)]


def _text(item: Mapping[str, Any], *names: str) -> str:
    for name in names:
        value = item.get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def _count(value: Any) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None
