"""`sekoia-export simulate`."""

from __future__ import annotations

import json
import shlex
from pathlib import Path
from typing import Annotated

import typer

from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.session import Session

EXAMPLES = (
    "sekoia-export simulate --tls --port 8443 --ca-file ca.pem",
    "sekoia-export simulate --events 5000 --fault 'status,path=/export$,status=503,times=2'",
)


def command(
    ctx: typer.Context,
    *,
    port: Annotated[
        int, typer.Option(min=0, max=65535, metavar="N", help="Of the platform; a free one when not given.")
    ] = 0,
    storage_port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="Of the storage; the same.")] = 0,
    events: Annotated[int, typer.Option(min=0, metavar="N", help="How many events a search finds.")] = 1_000,
    export_seconds: Annotated[float, typer.Option(min=0, metavar="S", help="How long an export takes.")] = 2.0,
    tls: Annotated[bool, typer.Option("--tls", help="Serve https, with a made-up authority.")] = False,
    ca_file: Annotated[Path, typer.Option(metavar="FILE", help="Where the authority's certificate is written.")] = Path(
        "simulator-ca.pem"
    ),
    fault: Annotated[
        list[str] | None, typer.Option(metavar="FAULT", help="KIND[,FIELD=VALUE]...: what goes wrong; repeatable.")
    ] = None,
    scenario: Annotated[Path | None, typer.Option(metavar="FILE", help="JSON with settings and faults.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Write address and key as one JSON document.")] = False,
) -> ExitStatus:
    """Serve a simulated platform and storage on 127.0.0.1, for other tools to test against, until Ctrl-C.

    Its address and key are written to stdout as a shell takes them; each request that comes in is told on stderr.
    A kind, a field or a setting that is not known lists those that are.
    """
    from sekoia_export.cli.simulate import Simulation

    session = Session.of(ctx)
    simulation = Simulation(
        session.terminal,
        clock=session.clock,
        scenario=None if scenario is None else session.folder / scenario,
        faults=fault or [],
        settings={"total_events": events, "export_duration_s": export_seconds},
        authority=session.folder / ca_file if tls else None,
    )
    with simulation.started(port=port, storage_port=storage_port) as variables:
        if as_json:
            session.terminal.data(json.dumps(variables))
        else:
            for name, value in variables.items():
                session.terminal.data(f"export {name}={shlex.quote(value)}")
        simulation.tell_until_stopped()
    return ExitStatus.DONE
