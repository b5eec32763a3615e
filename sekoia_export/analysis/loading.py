"""Events on their way from files of JSON into private Parquet files, with only the fields that are asked for.

Every question is then one of columns: it may read them as often as it likes, and the source is read once, as a stream,
on both cores. What a value is, is known exactly, whatever the file's first lines look like:

- A field of which the file's beginning has a JSON string is text, whatever comes later, and loaded as it reads.
- Any other is loaded as its JSON, and what its values are is looked at once they all are there.

Where texts alone are asked for, DuckDB's reader of JSON gives them itself, without the event's own text between, which
takes a fifth less time. It says nothing of a line that is no event, but stops at it or at a repeated field (or gives a
row without anything, for a line `null`): then the file is read again, line by line.
"""

from __future__ import annotations

import contextlib
from collections import defaultdict
from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from sekoia_export.analysis.database import QueryRefused
from sekoia_export.analysis.fields import (
    TIMESTAMP_FIELD,
    Kind,
    as_timestamp,
    folded,
    identifier,
    literal,
    pointer,
)
from sekoia_export.analysis.files import FileKind
from sekoia_export.analysis.lines import InflatedPipes, inflated_start
from sekoia_export.analysis.writing import copy_to, parquet_options
from sekoia_export.errors import DamagedExport, UsageError
from sekoia_export.lines import LINE_LIMIT_BYTES
from sekoia_export.transfer.local_files import local_failures

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from sekoia_export.analysis.database import Database
    from sekoia_export.analysis.files import EventFile

FIELDS_LIMIT = 2_000
_UNSEEN_BYTES = 16.0
_SAMPLE_PACKED_BYTES = 256 * 1024
_SAMPLE_LINES, _SAMPLE_BYTES, _SAMPLED_FILES = 2_000, 1024 * 1024, 16
_PLAIN = f"compression = 'none', maximum_object_size = {LINE_LIMIT_BYTES}"
_LINES = f"format = 'newline_delimited', {_PLAIN}"


@dataclass(frozen=True, slots=True)
class Sample:
    """What the beginnings of the files hold.

    Attributes:
        fields: seen there.
        texts: those of them that have a JSON string.
        bytes_of: how many bytes the JSON of each has in an event, about.
        always: those that every event there has, and not as null.
    """

    fields: frozenset[str]
    texts: frozenset[str]
    bytes_of: Mapping[str, float]
    always: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Loaded:
    """The events of all files with some of their fields.

    Attributes:
        source: what SQL reads them from.
        values: for each field that some event has, its kind and the expression of its value.
        events_count: how many events there are.
        bad_lines: lines that are no JSON object, not among the events.
    """

    source: str
    values: dict[str, tuple[Kind, str]]
    events_count: int
    bad_lines: int


class Loader:
    """Loads the events of JSON files.

    Args:
        database: what reads them.
        files: of any kind but Parquet.
        work: a private folder for what is loaded.
    """

    def __init__(self, database: Database, files: Sequence[EventFile], *, work: Path) -> None:
        self._database = database
        self._files = files
        self._work = work
        self._loads = 0

    def sample(self) -> Sample:
        """Return what the beginnings of the files hold; a damaged one is told when it is loaded."""
        texts: set[str] = set()
        sizes: dict[str, int] = defaultdict(int)
        filled: dict[str, int] = defaultdict(int)
        count = 0
        for event in first_events(self._files):
            count += 1
            for name, value in event.items():
                sizes[name] += len(orjson.dumps(value))
                filled[name] += value is not None
                if isinstance(value, str):
                    texts.add(name)
        bytes_of = {name: size / count for name, size in sizes.items()}
        always = frozenset(name for name, there in filled.items() if there == count)
        return Sample(frozenset(sizes), frozenset(texts), bytes_of, always)

    def fields(self) -> list[str]:
        """Return every field that an event of the files has, sorted.

        Raises:
            UsageError: there are more than can be columns.
        """
        found: set[str] = set()
        for file in self._files:
            with self.reading(file) as events:
                query = f"SELECT DISTINCT unnest(json_keys(json)) FROM {events}"
                with self._database.running(query) as result:
                    while rows := result.fetchmany(1_000):
                        found.update(name for (name,) in rows)
                        check_fields(len(found))
        return sorted(found)

    def load(self, fields: Sequence[str], sample: Sample) -> Loaded:
        """Load some fields of all events.

        Raises:
            DamagedExport: a file is damaged.
        """
        self._loads += 1
        texts = [field for field in fields if field in sample.texts or field == TIMESTAMP_FIELD]
        others = [field for field in fields if field not in texts]
        paths = [self._work / f"load-{self._loads}-{number}.parquet" for number in range(len(self._files))]
        row_bytes = sum(sample.bytes_of.get(field, _UNSEEN_BYTES) for field in fields)
        options = parquet_options(compression="lz4_raw", row_bytes=row_bytes)
        witness = None if others else _witness(texts, sample)
        for file, path in zip(self._files, paths, strict=True):
            if witness is not None and file.kind is not FileKind.ARRAY:
                if self._load_texts(file, texts, witness, path, options):
                    continue
                path.unlink(missing_ok=True)
            with self.reading(file) as events:
                query = _loading(events, texts, others, found=sample.fields)
                copy_to(self._database, query, path, options)
        source = f"read_parquet([{', '.join(literal(str(path)) for path in paths)}], hive_partitioning = false)"
        [(count, bad)] = self._database.rows(f"SELECT count(*), count(*) FILTER (NOT ok) FROM {source}")
        values = {
            field: (Kind.TIMESTAMP if field == TIMESTAMP_FIELD else Kind.TEXT, f"t{at}")
            for at, field in enumerate(texts)
            if field in sample.fields or field == TIMESTAMP_FIELD
        }
        values |= self._kinds(source, others)
        if TIMESTAMP_FIELD in values and TIMESTAMP_FIELD not in sample.fields:
            [(any_there,)] = self._database.rows(f"SELECT count(has_time) FROM {source}")
            if not any_there:
                del values[TIMESTAMP_FIELD]
        return Loaded(f"{source} WHERE ok" if bad else source, values, count - bad, bad)

    @contextlib.contextmanager
    def reading(self, file: EventFile) -> Iterator[str]:
        """Give what SQL reads a file from, once: rows of `json`, NULL for a line that is none, and `ok`.

        Raises:
            DamagedExport: the file is damaged.
        """
        if file.kind is FileKind.LINES_GZ:
            with damages(file.name), InflatedPipes([file.path], self._work) as pipes:
                yield events_in(pipes.paths, array=False)
        else:
            with damages(file.name):
                yield events_in([file.path], array=file.kind is FileKind.ARRAY)

    def _load_texts(self, file: EventFile, texts: Sequence[str], witness: str, path: Path, options: str) -> bool:
        """Load texts from a file of lines that are all events; return False where they might not be.

        Args:
            file: the file.
            texts: the fields.
            witness: a field whose absence makes a line suspicious.
            path: where they are written to.
            options: how.

        Raises:
            DamagedExport: the file is damaged.
        """
        columns = ", ".join(f"{literal(field)}: 'VARCHAR'" for field in {*texts, witness})
        selected = [f"{identifier(witness)} IS NOT NULL AS ok"]
        for at, field in enumerate(texts):
            value = identifier(field)
            selected.append(f"{as_timestamp(value) if field == TIMESTAMP_FIELD else value} AS t{at}")
        try:
            with self._lines_of(file) as paths:
                reader = f"read_json({paths}, columns = {{{columns}}}, records = 'true', {_LINES})"
                copy_to(self._database, f"SELECT {', '.join(selected)} FROM {reader}", path, options)
        except QueryRefused:
            return False
        [(suspicious,)] = self._database.rows(
            f"SELECT count(*) FILTER (NOT ok) FROM read_parquet({literal(str(path))})"
        )
        return not suspicious

    @contextlib.contextmanager
    def _lines_of(self, file: EventFile) -> Iterator[str]:
        """Give the list, as SQL has it, of paths that the lines of a file can be read from, once."""
        if file.kind is FileKind.LINES_GZ:
            with InflatedPipes([file.path], self._work) as pipes:
                yield _listed(pipes.paths)
        else:
            yield _listed([file.path])

    def _kinds(self, source: str, fields: Sequence[str]) -> dict[str, tuple[Kind, str]]:
        """Return kind and expression of the fields that were loaded as JSON, without those that no event has."""
        if not fields:
            return {}
        # No FILTER: each has a copy of what all the others count, and 150 fields took more memory than there may be.
        counts = ", ".join(
            f"count(j{at}), count(CASE WHEN j{at} = 'null' THEN 1 END), "
            f"count(CASE WHEN j{at} IN ('true', 'false') THEN 1 END), "
            f"count(CASE WHEN regexp_full_match(j{at}, '-?[0-9]+') THEN TRY_CAST(j{at} AS BIGINT) END)"
            for at in range(len(fields))
        )
        [row] = self._database.rows(f"SELECT {counts} FROM {source}")
        kinds: dict[str, tuple[Kind, str]] = {}
        for at, field in enumerate(fields):
            there, nulls, booleans, integers = row[4 * at : 4 * at + 4]
            if there and booleans and booleans + nulls == there:
                kinds[field] = (Kind.BOOLEAN, f"TRY_CAST(j{at} AS BOOLEAN)")
            elif there and integers and integers + nulls == there:
                kinds[field] = (Kind.INTEGER, f"TRY_CAST(j{at} AS BIGINT)")
            elif there:
                kinds[field] = (Kind.TEXT, f"(j{at}::JSON ->> '$')")
        return kinds


def check_fields(count: int) -> None:
    """Raise UsageError when events have more fields than can be columns."""
    if count > FIELDS_LIMIT:
        raise UsageError(
            f"The events have more than {FIELDS_LIMIT} different fields.",
            "Name the fields that are asked for, or leave out the file that they are in.",
        )


def _witness(texts: Sequence[str], sample: Sample) -> str | None:
    """Return a field that tells events from other lines, None where the texts cannot be read without the lines."""
    there = [field for field in texts if field in sample.always] or sorted(sample.always)
    if not there or not sample.fields.issuperset(texts):
        return None
    names = {*texts, there[0]}
    # They become the reader's columns, whose names differ in more than case and are written as literals.
    plain = all(name and "\0" not in name for name in names) and len({*map(folded, names)}) == len(names)
    return there[0] if plain else None


def _loading(events: str, texts: Sequence[str], others: Sequence[str], *, found: frozenset[str]) -> str:
    lists = [
        f"json_extract_string(json, [{', '.join(literal(pointer(field)) for field in texts)}]) AS t" if texts else "",
        f"json_extract(json, [{', '.join(literal(pointer(field)) for field in others)}]) AS j" if others else "",
    ]
    columns = ["ok"]
    for at, field in enumerate(texts):
        value = f"t[{at + 1}]"
        if field == TIMESTAMP_FIELD:
            columns.append(f"{as_timestamp(value)} AS t{at}")
            if field not in found:
                columns.append(f"CASE WHEN {value} IS NOT NULL THEN true END AS has_time")
        else:
            columns.append(f"{value} AS t{at}")
    columns += [f"j[{at + 1}]::VARCHAR AS j{at}" for at in range(len(others))]
    inner = ", ".join(["ok", *filter(None, lists)])
    return f"SELECT {', '.join(columns)} FROM (SELECT {inner} FROM {events})"


def events_in(paths: Sequence[Path], *, array: bool) -> str:
    """Return what SQL reads files of JSON from: rows of `json`, NULL where it is no event, and `ok` where it is one.

    Args:
        paths: of the files.
        array: whether each holds an array of events, and not lines.
    """
    options = f"format = 'array', {_PLAIN}" if array else f"ignore_errors = true, {_LINES}"
    reader = f"read_json_objects({_listed(paths)}, {options})"
    good = "json IS NOT NULL AND starts_with(json::VARCHAR, '{')"
    return f"(SELECT CASE WHEN {good} THEN json END AS json, ({good}) AS ok FROM {reader})"


def _listed(paths: Sequence[Path]) -> str:
    return f"[{', '.join(literal(str(path)) for path in paths)}]"


@contextlib.contextmanager
def damages(name: str) -> Iterator[None]:
    """Take a failure of a statement of our own for damage of the file `name`."""
    try:
        yield
    except QueryRefused as failure:
        raise DamagedExport(f"{name} cannot be read: {failure.cause}") from None


def first_events(files: Sequence[EventFile]) -> Iterator[dict[str, Any]]:
    """Yield the first events of files of lines, as far as they can be read; what is damaged is told elsewhere."""
    for file in files[:_SAMPLED_FILES]:
        for line in _first_lines(file):
            try:
                event = orjson.loads(line)
            except orjson.JSONDecodeError:
                continue
            if isinstance(event, dict):
                yield event


def _first_lines(file: EventFile) -> list[bytes]:
    if file.kind is FileKind.ARRAY:
        return []
    if file.kind is FileKind.LINES_GZ:
        start = inflated_start(file.path, _SAMPLE_PACKED_BYTES)[:_SAMPLE_BYTES]
    else:
        with local_failures(f"reading {file.name}"), file.path.open("rb") as source:
            start = source.read(_SAMPLE_BYTES)
    return list(islice(start.split(b"\n"), _SAMPLE_LINES))
