"""`sekoia-export wait`."""

from __future__ import annotations

import typer

from sekoia_export.cli import choices
from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.session import Session
from sekoia_export.cli.view import ProgressStyle

EXAMPLES = ("sekoia-export wait 0d4b6c0e-3f2e-4c4e-9a3f-7b9a1f0c2d11 --timeout 2h",)


def command(
    ctx: typer.Context,
    task_uuid: choices.TaskArgument,
    *,
    timeout: choices.Timeout = None,
    json: choices.Json = False,
    progress: choices.Progress = ProgressStyle.AUTO,
) -> ExitStatus:
    """Wait until an export has ended, and write its status to stdout."""
    from sekoia_export.arguments.base import read_arguments
    from sekoia_export.arguments.chain import WaitArguments
    from sekoia_export.cli.chain import wait

    arguments = read_arguments(WaitArguments, {"task_uuid": task_uuid, "timeout": timeout})
    return wait(Session.of(ctx), arguments, json=json, progress=progress)
