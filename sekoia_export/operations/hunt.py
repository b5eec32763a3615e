"""Hunt: Sigma rules are asked of exported files."""

from __future__ import annotations

import logging
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from sekoia_export.analysis.apart import Runner, run_apart
from sekoia_export.analysis.database import Limits
from sekoia_export.analysis.files import finding
from sekoia_export.analysis.sigma.hunting import Hunt
from sekoia_export.analysis.sigma.rules import RULE_SUFFIXES, TEXT_LIMIT_BYTES, RuleText, check_texts
from sekoia_export.arguments.analysis import Engine
from sekoia_export.clock import Deadline
from sekoia_export.errors import UsageError
from sekoia_export.operations.cluster import cluster_of
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.results.analysis import HuntResults

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sekoia_export.arguments.analysis import HuntArguments
    from sekoia_export.clock import Clock
    from sekoia_export.transfer.data_storage import DataStorage

log = logging.getLogger(__name__)


def hunt_export(
    storage: DataStorage,
    clock: Clock,
    arguments: HuntArguments,
    *,
    rules_storage: DataStorage | None = None,
    rules_names: Sequence[str] = (),
    limits: Limits | None = None,
    run: Runner = run_apart,
) -> Outcome[HuntResults]:
    """Find what Sigma rules find in files of the data storage.

    Args:
        storage: where the files are.
        clock: where time comes from.
        arguments: which rules and files.
        rules_storage: where `rules_path` lies; the data storage by default.
        rules_names: more files and folders there.
        limits: of memory, threads and disk; those that suit this machine by default.
        run: what runs the task.

    Branches: matched; clean. Rules that cannot be used are named in the results, and the others run.

    Raises:
        UsageError: there are no rules, none that can be used, or a name that cannot be used as given.
        DamagedExport: a file is damaged, or has a line that is no JSON object where that is an error.
        NetworkError: Spark does not answer.
        DeadlineExceeded: it took too long.
        DataStorageError, DiskFull: the data storage, or the temporary folder.
    """
    started_s = clock.monotonic()
    deadline = Deadline(clock, arguments.timeout)
    texts = rule_texts(rules_storage or storage, arguments, also=rules_names)
    with finding(storage, arguments.names) as found:
        limits = limits or Limits.of_this_machine()
        if arguments.engine is Engine.SPARK:
            cluster = cluster_of(arguments, found, deadline=deadline, limits=limits, run=run)
            given = cluster.hunt(texts, examples=arguments.examples)
        else:
            asked = Hunt(
                found=found,
                texts=texts,
                examples=arguments.examples,
                on_bad_line=arguments.on_bad_line,
                limits=limits,
            )
            given = run("sekoia_export.analysis.sigma.hunting:hunt", asked, deadline=deadline, limits=limits)
    results = HuntResults(
        rules=given["rules"],
        unusable_rules=given["unusable"],
        rules_count=len(given["rules"]),
        matched_rules=sum(bool(rule["matches"]) for rule in given["rules"]),
        matches=sum(rule["matches"] for rule in given["rules"]),
        events_count=given["events"],
        bad_lines=given["bad_lines"],
        duration_seconds=round(clock.monotonic() - started_s, 3),
    )
    for rule in results.unusable_rules:
        log.warning("The rule %s is left out: %s.", rule.title, rule.reason)
    log.info(
        "%d of %d rules find something in %s events.",
        results.matched_rules,
        results.rules_count,
        f"{results.events_count:,}",
    )
    return Outcome(Branch.MATCHED if results.matched_rules else Branch.CLEAN, results)


def rule_texts(storage: DataStorage, arguments: HuntArguments, *, also: Sequence[str] = ()) -> list[RuleText]:
    """Return the texts that the arguments name, and those of more files and folders.

    Raises:
        UsageError: there are none, they are too long, or `rules_path` leads nowhere.
        DataStorageError: a file cannot be read.
    """
    texts = [RuleText("rules", arguments.rules)] if arguments.rules else []
    paths = [*([arguments.rules_path] if arguments.rules_path else []), *also]
    names = dict.fromkeys(name for path in paths for name in _named(storage, path))
    texts += [_text(storage, name) for name in names]
    check_texts(texts)
    return texts


def _named(storage: DataStorage, given: str) -> list[str]:
    name = storage.check_name(given.rstrip("/") or given, argument="rules_path", folder_too=True)
    path = storage.local_path(name)
    if path.is_file() if path is not None else storage.size(name) is not None:
        return [name]
    below = [rule for rule in storage.names_below(name) if PurePosixPath(rule).suffix.lower() in RULE_SUFFIXES]
    if not below:
        raise UsageError(
            f"The argument rules_path names {name}, and there is no such file, and no folder of that name with .yml or "
            ".yaml files in it.",
            "Give rules_path the name of a file or a folder with Sigma rules.",
        )
    return sorted(storage.check_name(rule, argument="rules_path") for rule in below)


def _text(storage: DataStorage, name: str) -> RuleText:
    with storage.open(name) as file:
        # One byte more than is read tells that a file is too long, without having all of it here.
        data = file.read(TEXT_LIMIT_BYTES + 1)
    return RuleText(name, data.decode("utf-8-sig", errors="replace"))
