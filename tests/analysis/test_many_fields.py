"""As many fields as can be columns: every step answers within the memory of its process; one more is told as such.

Exports of several parsers have some hundred fields, and few events can have them all.
"""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from sekoia_export.analysis.loading import FIELDS_LIMIT
from sekoia_export.arguments.analysis import ConvertArguments, HuntArguments, QueryArguments
from sekoia_export.arguments.base import read_arguments
from sekoia_export.clock import SystemClock
from sekoia_export.errors import UsageError
from sekoia_export.operations.convert import convert_export
from sekoia_export.operations.hunt import hunt_export
from sekoia_export.operations.query import query_export
from tests.analysis.conftest import Event, Folder, events_in, exact

RULE = "title: T\ndetection:\n    words:\n        - needle\n    condition: words\n"


def query(folder: Folder) -> int:
    read = read_arguments(QueryArguments, {"file_path": "a.jsonl", "where": "\"field 7\" = 'needle'"})
    return query_export(folder.storage, SystemClock(), read).results.row_count


def hunt(folder: Folder) -> int:
    read = read_arguments(HuntArguments, {"file_path": "a.jsonl", "rules": RULE})
    return hunt_export(folder.storage, SystemClock(), read).results.matches


def convert(folder: Folder, file_path: str = "a.jsonl", **arguments: object) -> int:
    read = read_arguments(ConvertArguments, {"file_path": file_path, **arguments})
    return convert_export(folder.storage, SystemClock(), read).results.events_count


STEPS: dict[str, Callable[[Folder], int]] = {
    "query": query,
    "hunt": hunt,
    "parquet": lambda folder: convert(folder, format="parquet") // 20,
    "by_day": lambda folder: convert(folder, by_day=True, file_name="days") // 20,
    "csv": lambda folder: convert(folder, format="csv") // 20,
}


def write(folder: Folder, fields: int) -> list[Event]:
    """Write events of `fields` fields; each has a twentieth of them, of all kinds, and no other has these."""
    kinds: list[Callable[[int], object]] = [lambda at: f"text {at}", int, bool, lambda at: [at], lambda at: None]
    events: list[Event] = [
        {f"field {at}": "needle" if at == 7 else kinds[at // 20 % 5](at) for at in range(start, fields, 20)}
        for start in range(20)
    ]
    folder.jsonl("a.jsonl", events)
    return events


@pytest.mark.parametrize("step", STEPS)
def test_as_many_fields_as_can_be_columns_fit_into_memory(folder: Folder, step: str) -> None:
    write(folder, FIELDS_LIMIT)
    assert STEPS[step](folder) == 1


def test_as_many_fields_as_can_be_columns_come_back_as_they_were(folder: Folder) -> None:
    events = write(folder, FIELDS_LIMIT)
    convert(folder, format="parquet")
    convert(folder, "a.parquet", format="jsonl", file_name="back.jsonl")
    assert exact(events_in(folder.root / "back.jsonl")) == exact(json.loads(json.dumps(events)))


@pytest.mark.parametrize("step", STEPS)
def test_one_field_more_is_told(folder: Folder, step: str) -> None:
    write(folder, FIELDS_LIMIT + 1)
    with pytest.raises(UsageError, match="2000 different fields"):
        STEPS[step](folder)
