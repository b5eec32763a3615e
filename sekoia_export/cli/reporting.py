"""What `report` does with files of this machine: a page and a picture, a comment, or the same on the terminal."""

from __future__ import annotations

import getpass
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sekoia_export.arguments.analysis import HuntArguments
from sekoia_export.arguments.base import read_arguments
from sekoia_export.arguments.report import ReportArguments
from sekoia_export.cli.answers import MACHINE, Target, names_of, say_bad_lines
from sekoia_export.cli.exit_status import ExitStatus, status_of_branch
from sekoia_export.cli.output import print_json
from sekoia_export.cli.words import size_in_words
from sekoia_export.operations.hunt import hunt_export
from sekoia_export.operations.outcome import Branch
from sekoia_export.operations.report import Reporter, default_name
from sekoia_export.state import State
from sekoia_export.transfer.local_storage import LocalDataStorage

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sekoia_export.cli.session import Session

_WIDEST = 120


def report(
    session: Session,
    files: Sequence[str],
    given: Mapping[str, Any],
    *,
    rules: str | None,
    output: str | None,
    force: bool,
    text: bool,
    markdown: bool,
    json: bool,
) -> ExitStatus:
    """Carry out `report`.

    Args:
        session: of the command.
        files: as they were named.
        given: arguments of the report.
        rules: file or folder with Sigma rules that are asked as well.
        output: the page's name; None for one beside the current folder's files.
        force: whether files that are there are replaced.
        text: whether the report goes to stdout as text instead, and no file is written.
        markdown: whether stdout gets the comment instead of the page's name.
        json: whether it gets all results instead.
    """
    names = names_of(session, files)
    shared = {**given, "file_paths": names}
    if rules is not None:
        shared["hunt_results"] = _hunted(session, names, rules, given)
    reporter = Reporter(
        MACHINE,
        session.clock,
        state=State(LocalDataStorage(session.places.state)),
        author=_user(),
    )
    if text:
        width = min(_WIDEST, shutil.get_terminal_size().columns)
        for line in reporter.lines(read_arguments(ReportArguments, shared), width=width):
            session.terminal.data(line)
        return status_of_branch(Branch.DONE)
    first = read_arguments(ReportArguments, shared)
    target = Target(session, output or str(session.folder / Path(default_name(first)).name), force=force)
    picture = Target(session, str(Path(str(target.shown)).with_suffix(".png")), force=force)
    outcome = reporter.write(read_arguments(ReportArguments, {**shared, "file_name": target.name}), into=target.storage)
    target.tidy()
    results = outcome.results
    drawn = picture.shown if results.timeline_path else None
    if json:
        shown = {"branch": outcome.branch, **results.model_dump(mode="json")}
        print_json(session.terminal, {**shown, "file_path": target.shown, "timeline_path": drawn})
    else:
        session.terminal.data(results.markdown if markdown else str(target.shown))
        and_picture = f", the timeline is {drawn}" if drawn else ""
        session.terminal.say(
            f"{results.events_count:,} events, a page of {size_in_words(results.file_size)}{and_picture}"
        )
    say_bad_lines(session.terminal, results.bad_lines)
    return status_of_branch(outcome.branch)


def _hunted(session: Session, names: Sequence[str], rules: str, given: Mapping[str, Any]) -> dict[str, Any]:
    [path] = names_of(session, [rules])
    asked = {"file_paths": names, "rules_path": path, "on_bad_line": given.get("on_bad_line")}
    arguments = read_arguments(HuntArguments, {**asked, "timeout": given.get("timeout")})
    return hunt_export(MACHINE, session.clock, arguments).results.model_dump(mode="json")


def _user() -> str | None:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # no name for this user anywhere
        return None
