"""`sekoia-export report`."""

from __future__ import annotations

from typing import Annotated

import typer

from sekoia_export.analysis.events import OnBadLine
from sekoia_export.cli import choices, file_choices
from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.session import Session

EXAMPLES = (
    "sekoia-export report jdoe.jsonl.gz --case CA-123 --field-set identity",
    "sekoia-export report jdoe.jsonl.gz --rules sigma/ -o jdoe.html --title 'Sign-ins of j.doe'",
    "sekoia-export report jdoe.jsonl.gz --text",
)


def command(
    ctx: typer.Context,
    files: file_choices.Files,
    *,
    output: Annotated[str | None, file_choices.output("The page, .html; a .png lies beside it.")] = None,
    text: Annotated[bool, typer.Option("--text", help="Show it here, with bars, and write no file.")] = False,
    markdown: Annotated[bool, typer.Option("--markdown", help="Write it to stdout as a comment, too.")] = False,
    rules: Annotated[str | None, typer.Option(metavar="PATH", help="Hunt with these Sigma rules as well.")] = None,
    title: Annotated[str | None, typer.Option(metavar="TEXT", help="Its title.")] = None,
    case: Annotated[str | None, typer.Option(metavar="TEXT", help="The case it belongs to.")] = None,
    author: Annotated[str | None, typer.Option(metavar="NAME", help="By whom; this user by default.")] = None,
    query: choices.Query = None,
    since: choices.Since = None,
    until: choices.Until = None,
    fields: Annotated[str | None, typer.Option(metavar="A,B", help="Fields whose top values are shown.")] = None,
    field_set: choices.FieldSetOption = None,
    force: choices.Force = False,
    on_bad_line: file_choices.BadLine = OnBadLine.SKIP,
    timeout: choices.Timeout = None,
    json: choices.Json = False,
) -> ExitStatus:
    """Write exported files as one page to attach or mail, and its name to stdout."""
    from sekoia_export.cli.reporting import report

    given = {
        "title": title,
        "case": case,
        "author": author,
        "query": query,
        "earliest_time": since,
        "latest_time": until,
        "fields": fields,
        "field_set": field_set,
        "on_bad_line": on_bad_line,
        "timeout": timeout,
    }
    return report(
        Session.of(ctx),
        files,
        given,
        rules=rules,
        output=output,
        force=force,
        text=text,
        markdown=markdown,
        json=json,
    )
