"""`sekoia-export convert`."""

from __future__ import annotations

from typing import Annotated

import typer

from sekoia_export.analysis.events import OnBadLine
from sekoia_export.analysis.writing import ConvertFormat
from sekoia_export.cli import choices, file_choices
from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.session import Session

EXAMPLES = (
    "sekoia-export convert jdoe.jsonl.gz",
    "sekoia-export convert jdoe.jsonl.gz --format csv -o jdoe.csv",
    "sekoia-export convert january/*.jsonl.gz --by-day -o january",
)


def command(
    ctx: typer.Context,
    files: file_choices.Files,
    *,
    format: Annotated[  # noqa: A002 - the option's name
        ConvertFormat, typer.Option(metavar="FORMAT", help="parquet, csv, json or jsonl.")
    ] = ConvertFormat.PARQUET,
    output: Annotated[str | None, file_choices.output("By default the first file's name, here.")] = None,
    by_day: Annotated[bool, typer.Option("--by-day", help="Parquet: a folder with files for each day.")] = False,
    force: choices.Force = False,
    on_bad_line: file_choices.BadLine = OnBadLine.SKIP,
    timeout: choices.Timeout = None,
    json: choices.Json = False,
) -> ExitStatus:
    """Write exported files as Parquet, CSV or JSON, and their name to stdout."""
    session = Session.of(ctx)
    with session.apart("convert") as run:
        from sekoia_export.cli.converting import convert

        given = {"format": format, "by_day": by_day, "on_bad_line": on_bad_line, "timeout": timeout}
        return convert(session, files, given, output=output, force=force, json=json, run=run)
