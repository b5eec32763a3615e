"""`sekoia-export cancel`."""

from __future__ import annotations

import typer

from sekoia_export.cli import choices
from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.session import Session

EXAMPLES = ("sekoia-export cancel 5f3c0a3e-7e4b-4a51-9d59-0c4f7d2f8f11",)


def command(ctx: typer.Context, job_uuid: choices.JobArgument, *, json: choices.Json = False) -> ExitStatus:
    """Stop a search that is pending or running, and write its status. An export cannot be stopped."""
    from sekoia_export.cli.chain import cancel

    return cancel(Session.of(ctx), job_uuid, json=json)
