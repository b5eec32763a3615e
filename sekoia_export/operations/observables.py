"""Observables: what of exported files others can look up, or block."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sekoia_export.analysis.apart import Runner, run_apart
from sekoia_export.analysis.database import Limits
from sekoia_export.analysis.files import finding
from sekoia_export.analysis.observables import LISTS, Extraction
from sekoia_export.clock import Deadline
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.operations.produced import RowsFile, check_apart, publish_array
from sekoia_export.results.analysis import ObservablesResults

if TYPE_CHECKING:
    from sekoia_export.arguments.analysis import ObservablesArguments
    from sekoia_export.clock import Clock
    from sekoia_export.transfer.data_storage import DataStorage

log = logging.getLogger(__name__)


def extract_observables(
    storage: DataStorage,
    clock: Clock,
    arguments: ObservablesArguments,
    *,
    into: DataStorage | None = None,
    lists_into: DataStorage | None = None,
    limits: Limits | None = None,
    run: Runner = run_apart,
) -> Outcome[ObservablesResults]:
    """Give the observables of files in the data storage.

    Args:
        storage: where the files are.
        clock: where time comes from.
        arguments: which files, and where the observables go.
        into: where the file with all goes; the data storage by default.
        lists_into: where the folder of lists goes; the data storage by default.
        limits: of memory, threads and disk; those that suit this machine by default.
        run: what runs the task.

    Branches: found; none. Private and reserved ones alone are found, too.

    Raises:
        UsageError: a name cannot be used as given, or the step takes too much memory.
        DamagedExport: a file is damaged, or has a line that is no JSON object where that is an error.
        DeadlineExceeded: it took too long.
        DataStorageError, DiskFull: the data storage, or the temporary folder.
    """
    started_s = clock.monotonic()
    deadline = Deadline(clock, arguments.timeout)
    lists_storage = lists_into or storage
    names = arguments.names
    target = RowsFile.named(into or storage, arguments.to_file)
    lists = _list_names(lists_storage, arguments)
    with finding(storage, names) as found:
        if target is not None:
            target.check_apart(found)
        for name in lists.values():
            check_apart(lists_storage, name, found, argument="lists_folder")
        asked = Extraction(
            found=found,
            limit=arguments.limit,
            file_format=None if target is None else target.format,
            lists=bool(lists),
            on_bad_line=arguments.on_bad_line,
            limits=limits or Limits.of_this_machine(),
        )
        given = run("sekoia_export.analysis.observables:extract", asked, deadline=deadline, limits=asked.limits)
        if target is not None:
            target.publish(Path(given["path"]))
        for name, path in given["list_paths"].items():
            publish_array(lists_storage, Path(path), lists[name])
    inline = given["observables"]
    results = ObservablesResults(
        observables=inline,
        counts=given["counts"],
        malformed=given["malformed"],
        truncated=given["truncated"],
        **_public(inline),
        file_path=None if target is None else target.name,
        **{f"{name}_path": lists[name] if name in given["list_paths"] else None for name in LISTS},
        bad_lines=given["bad_lines"],
        duration_seconds=round(clock.monotonic() - started_s, 3),
    )
    if results.bad_lines:
        log.warning("%d lines of the files are no JSON objects and were left out.", results.bad_lines)
    counted = ", ".join(f"{kind} {count:,}" for kind, count in results.counts.items())
    log.info("Observables by type: %s.", counted or "none")
    return Outcome(Branch.FOUND if results.counts else Branch.NONE, results)


def _list_names(storage: DataStorage, arguments: ObservablesArguments) -> dict[str, str]:
    if arguments.lists_folder is None:
        return {}
    folder = arguments.lists_folder.rstrip("/") or arguments.lists_folder
    return {name: storage.check_name(f"{folder}/{name}.json", argument="lists_folder") for name in LISTS}


def _public(inline: list[dict[str, Any]]) -> dict[str, list[str]]:
    """Return the values of each list of indicators: of the same observables, without the private ones."""
    return {
        name: [one["value"] for one in inline if one["type"] in kinds and not one["private"]]
        for name, kinds in LISTS.items()
    }
