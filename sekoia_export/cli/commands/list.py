"""`sekoia-export list`."""

from __future__ import annotations

from typing import Annotated

import typer

from sekoia_export.cli import choices
from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.recent import complete_job
from sekoia_export.cli.session import Session

EXAMPLES = ("sekoia-export list", "sekoia-export list 5f3c0a3e-7e4b-4a51-9d59-0c4f7d2f8f11 --json")


def command(
    ctx: typer.Context,
    job_uuid: Annotated[
        str | None,
        typer.Argument(
            help="A search job; else all exports that were begun here.",
            metavar="JOB_UUID",
            autocompletion=complete_job,
        ),
    ] = None,
    *,
    json: choices.Json = False,
) -> ExitStatus:
    """List exports with their status, the newest first."""
    from sekoia_export.arguments.base import read_arguments
    from sekoia_export.arguments.management import ListArguments
    from sekoia_export.cli.management import list_all

    return list_all(Session.of(ctx), read_arguments(ListArguments, {"job_uuid": job_uuid}), json=json)
