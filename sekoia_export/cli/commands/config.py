"""`sekoia-export config`."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from pydantic import SecretStr

from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.session import Session

EXAMPLES = (
    "sekoia-export config --profile usa",
    "keyring set sekoia-export usa:api_key && SEKOIA_KEYRING=1 sekoia-export config --profile usa",
)


def command(
    ctx: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
) -> ExitStatus:
    """Show each value of the configuration and where it comes from; of secrets only that they are there.

    The first that has a value wins: option, environment, .env in the current folder, profile, the rest of config.toml,
    keyring, default. The official exporter's variables (API_KEY, API_HOST, ...) count after ours. The options that are
    explained here may stand before or after any command.
    """
    from sekoia_export.cli.settings.known import KNOWN
    from sekoia_export.redaction import HIDDEN, strip_url

    session = Session.of(ctx)
    settings = session.settings
    rows: dict[str, tuple[str | None, str]] = {}
    if settings.profile is not None:
        rows["profile"] = (str(settings.profile.value), settings.profile.origin)
    for known in KNOWN:
        setting = settings.found.get(known.name)
        if setting is None:
            rows[known.name] = (None, known.variable)
        else:
            secret = isinstance(setting.value, SecretStr)
            shown = strip_url(str(setting.value)) if known.name.endswith("_url") else str(setting.value)
            rows[known.name] = (HIDDEN if secret else shown, setting.origin)
    if as_json:
        session.terminal.data(
            json.dumps(
                {
                    "values": {
                        name: {"value": value, "origin": origin}
                        for name, (value, origin) in rows.items()
                        if value is not None
                    },
                    "config_file": str(settings.config_file),
                    "state_folder": str(session.places.state),
                    "profiles": settings.profiles,
                },
                indent=2,
            )
        )
        return ExitStatus.DONE
    width = max(map(len, rows))
    for name, (value, origin) in rows.items():
        if value is None:
            session.terminal.data(f"{name:<{width}}  (not set: {origin})", style="dim")
        else:
            session.terminal.data(f"{name:<{width}}  {value}  (from {origin})")
    there = "" if settings.config_file.is_file() else " (not there)"
    session.terminal.data(f"\nconfiguration file  {settings.config_file}{there}")
    session.terminal.data(f"profiles            {', '.join(settings.profiles) or 'none'}")
    session.terminal.data(f"state folder        {session.places.state}")
    return ExitStatus.DONE
