"""What `convert` does with files of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sekoia_export.arguments.analysis import ConvertArguments
from sekoia_export.arguments.base import read_arguments
from sekoia_export.cli.answers import MACHINE, Target, names_of, say_bad_lines
from sekoia_export.cli.exit_status import ExitStatus, status_of_branch
from sekoia_export.cli.output import print_json
from sekoia_export.cli.words import size_in_words
from sekoia_export.operations.convert import convert_export, default_name

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sekoia_export.analysis.apart import Runner
    from sekoia_export.cli.session import Session


def convert(
    session: Session,
    files: Sequence[str],
    given: Mapping[str, Any],
    *,
    output: str | None,
    force: bool,
    json: bool,
    run: Runner,
) -> ExitStatus:
    """Carry out `convert`."""
    names = names_of(session, files)
    first = read_arguments(ConvertArguments, {**given, "file_paths": names})
    beside = session.folder / Path(default_name(first)).name
    target = Target(session, output or str(beside), force=force)
    arguments = read_arguments(ConvertArguments, {**given, "file_paths": names, "file_name": target.name})
    outcome = convert_export(MACHINE, session.clock, arguments, into=target.storage, run=run)
    target.tidy()
    results = outcome.results
    if json:
        shown = {"branch": outcome.branch, **results.model_dump(mode="json")}
        print_json(session.terminal, {**shown, "file_path": target.shown})
    else:
        session.terminal.data(str(target.shown))
        session.terminal.say(f"{results.events_count:,} events, {size_in_words(results.file_size)}")
    say_bad_lines(session.terminal, results.bad_lines)
    return status_of_branch(outcome.branch)
