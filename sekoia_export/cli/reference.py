"""`docs/cli.md`: the reference of the command line, made from the commands themselves."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from sekoia_export.cli import PROGRAM
from sekoia_export.cli.event_view import EVENTS
from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.group import Leaf, help_record
from sekoia_export.cli.invocation import root
from sekoia_export.cli.settings.known import FILE, KNOWN
from sekoia_export.cli.settings.places import HOME_VARIABLE
from sekoia_export.cli.settings.settings import KEYRING_VARIABLE, PROFILE_VARIABLE
from sekoia_export.cli.table import COMMANDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sekoia_export.cli.table import Entry

_STATUSES = {
    ExitStatus.DONE: "done; a search that found nothing is done too",
    ExitStatus.FAILED: "failed at the platform, in the storage, on the network or on this machine's disk",
    ExitStatus.USAGE: "usage or configuration: a wrong option, a refused key, a missing permission",
    ExitStatus.TIMED_OUT: "timed out; stderr names the command that goes on",
    ExitStatus.INCOMPLETE: "fetched, but incomplete, damaged or not verified",
    ExitStatus.BUSY: "another export is running, or a quota is used up",
    ExitStatus.INTERRUPTED: "interrupted; what was done is kept",
}


_PLACES = f"""\
The first that has a value wins: option, environment, `.env` in the current folder, profile, the rest of `config.toml`,
keyring, default. Empty means not set. `sekoia-export config` shows each value and where it comes from.

`{PROFILE_VARIABLE}` names the profile. `{KEYRING_VARIABLE}=1`, or `keyring = true` in `config.toml`, has secrets that
are nowhere else looked for in the system's keyring, under the service `sekoia-export` and the user
`<profile or default>:<setting>`. `{HOME_VARIABLE}` is the folder of `config.toml` and of the state; by default both are
in the user's own folders. A key given as an option's value is refused: everyone on the machine can read it. What `.env`
sets is said, and an API key from elsewhere is not sent to an address that only `.env` names, unless it is Sekoia.io's
or this machine.
"""

_RUNS = f"""\
`run` keeps a record under its uuid before it asks the platform for anything: what was asked for, the uuids, how far
it came; no secret. It lies in the state folder (`{HOME_VARIABLE}`), readable by its user only. After Ctrl-C,
SIGTERM, a closed terminal, a timeout, a crash or a power cut, `resume` goes on with the same search and the same
export; parts of the file that came are in `.sekoia-export/` beside it and are not fetched again. A second Ctrl-C
ends at once what the first one ends in order, and loses nothing either. A key given for the run is not kept and has
to be given again.

An existing file is replaced with `--force` only, also when it appears while the run goes on.

stdout has what was asked for: `search` its job's uuid, `trigger` its task's uuid, `wait` the status, `run` and
`fetch` the file's path, and with `--json` one JSON document instead: the branch and the results of the action of
that name. With `-o -` it has the events as JSON Lines. They are fetched to a private folder of the state first, and
the first one is written when the last one is verified: what comes through the pipe is all of a sound export, or
nothing. A reader that leaves early (`| head`) is no failure.

stderr has messages and progress: drawn on a terminal, sentences elsewhere; no colours with `NO_COLOR`. With
`--progress json` it has NDJSON:

```json
{EVENTS}```
"""


def reference() -> str:
    """Return the page as Markdown; it is the same each time."""
    program = root()
    ctx = _context(program, PROGRAM)
    lines = [
        "# The command line",
        "",
        "Generated from the commands by `make manifests`. Data goes to stdout; messages and progress go to stderr.",
        "",
        "| exit status | meaning |",
        "| --- | --- |",
        *(f"| {status.value} | {_STATUSES[status]} |" for status in ExitStatus),
        "",
        "## Options of every command",
        "",
        "They stand before or after the command; those of the platform and the keys where a command talks to it.",
        "",
        *_table("option", "meaning", _options(program.params, ctx)),
        "",
        "## Configuration",
        "",
        _PLACES,
        *_table("in config.toml", "environment, meaning", list(_settings())),
        "",
        "## Runs and streams",
        "",
        _RUNS,
        "## Commands",
        *(line for entry in COMMANDS for line in _command(program, ctx, entry)),
    ]
    return "\n".join(lines) + "\n"


def _command(group: Any, parent: Any, entry: Entry) -> Iterator[str]:
    command = group.get_command(parent, entry.name)
    ctx = _context(command, entry.name, parent)
    if not isinstance(command, Leaf):
        for inner in entry.commands:
            yield from _command(command, ctx, inner)
        return
    yield from ("", f"### {ctx.command_path.removeprefix(f'{PROGRAM} ')}", "")
    yield re.sub(r"(?<!\n)\n(?!\n)", " ", command.help or "")
    yield from ("", "```sh", *command.examples, "```")
    own = [parameter for parameter in command.get_params(ctx) if parameter not in command.shared]
    for kind in ("argument", "option"):
        if rows := _options([parameter for parameter in own if parameter.param_type_name == kind], ctx):
            yield from ("", *_table(kind, "meaning", rows))


def _context(command: Any, name: str, parent: Any = None) -> Any:
    return command.context_class(command, info_name=name, parent=parent)


def _options(parameters: list[Any], ctx: Any) -> list[tuple[str, str]]:
    records = [help_record(parameter, ctx) for parameter in parameters if "--help" not in parameter.opts]
    return [record for record in records if record is not None]


def _settings() -> Iterator[tuple[str, str]]:
    for known in KNOWN:
        official = f" (after it the official exporter's `{known.official}`)" if known.official else ""
        file = f" or `{known.variable}{FILE.upper()}`, a file with it" if known.secret else ""
        yield known.name, f"`{known.variable}`{file}{official}: {known.meaning}"


def _table(first: str, second: str, rows: list[tuple[str, str]]) -> list[str]:
    def cell(text: str) -> str:
        return " ".join(text.split()).replace("|", "\\|")

    return [
        f"| {first} | {second} |",
        "| --- | --- |",
        *(f"| `{cell(name)}` | {cell(meaning)} |" for name, meaning in rows),
    ]
