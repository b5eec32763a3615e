"""`sekoia-export playbook run`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.session import Session

EXAMPLES = (
    "sekoia-export playbook run playbooks/export-case-events.json",
    "sekoia-export playbook run playbooks/export-case-events.json --mishap busy",
)


class Against(StrEnum):
    """What a playbook runs against."""

    SIMULATOR = "simulator"
    PLATFORM = "platform"


def command(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="The playbook, as the platform exports it.")],
    *,
    event: Annotated[
        str | None, typer.Option(metavar="JSON|@FILE", help="What the trigger sends; else it is started.")
    ] = None,
    against: Annotated[Against, typer.Option(help="platform: exports count.")] = Against.SIMULATOR,
    module: Annotated[Path | None, typer.Option(help="Folder with main.py; by default this checkout.")] = None,
    folder: Annotated[Path, typer.Option(help="The playbook's data storage.")] = Path("playbook-run"),
    trigger: Annotated[int | None, typer.Option(help="Number of the trigger; by default the first.")] = None,
    events: Annotated[int, typer.Option(min=1, help="Events of the trigger to wait for.")] = 1,
    settings: Annotated[
        list[str] | None, typer.Option("--set", metavar="NODE.ARGUMENT=VALUE", help="Replace an argument; repeatable.")
    ] = None,
    mishap: Annotated[
        str | None, typer.Option(help="What goes wrong on the simulator, for instance busy or empty.")
    ] = None,
    own_bucket: Annotated[bool, typer.Option("--own-bucket", help="Simulate a configured bucket.")] = False,
    total_events: Annotated[int, typer.Option(min=0, help="Events the simulator finds.")] = 1_000,
    as_json: Annotated[bool, typer.Option("--json", help="Results as JSON.")] = False,
) -> ExitStatus:
    """Run a playbook on this machine; what it does to cases and channels, it does on a simulated platform."""
    from sekoia_export.cli.playbook_run.runner import Request, run

    request = Request(
        file=file,
        event=event,
        on_platform=against is Against.PLATFORM,
        module=module,
        folder=folder,
        trigger=trigger,
        events=events,
        settings=tuple(settings or ()),
        mishap=mishap,
        own_bucket=own_bucket,
        total_events=total_events,
        as_json=as_json,
    )
    return run(Session.of(ctx), request)
