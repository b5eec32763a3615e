"""`sekoia-export link`."""

from __future__ import annotations

from typing import Annotated

import typer

from sekoia_export.cli import choices
from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.recent import complete_task
from sekoia_export.cli.session import Session

EXAMPLES = ("sekoia-export link 5f3c0a3e-7e4b-4a51-9d59-0c4f7d2f8f11 > for-the-partner.txt",)


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
    reveal_key: Annotated[bool, typer.Option("--reveal-key", help="Write the key that opens the file, too.")] = False,
    json: choices.Json = False,
) -> ExitStatus:
    """Write the download link of a finished export, and a curl command line, to stdout.

    Whoever has the link, and the key where one is needed, can read all events.
    """
    from sekoia_export.arguments.base import read_arguments
    from sekoia_export.arguments.management import LinkArguments
    from sekoia_export.cli.management import link

    session = Session.of(ctx)
    arguments = read_arguments(
        LinkArguments,
        {
            "job_uuid": job_uuid,
            "task_uuid": task_uuid,
            "encryption_key": session.settings.encryption_key,
            "reveal_key": reveal_key,
        },
    )
    return link(session, arguments, json=json)
