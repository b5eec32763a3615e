"""convert_export with by_day: a dataset of Parquet files, a folder a day."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow.parquet as pq
import pytest

from sekoia_export.analysis.database import MEBIBYTE, Limits
from sekoia_export.arguments.analysis import ConvertArguments
from sekoia_export.arguments.base import read_arguments
from sekoia_export.clock import SystemClock
from sekoia_export.errors import DamagedExport, UsageError
from sekoia_export.operations.convert import convert_export
from sekoia_export.results.analysis import ConvertResults
from tests.analysis.conftest import Event, Folder, Open, events_in, exact, in_this_process

FIRST = datetime(2026, 1, 1, tzinfo=UTC)


def convert(folder: Folder, **arguments: Any) -> ConvertResults:
    given_arguments = read_arguments(ConvertArguments, {"timeout": 60, **arguments})
    return convert_export(folder.storage, SystemClock(), given_arguments, run=in_this_process).results


def test_a_dataset_has_a_folder_a_day_and_bounded_row_groups(folder: Folder, opened: Open) -> None:
    events = [
        {"@timestamp": f"2026-01-0{day}T00:00:00Z", "day": "its own", "n": number}
        for number in range(1_000)
        for day in (1, 2)
    ]
    folder.jsonl_gz("a.jsonl.gz", events[:500], [*events[500:], {"n": -1}])
    results = convert(folder, file_path="a.jsonl.gz", by_day="true", file_name="set")
    files = sorted(path for path in (folder.root / "set").rglob("*") if path.is_file())
    assert {path.parent.name for path in files} == {
        "day=2026-01-01",
        "day=2026-01-02",
        "day=__HIVE_DEFAULT_PARTITION__",
    }
    assert (results.file_path, results.files_count, results.events_count) == ("set", len(files), 2_001)
    assert results.file_size == sum(path.stat().st_size for path in files)
    assert opened("set").rows(
        "SELECT count(*), count(DISTINCT n), min(day#2) FROM events".replace("day#2", '"day#2"')
    ) == [(2_001, 1_001, "its own")]
    convert(folder, file_path="set", format="jsonl", file_name="back.jsonl")
    assert sorted(exact(events_in(folder.root / "back.jsonl"))) == sorted(exact([*events, {"n": -1}]))


def in_order(days: int, of_a_day: int) -> list[Event]:
    return [
        {
            "@timestamp": f"{FIRST + timedelta(days=day, seconds=second):%Y-%m-%dT%H:%M:%SZ}",
            "n": day * of_a_day + second,
        }
        for day in range(days)
        for second in range(of_a_day)
    ]


@pytest.mark.parametrize("order", ["reverse", "mixed", "mixed, with a field that DuckDB has too"])
def test_a_dataset_of_many_days_takes_no_more_memory_than_one_file(folder: Folder, order: str) -> None:
    """What fits for one file fits for many days, in whichever order the events come."""
    days, of_a_day, text = 40, 2_000, "x" * 2_500
    events = in_order(days, of_a_day)
    events.reverse()
    if order != "reverse":
        random.Random(1).shuffle(events)
    field = "file_row_number" if "field" in order else "its own"
    folder.jsonl("a.jsonl", ({**event, field: -at, "text": text} for at, event in enumerate(events)))
    given_arguments = read_arguments(ConvertArguments, {"file_path": "a.jsonl", "by_day": True, "file_name": "set"})
    limits = Limits(memory_bytes=320 * MEBIBYTE, threads=2)
    results = convert_export(folder.storage, SystemClock(), given_arguments, limits=limits).results
    assert (results.events_count, results.files_count) == (len(events), days)
    came: dict[int, list[int]] = {day: [] for day in range(days)}
    for event in events:
        came[event["n"] // of_a_day].append(event["n"])
    for day, numbers in came.items():
        [path] = (folder.root / "set" / f"day={FIRST + timedelta(days=day):%Y-%m-%d}").iterdir()
        assert path.name == "events-0.parquet"
        written = pq.read_table(path, columns=["n"]).column("n").to_pylist()
        assert written == numbers


DAYS: dict[str | None, str] = {
    "2026-01-31T23:59:59.999Z": "2026-01-31",
    "2026-01-31T23:59:59-01:00": "2026-02-01",
    "0001-01-01T00:00:00Z": "0001-01-01",
    "9999-12-31T23:59:59.999Z": "9999-12-31",
    "0044-03-15 (BC)": "__HIVE_DEFAULT_PARTITION__",
    "infinity": "__HIVE_DEFAULT_PARTITION__",
    "no time": "__HIVE_DEFAULT_PARTITION__",
    None: "__HIVE_DEFAULT_PARTITION__",
}


@pytest.mark.parametrize("times", [list(DAYS), [None], ["no time"], []], ids=["all", "null", "none", "no events"])
def test_each_event_is_in_the_folder_of_its_day_in_the_order_it_came(folder: Folder, times: list[str | None]) -> None:
    rounds = 3_000
    events: list[Event] = [{"@timestamp": time, "n": number} for number in range(rounds) for time in times]
    folder.jsonl("a.jsonl", events)
    results = convert(folder, file_path="a.jsonl", by_day=True, file_name="set")
    assert (results.events_count, results.files_count) == (len(events), len({DAYS[time] for time in times}))
    for name in {DAYS[time] for time in times}:
        numbers = pq.read_table(folder.root / "set" / f"day={name}" / "events-0.parquet").column("n").to_pylist()
        assert numbers == [event["n"] for event in events if DAYS[event["@timestamp"]] == name]


def test_a_dataset_is_replaced_by_a_rerun_and_nothing_else_is(folder: Folder) -> None:
    folder.jsonl("a.jsonl", [{"@timestamp": "2026-01-01T00:00:00Z"}])
    folder.jsonl("b.jsonl", [{"@timestamp": "2026-01-02T00:00:00Z"}])
    for name in ("a", "b"):
        convert(folder, file_path=f"{name}.jsonl", by_day=True, file_name="set")
    assert [path.name for path in (folder.root / "set").glob("day*/*.parquet")] == ["events-0.parquet"]
    folder.raw("other/precious.txt", b"x")
    for name in ("other", "a.jsonl"):
        with pytest.raises(UsageError, match="file_name names"):
            convert(folder, file_path="b.jsonl", by_day=True, file_name=name)
    with pytest.raises(UsageError, match="a folder that is read"):
        convert(folder, file_path="set", by_day=True, file_name="set")


def test_a_dataset_that_is_not_whole_is_not_read(folder: Folder, opened: Open) -> None:
    folder.jsonl("a.jsonl", [{"@timestamp": "2026-01-01T00:00:00Z"}])
    convert(folder, file_path="a.jsonl", by_day=True, file_name="set")
    folder.raw("set/_UNFINISHED", b"")
    with pytest.raises(DamagedExport, match="not whole"):
        opened("set")
