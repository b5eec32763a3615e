"""`sekoia-export doctor`."""

from __future__ import annotations

from typing import Annotated

import typer

from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.session import Session

EXAMPLES = ("sekoia-export doctor --profile usa", "sekoia-export doctor --json")

_MARKS = {"good": ("ok", "green"), "warning": ("warn", "yellow"), "bad": ("BAD", "red"), "unknown": ("?", "dim")}


def command(
    ctx: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> ExitStatus:
    """Look at everything that an export needs, without starting one: address, TLS, clock, API key, permissions,
    encryption, own bucket, folders and disk. What is bad comes with a remedy.

    Exit status: 0 nothing is bad, 2 the configuration or the key's role is to be mended, 1 something else is bad.
    """
    from sekoia_export.cli.runs import exports_at
    from sekoia_export.cli.wording import for_terminal
    from sekoia_export.operations.doctor import diagnose

    session = Session.of(ctx)
    folders = {"current folder": session.folder, "state folder": session.places.state}
    configuration = session.configuration
    exports = exports_at(configuration.base_url, home=session.places.state)
    results = diagnose(configuration, folders=folders, clock=session.clock, exports=exports)
    terminal = session.terminal
    if as_json:
        terminal.data(results.model_dump_json(indent=2))
    else:
        for check in results.checks:
            mark, style = _MARKS[check.verdict]
            terminal.data(f"{mark:<4}  {check.name}: {for_terminal(check.found)}", style=style)
            if check.remedy is not None:
                terminal.data(f"      > {for_terminal(check.remedy)}")
    if not results.bad:
        return ExitStatus.DONE
    return ExitStatus.USAGE if any(check.to_configure for check in results.bad) else ExitStatus.FAILED
