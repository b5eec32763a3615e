"""The answer to a question: its first rows, or all of them in a file. Runs in a process of its own, see `apart`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from sekoia_export.analysis.events import EventTable, OnBadLine
from sekoia_export.analysis.fields import identifier
from sekoia_export.analysis.files import work_in
from sekoia_export.analysis.guard import TABLE
from sekoia_export.analysis.questions import Question, check_condition
from sekoia_export.analysis.values import distinct_names, plain
from sekoia_export.analysis.writing import FileFormat, write_rows
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import duckdb

    from sekoia_export.analysis.database import Limits
    from sekoia_export.analysis.files import FoundFiles

INLINE_LIMIT_BYTES = 4 * 1024 * 1024
ANSWER = "answer"
_FETCHED_ROWS = 64


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A question of some files, and what becomes of its answer.

    Attributes:
        found: the files.
        question: what is asked.
        limit: how many rows are given.
        file_format: all rows go into a file of this kind instead, None for none.
        on_bad_line: what is done about a line that is no JSON object.
        limits: of memory, threads and disk.
    """

    found: FoundFiles
    question: Question
    limit: int
    file_format: FileFormat | None
    on_bad_line: OnBadLine
    limits: Limits


def answer(asked: Asked, timeout_s: float | None) -> dict[str, Any]:
    """Return the answer: `columns`, `rows`, `row_count`, `truncated`, `bad_lines`, and `path` of the file or None.

    Raises:
        UsageError: the question cannot be answered as it stands.
        DamagedExport, DeadlineExceeded, DataStorageError, DiskFull: as their names say.
    """
    question = asked.question
    deadline = Deadline(SystemClock(), timeout_s)
    with EventTable(asked.found, deadline=deadline, limits=asked.limits, on_bad_line=asked.on_bad_line) as table:
        if question.where:
            check_condition(table.judge(f"SELECT 1 FROM {TABLE} WHERE (\n{question.where}\n)").tree)
        sql = question.as_sql(most=None if asked.file_format else asked.limit + 1)
        if asked.file_format is None:
            with table.asking(sql) as result:
                names = distinct_names([str(column[0]) for column in result.description or []])
                given = first_rows(names, _rows(result, asked.limit), asked.limit)
            return {**given, "bad_lines": table.bad_lines, "path": None}
        judged = table.judge(sql)
        table.prepare(judged)
        # At the end of the statement: whatever comment the query ends in ends with it.
        columns = distinct_names([str(row[0]) for row in table.database.rows(f"DESCRIBE {judged.sql}")])
        quoted = ", ".join(map(identifier, columns))
        table.database.rows(f"CREATE TEMP VIEW {ANSWER} ({quoted}) AS {judged.sql}")
        path = work_in(asked.found.private) / f"answer.{asked.file_format.value}"
        count = write_rows(table.database, f"FROM {ANSWER}", path, asked.file_format)
        return {
            "columns": columns,
            "rows": [],
            "row_count": count,
            "truncated": False,
            "bad_lines": table.bad_lines,
            "path": str(path),
        }


def first_rows(columns: list[str], rows: Iterable[Sequence[Any]], limit: int) -> dict[str, Any]:
    """Return `columns`, `rows`, `row_count` and `truncated`: the first rows, as far as they have room in the results.

    Args:
        columns: their names, all different.
        rows: an engine's, read no further than is needed.
        limit: how many rows are given.

    Raises:
        UsageError: there is no room for a single one.
    """
    given: list[dict[str, Any]] = []
    room_bytes = INLINE_LIMIT_BYTES
    truncated = False
    for values in rows:
        row = dict(zip(columns, map(plain, values), strict=True))
        room_bytes -= len(orjson.dumps(row))
        if len(given) == limit or room_bytes < 0:
            truncated = True
            break
        given.append(row)
    if truncated and not given and limit:
        raise UsageError(
            f"The first row alone is larger than the {INLINE_LIMIT_BYTES // 2**20} MiB that results may have.",
            "Ask for fewer columns, or give to_file.",
        )
    return {"columns": columns, "rows": given, "row_count": len(given), "truncated": truncated}


def _rows(result: duckdb.DuckDBPyConnection, limit: int) -> Iterator[Sequence[Any]]:
    left = limit + 1
    while left and (fetched := result.fetchmany(min(_FETCHED_ROWS, left))):
        left -= len(fetched)
        yield from fetched
