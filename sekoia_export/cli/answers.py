"""What `query` does with files of this machine, and how an answer looks on a terminal."""

from __future__ import annotations

import unicodedata
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from sekoia_export.arguments.analysis import QueryArguments
from sekoia_export.arguments.base import read_arguments
from sekoia_export.cli.exit_status import ExitStatus, status_of_branch
from sekoia_export.cli.output import print_json
from sekoia_export.cli.wording import CommandLineError
from sekoia_export.operations.query import query_export
from sekoia_export.transfer.local_storage import LocalDataStorage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sekoia_export.analysis.apart import Runner
    from sekoia_export.cli.session import Session
    from sekoia_export.cli.terminal import Terminal

_CELL_LENGTH = 120
_UNSHOWN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
"""Categories of characters that would move the cursor, or turn the order of what follows."""


def query(
    session: Session,
    files: Sequence[str],
    given: Mapping[str, Any],
    *,
    output: str | None,
    force: bool,
    json: bool,
    run: Runner,
) -> ExitStatus:
    """Carry out `query`: the rows go to stdout as a table, as JSON, or into a file."""
    target = Target(session, output, force=force)
    arguments = read_arguments(
        QueryArguments, {**given, "file_paths": names_of(session, files), "to_file": target.name}
    )
    outcome = query_export(MACHINE, session.clock, arguments, into=target.storage, run=run)
    target.tidy()
    results = outcome.results
    terminal = session.terminal
    if json:
        shown = {"branch": outcome.branch, **results.model_dump(mode="json")}
        print_json(terminal, {**shown, "file_path": target.shown})
    elif target.shown is None:
        print_table(terminal, results.columns, results.rows)
        if results.truncated:
            terminal.say(f"There are more rows than these {results.row_count}: raise --limit, or write all with -o.")
    else:
        terminal.say(f"{results.row_count:,} rows in {target.shown}")
    say_bad_lines(terminal, results.bad_lines)
    return status_of_branch(outcome.branch)


# Every file that this user can read: names are made from paths, see `names_of`.
MACHINE = LocalDataStorage(Path("/"))


class Target:
    """The file that is written, if any.

    Attributes:
        name: in `storage`; None for no file.
        storage: the folder it goes to.
        shown: where it is, for a person.
    """

    def __init__(self, session: Session, output: str | None, *, force: bool) -> None:
        path = None if output is None else (session.folder / Path(output).expanduser()).resolve()
        if path is not None and path.exists() and not force:
            raise CommandLineError(
                f"{path} is there already.", "Give another name with --output, or replace it with --force."
            )
        self.name = None if path is None else path.name
        self.shown = None if path is None else str(path)
        self.storage = None if path is None else LocalDataStorage(path.parent)

    def tidy(self) -> None:
        """Remove what was only needed while the file was written."""
        if self.storage is not None:
            self.storage.tidy()


def names_of(session: Session, files: Sequence[str], *, remedy: str = "Name an exported file.") -> list[str]:
    """Return the names in `MACHINE` of files as they were typed. Raises CommandLineError when one is not there."""
    paths = [(session.folder / Path(file).expanduser()).resolve() for file in files]
    for path in paths:
        if not path.exists():
            raise CommandLineError(f"There is no file {path}.", remedy)
    return [path.as_posix().lstrip("/") for path in paths]


def say_bad_lines(terminal: Terminal, count: int) -> None:
    """Warn of lines that were left out."""
    if count:
        terminal.warn(f"{count:,} lines are no JSON objects and were left out.")


def print_table(terminal: Terminal, columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> None:
    """Write the rows as a table of plain text: nothing in them reaches the terminal but characters that stand still."""
    if not rows:
        terminal.say("No rows.")
        return
    lines = [[_cell(column) for column in columns], *([_cell(row[column]) for column in columns] for row in rows)]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    numbers = [all(isinstance(row[column], (int, float)) for row in rows) for column in columns]
    for at, line in enumerate(lines):
        cells = [
            cell.rjust(width) if number else cell.ljust(width)
            for cell, width, number in zip(line, widths, numbers, strict=True)
        ]
        terminal.data("  ".join(cells).rstrip(), style=None if at else "bold")


def _cell(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else orjson.dumps(value).decode()
    plain = "".join(
        character if unicodedata.category(character) not in _UNSHOWN else "\N{REPLACEMENT CHARACTER}"
        for character in text
    )
    return plain if len(plain) <= _CELL_LENGTH else f"{plain[: _CELL_LENGTH - 1]}…"
