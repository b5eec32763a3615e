"""`sekoia-export query`."""

from __future__ import annotations

from typing import Annotated

import typer

from sekoia_export.analysis.events import OnBadLine
from sekoia_export.cli import choices, file_choices
from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.session import Session

EXAMPLES = (
    "sekoia-export query jdoe.jsonl.gz --top source.ip --limit 10",
    'sekoia-export query jdoe.jsonl.gz --over-time 1h --where "\\"event.outcome\\" = \'failure\'"',
    "sekoia-export query a.jsonl.gz b.parquet --sql 'SELECT min(\"@timestamp\") FROM events' --json",
)


def command(
    ctx: typer.Context,
    files: file_choices.Files,
    *,
    sql: Annotated[str | None, typer.Option(metavar="SQL", help="One SELECT of the table events.")] = None,
    top: Annotated[str | None, typer.Option(metavar="FIELD", help="Its most frequent values.")] = None,
    distinct: Annotated[str | None, typer.Option(metavar="FIELD", help="Its different values.")] = None,
    count_by: Annotated[str | None, typer.Option(metavar="A,B", help="Count by these fields.")] = None,
    over_time: Annotated[str | None, typer.Option(metavar="INTERVAL", help="Count by 5m, 1h, 1d ...")] = None,
    where: Annotated[str | None, typer.Option(metavar="CONDITION", help="Of these events only; alone: them.")] = None,
    limit: Annotated[int, typer.Option(metavar="N", help="Rows at most.")] = 100,
    output: Annotated[str | None, file_choices.output("All rows: .csv, .json, .jsonl or .parquet.")] = None,
    force: choices.Force = False,
    engine: file_choices.EngineOption = "duckdb",
    master: file_choices.Master = None,
    on_bad_line: file_choices.BadLine = OnBadLine.SKIP,
    timeout: choices.Timeout = None,
    json: choices.Json = False,
) -> ExitStatus:
    """Ask exported files: in SQL, or without."""
    session = Session.of(ctx)
    with session.apart("query") as run:
        from sekoia_export.cli.answers import query

        given = {
            "sql": sql,
            "top": top,
            "distinct": distinct,
            "count_by": count_by,
            "over_time": over_time,
            "where": where,
            "limit": limit,
            "engine": engine,
            "master": master,
            "on_bad_line": on_bad_line,
            "timeout": timeout,
        }
        return query(session, files, given, output=output, force=force, json=json, run=run)
