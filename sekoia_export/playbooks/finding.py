"""A finding: one thing that is wrong in a playbook file, where it is, and what to do about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sekoia_export.playbooks.rules import Rule

_LONGEST_SHOWN = 120


class Severity(StrEnum):
    """ERROR: the playbook cannot be imported, or a run of it fails. WARNING: a run may fail, or lose something."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing that is wrong.

    Attributes:
        rule: which rule found it.
        node, name: the node's number as in the file and its name; None where it is not about one node.
        place: of the node, for instance "argument query" or "branch busy"; None when it is the node as a whole.
        cause: one sentence of what is wrong. It quotes names and expressions, never a literal argument's value.
        remedy: one sentence of what to do.
    """

    severity: Severity
    rule: Rule
    node: int | None = None
    name: str | None = None
    place: str | None = None
    cause: str
    remedy: str

    @property
    def is_error(self) -> bool:
        """Return whether its severity is error."""
        return self.severity is Severity.ERROR

    @property
    def where(self) -> str:
        """Return where it is, as a heading: node, name and place."""
        if self.node is None:
            return "the playbook" if self.place is None else self.place
        title = f"node {self.node} ({self.name})" if self.name else f"node {self.node}"
        return title if self.place is None else f"{title}, {self.place}"

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return asdict(self)


def shown(value: object) -> str:
    """Return a name or an expression from a file as it can be printed: one line, no control characters, not long."""
    text = "".join(letter if letter.isprintable() else " " for letter in str(value)[: _LONGEST_SHOWN * 4])
    text = " ".join(text.split())
    return text if len(text) <= _LONGEST_SHOWN else f"{text[: _LONGEST_SHOWN - 3]}..."
