"""Convert: exported files are written in another format, a file or a dataset in the data storage."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from sekoia_export.analysis.apart import Runner, run_apart
from sekoia_export.analysis.converting import Conversion
from sekoia_export.analysis.database import Limits
from sekoia_export.analysis.files import finding
from sekoia_export.analysis.writing import ConvertFormat
from sekoia_export.clock import Deadline
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.operations.produced import check_apart, check_folder, publish, publish_array, publish_folder, stem_of
from sekoia_export.results.analysis import ConvertResults

if TYPE_CHECKING:
    from sekoia_export.arguments.analysis import ConvertArguments
    from sekoia_export.clock import Clock
    from sekoia_export.transfer.data_storage import DataStorage

log = logging.getLogger(__name__)


def convert_export(
    storage: DataStorage,
    clock: Clock,
    arguments: ConvertArguments,
    *,
    into: DataStorage | None = None,
    limits: Limits | None = None,
    run: Runner = run_apart,
) -> Outcome[ConvertResults]:
    """Convert files in the data storage.

    Args:
        storage: where the files are.
        clock: where time comes from.
        arguments: what is converted to what.
        into: where the result goes; the data storage by default.
        limits: of memory, threads and disk; those that suit this machine by default.
        run: what runs the task.

    Branches: done.

    Raises:
        UsageError: a name or a choice cannot be used as given.
        DamagedExport: a file is damaged, or has a line that is no JSON object where that is an error.
        DeadlineExceeded: it took too long.
        DataStorageError, DiskFull: the data storage, or the temporary folder.
    """
    started_s = clock.monotonic()
    deadline = Deadline(clock, arguments.timeout)
    arguments.check()
    target_storage = into or storage
    # Where no name is given, it is the first file's that is no good.
    given_as = "file_name" if arguments.file_name else "file_path" if arguments.file_path else "file_paths"
    target = target_storage.check_name(
        arguments.file_name or default_name(arguments), argument=given_as, folder_too=arguments.by_day
    )
    with finding(storage, arguments.names) as found:
        check_apart(target_storage, target, found, argument="file_name")
        if arguments.by_day:
            check_folder(target_storage, target, found, argument="file_name")
        conversion = Conversion(
            found=found,
            format=arguments.format,
            by_day=arguments.by_day,
            on_bad_line=arguments.on_bad_line,
            limits=limits or Limits.of_this_machine(),
        )
        given = run(
            "sekoia_export.analysis.converting:convert", conversion, deadline=deadline, limits=conversion.limits
        )
        made, files_count = Path(given["path"]), 1
        if arguments.by_day:
            size_bytes, files_count = publish_folder(target_storage, made, target)
        elif arguments.format is ConvertFormat.JSON:
            size_bytes = publish_array(target_storage, made, target)
        else:
            size_bytes = publish(target_storage, made, target)
    results = ConvertResults(
        file_path=target,
        file_size=size_bytes,
        files_count=files_count,
        events_count=given["events_count"],
        bad_lines=given["bad_lines"],
        duration_seconds=round(clock.monotonic() - started_s, 3),
    )
    if results.bad_lines:
        log.warning("%d lines of the files are no JSON objects and were left out.", results.bad_lines)
    log.info("%s holds %s events.", target, f"{results.events_count:,}")
    return Outcome(Branch.DONE, results)


def default_name(arguments: ConvertArguments) -> str:
    """Return the name where none is given: the first file's with the suffix of the format."""
    return f"{stem_of(arguments.names[0])}.{arguments.format.value}"
