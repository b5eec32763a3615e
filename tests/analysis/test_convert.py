"""convert_export: the same events in another format, and the way back without a loss."""

from __future__ import annotations

import csv
import gzip
import json
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sekoia_export.analysis.apart import Runner, run_apart
from sekoia_export.arguments.analysis import ConvertArguments
from sekoia_export.arguments.base import read_arguments
from sekoia_export.clock import SystemClock
from sekoia_export.errors import DamagedExport, UsageError
from sekoia_export.operations.convert import convert_export
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.results.analysis import ConvertResults
from sekoia_export.transfer.data_storage import DataStorage
from sekoia_export.transfer.local_storage import LocalDataStorage
from tests.analysis.conftest import Event, Folder, Open, events_in, exact, in_this_process, lines_of

NAMES = ["@timestamp", "user", "User", "a.b", "day", "__rest", "", "a/b~c", 'q"\\', "é", "n", "m", "\0"]
TIMES = st.sampled_from(
    [
        "2026-01-01T00:00:00.123Z",
        "2026-01-01T00:00:00Z",
        "2026-01-01T00:00:00.123456Z",
        "2026-01-01T00:00:00.123456789Z",
        "2026-01-01T02:00:00+02:00",
        "2026-01-01",
        "0001-01-01T00:00:00.000Z",
        "not a time",
        "",
        5,
        None,
    ]
)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
SCALARS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**22), 10**22),
    st.integers(-(2**63) - 1, -(2**63) + 1),
    st.integers(-9, 9),
    st.floats(allow_nan=False, allow_infinity=False),
    TEXTS,
    st.sampled_from(["true", "null", "5", '"', "\\", "\0", "2026-01-01T00:00:00.123Z", "[1]"]),
)
VALUES = st.one_of(
    SCALARS,
    st.recursive(
        SCALARS, lambda of: st.one_of(st.lists(of, max_size=2), st.dictionaries(TEXTS, of, max_size=2)), max_leaves=4
    ),
)
EVENTS = st.lists(
    st.dictionaries(st.sampled_from(NAMES), VALUES, max_size=6).flatmap(
        lambda event: TIMES.map(lambda time: {**event, "@timestamp": time} if "@timestamp" in event else event)
    ),
    max_size=12,
)


def convert(
    storage: DataStorage, *, run: Runner = in_this_process, into: DataStorage | None = None, **arguments: Any
) -> Outcome[ConvertResults]:
    given_arguments = read_arguments(ConvertArguments, {"timeout": 60, **arguments})
    return convert_export(storage, SystemClock(), given_arguments, run=run, into=into)


@settings(max_examples=25, deadline=None)
@given(EVENTS)
@example([{"n": 1}, {"n": None}, {"n": ""}, {}, {"n": "1"}, {"n": 1.0}, {"n": True}])
@example([{"n": 10**30, "m": -(2**63)}, {"n": 2**63, "m": 2**63 - 1}])
def test_json_lines_come_back_from_parquet_as_they_were(events: list[Event]) -> None:
    # Far from the beginning, from which the shape of the rows is guessed, the same events come again.
    far = [{"m": 1}] * 2_100
    with tempfile.TemporaryDirectory() as name:
        storage = LocalDataStorage(Path(name) / "data")
        storage.root.mkdir()
        (storage.root / "a.jsonl").write_bytes(lines_of([*events, *far, *events]))
        outcome = convert(storage, file_path="a.jsonl")
        assert outcome.results.file_path == "a.parquet"
        convert(storage, file_path="a.parquet", format="jsonl", file_name="back.jsonl")
        assert exact(events_in(storage.root / "back.jsonl")) == exact([*events, *far, *events])


LATE: list[Event] = [
    *[{"n": number} for number in range(3_000)],
    {"n": 3_000, "late": 1},
    {"n": "x", "late": 2, "other": [True]},
]


def test_columns_are_typed_by_all_values_and_of_zstd(folder: Folder) -> None:
    times = {"@timestamp": "2026-01-01T00:00:00.5Z", "flag": True, "float": 1.5, "nested": {"a": [1]}, "text": "x"}
    folder.jsonl("a.jsonl", [times, *LATE])
    results = convert(folder.storage, file_path="a.jsonl").results
    file = pq.ParquetFile(folder.root / "a.parquet")
    types = {field.name: str(field.type) for field in file.schema_arrow}
    assert types == {
        "@timestamp": "timestamp[us, tz=UTC]",
        "flag": "bool",
        "float": types["float"],
        "nested": types["nested"],
        "text": "string",
        "n": "string",
        "late": "int64",
        "other": types["other"],
        "__rest": "string",
    }
    assert {types[name] for name in ("float", "nested", "other")} <= {"string", "extension<arrow.json>"}
    assert file.metadata.row_group(0).column(0).compression == "ZSTD"
    assert (results.events_count, results.files_count) == (file.metadata.num_rows, 1)
    assert results.file_size == (folder.root / "a.parquet").stat().st_size


def test_a_question_has_the_same_answer_of_lines_and_of_parquet(folder: Folder, opened: Open) -> None:
    events = [*LATE, {"User": "a", "user": "b", "@timestamp": "2026-01-01T00:00:00+01:00", "x": None, "y": 2.50}]
    folder.jsonl("a.jsonl", events)
    convert(folder.storage, file_path="a.jsonl")
    tables = [opened("a.jsonl"), opened("a.parquet")]
    for table in tables:
        table.load(None)
    assert [(column.name, column.kind) for column in tables[0].columns] == [
        (column.name, column.kind) for column in tables[1].columns
    ]
    names = ", ".join(f'"{column.name}"' for column in tables[0].columns)
    query = f"SELECT {names} FROM events ORDER BY ALL"
    assert tables[0].rows(query) == tables[1].rows(query)


FORMULAS = ["=1+1", "+1+1", "-1+1", "@SUM(1)", "\t=1", "\r=1", "\uff1d1", '=HYPERLINK("x","y")', "--1", "+", "-"]
HARMLESS = ["-5", "+1.5e3", "-.5", "a=1", "", "'=1", "5", "1,2", 'say "hi"', "two\nlines", "é🙂"]


def test_no_cell_of_csv_is_a_formula_and_numbers_stay_numbers(folder: Folder) -> None:
    values: list[Any] = [*FORMULAS, *HARMLESS, None]
    events = [
        {"text": value, "number": -number, "=name": True, "nested": ["=x"]} for number, value in enumerate(values)
    ]
    folder.jsonl("a.jsonl", [{"@timestamp": "2026-01-01T00:00:00.5Z", **event} for event in events])
    outcome = convert(folder.storage, file_path="a.jsonl", format="csv")
    with (folder.root / outcome.results.file_path).open(newline="") as file:
        header, *rows = csv.reader(file)
    assert header == ["@timestamp", "text", "number", "'=name", "nested"]
    assert [row[1] for row in rows] == [*(f"'{text}" for text in FORMULAS), *HARMLESS, ""]
    assert [int(row[2]) for row in rows] == [-number for number in range(len(values))]
    assert {(row[0], row[3], row[4]) for row in rows} == {("2026-01-01T00:00:00.500000Z", "true", '["=x"]')}


@pytest.mark.parametrize(
    ("late", "header", "row"),
    [
        ({"n": 2, "t": "=b"}, ["n", "t"], ["2", "'=b"]),
        ({"n": None, "t": "b"}, ["n", "t"], ["", "b"]),
        ({"n": "-x", "t": 5}, ["n", "t"], ["'-x", "5"]),
        ({"t": "b", "late": True}, ["n", "t", "late"], ["", "b", "true"]),
    ],
    ids=["whole", "a null", "a text among numbers", "another field"],
)
def test_csv_has_every_value_however_late_it_comes(
    folder: Folder, late: Event, header: list[str], row: list[str]
) -> None:
    folder.raw("a.jsonl", lines_of([{"n": 1, "t": "a"}] * 2_100) + b"no event\n" + lines_of([late]))
    results = convert(folder.storage, file_path="a.jsonl", format="csv").results
    assert (results.events_count, results.bad_lines) == (2_101, 1)
    with (folder.root / "a.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    empty = [""] * (len(header) - 2)
    assert (rows[0], rows[1:-1], rows[-1]) == (header, [["1", "a", *empty]] * 2_100, row)


@given(st.text(st.characters(exclude_categories=["Cs"])))
@settings(max_examples=12, deadline=None)
def test_whatever_a_text_is_its_cell_does_not_begin_like_a_formula(text: str) -> None:
    with tempfile.TemporaryDirectory() as name:
        storage = LocalDataStorage(Path(name))
        (storage.root / "a.jsonl").write_bytes(lines_of([{"t": text, "n": "x"}]))
        convert(storage, file_path="a.jsonl", format="csv")
        with (storage.root / "a.csv").open(newline="", encoding="utf-8") as file:
            [_, [cell, _]] = csv.reader(line.replace("\0", "\ufffd") for line in file)
    assert cell.lstrip("+-").replace(".", "0", 1).replace("e", "0", 1).isdigit() or cell[:1] not in {*"=+-@\t\r\n"}


@pytest.mark.parametrize("count", [0, 1, 3])
@pytest.mark.parametrize("file_format", ["json", "jsonl", "parquet", "csv"])
def test_any_number_of_events_is_written(folder: Folder, file_format: str, count: int) -> None:
    events = [{"n": number, "text": "ü" * 1_000} for number in range(count)]
    folder.jsonl("a.jsonl", events)
    outcome = convert(folder.storage, file_path="a.jsonl", format=file_format, file_name=f"out/b.{file_format}")
    path = folder.root / "out" / f"b.{file_format}"
    assert (outcome.branch, outcome.results.events_count) == (Branch.DONE, count)
    assert outcome.results.file_size == path.stat().st_size
    if file_format == "json":
        assert json.loads(path.read_bytes()) == events
    elif file_format == "jsonl":
        assert events_in(path) == events
    elif file_format == "parquet":
        assert pq.read_table(path).num_rows == count


def test_a_large_array_is_one_array(folder: Folder) -> None:
    events = [{"n": number, "text": "x" * 100_000} for number in range(100)]
    folder.jsonl_gz("a.jsonl.gz", events)
    convert(folder.storage, file_path="a.jsonl.gz", format="json")
    assert json.loads((folder.root / "a.json").read_bytes()) == events


def test_files_of_all_kinds_become_one(folder: Folder) -> None:
    folder.jsonl("a.jsonl", [{"n": 1}])
    folder.raw("b.jsonl.gz", gzip.compress(b'{"n":2}') + gzip.compress(b'\n{"n":3}'))
    folder.raw("c.jsonl.gz", gzip.compress(b'{"n":4,"x":"y"}'))
    folder.raw("d.json", b'[{"n": 5}]')
    convert(folder.storage, file_path="a.jsonl", file_name="e.parquet")
    names = ["a.jsonl", "b.jsonl.gz", "c.jsonl.gz", "d.json", "e.parquet"]
    outcome = convert(folder.storage, file_paths=names, file_name="all.parquet")
    assert outcome.results.events_count == 6
    rows = pq.read_table(folder.root / "all.parquet").to_pylist()
    assert sorted(row["n"] for row in rows) == [1, 1, 2, 3, 4, 5]
    assert [row["x"] for row in rows if row["n"] == 4] == ["y"]


def test_parquet_of_other_tools_is_read_and_converted(folder: Folder, opened: Open) -> None:
    import pyarrow as pa

    time = datetime(2026, 1, 1, 12, tzinfo=UTC)
    table = pa.table({"@timestamp": [time], "n": pa.array([7], pa.int32()), "f": [1.5], "l": [["a"]], "t": ["x"]})
    pq.write_table(table, folder.root / "a.parquet")
    assert opened("a.parquet").rows('SELECT epoch("@timestamp"), n, f, l, t FROM events') == [
        (time.timestamp(), 7, "1.5", '["a"]', "x")
    ]
    convert(folder.storage, file_path="a.parquet", format="jsonl")
    assert events_in(folder.root / "a.jsonl") == [
        {"@timestamp": "2026-01-01T12:00:00.000000Z", "n": 7, "f": 1.5, "l": ["a"], "t": "x"}
    ]


@pytest.mark.parametrize("file_format", ["json", "jsonl", "parquet", "csv"])
def test_bad_lines_are_left_out_and_counted_and_by_choice_an_error(folder: Folder, file_format: str) -> None:
    folder.raw("a.jsonl", b'{"n":1}\nnot json\n[2]\n{"n":2}\n')
    results = convert(folder.storage, file_path="a.jsonl", format=file_format, file_name="b").results
    assert (results.events_count, results.bad_lines) == (2, 2)
    with pytest.raises(DamagedExport, match="2 lines"):
        convert(folder.storage, file_path="a.jsonl", format=file_format, file_name="c", on_bad_line="error")
    assert not (folder.root / "c").exists()


def test_a_damaged_file_leaves_nothing_behind(folder: Folder) -> None:
    folder.raw("a.jsonl.gz", gzip.compress(lines_of([{"n": number} for number in range(1_000)]))[:-9])
    with pytest.raises(DamagedExport, match="truncated"):
        convert(folder.storage, file_path="a.jsonl.gz")
    assert [path.name for path in folder.root.iterdir()] == ["a.jsonl.gz"]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        ({"format": "csv", "by_day": True}, "by_day is for parquet"),
        ({"file_name": "../b.parquet"}, "file_name leaves"),
        ({"format": "jsonl"}, "file_name names a file that is read"),
        ({"format": "xlsx"}, "format is not valid"),
    ],
)
def test_what_cannot_be_converted_is_an_error(folder: Folder, arguments: dict[str, Any], match: str) -> None:
    folder.jsonl("a.jsonl", [{"n": 1}])
    with pytest.raises(UsageError, match=match):
        convert(folder.storage, file_path="a.jsonl", **arguments)


@pytest.mark.parametrize("name", ["cases/A.jsonl.gz", "cases/A.JSONL.GZ", "cases/A.Json", "cases/A"])
def test_what_a_file_s_name_says_of_how_it_is_written_goes(folder: Folder, name: str) -> None:
    folder.raw(name, b'{"n": 1}')
    assert convert(folder.storage, file_path=name).results.file_path == "cases/A.parquet"


@pytest.mark.parametrize("given", [{"file_path": "../a.jsonl"}, {"file_paths": ["../a.jsonl"]}, {"file_name": "../b"}])
def test_the_argument_that_names_a_file_outside_is_named(folder: Folder, given: dict[str, Any]) -> None:
    folder.jsonl("a.jsonl", [{"n": 1}])
    (name,) = given
    with pytest.raises(UsageError, match=rf"The argument {name} leaves the data storage"):
        convert(folder.storage, **{**({"file_path": "a.jsonl"} if name == "file_name" else {}), **given})


def test_more_fields_than_columns_are_an_error(folder: Folder) -> None:
    folder.jsonl("a.jsonl", [{"n": 1}] * 2_001 + [{f"field {number}": number} for number in range(2_100)])
    with pytest.raises(UsageError, match="2000 different fields"):
        convert(folder.storage, file_path="a.jsonl")


def test_a_process_of_its_own_converts(folder: Folder) -> None:
    folder.jsonl_gz("a.jsonl.gz", [{"n": 1}], [{"n": 2}])
    assert convert(folder.storage, file_path="a.jsonl.gz", run=run_apart).results.events_count == 2
