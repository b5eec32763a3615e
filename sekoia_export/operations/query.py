"""Query: a question of exported files is answered, inline or as a file in the data storage."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from sekoia_export.analysis.answering import Asked
from sekoia_export.analysis.apart import Runner, run_apart
from sekoia_export.analysis.database import Limits
from sekoia_export.analysis.files import finding
from sekoia_export.arguments.analysis import Engine
from sekoia_export.clock import Deadline
from sekoia_export.operations.cluster import cluster_of
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.operations.produced import RowsFile
from sekoia_export.results.analysis import QueryResults

if TYPE_CHECKING:
    from sekoia_export.arguments.analysis import QueryArguments
    from sekoia_export.clock import Clock
    from sekoia_export.transfer.data_storage import DataStorage

log = logging.getLogger(__name__)


def query_export(
    storage: DataStorage,
    clock: Clock,
    arguments: QueryArguments,
    *,
    into: DataStorage | None = None,
    limits: Limits | None = None,
    run: Runner = run_apart,
) -> Outcome[QueryResults]:
    """Answer a question of files in the data storage.

    Args:
        storage: where the files are.
        clock: where time comes from.
        arguments: what is asked.
        into: where the file with the rows goes; the data storage by default.
        limits: of memory, threads and disk; those that suit this machine by default.
        run: what runs the task.

    Branches: rows; no_rows.

    Raises:
        UsageError: a name, the question or its SQL cannot be used as given, or takes too much memory.
        DamagedExport: a file is damaged, or has a line that is no JSON object where that is an error.
        NetworkError: Spark does not answer.
        DeadlineExceeded: it took too long.
        DataStorageError, DiskFull: the data storage, or the temporary folder.
    """
    started_s = clock.monotonic()
    deadline = Deadline(clock, arguments.timeout)
    question = arguments.question
    names = arguments.names
    target = RowsFile.named(into or storage, arguments.to_file)
    file_format = None if target is None else target.format
    with finding(storage, names) as found:
        if target is not None:
            target.check_apart(found)
        limits = limits or Limits.of_this_machine()
        if arguments.engine is Engine.SPARK:
            cluster = cluster_of(arguments, found, deadline=deadline, limits=limits, run=run)
            given = cluster.answer(question, limit=arguments.limit, file_format=file_format)
        else:
            asked = Asked(
                found=found,
                question=question,
                limit=arguments.limit,
                file_format=file_format,
                on_bad_line=arguments.on_bad_line,
                limits=limits,
            )
            given = run("sekoia_export.analysis.answering:answer", asked, deadline=deadline, limits=limits)
        if target is not None:
            target.publish(Path(given["path"]))
    results = QueryResults(
        rows=given["rows"],
        columns=given["columns"],
        row_count=given["row_count"],
        truncated=given["truncated"],
        file_path=None if target is None else target.name,
        bad_lines=given["bad_lines"],
        duration_seconds=round(clock.monotonic() - started_s, 3),
    )
    if results.bad_lines:
        log.warning("%d lines of the files are no JSON objects and were left out.", results.bad_lines)
    log.info("The answer has %s%s rows.", "more than " if results.truncated else "", f"{results.row_count:,}")
    return Outcome(Branch.ROWS if results.row_count else Branch.NO_ROWS, results)
