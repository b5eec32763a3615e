"""`sekoia-export observables`."""

from __future__ import annotations

from typing import Annotated

import typer

from sekoia_export.analysis.events import OnBadLine
from sekoia_export.cli import choices, file_choices
from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.session import Session

EXAMPLES = (
    "sekoia-export observables jdoe.jsonl.gz --limit 10",
    "sekoia-export observables jdoe.jsonl.gz -o observables.csv",
    "sekoia-export observables a.jsonl.gz b.parquet --lists iocs --json",
)


def command(
    ctx: typer.Context,
    files: file_choices.Files,
    *,
    limit: Annotated[int, typer.Option(metavar="N", help="Of each type at most, public and private ones each.")] = 100,
    output: Annotated[str | None, file_choices.output("All: .csv, .json, .jsonl or .parquet.")] = None,
    lists: Annotated[
        str | None, typer.Option(metavar="FOLDER", help="All public ones as lists, a .json file each.")
    ] = None,
    force: choices.Force = False,
    on_bad_line: file_choices.BadLine = OnBadLine.SKIP,
    timeout: choices.Timeout = None,
    json: choices.Json = False,
) -> ExitStatus:
    """List the addresses, names, URLs and hashes in exported files."""
    session = Session.of(ctx)
    with session.apart("observables") as run:
        from sekoia_export.cli.hunting import observables

        given = {"limit": limit, "on_bad_line": on_bad_line, "timeout": timeout}
        return observables(session, files, given, output=output, lists=lists, force=force, json=json, run=run)
