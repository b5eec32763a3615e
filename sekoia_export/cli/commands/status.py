"""`sekoia-export status`."""

from __future__ import annotations

from typing import Annotated

import typer

from sekoia_export.cli import choices
from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.recent import complete_job
from sekoia_export.cli.session import Session

EXAMPLES = ("sekoia-export status 0d4b6c0e-3f2e-4c4e-9a3f-7b9a1f0c2d11",)


def command(
    ctx: typer.Context,
    task_uuid: choices.TaskArgument,
    job_uuid: Annotated[
        str | None,
        typer.Argument(
            help="Its search job, for an export that was not begun here.",
            metavar="JOB_UUID",
            autocompletion=complete_job,
        ),
    ] = None,
    *,
    json: choices.Json = False,
) -> ExitStatus:
    """Look once at an export, without waiting."""
    from sekoia_export.arguments.base import read_arguments
    from sekoia_export.arguments.management import StatusArguments
    from sekoia_export.cli.management import status

    arguments = read_arguments(StatusArguments, {"task_uuid": task_uuid, "job_uuid": job_uuid})
    return status(Session.of(ctx), arguments, json=json)
