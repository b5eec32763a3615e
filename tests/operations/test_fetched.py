"""Files that were fetched: recognised when the same is asked for again, and fetched anew where they changed."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any

import pytest

from sekoia_export.errors import StateCorrupt
from tests.operations.bench import Bench

if TYPE_CHECKING:
    from tests.operations.conftest import Start


@pytest.mark.parametrize("by_task", [True, False])
@pytest.mark.parametrize("file_format", ["jsonl.gz", "jsonl", "json"])
def test_what_was_fetched_is_not_fetched_again(bench: Bench, file_format: str, by_task: bool) -> None:
    job, task = bench.exported()
    asked = task if by_task else None
    first = bench.fetch(job, asked, format=file_format, preview=4)
    before = (bench.at_storage(), len(bench.simulator.requests))
    again = bench.fetch(job, asked, format=file_format, preview=4)
    assert bench.at_storage() == before[0]
    assert len(bench.simulator.requests) - before[1] == (0 if by_task else 2)
    first_results, again_results = first.results.model_dump(), again.results.model_dump()
    assert first_results.pop("duration_seconds") >= 0
    assert again_results.pop("duration_seconds") == (0 if by_task else again.results.duration_seconds)
    assert again_results == first_results
    assert len(bench.fetch(job, asked, format=file_format, preview=0).results.preview) == 0
    assert len(bench.fetch(job, asked, format=file_format, preview=600).results.preview) == 500


def test_a_line_that_is_no_json_is_left_out_of_the_preview_both_times(start: Start) -> None:
    bench = start(total_events=3)
    job, task = bench.exported(encryption="platform")
    export = bench.only_export()
    assert export.stored is not None
    content = gzip.compress(b'{"a": 1}\n{"b": broken}\n\n{"c": 3}\n{"d": 4}\n')
    path = bench.simulator.folder / "other"
    path.write_bytes(content)
    export.stored.at_rest, export.stored.size_bytes = path, len(content)
    first = bench.fetch(job, task, preview=3)
    again = bench.fetch(job, task, preview=3)
    assert first.results.preview == again.results.preview == [{"a": 1}, {"c": 3}]
    assert first.results.events_count == 4


@pytest.mark.parametrize("change", ["bytes", "size", "gone"])
def test_a_file_that_changed_on_disk_is_fetched_again(bench: Bench, change: str) -> None:
    job, task = bench.exported()
    first = bench.fetch(job, task)
    file = bench.fetched(first)
    data = file.read_bytes()
    match change:
        case "bytes":
            file.write_bytes(data[:-9] + b"x" + data[-8:])
        case "size":
            file.write_bytes(data[:-9])
        case _:
            file.unlink()
    asked = bench.at_storage()
    again = bench.fetch(job, task)
    assert bench.at_storage() > asked
    assert file.read_bytes() == data
    assert again.results.sha256 == first.results.sha256


def test_another_format_or_name_is_another_file(bench: Bench) -> None:
    job, task = bench.exported()
    others: list[dict[str, Any]] = [{}, {"format": "json"}, {"file_name": "x"}]
    for asked in others:
        before = bench.at_storage()
        bench.fetch(job, task, **asked)
        assert bench.at_storage() > before


def test_a_file_that_another_export_replaced_is_fetched_again(bench: Bench) -> None:
    job, first = bench.exported(fields=["source.ip"])
    _, second = bench.exported(job, fields=["user.name"])
    shas = [bench.fetch(job, task, file_name="same.jsonl.gz").results.sha256 for task in (first, second, first)]
    assert shas[0] == shas[2] != shas[1]


@pytest.mark.parametrize("kind", ["fetches", "tasks"])
@pytest.mark.parametrize("content", ["", "{", '{"version": 2}'])
def test_state_that_cannot_be_read_is_an_error(bench: Bench, kind: str, content: str) -> None:
    job, task = bench.exported()
    bench.fetch(job, task)
    for name, path in bench.state_files().items():
        if name.startswith(kind):
            path.write_text(content)
    with pytest.raises(StateCorrupt, match=rf"\.sekoia-export/{kind}/"):
        bench.fetch(job, None if kind == "tasks" else task, file_name=None if kind == "fetches" else "x")
