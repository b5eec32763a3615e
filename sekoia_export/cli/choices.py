"""Options that several commands have, and how their values are read."""

from __future__ import annotations

import re
from typing import Annotated

import typer

from sekoia_export.archive import ArchiveFormat
from sekoia_export.arguments.alternatives import EncryptionChoice, FieldSet
from sekoia_export.cli.recent import complete_job, complete_task
from sekoia_export.cli.view import ProgressStyle

_DURATION = re.compile(r"(\d{1,7})([smhd]?)")
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86_400}


def duration_s(text: str) -> int:
    """Return the seconds that `text` names: `90`, `90s`, `15m`, `2h`, `1d`."""
    found = _DURATION.fullmatch(text.strip().lower())
    if found is None:
        raise typer.BadParameter("give seconds, or a number with s, m, h or d, such as 90s, 15m or 2h")
    return int(found[1]) * _SECONDS[found[2]]


def _duration(*names: str, help: str) -> typer.models.OptionInfo:  # noqa: A002 - Typer's name
    option: typer.models.OptionInfo = typer.Option(*names, help=help, parser=duration_s, metavar="TIME")
    return option


def _chosen(*names: str, metavar: str, help: str) -> typer.models.OptionInfo:  # noqa: A002 - Typer's name
    option: typer.models.OptionInfo = typer.Option(*names, help=help, metavar=metavar, show_default=False)
    return option


JobArgument = Annotated[
    str, typer.Argument(help="Uuid of the search job.", metavar="JOB_UUID", autocompletion=complete_job)
]
TaskArgument = Annotated[
    str, typer.Argument(help="Uuid of the export's task.", metavar="TASK_UUID", autocompletion=complete_task)
]
_QUERY = _chosen("--query", metavar="QUERY", help="What to search for, as in the search bar.")
_SINCE = _chosen("--since", metavar="TIME", help="Start: -7d, or 2026-01-31T08:00:00Z.")
Query = Annotated[str | None, _QUERY]
RequiredQuery = Annotated[str, _QUERY]
Since = Annotated[str | None, _SINCE]
RequiredSince = Annotated[str, _SINCE]
Until = Annotated[str | None, _chosen("--until", metavar="TIME", help="End; now by default.")]
Margin = Annotated[int | None, _duration("--margin", help="Widen the period by so much at both ends.")]
MaxEvents = Annotated[int | None, _chosen("--max-events", metavar="N", help="Only the last N events.")]
Community = Annotated[list[str] | None, _chosen("--community", metavar="UUID", help="Search in it; can be repeated.")]
Fields = Annotated[str | None, _chosen("--fields", metavar="A,B", help="Fields to export.")]
FieldSetOption = Annotated[
    FieldSet | None, _chosen("--field-set", metavar="SET", help="network, identity or endpoint.")
]
Encryption = Annotated[
    EncryptionChoice | None, _chosen("--encryption", metavar="HOW", help="automatic, required or platform.")
]
Slot = Annotated[int | None, _duration("--wait-for-slot", help="Wait so long while another export runs.")]
Output = Annotated[str | None, _chosen("-o", "--output", metavar="FILE", help="File, folder, or - for JSON Lines.")]
Format = Annotated[
    ArchiveFormat | None, _chosen("--format", metavar="FORMAT", help="jsonl.gz, jsonl or json; else by suffix.")
]
Force = Annotated[bool, typer.Option("--force", help="Replace a file that is there.")]
Timeout = Annotated[int | None, _duration("--timeout", help="90s, 15m, 2h or seconds.")]
Json = Annotated[bool, typer.Option("--json", help="Write the results as one JSON document.")]
Progress = Annotated[
    ProgressStyle, _chosen("--progress", metavar="STYLE", help="auto, plain or json (NDJSON), on stderr.")
]
