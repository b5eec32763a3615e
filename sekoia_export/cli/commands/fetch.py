"""`sekoia-export fetch`."""

from __future__ import annotations

from typing import Annotated

import typer

from sekoia_export.cli import choices
from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.recent import complete_task
from sekoia_export.cli.session import Session
from sekoia_export.cli.view import ProgressStyle

EXAMPLES = (
    "sekoia-export fetch 5f3c0a3e-7e4b-4a51-9d59-0c4f7d2f8f11 -o events.jsonl.gz",
    "sekoia-export fetch 5f3c0a3e-7e4b-4a51-9d59-0c4f7d2f8f11 -o - | wc -l",
)


def command(
    ctx: typer.Context,
    job_uuid: choices.JobArgument,
    task_uuid: Annotated[
        str | None,
        typer.Argument(
            help="Its export; else the newest finished one.", metavar="TASK_UUID", autocompletion=complete_task
        ),
    ] = None,
    *,
    output: choices.Output = None,
    format: choices.Format = None,  # noqa: A002 - the option's name
    force: choices.Force = False,
    timeout: choices.Timeout = None,
    json: choices.Json = False,
    progress: choices.Progress = ProgressStyle.AUTO,
) -> ExitStatus:
    """Bring the file of a finished export home: decrypted, verified and counted. Run again, it goes on."""
    from sekoia_export.cli.fetching import Fetching

    fetching = Fetching(Session.of(ctx), job_uuid, task_uuid, output=output, format=format, replace=force, json=json)
    return fetching.carry_out(timeout_s=timeout, progress=progress)
