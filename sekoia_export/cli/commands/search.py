"""`sekoia-export search`."""

from __future__ import annotations

import typer

from sekoia_export.cli import choices
from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.session import Session
from sekoia_export.cli.view import ProgressStyle

EXAMPLES = (
    "sekoia-export search --query 'user.name:\"j.doe\"' --since -7d",
    "sekoia-export search --query 'event.action:logon' --since 2026-01-31T08:00:00Z --margin 1h --json",
)


def command(
    ctx: typer.Context,
    *,
    query: choices.RequiredQuery,
    since: choices.RequiredSince,
    until: choices.Until = None,
    margin: choices.Margin = None,
    max_events: choices.MaxEvents = None,
    community: choices.Community = None,
    timeout: choices.Timeout = None,
    json: choices.Json = False,
    progress: choices.Progress = ProgressStyle.AUTO,
) -> ExitStatus:
    """Create a search job, wait until it is done, and write its uuid to stdout."""
    from sekoia_export.arguments.base import read_arguments
    from sekoia_export.arguments.chain import SearchArguments
    from sekoia_export.cli.chain import search

    arguments = read_arguments(
        SearchArguments,
        {
            "query": query,
            "earliest_time": since,
            "latest_time": until,
            "margin": margin,
            "max_events": max_events,
            "community_uuids": community or None,
            "timeout": timeout,
        },
    )
    return search(Session.of(ctx), arguments, json=json, progress=progress)
