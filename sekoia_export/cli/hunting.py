"""What `hunt` and `observables` do with files of this machine."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sekoia_export.analysis.observables import LISTS
from sekoia_export.arguments.analysis import HuntArguments, ObservablesArguments
from sekoia_export.arguments.base import read_arguments
from sekoia_export.cli.answers import MACHINE, Target, names_of, print_table, say_bad_lines
from sekoia_export.cli.exit_status import ExitStatus, status_of_branch
from sekoia_export.cli.output import print_json
from sekoia_export.operations.hunt import hunt_export
from sekoia_export.operations.observables import extract_observables

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sekoia_export.analysis.apart import Runner
    from sekoia_export.cli.session import Session
    from sekoia_export.results.analysis import HuntResults, ObservablesResults

RULE_COLUMNS = ("matches", "level", "title", "first", "last")
OBSERVABLE_COLUMNS = ("type", "value", "count", "first_seen", "last_seen", "private")


def hunt(
    session: Session,
    files: Sequence[str],
    given: Mapping[str, Any],
    *,
    rules: Sequence[str],
    json: bool,
    run: Runner,
) -> ExitStatus:
    """Carry out `hunt`: the rules that find something are a table on stdout.

    Args:
        session: of the command.
        files: as they were named.
        given: arguments of the hunt.
        rules: files and folders with Sigma rules, as they were named.
        json: whether stdout gets all results instead.
        run: what runs the task.
    """
    arguments = read_arguments(HuntArguments, {**given, "file_paths": names_of(session, files)})
    named = names_of(session, rules, remedy="Give --rules a file or a folder with Sigma rules.")
    outcome = hunt_export(MACHINE, session.clock, arguments, rules_names=named, run=run)
    results = outcome.results
    terminal = session.terminal
    if json:
        print_json(terminal, {"branch": outcome.branch, **results.model_dump(mode="json")})
    else:
        if results.matched_rules:
            print_table(terminal, RULE_COLUMNS, rule_rows(results))
        terminal.say(
            f"{results.matched_rules:,} of {results.rules_count:,} rules find something in "
            f"{results.events_count:,} events."
        )
        blind = sum(bool(rule.missing_fields) for rule in results.rules)
        if blind:
            terminal.say(f"{blind:,} rules name fields that no event has, and may miss events: --json names them.")
    say_bad_lines(terminal, results.bad_lines)
    return status_of_branch(outcome.branch)


def observables(
    session: Session,
    files: Sequence[str],
    given: Mapping[str, Any],
    *,
    output: str | None,
    lists: str | None,
    force: bool,
    json: bool,
    run: Runner,
) -> ExitStatus:
    """Carry out `observables`: they are a table on stdout, or all of them go into a file.

    Args:
        session: of the command.
        files: as they were named.
        given: arguments of the extraction.
        output: name of the file; None for none.
        lists: name of the folder for the lists; None for none.
        force: whether files that are there are replaced.
        json: whether stdout gets all results instead.
        run: what runs the task.
    """
    target = Target(session, output, force=force)
    folder = Target(session, lists, force=force)
    names = {"file_paths": names_of(session, files), "to_file": target.name, "lists_folder": folder.name}
    arguments = read_arguments(ObservablesArguments, {**given, **names})
    outcome = extract_observables(
        MACHINE, session.clock, arguments, into=target.storage, lists_into=folder.storage, run=run
    )
    target.tidy()
    folder.tidy()
    results = outcome.results
    terminal = session.terminal
    if json:
        shown = {"branch": outcome.branch, **results.model_dump(mode="json")}
        in_folder = {f"{name}_path": shown[f"{name}_path"] for name in LISTS}
        paths = {
            name: None if path is None else str(Path(str(folder.shown)) / Path(path).name)
            for name, path in in_folder.items()
        }
        print_json(terminal, {**shown, **paths, "file_path": target.shown})
    elif target.shown is None:
        if results.observables:
            print_table(terminal, OBSERVABLE_COLUMNS, observable_rows(results))
        else:
            terminal.say("No observables.")
        if results.truncated:
            terminal.say(f"There are {sum(results.counts.values()):,}: raise --limit, or write all with -o.")
    else:
        terminal.say(f"{sum(results.counts.values()):,} observables in {target.shown}")
    say_bad_lines(terminal, results.bad_lines)
    return status_of_branch(outcome.branch)


def rule_rows(results: HuntResults) -> list[dict[str, Any]]:
    """Return the rows of the table of rules that find something."""
    return [rule.model_dump(include={*RULE_COLUMNS}) for rule in results.rules if rule.matches]


def observable_rows(results: ObservablesResults) -> list[dict[str, Any]]:
    """Return the rows of the table of observables."""
    return [{**one.model_dump(), "private": "yes" if one.private else ""} for one in results.observables]
