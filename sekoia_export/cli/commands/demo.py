"""`sekoia-export demo`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sekoia_export.cli.exit_status import ExitStatus

EXAMPLES = ("sekoia-export demo --events 1000000",)


class Against(StrEnum):
    """What a demo runs against."""

    SIMULATOR = "simulator"
    PLATFORM = "platform"


def command(
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
) -> ExitStatus:
    """Run the four actions of the chain as the playbook engine does, against a simulated platform."""
    from sekoia_export.cli.demo import Demo

    chain = Demo(module=module, folder=folder, query=query, earliest_time=since)
    done = chain.against_simulator(total_events=events) if against is Against.SIMULATOR else chain.against_platform()
    return ExitStatus(done)
