"""`sekoia-export run`."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from sekoia_export.cli import choices
from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.recent import complete_job
from sekoia_export.cli.session import Session
from sekoia_export.cli.view import ProgressStyle

EXAMPLES = (
    "sekoia-export run --query 'user.name:\"j.doe\"' --since -7d -o jdoe.jsonl",
    "sekoia-export run 5f3c0a3e-7e4b-4a51-9d59-0c4f7d2f8f11 -o - | jq .message",
)


def command(
    ctx: typer.Context,
    job_uuid: Annotated[
        str | None,
        typer.Argument(
            help="A search job that is done, instead of a query.", metavar="JOB_UUID", autocompletion=complete_job
        ),
    ] = None,
    *,
    query: choices.Query = None,
    since: choices.Since = None,
    until: choices.Until = None,
    community: choices.Community = None,
    fields: choices.Fields = None,
    field_set: choices.FieldSetOption = None,
    encryption: choices.Encryption = None,
    wait_for_slot: choices.Slot = None,
    output: choices.Output = None,
    format: choices.Format = None,  # noqa: A002 - the option's name
    force: choices.Force = False,
    timeout: choices.Timeout = None,
    json: choices.Json = False,
    progress: choices.Progress = ProgressStyle.AUTO,
) -> ExitStatus:
    """Search, export, wait and fetch in one go. After Ctrl-C, resume goes on."""
    from sekoia_export.cli.begin import new_run

    given: dict[str, Any] = {
        "job_uuid": job_uuid,
        "query": query,
        "earliest_time": since,
        "latest_time": until,
        "community_uuids": community or None,
        "fields": fields,
        "field_set": field_set,
        "encryption": encryption,
        "wait_for_slot": wait_for_slot,
        "timeout": timeout,
    }
    run = new_run(Session.of(ctx), given, output=output, format=format, replace=force, json=json, progress=progress)
    return run.carry_out()
