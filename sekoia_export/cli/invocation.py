"""One invocation: the command line is parsed and carried out; whatever comes of it is said and becomes a status."""

from __future__ import annotations

import re
import traceback
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sekoia_export.cli import COMPLETION_VARIABLE, PROGRAM
from sekoia_export.cli.exit_status import ExitStatus, status_of_error
from sekoia_export.cli.extras import missing_extra
from sekoia_export.cli.group import HelpWanted, LazyGroup
from sekoia_export.cli.options import parameters_of, shared_parameters
from sekoia_export.cli.session import Process
from sekoia_export.cli.table import COMMANDS
from sekoia_export.cli.terminal import Terminal, log_kept_as_it_was
from sekoia_export.cli.wording import told
from sekoia_export.errors import ExportError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sekoia_export.analysis.apart import Ahead


def _say_version(value: bool) -> None:
    if value:
        from importlib.metadata import version

        typer.echo(f"{PROGRAM} {version('sekoia-event-export')}")
        raise typer.Exit


HELP = """\b
Launch massive event exports of Sekoia.io, wait for them, fetch and decrypt them.
Example: sekoia-export run --query 'user.name:"j.doe"' --since -7d -o jdoe.jsonl
"""
_EXTRA = re.compile(r"(?<=unexpected extra argument)\(s\) \(.*\)")  # what stands there may be a secret
_PACKAGE = Path(__file__).resolve().parents[1]
STATUSES = "Exit status: 0 done, 1 failed, 2 usage or key, 3 timed out, 4 incomplete, 5 busy, 130 interrupted"


def invoke(arguments: Sequence[str], process: Process | None = None, *, ahead: Ahead | None = None) -> int:
    """Carry out one command line and return its exit status; no exception leaves, nothing exits."""
    process = process or Process(ahead=ahead)
    terminal = Terminal(process.streams, environment=process.environment, secrets=process.secrets)
    if COMPLETION_VARIABLE in process.environment:
        from typer.completion import completion_init  # type: ignore[attr-defined]  # Typer calls it with its own options

        completion_init()
    with log_kept_as_it_was():
        return _carried_out(arguments, process, terminal)


def _carried_out(arguments: Sequence[str], process: Process, terminal: Terminal) -> int:
    try:
        return _status(
            root().main(
                list(arguments), prog_name=PROGRAM, complete_var=COMPLETION_VARIABLE, standalone_mode=False, obj=process
            ),
            terminal,
        )
    except HelpWanted as wanted:
        process.streams.stderr.write(f"{wanted}\n")
        return ExitStatus.USAGE
    except ExportError as failure:
        terminal.error(f"{PROGRAM}: {told(failure)}")
        return status_of_error(failure)
    except typer.TyperException as misuse:
        terminal.error(_misuse(misuse))
        return ExitStatus.USAGE
    except (KeyboardInterrupt, typer.Abort):
        terminal.error(f"{PROGRAM}: Interrupted.")
        return ExitStatus.INTERRUPTED
    except ModuleNotFoundError as missing:
        if (extra := missing_extra(missing)) is None:
            terminal.error(_unexpected(missing, terminal))
            return ExitStatus.FAILED
        terminal.error(f"{PROGRAM}: {extra}")
        return ExitStatus.USAGE
    except SystemExit as ended:
        # Typer's own ways out: a completion, and a reader of stdout that has gone.
        return ended.code if isinstance(ended.code, int) else ExitStatus.FAILED
    except Exception as bug:  # noqa: BLE001 - a person gets a sentence, and no traceback with who knows what in it
        terminal.error(_unexpected(bug, terminal))
        return ExitStatus.FAILED


def root() -> LazyGroup:
    """Return the group of all commands."""
    return LazyGroup(
        name=PROGRAM,
        entries=COMMANDS,
        help=HELP,
        epilog=STATUSES,
        params=[*parameters_of(_version), *shared_parameters(connects=True)],
    )


def _version(
    *,
    version: Annotated[
        bool,
        typer.Option("--version", help="Say the version.", is_eager=True, callback=_say_version, expose_value=False),
    ] = False,
) -> None:
    """Options of the program itself."""


def _status(returned: Any, terminal: Terminal) -> ExitStatus:
    """Return the status of what a command returned, or of what Typer made of an Exit or a Ctrl-C."""
    if isinstance(returned, ExitStatus):
        return returned
    if returned == ExitStatus.INTERRUPTED:
        terminal.error(f"{PROGRAM}: Interrupted.")
    return ExitStatus(returned or 0)


def _misuse(misuse: typer.TyperException) -> str:
    """Return Typer's complaint as two sentences; it names options, and values of those that are no secrets."""
    cause = " ".join(misuse.format_message().split()).rstrip(".").replace(": Value error, ", ": ")
    cause = _EXTRA.sub("", cause)
    ctx = getattr(misuse, "ctx", None)
    path = ctx.command_path if ctx is not None else PROGRAM
    return f"{PROGRAM}: {cause}. See {path} --help."


def _unexpected(bug: Exception, terminal: Terminal) -> str:
    frames = traceback.extract_tb(bug.__traceback__)
    ours = [frame for frame in frames if _PACKAGE in Path(frame.filename).parents] or frames
    place = f"{Path(ours[-1].filename).name}:{ours[-1].lineno}" if ours else "an unknown place"
    text = f"{PROGRAM}: An unexpected {type(bug).__name__} at {place}: this is a bug of {PROGRAM}. Please report it."
    return terminal.without_secrets(text)
