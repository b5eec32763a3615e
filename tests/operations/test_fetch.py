"""Fetching: what is made of an export's file, and what is told of it."""

from __future__ import annotations

import hashlib
import stat
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from sekoia_export.errors import ConfigurationError, DamagedExport, InflatesTooFar, UsageError
from sekoia_export.simulator import Damage, Kind
from tests.operations.bench import Bench, events_in

if TYPE_CHECKING:
    from pathlib import Path

    from sekoia_export.transfer.progress import TransferProgress
    from tests.operations.conftest import Start


@pytest.mark.parametrize("file_format", ["jsonl.gz", "jsonl", "json"])
def test_what_is_fetched_is_told(bench: Bench, file_format: str) -> None:
    job, task = bench.exported(fields=["source.ip"])
    outcome = bench.fetch(job, task, format=file_format, preview=3)
    file = bench.fetched(outcome)
    events = events_in(file)
    assert outcome.branch == "fetched"
    results = outcome.results.model_dump()
    assert results.pop("duration_seconds") >= 0
    assert results.pop("summary").startswith("**Events exported**")
    export = bench.only_export()
    assert results == {
        "file_path": f"{job}-{task}.{file_format}",
        "file_size": file.stat().st_size,
        "compressed_size": export.size_bytes,
        "events_count": 500,
        "expected_events": 500,
        "complete": True,
        "sha256": hashlib.sha256(file.read_bytes()).hexdigest(),
        "preview": events[:3],
        "encryption": "derived",
        "expire_at": export.window_end(bench.simulator.settings).isoformat(timespec="milliseconds")[:-6] + "Z",
    }
    assert len(events) == 500


def test_a_count_that_is_not_given_is_not_compared(start: Start) -> None:
    bench = start(count_present=False)
    outcome = bench.fetch(*bench.exported())
    assert (outcome.branch, outcome.results.complete, outcome.results.expected_events) == ("fetched", None, None)


@pytest.mark.parametrize("off_by", [-1, 40])
def test_another_count_is_the_branch_incomplete_and_the_file_stays(
    start: Start, caplog: pytest.LogCaptureFixture, off_by: int
) -> None:
    bench = start(count_off_by=off_by)
    job, task = bench.exported()
    for _ in range(2):
        outcome = bench.fetch(job, task)
        assert outcome.branch == "incomplete"
        assert (outcome.results.complete, outcome.results.events_count) == (False, 500)
        assert outcome.results.expected_events == 500 + off_by
        assert len(events_in(bench.fetched(outcome))) == 500
    assert f"holds 500 events, and the platform exported {500 + off_by}." in caplog.text


def test_late_events_are_counted(start: Start) -> None:
    bench = start(late_events=30)
    outcome = bench.fetch(*bench.exported())
    assert (outcome.results.events_count, outcome.results.complete) == (530, True)


def test_an_export_without_events_is_a_file_without_events(start: Start) -> None:
    bench = start(total_events=0)
    job = UUID(bench.search().results.job_uuid)
    outcome = bench.fetch(*bench.exported(job), format="json")
    assert (outcome.branch, outcome.results.events_count, outcome.results.preview) == ("fetched", 0, [])
    assert bench.fetch(job, bench.only_export().task_uuid, format="json").results.preview == []


@pytest.mark.parametrize(
    ("configuration", "arguments", "error", "named"),
    [
        ({"encryption_secret": SecretStr("short")}, {}, ConfigurationError, "encryption_secret"),
        ({"encryption_secret_previous": SecretStr("short")}, {}, ConfigurationError, "encryption_secret_previous"),
        ({}, {"encryption_key": "c2hvcnQ="}, UsageError, "encryption_key"),
        ({}, {"file_name": "../out.gz"}, UsageError, "file_name"),
        ({}, {"file_name": "/out.gz"}, UsageError, "file_name"),
        ({}, {"file_name": ".sekoia-export/tasks/x.json"}, UsageError, "file_name"),
        ({}, {"file_name": "folder/"}, UsageError, "file_name"),
    ],
)
def test_what_cannot_be_used_is_refused_before_anything_is_asked(
    bench: Bench, configuration: dict[str, Any], arguments: dict[str, Any], error: type[Exception], named: str
) -> None:
    bench.configure(**configuration)
    with pytest.raises(error, match=named):
        bench.fetch(uuid4(), uuid4(), **arguments)
    assert bench.simulator.requests == []


def test_a_file_name_may_have_folders_and_no_links_out(bench: Bench, tmp_path: Path) -> None:
    job, task = bench.exported()
    outcome = bench.fetch(job, task, file_name="./cases//7/events.jsonl.gz")
    assert outcome.results.file_path == "cases/7/events.jsonl.gz"
    assert len(events_in(bench.fetched(outcome))) == 500
    (bench.folder / "out").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="symbolic link"):
        bench.fetch(job, task, file_name="out/x.jsonl.gz")


# What is wrong with the bytes.


@pytest.mark.parametrize("damage", [Damage.FLIPPED, Damage.TRUNCATED, Damage.TRAILING])
@pytest.mark.parametrize("file_format", ["jsonl.gz", "json"])
def test_damaged_content_is_an_error_and_nothing_is_published(start: Start, damage: Damage, file_format: str) -> None:
    bench = start(damage=damage, events_per_member=100)
    job, task = bench.exported()
    with pytest.raises(DamagedExport) as error:
        bench.fetch(job, task, format=file_format)
    assert not isinstance(error.value, InflatesTooFar)
    assert [path for path in bench.folder.iterdir() if path.name != ".sekoia-export"] == []
    assert not any(name.startswith("fetches/") for name in bench.state_files())


@pytest.mark.parametrize("settings", [{"one_gzip_member": True}, {"damage": Damage.NOT_GZIP}, {"events_per_member": 7},
                                      {"content_encoding_gzip": True}])  # fmt: skip
def test_each_way_the_bytes_may_be_packed(start: Start, settings: dict[str, Any]) -> None:
    bench = start(**settings)
    outcome = bench.fetch(*bench.exported())
    assert (outcome.branch, outcome.results.events_count) == ("fetched", 500)
    assert len(events_in(bench.fetched(outcome))) == 500


def test_breaks_on_the_way_are_gone_on_from(bench: Bench) -> None:
    job, task = bench.exported()
    bench.fault(Kind.RESET_BODY, server="storage", nth=3, after_bytes=1000)
    assert bench.fetch(job, task).results.complete is True


def test_progress_is_told_and_logged_by_tenths(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    from sekoia_export.arguments.chain import FetchArguments
    from sekoia_export.operations.fetch import fetch_and_decrypt

    caplog.set_level("INFO", "sekoia_export.operations.fetch")
    bench = start(total_events=60_000)
    job, task = bench.exported()
    told: list[TransferProgress] = []
    with bench.step(None) as step:
        fetch_and_decrypt(step, FetchArguments(job_uuid=job, task_uuid=task), on_progress=told.append)
    assert told[-1].done_bytes == told[-1].total_bytes == bench.only_export().size_bytes
    lines = [record.getMessage() for record in caplog.records if record.getMessage().startswith("Fetched ")]
    assert 1 <= len(lines) <= 10
    assert lines[-1].endswith("(100 %).")


def test_files_are_for_others_and_state_is_not(bench: Bench) -> None:
    outcome = bench.fetch(*bench.exported())
    assert stat.S_IMODE(bench.fetched(outcome).stat().st_mode) & 0o600 == 0o600
    assert {stat.S_IMODE(path.stat().st_mode) for path in bench.state_files().values()} == {0o600}
