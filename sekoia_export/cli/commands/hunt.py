"""`sekoia-export hunt`."""

from __future__ import annotations

from typing import Annotated

import typer

from sekoia_export.analysis.events import OnBadLine
from sekoia_export.cli import choices, file_choices
from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.session import Session

EXAMPLES = (
    "sekoia-export hunt jdoe.jsonl.gz --rules sigma/rules/windows/process_creation",
    "sekoia-export hunt a.jsonl.gz b.parquet --rules own.yml --rules sigma/ --json",
)


def command(
    ctx: typer.Context,
    files: file_choices.Files,
    *,
    rules: Annotated[
        list[str], typer.Option(metavar="PATH", help="File with Sigma rules, or folder of .yml; as often as needed.")
    ],
    examples: Annotated[int, typer.Option(metavar="N", help="Events of each rule with --json.")] = 3,
    engine: file_choices.EngineOption = "duckdb",
    master: file_choices.Master = None,
    on_bad_line: file_choices.BadLine = OnBadLine.SKIP,
    timeout: choices.Timeout = None,
    json: choices.Json = False,
) -> ExitStatus:
    """Find what Sigma rules find in exported files."""
    session = Session.of(ctx)
    with session.apart("hunt") as run:
        from sekoia_export.cli.hunting import hunt

        given = {
            "examples": examples,
            "engine": engine,
            "master": master,
            "on_bad_line": on_bad_line,
            "timeout": timeout,
        }
        return hunt(session, files, given, rules=rules, json=json, run=run)
