"""`sekoia-export`: the command line. Each command's module is imported when the command runs."""

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sekoia_export.errors import ExportError

app = typer.Typer(
    name="sekoia-export",
    help="Launch massive event exports of Sekoia.io, wait for them, fetch and decrypt them.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


class Against(StrEnum):
    """What a demo runs against."""

    SIMULATOR = "simulator"
    PLATFORM = "platform"


@app.callback()
def _commands() -> None:
    """Launch massive event exports of Sekoia.io, wait for them, fetch and decrypt them."""


@app.command()
def demo(
    *,
    module: Annotated[
        Path | None, typer.Option(help="The module's folder, where main.py is; by default this checkout.")
    ] = None,
    folder: Annotated[Path, typer.Option(help="Where the fetched file goes.")] = Path("demo"),
    events: Annotated[int, typer.Option(min=1, help="How many events the simulated platform has.")] = 200_000,
    against: Annotated[
        Against, typer.Option(help="platform: SEKOIA_BASE_URL with SEKOIA_API_KEY; its export counts.")
    ] = Against.SIMULATOR,
    query: Annotated[str, typer.Option(help="What to search for.")] = "event.category:*",
    since: Annotated[str, typer.Option(help="Start of the period.")] = "-1h",
) -> None:
    """Run the four actions of the chain as the playbook engine does, against a simulated platform.

    Example: sekoia-export demo --events 1000000
    """
    from sekoia_export.cli.demo import Demo

    chain = Demo(module=module, folder=folder, query=query, earliest_time=since)
    status = chain.against_simulator(total_events=events) if against is Against.SIMULATOR else chain.against_platform()
    raise typer.Exit(status)


def main() -> None:
    """Run the command line; an expected failure is its two sentences on stderr and the exit status 1."""
    try:
        app()
    except ExportError as failure:
        typer.echo(f"sekoia-export: {failure}", err=True)
        sys.exit(1)
