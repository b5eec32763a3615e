"""`sekoia-export resume`."""

from __future__ import annotations

from typing import Annotated

import typer

from sekoia_export.cli import choices
from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.recent import complete_run
from sekoia_export.cli.session import Session
from sekoia_export.cli.view import ProgressStyle

EXAMPLES = (
    "sekoia-export resume",
    "sekoia-export resume 0d4b6c0e-3f2e-4c4e-9a3f-7b9a1f0c2d11 --timeout 6h",
)


def command(
    ctx: typer.Context,
    run: Annotated[
        str | None,
        typer.Argument(
            help="A run, its search job or its task; else the newest unfinished run.",
            metavar="UUID",
            autocompletion=complete_run,
        ),
    ] = None,
    *,
    wait_for_slot: choices.Slot = None,
    output: choices.Output = None,
    force: choices.Force = False,
    timeout: choices.Timeout = None,
    json: choices.Json = False,
    progress: choices.Progress = ProgressStyle.AUTO,
) -> ExitStatus:
    """Go on with a run that was interrupted, timed out or failed, from any terminal and folder."""
    from sekoia_export.cli.begin import resumed_run

    taken_up = resumed_run(
        Session.of(ctx),
        run,
        {"wait_for_slot": wait_for_slot, "timeout": timeout},
        output=output,
        replace=force,
        json=json,
        progress=progress,
    )
    return taken_up.carry_out()
