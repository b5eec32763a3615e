"""`sekoia-export runs`."""

from __future__ import annotations

from typing import Annotated

import typer

from sekoia_export.cli import choices
from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.session import Session

EXAMPLES = ("sekoia-export runs", "sekoia-export runs --json | jq '.runs[] | select(.unfinished)'")


def command(
    ctx: typer.Context,
    *,
    all: Annotated[bool, typer.Option("--all", help="All runs, and not only the newest twenty.")] = False,  # noqa: A002
    json: choices.Json = False,
) -> ExitStatus:
    """List the runs of this user, the newest first, and how far each came."""
    from sekoia_export.cli.runs_list import list_runs

    return list_runs(Session.of(ctx), everything=all, json=json)
