"""The parts of `docs/playbooks.md` that are made: of each playbook its purpose and picture, and the check's rules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.errors import UsageError
from sekoia_export.playbooks.picture import picture
from sekoia_export.playbooks.reader import read_playbook
from sekoia_export.playbooks.rules import Rule

if TYPE_CHECKING:
    from pathlib import Path

    from sekoia_export.playbooks.components import Catalogue

PAGE = "docs/playbooks.md"


def playbooks_page(folder: Path, catalogue: Catalogue) -> str:
    """Return what the page should be: its text as it is, and between its marks what is made.

    Args:
        folder: of the module, with `docs` and `playbooks` in it.
        catalogue: what nodes can be.

    Raises:
        UsageError: a file or a mark is missing.
    """
    try:
        text = (folder / PAGE).read_text(encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{PAGE} cannot be read.", "Get it back from the repository.") from error
    sections = [_section(path, catalogue) for path in sorted((folder / "playbooks").glob("*.json"))]
    rules = ["| rule | what is wrong |", "| --- | --- |", *(f"| `{rule}` | {rule.meaning} |" for rule in Rule)]
    return _filled(_filled(text, "rules", "\n".join(rules)), "playbooks", "\n\n".join(sections))


def _filled(text: str, name: str, made: str) -> str:
    start, end = f"<!-- {name}: made by make manifests -->", f"<!-- end of {name} -->"
    before, found_start, rest = text.partition(start)
    _, found_end, after = rest.partition(end)
    if not (found_start and found_end):
        raise UsageError(f"{PAGE} lacks the line {start} or {end}.", f"Put both where the {name} belong.")
    return f"{before}{start}\n\n{made}\n\n{end}{after}"


def _section(path: Path, catalogue: Catalogue) -> str:
    playbook = read_playbook(path).playbook
    drawn = picture(playbook, catalogue)
    return f"### {playbook.name}\n\n`playbooks/{path.name}`\n\n{playbook.description}\n\n```mermaid\n{drawn}\n```"
