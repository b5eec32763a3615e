"""The table `events`: every field of every line, with one rule for what a column is."""

from __future__ import annotations

import gzip
from datetime import datetime
from pathlib import Path

import pytest

from sekoia_export.analysis.events import EventTable, OnBadLine
from sekoia_export.analysis.fields import Kind
from sekoia_export.analysis.files import finding
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.errors import DamagedExport, UsageError
from tests.analysis.conftest import Folder, Open, lines_of


def test_a_field_is_a_column_and_a_missing_one_is_null(folder: Folder, opened: Open) -> None:
    folder.jsonl("a.jsonl", [{"source.ip": "10.0.0.1", "n": 1}, {"n": 2}, {"source.ip": None, "n": 3}])
    assert opened("a.jsonl").rows('SELECT "source.ip", n FROM events ORDER BY n') == [
        ("10.0.0.1", 1),
        (None, 2),
        (None, 3),
    ]


def test_a_field_that_comes_late_is_a_column_too(folder: Folder, opened: Open) -> None:
    # Later than whatever any reader samples.
    early = [{"n": number} for number in range(60_000)]
    folder.jsonl_gz("late.jsonl.gz", early, [{"n": 60_000, "rare.field": "here", "rare.number": 7}])
    table = opened("late.jsonl.gz")
    assert table.rows('SELECT n, "rare.field", "rare.number" FROM events WHERE "rare.field" IS NOT NULL') == [
        (60_000, "here", 7)
    ]
    assert table.rows("SELECT count(*) FROM (SELECT * FROM events) WHERE COLUMNS(*) IS NOT NULL") == [(1,)]
    assert {column.field for column in table.columns} == {"n", "rare.field", "rare.number"}


@pytest.mark.parametrize(
    ("values", "kind", "read"),
    [
        ([1, -5, 9223372036854775807], Kind.INTEGER, [1, -5, 9223372036854775807]),
        ([1, 9223372036854775808], Kind.TEXT, ["1", "9223372036854775808"]),
        ([1, 10**40], Kind.TEXT, ["1", "1" + "0" * 40]),
        ([1, 1.5], Kind.TEXT, ["1", "1.5"]),
        ([1.0], Kind.TEXT, ["1.0"]),
        ([1, "n/a"], Kind.TEXT, ["1", "n/a"]),
        ([1, True], Kind.TEXT, ["1", "true"]),
        ([True, False, None], Kind.BOOLEAN, [True, False, None]),
        (["", "x\0y", "é\u2028🙂"], Kind.TEXT, ["", "x\0y", "é\u2028🙂"]),
        ([[1, "a"], {"b": {"c": None}}], Kind.TEXT, ['[1,"a"]', '{"b":{"c":null}}']),
        (["12", "13"], Kind.TEXT, ["12", "13"]),
        ([None, None], Kind.TEXT, [None, None]),
    ],
    ids=repr,
)
@pytest.mark.parametrize("late", [False, True], ids=["seen early", "seen late"])
def test_the_type_of_a_column_follows_from_all_of_its_values(
    folder: Folder, opened: Open, values: list[object], kind: Kind, read: list[object], late: bool
) -> None:
    before = [{"n": -1}] * 3_000 if late else []
    folder.jsonl("a.jsonl", [*before, *({"n": number, "v": value} for number, value in enumerate(values))])
    table = opened("a.jsonl")
    assert [value for (value,) in table.rows("SELECT v FROM events WHERE n >= 0 ORDER BY n")] == read
    assert {column.field: column.kind for column in table.columns} == {"n": Kind.INTEGER, "v": kind}


@pytest.mark.parametrize(
    "wrong",
    ["not a time", 5, None, [1], "infinity", "0044-03-15 (BC)", "10000-01-01T00:00:00Z", "9999-12-31T23:59:59-01:00"],
)
def test_timestamps_are_times_in_utc_whatever_stands_between_them(folder: Folder, opened: Open, wrong: object) -> None:
    given = ["2026-01-01T12:00:00.123456Z", "2026-01-01T12:00:00+02:00", wrong]
    folder.jsonl("a.jsonl", [{"@timestamp": value} for value in given])
    table = opened("a.jsonl")
    times = [datetime(2026, 1, 1, 12, 0, 0, 123456), datetime(2026, 1, 1, 10)]  # noqa: DTZ001 - as DuckDB gives it
    assert [time for (time,) in table.rows('SELECT "@timestamp" FROM events')] == [*times, None]
    assert table.columns[0].kind is Kind.TIMESTAMP


@pytest.mark.parametrize("members", [1, 2, 50])
def test_every_member_of_a_gzip_file_is_read(folder: Folder, opened: Open, members: int) -> None:
    folder.jsonl_gz("a.jsonl.gz", *[[{"n": number}] * 1_000 for number in range(members)])
    assert opened("a.jsonl.gz").rows("SELECT count(*), count(DISTINCT n) FROM events") == [(1_000 * members, members)]


@pytest.mark.parametrize("cut", [-5, -100, 3_000])
def test_a_damaged_gzip_file_is_an_error_and_no_answer(folder: Folder, opened: Open, cut: int) -> None:
    whole = gzip.compress(lines_of({"n": number, "text": str(number * 7919)} for number in range(20_000)))
    folder.raw("a.jsonl.gz", whole[:cut])
    with pytest.raises(DamagedExport, match="truncated"):
        opened("a.jsonl.gz").rows("SELECT count(n) FROM events")


BAD_LINES = [b"{", b"[1,2]", b"7", b"null", b'"text"', b'{"n":1} trailing', b'{"n":"\xff"}', b"//", b'{"n":"\\ud800"}']


def test_a_line_that_is_no_json_object_is_counted_and_left_out(folder: Folder, opened: Open) -> None:
    lines = [b'{"n":1}', *BAD_LINES, b"", b"  ", b'{"n":2}']
    folder.raw("a.jsonl", b"\n".join(lines))
    table = opened("a.jsonl")
    assert table.rows("SELECT count(*), sum(n) FROM events") == [(2, 3)]
    assert table.bad_lines == len(BAD_LINES)


@pytest.mark.parametrize("line", BAD_LINES)
def test_a_line_that_is_no_json_object_is_an_error_by_choice(folder: Folder, opened: Open, line: bytes) -> None:
    folder.raw("a.jsonl", b'{"n":1}\n' + line + b"\n")
    with pytest.raises(DamagedExport, match="1 lines"):
        opened("a.jsonl", on_bad_line=OnBadLine.ERROR).rows("SELECT n FROM events")


def test_names_that_differ_in_case_only_are_columns_of_their_own(folder: Folder, opened: Open) -> None:
    folder.jsonl("a.jsonl", [{"user": 1, "User": "a", "USER": "b", "user#2": "c"}])
    table = opened("a.jsonl")
    assert table.rows("SELECT * FROM events") == [("b", "a", 1, "c")]
    assert [(column.name, column.field) for column in table.columns] == [
        ("USER#3", "USER"),
        ("User#4", "User"),
        ("user", "user"),
        ("user#2", "user#2"),
    ]
    assert opened("a.jsonl").rows('SELECT user, "User#4" FROM events') == [(1, "a")]


def test_a_name_is_found_in_any_case(folder: Folder, opened: Open) -> None:
    folder.jsonl("a.jsonl", [*[{"n": 1}] * 3_000, {"Source.IP": "x"}])
    assert opened("a.jsonl").rows('SELECT max("source.ip") FROM events') == [("x",)]


HOSTILE_NAMES = [
    'a"b',
    "a'b",
    "a/b",
    "a~1b",
    "a.*$[0]",
    "",
    "\0",
    "0",
    "é",
    '"); DROP TABLE events; --',
    "x" * 5_000,
    "*",
]


def test_hostile_names_of_fields_are_names(folder: Folder, opened: Open) -> None:
    folder.jsonl("a.jsonl", [{name: f"value {at}" for at, name in enumerate(HOSTILE_NAMES)}])
    table = opened("a.jsonl")
    [row] = table.rows("SELECT * FROM events")
    assert sorted(row) == sorted(f"value {at}" for at in range(len(HOSTILE_NAMES)))
    assert {column.field for column in table.columns} == set(HOSTILE_NAMES)


def test_files_of_all_kinds_are_one_table(folder: Folder, opened: Open) -> None:
    folder.jsonl("a.jsonl", [{"n": 1, "both": 1}])
    folder.jsonl_gz("folder/b.jsonl.gz", [{"n": 2, "both": "x"}])
    folder.raw("c.json", b'[\n{"n":3},\n{"n": 4, "only.here": true}\n]\n')
    folder.raw("empty.jsonl", b"")
    table = opened("a.jsonl", "folder/b.jsonl.gz", "c.json", "empty.jsonl")
    assert table.rows('SELECT n, "both", "only.here" FROM events ORDER BY n') == [
        (1, "1", None),
        (2, "x", None),
        (3, None, None),
        (4, None, True),
    ]


def test_a_column_of_no_event_is_an_error_that_names_those_alike(folder: Folder, opened: Open) -> None:
    folder.jsonl("a.jsonl", [{"source.ip": "x", "user.name": "y"}])
    with pytest.raises(UsageError, match=r'"sorce.ip" not found.*"source.ip"'):
        opened("a.jsonl").rows('SELECT "sorce.ip" FROM events')
    with pytest.raises(UsageError, match=r"double quotes"):
        opened("a.jsonl").rows("SELECT source.ip FROM events")


def test_events_can_be_read_many_times_in_one_query(folder: Folder, opened: Open) -> None:
    folder.jsonl_gz("a.jsonl.gz", [{"n": number % 10} for number in range(10_000)])
    query = "SELECT count(*) FROM events WHERE n IN (SELECT max(n) FROM events) UNION ALL SELECT count(*) FROM events"
    assert sorted(opened("a.jsonl.gz").rows(query)) == [(1_000,), (10_000,)]


def test_a_row_as_a_whole_has_all_fields(folder: Folder, opened: Open) -> None:
    folder.jsonl("a.jsonl", [{"a": 1, "b": "x"}])
    assert opened("a.jsonl").rows("SELECT e FROM events e") == [({"a": 1, "b": "x"},)]
    assert opened("a.jsonl").rows("SELECT events FROM events") == [({"a": 1, "b": "x"},)]


def test_what_was_loaded_is_private_and_gone_afterwards(
    folder: Folder, opened: Open, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setenv("TMPDIR", str(temporary))
    monkeypatch.setattr("tempfile.tempdir", None)
    folder.jsonl("a.jsonl", [{"a": 1}])
    with finding(folder.storage, ["a.jsonl"]) as found:
        with EventTable(found, deadline=Deadline(SystemClock(), None)) as table:
            table.rows("SELECT a FROM events")
        assert [path.stat().st_mode & 0o777 for path in temporary.iterdir()] == [0o700]
    assert not list(temporary.iterdir())
