"""Questions of files in an S3 data storage: a bounded copy on this machine is asked, and answers go back into it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import sekoia_export.analysis.files as files_module
from sekoia_export.arguments.analysis import ConvertArguments, QueryArguments
from sekoia_export.arguments.base import read_arguments
from sekoia_export.clock import SystemClock
from sekoia_export.errors import DataStorageError, DiskFull, UsageError
from sekoia_export.operations.convert import convert_export
from sekoia_export.operations.query import query_export
from sekoia_export.simulator import Simulator
from sekoia_export.transfer.s3_storage import S3DataStorage
from tests.analysis.conftest import in_this_process, lines_of
from tests.transfer.clients import client_at

EVENTS = [{"@timestamp": f"2026-01-0{day}T00:00:00.000Z", "day": day} for day in (1, 2, 2)]


@pytest.fixture
def storage() -> Iterator[S3DataStorage]:
    with Simulator() as simulator:
        bucket = simulator.buckets.create("data")
        with closing(client_at(simulator.storage_url, bucket.access_key_id, bucket.secret_access_key)) as client:
            storage = S3DataStorage(client, "data", "playbook")
            storage.write("exports/a.jsonl", lines_of(EVENTS))
            yield storage


def test_an_object_is_asked_and_the_answer_is_one(storage: S3DataStorage) -> None:
    asked = read_arguments(QueryArguments, {"file_path": "exports/a.jsonl", "top": "day", "to_file": "out/top.json"})
    results = query_export(storage, SystemClock(), asked, run=in_this_process).results
    assert results.file_path == "out/top.json"
    answer = storage.read("out/top.json")
    assert answer is not None
    assert json.loads(answer) == [{"day": 2, "count": 2}, {"day": 1, "count": 1}]


def test_an_object_is_converted_and_comes_back(storage: S3DataStorage) -> None:
    for source, target, file_format in (("exports/a.jsonl", "b", "parquet"), ("b", "c", "jsonl")):
        given = {"file_path": source, "file_name": target, "format": file_format}
        convert_export(storage, SystemClock(), read_arguments(ConvertArguments, given), run=in_this_process)
    back = storage.read("c")
    assert back is not None
    assert [json.loads(line) for line in back.splitlines()] == EVENTS


def test_an_object_that_is_not_there_or_read_and_written_at_once_is_an_error(storage: S3DataStorage) -> None:
    for given, match in (
        ({"file_path": "exports/b.jsonl", "top": "day"}, "no such file"),
        ({"file_path": "../a.jsonl", "top": "day"}, "leaves"),
        ({"file_path": "exports/a.jsonl", "top": "day", "to_file": "exports/a.jsonl"}, "names a file that is read"),
    ):
        with pytest.raises((UsageError, DataStorageError), match=match):
            query_export(storage, SystemClock(), read_arguments(QueryArguments, given), run=in_this_process)


def test_a_copy_without_room_is_told_before_it_begins(
    storage: S3DataStorage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(files_module, "DISK_FLOOR_BYTES", 2**62)
    asked = read_arguments(QueryArguments, {"file_path": "exports/a.jsonl", "top": "day"})
    with pytest.raises(DiskFull, match="room in the temporary folder"):
        query_export(storage, SystemClock(), asked, run=in_this_process)
