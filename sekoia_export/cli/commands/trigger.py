"""`sekoia-export trigger`."""

from __future__ import annotations

from typing import Annotated

import typer

from sekoia_export.cli import choices
from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.session import Session
from sekoia_export.cli.view import ProgressStyle

EXAMPLES = ("sekoia-export trigger 5f3c0a3e-7e4b-4a51-9d59-0c4f7d2f8f11 --field-set identity",)


def command(
    ctx: typer.Context,
    job_uuid: choices.JobArgument,
    *,
    fields: choices.Fields = None,
    field_set: choices.FieldSetOption = None,
    encryption: choices.Encryption = None,
    s3_bucket: Annotated[
        str | None, typer.Option(metavar="NAME", help='Own bucket; "" for the platform\'s.', show_default=False)
    ] = None,
    s3_prefix: Annotated[str | None, typer.Option(metavar="PREFIX", help="Prefix in it.", show_default=False)] = None,
    wait_for_slot: choices.Slot = None,
    new: Annotated[bool, typer.Option("--new", help="Start another export, even if the same is there.")] = False,
    json: choices.Json = False,
    progress: choices.Progress = ProgressStyle.AUTO,
) -> ExitStatus:
    """Start the export of a search job, or take up the same one, and write its task's uuid to stdout."""
    from sekoia_export.arguments.base import read_arguments
    from sekoia_export.arguments.chain import TriggerArguments
    from sekoia_export.cli.chain import trigger

    session = Session.of(ctx)
    settings = session.settings
    arguments = read_arguments(
        TriggerArguments,
        {
            "job_uuid": job_uuid,
            "fields": fields or settings.fields,
            "field_set": field_set or settings.field_set,
            "encryption": encryption,
            "encryption_key": settings.key_to_export_with(encryption),
            "s3_bucket": s3_bucket,
            "s3_prefix": s3_prefix,
            "wait_for_slot": wait_for_slot,
            "reuse": not new,
        },
    )
    return trigger(session, arguments, json=json, progress=progress)
