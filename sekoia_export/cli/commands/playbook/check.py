"""`sekoia-export playbook check`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.session import Session

if TYPE_CHECKING:
    from sekoia_export.cli.terminal import Terminal
    from sekoia_export.playbooks.check import Checked

EXAMPLES = (
    "sekoia-export playbook check playbooks/*.json",
    "sekoia-export playbook check my-playbook.json --json",
)


def command(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Playbook files.", show_default=False)],
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> ExitStatus:
    """Find what is wrong with playbook files, without running or rendering anything.

    Arguments and results are compared with the manifests of this module and of the others that are known; expressions
    are parsed; branches, loops and paths are followed.

    Exit status: 0 no errors (there may be warnings), 1 errors, 2 a file cannot be opened.
    """
    from sekoia_export.playbooks.check import check_file

    session = Session.of(ctx)
    checked = {str(file): check_file(session.folder / file) for file in files}
    if as_json:
        document = {"files": [{"file": file, **found.as_json()} for file, found in checked.items()]}
        session.terminal.data(json.dumps(document, indent=2))
    else:
        for file, found in checked.items():
            _show(session.terminal, file, found)
    return ExitStatus.FAILED if any(found.errors for found in checked.values()) else ExitStatus.DONE


def _show(terminal: Terminal, file: str, found: Checked) -> None:
    terminal.data(f"{file}: {found.verdict}", style="red" if found.errors else "yellow" if found.findings else "green")
    for finding in found.findings:
        terminal.data(f"  {finding.severity:<7}  {finding.where}", style="red" if finding.is_error else "yellow")
        terminal.data(f"           {finding.cause}")
        terminal.data(f"           > {finding.remedy}")
