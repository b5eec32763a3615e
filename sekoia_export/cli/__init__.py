"""`sekoia-export`: the command line, a thin face of the library's operations.

What starts fast stays fast: `--help`, completion and a typing error import no command. A command's module is imported
when its name is typed, and imports what is heavy (boto3, Rich, DuckDB, Flask) where it is used.

A command is added in two places:

1. a line in `table.py`: its name, its help of one line, whether it talks to the platform; a group has `commands`;
2. `commands/<name>.py` (`commands/<group>/<name>.py` in a group; `-` in a name is `_` in the file's): the function
   `command`, a Typer function whose docstring is the help, and `EXAMPLES`, a tuple of command lines shown in the help,
   in docs/cli.md, and parsed by a test. Its signature begins with `ctx: typer.Context`, then arguments and options.

::

    EXAMPLES = ("sekoia-export status 9a1c...",)

    def command(ctx: typer.Context, task_uuid: Annotated[str, typer.Argument(help="The export's task.")]) -> ExitStatus:
        \"\"\"Say how far an export is.\"\"\"
        session = Session.of(ctx)           # terminal, clock, folder, places; session.settings when it is asked for
        configuration = session.settings.configuration
        ...                                 # one call of an operation
        session.terminal.data(text)         # what was asked for: stdout; session.terminal.say: stderr
        return status_of_branch(outcome.branch)

A command returns an `ExitStatus` (None is DONE) or raises an `ExportError`; `main` says the error and picks the status,
and nothing else exits. `--profile`, `--quiet` and the like are added to every command and are in `session.options`.
`make manifests` writes docs/cli.md anew.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from typing import TYPE_CHECKING

from sekoia_export.cli.table import apart_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from contextlib import AbstractContextManager

    from sekoia_export.analysis.apart import Ahead
    from sekoia_export.cli.session import Process

PROGRAM = "sekoia-export"
COMPLETION_VARIABLE = "_SEKOIA_EXPORT_COMPLETE"
"""Set by a shell's completion script when it asks what may follow."""
_OBJECTS_BEFORE_COLLECTION = 20_000


def main() -> None:
    """Run the command line of this process and exit."""
    # Imports make many objects and no garbage: looking for it every 700 objects took a tenth of a command's start.
    gc.set_threshold(_OBJECTS_BEFORE_COLLECTION)
    # Pydantic would read the metadata of everything that is installed, to find that none of it is a plugin.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    try:
        with _begun(sys.argv[1:]) as ahead:
            status = run(sys.argv[1:], ahead=ahead)
    except KeyboardInterrupt:
        # While the first modules are imported: nothing was done yet, and there is no terminal to say it with.
        sys.stderr.write(f"{PROGRAM}: Interrupted.\n")
        status = 130
    gc.freeze()  # at its end the interpreter would look through all objects, several times, before it gives them up
    sys.exit(status)


def run(arguments: Sequence[str], process: Process | None = None, *, ahead: Ahead | None = None) -> int:
    """Carry out one command line and return its exit status.

    Args:
        arguments: without the program's name.
        process: what surrounds it; this process when not given.
        ahead: the process that has begun for the command's work, if any; for this process only.
    """
    from sekoia_export.cli.invocation import invoke

    return invoke(arguments, process, ahead=ahead)


def _begun(arguments: Sequence[str]) -> AbstractContextManager[Ahead | None]:
    """Return the process that a command's work is done in, begun; this one has a fifth of a second to import yet."""
    module = apart_of(arguments[0]) if len(arguments) > 1 else None
    if module is None or not {"-h", "--help"}.isdisjoint(arguments):
        return contextlib.nullcontext()
    from sekoia_export.analysis.apart import Ahead

    return Ahead(module)
