"""Checking a playbook file: everything that can be found without running it, each with node, place and remedy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sekoia_export.playbooks.components import Catalogue, load_catalogue
from sekoia_export.playbooks.givens import check_givens
from sekoia_export.playbooks.reader import Reading, read_playbook
from sekoia_export.playbooks.references import check_references
from sekoia_export.playbooks.structure import check_structure
from sekoia_export.playbooks.subject import Subject

if TYPE_CHECKING:
    from pathlib import Path

    from sekoia_export.playbooks.finding import Finding


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of checking one file.

    Attributes:
        name: of the playbook, "" when it has none.
        nodes: how many it has.
        findings: in the order of its nodes; empty when nothing is wrong.
    """

    name: str
    nodes: int
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        """Return how many of the findings are errors."""
        return sum(finding.is_error for finding in self.findings)

    @property
    def verdict(self) -> str:
        """Return the numbers as half a sentence."""
        if not self.findings:
            return f"nothing is wrong with its {_counted(self.nodes, 'node')}"
        warnings = len(self.findings) - self.errors
        told = [_counted(number, word) for number, word in ((self.errors, "error"), (warnings, "warning")) if number]
        return ", ".join(told)

    def as_json(self) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {
            "name": self.name,
            "nodes": self.nodes,
            "errors": self.errors,
            "warnings": len(self.findings) - self.errors,
            "findings": [finding.as_json() for finding in self.findings],
        }


def check_file(path: Path, *, catalogue: Catalogue | None = None) -> Checked:
    """Check one file.

    Raises:
        UsageError: the file cannot be opened, or the manifests are missing.
    """
    reading = read_playbook(path)
    findings = check_playbook(reading, catalogue=catalogue)
    return Checked(reading.playbook.name, len(reading.playbook.nodes), tuple(findings))


def check_playbook(reading: Reading, *, catalogue: Catalogue | None = None) -> list[Finding]:
    """Return what is wrong with a playbook that was read; the file's own problems come with it.

    Args:
        reading: as `read_playbook` returns it.
        catalogue: what is known of modules; this module's manifests and the known parts of others when not given.

    Raises:
        UsageError: the manifests are missing.
    """
    if not reading.playbook.nodes and reading.problems:
        return list(reading.problems)
    subject = Subject(reading.playbook, catalogue or load_catalogue())
    findings = [
        *reading.problems,
        *check_structure(subject),
        *check_givens(subject),
        *check_references(subject),
    ]
    positions = {number: position for position, number in enumerate(reading.playbook.nodes)}
    # What concerns the file as a whole comes first; the sort is stable.
    return sorted(
        dict.fromkeys(findings), key=lambda found: -1 if found.node is None else positions.get(found.node, -1)
    )


def _counted(number: int, word: str) -> str:
    return f"{number:,} {word}" if number == 1 else f"{number:,} {word}s"
