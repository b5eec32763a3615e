"""The observables of exported files. Runs in a process of its own, see `apart`.

DuckDB counts the different values of the fields in one pass over the events, and spills what has no room; each of them
passes through Python once (`observable`), on its way into a file, and DuckDB merges what turns out to be the same.
Nothing here grows with their number.

The events do not become the table `events` first: its columns are made field by field, and of the fields that can hold
observables an export has few. Taking them out of an event in one go was 20 times as fast.
"""

from __future__ import annotations

import contextlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import orjson

from sekoia_export.analysis.answering import INLINE_LIMIT_BYTES
from sekoia_export.analysis.database import Database, Limits
from sekoia_export.analysis.events import OnBadLine, bad_lines_found
from sekoia_export.analysis.fields import TIMESTAMP_FIELD, as_timestamp, identifier, literal
from sekoia_export.analysis.files import FileKind, work_in
from sekoia_export.analysis.lines import InflatedPipes
from sekoia_export.analysis.loading import damages, events_in
from sekoia_export.analysis.observable import LENGTH_LIMIT, ObservableType, observable
from sekoia_export.analysis.observable_fields import CASELESS, FIELDS, Holds
from sekoia_export.analysis.parquet import parquet_source, parquet_values
from sekoia_export.analysis.purpose import Purpose
from sekoia_export.analysis.values import plain
from sekoia_export.analysis.writing import FileFormat, copy_to, write_rows
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.transfer.local_files import local_failures

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from sekoia_export.analysis.files import FoundFiles

LISTS: dict[str, tuple[ObservableType, ...]] = {
    "ip_addresses": (ObservableType.IP,),
    "domains": (ObservableType.DOMAIN,),
    "urls": (ObservableType.URL,),
    "emails": (ObservableType.EMAIL,),
    "hashes": (ObservableType.MD5, ObservableType.SHA1, ObservableType.SHA256),
}
"""The lists of indicators, and the types that are in each."""
_FOUND = "observables"
_BAD_LINE = "!"
"""What a line that is no event has instead of values: nothing that a field holds is marked so."""
_FETCHED_ROWS = 512
_COLUMNS = "{type: 'VARCHAR', value: 'VARCHAR', private: 'BOOLEAN', n: 'BIGINT', first: 'TIMESTAMP', last: 'TIMESTAMP'}"
_ORDER = (
    f"list_position([{', '.join(literal(kind.value) for kind in ObservableType)}], type), private, count DESC, value"
)
# A line a text, which is JSON and so holds neither this delimiter nor an end of a line.
_TEXT = "FORMAT csv, HEADER false, QUOTE '', ESCAPE '', DELIMITER '\x1f'"


@dataclass(frozen=True, slots=True, kw_only=True)
class Extraction:
    """What is extracted from what.

    Attributes:
        found: the files.
        limit: how many observables of a type are given, as many private ones beside.
        file_format: all of them go into a file of this kind too, None for none.
        lists: whether the public ones of each list go into a file too.
        on_bad_line: what is done about a line that is no JSON object.
        limits: of memory, threads and disk.
    """

    found: FoundFiles
    limit: int
    file_format: FileFormat | None
    lists: bool
    on_bad_line: OnBadLine
    limits: Limits


def extract(asked: Extraction, timeout_s: float | None) -> dict[str, Any]:
    """Return `observables`, `counts` by type, `malformed` (the number of different values that are none), `truncated`,
    `path` of the file with all or None, `list_paths` (a JSON text a line) by list, `bad_lines`.

    Raises:
        DamagedExport, DeadlineExceeded, DataStorageError, DiskFull, UsageError: as their names say.
    """
    work = work_in(asked.found.private)
    database = Database(
        private=asked.found.private,
        work=work,
        readable=[file.path for file in asked.found.files],
        limits=asked.limits,
        deadline=Deadline(SystemClock(), timeout_s),
        purpose=Purpose.EXTRACTION,
    )
    try:
        malformed, bad_lines = _collect(database, asked.found, work)
        if bad_lines and asked.on_bad_line is OnBadLine.ERROR:
            raise bad_lines_found(bad_lines)
        groups = database.rows(f"SELECT type, private, count(*) FROM {_FOUND} GROUP BY ALL")
        counts: dict[str, int] = {}
        for kind, _, count in groups:
            counts[kind] = counts.get(kind, 0) + int(count)
        given = _inline(database, {(kind, private) for kind, private, _ in groups}, asked.limit)
        path = None
        if asked.file_format is not None:
            path = work / f"all.{asked.file_format.value}"
            columns = "type, value, count, first_seen, last_seen, private"
            write_rows(database, f"FROM (SELECT {columns} FROM {_FOUND} ORDER BY {_ORDER})", path, asked.file_format)
        return {
            "observables": given,
            "counts": {kind.value: counts[kind] for kind in ObservableType if kind in counts},
            "malformed": malformed,
            "truncated": len(given) < sum(counts.values()),
            "path": None if path is None else str(path),
            "list_paths": _lists(database, work, counts) if asked.lists else {},
            "bad_lines": bad_lines,
        }
    finally:
        database.close()


def _collect(database: Database, found: FoundFiles, work: Path) -> tuple[int, int]:
    """Make the table of the observables; return how many different values are none, and how many lines no events."""
    malformed = bad_lines = 0
    path = work / "found.jsonl"
    with local_failures("writing the observables"), path.open("wb") as file:
        for text, count, first, last in _values(database, found, work):
            if text == _BAD_LINE:
                bad_lines = count
                continue
            one = observable(Holds(text[0]), text[1:])
            if one is None:
                malformed += 1
                continue
            line = {
                "type": one.type,
                "value": one.value,
                "private": one.private,
                "n": count,
                "first": first,
                "last": last,
            }
            file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    reader = (
        f"read_json({literal(str(path))}, format = 'newline_delimited', compression = 'none', columns = {_COLUMNS})"
    )
    database.rows(
        f"CREATE TEMP TABLE {_FOUND} AS SELECT type, value, sum(n)::BIGINT AS count, min(first) AS first_seen, "
        f"max(last) AS last_seen, private FROM {reader} GROUP BY type, value, private"
    )
    path.unlink()
    return malformed, bad_lines


def _values(
    database: Database, found: FoundFiles, work: Path
) -> Iterator[tuple[str, int, datetime | None, datetime | None]]:
    """Yield the different values: what its field holds and the value as one text, how often, the first and last time.

    An event counts once for a value that several of its fields have.
    """
    paths = {kind: [file.path for file in found.files if file.kind is kind] for kind in FileKind}
    name = found.files[0].name if len(found.files) == 1 else "One of the files"
    with contextlib.ExitStack() as stack:
        stack.enter_context(damages(name))
        if packed := paths[FileKind.LINES_GZ]:
            paths[FileKind.LINES_GZ] = stack.enter_context(InflatedPipes(packed, work)).paths
        sources = [
            _of_parquet(database, parquet_source(paths[kind]))
            if kind is FileKind.PARQUET
            else _of_json(events_in(paths[kind], array=kind is FileKind.ARRAY))
            for kind in FileKind
            if paths[kind]
        ]
        values = f"SELECT t, unnest(v) AS v FROM ({' UNION ALL '.join(sources)})"
        query = f"SELECT v, count(*), min(t), max(t) FROM ({values}) GROUP BY v"
        result = stack.enter_context(database.running(query))
        while rows := result.fetchmany(_FETCHED_ROWS):
            yield from rows


def _of_json(events: str) -> str:
    """Return the SELECT of the time and the values of each event of JSON; of a line that is none the mark of it."""
    fields = orjson.dumps(dict.fromkeys((TIMESTAMP_FIELD, *FIELDS), "VARCHAR")).decode()
    values = _list({field: f"e.{identifier(field)}" for field in FIELDS})
    time = as_timestamp(f"e.{identifier(TIMESTAMP_FIELD)}")
    read = f"SELECT ok, json_transform(json, {literal(fields)}) AS e FROM {events}"
    return f"SELECT {time} AS t, CASE WHEN ok THEN {values} ELSE [{literal(_BAD_LINE)}] END AS v FROM ({read})"


def _of_parquet(database: Database, source: str) -> str:
    columns = {name: expression for name, (_kind, expression) in parquet_values(database, source).items()}
    time = columns.get(TIMESTAMP_FIELD, "CAST(NULL AS TIMESTAMP)")
    values = _list({name: f"CAST({value} AS VARCHAR)" for name, value in columns.items() if name in FIELDS})
    return f"SELECT {time} AS t, {values} AS v FROM {source}"


def _list(values: Mapping[str, str]) -> str:
    """Return the expression of the list of an event's values, each once and behind what its field holds.

    Args:
        values: the expression of the text of each field.
    """
    parts = ", ".join(_parts(FIELDS[field], text) for field, text in values.items())
    return f"list_distinct(flatten(CAST([{parts}] AS VARCHAR[][])))"


def _parts(holds: Holds, text: str) -> str:
    """Return the expression of a field's values in an event: a list, of one where the value is none itself."""

    def marked(value: str) -> str:
        short = f"left({value}, {LENGTH_LIMIT + 1})"
        return f"{literal(holds.value)} || {f'lower({short})' if holds in CASELESS else short}"

    several = f"list_transform(from_json({text}, '[\"VARCHAR\"]'), lambda part: {marked('part')})"
    is_list = f"starts_with({text}, '[') AND json_valid({text})"
    return f"CASE WHEN {text} IS NULL THEN NULL WHEN {is_list} THEN {several} ELSE [{marked(text)}] END"


def _inline(database: Database, groups: set[tuple[str, bool]], limit: int) -> list[dict[str, Any]]:
    """Return the most frequent of each type, the public ones first, as far as results have room for them."""
    given: list[dict[str, Any]] = []
    room_bytes = INLINE_LIMIT_BYTES
    for kind in ObservableType:
        for private in (False, True):
            if (kind.value, private) not in groups:
                continue
            rows = database.rows(
                f"SELECT value, count, first_seen, last_seen FROM {_FOUND} WHERE type = {literal(kind.value)} "
                f"AND private = {private} ORDER BY count DESC, value LIMIT {limit}"
            )
            for value, count, first, last in rows:
                one = {
                    "type": kind.value,
                    "value": value,
                    "count": count,
                    "first_seen": plain(first),
                    "last_seen": plain(last),
                    "private": private,
                }
                room_bytes -= len(orjson.dumps(one))
                if room_bytes < 0:
                    return given
                given.append(one)
    return given


def _lists(database: Database, work: Path, counts: dict[str, int]) -> dict[str, str]:
    """Write the public observables of each list to a file, a JSON text a line, and return the files' paths."""
    paths = {}
    for name, kinds in LISTS.items():
        if any(kind in counts for kind in kinds):
            of_kinds = ", ".join(literal(kind.value) for kind in kinds)
            query = (
                f"SELECT to_json(value)::VARCHAR FROM {_FOUND} WHERE NOT private AND type IN ({of_kinds}) "
                f"ORDER BY count DESC, value"
            )
            path = work / f"{name}.lines"
            if copy_to(database, query, path, _TEXT):
                paths[name] = str(path)
    return paths
