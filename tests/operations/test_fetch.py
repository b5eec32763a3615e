"""Fetching: where the file is found, which key opens it, and what is made of it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import stat
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest
from pydantic import SecretStr

from sekoia_export.errors import (
    ConfigurationError,
    DamagedExport,
    InflatesTooFar,
    JobExpired,
    JobNotReady,
    KeyRefused,
    NotFound,
    ObjectMissing,
    PlatformError,
    SignatureRefused,
    StateCorrupt,
    StorageError,
    UsageError,
)
from sekoia_export.simulator import Damage, Fault, Kind
from tests.canaries import ENCRYPTION_SECRET, EXPLICIT_KEY, PREVIOUS_SECRET
from tests.operations.bench import LISTING, TASK, Bench

if TYPE_CHECKING:
    from pathlib import Path

    from sekoia_export.transfer.progress import TransferProgress
    from tests.operations.conftest import Start

OTHER_KEY = base64.b64encode(b"canary-another-key-of-32-bytes-!").decode()


def written(bench: Bench, results: Any) -> Path:
    """Return the fetched file."""
    return bench.folder / str(results.file_path)


def events_in(path: Path) -> list[dict[str, Any]]:
    data = path.read_bytes()
    if path.suffix == ".json":
        events: list[dict[str, Any]] = json.loads(data)
        return events
    return [json.loads(line) for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()]


@pytest.mark.parametrize("file_format", ["jsonl.gz", "jsonl", "json"])
def test_what_is_fetched_is_told(bench: Bench, file_format: str) -> None:
    job, task = bench.exported(fields=["source.ip"])
    outcome = bench.fetch(job, task, format=file_format, preview=3)
    file = written(bench, outcome.results)
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


@pytest.mark.parametrize("shape", ["list", "object", "items"])
@pytest.mark.parametrize("url_in", ["both", "task", "export_jobs"])
@pytest.mark.parametrize("entry_id", ["task_uuid", "uuid", "both", None])
@pytest.mark.parametrize("status", [True, False])
def test_each_shape_of_the_listing(start: Start, shape: str, url_in: str, entry_id: str | None, status: bool) -> None:
    bench = start(export_jobs_shape=shape, download_url_in=url_in, entry_id=entry_id, entry_status=status)
    job, task = bench.exported()
    outcome = bench.fetch(job, task)
    assert (outcome.branch, outcome.results.complete) == ("fetched", True)
    if entry_id is not None or url_in != "task":
        assert bench.fetch(job, file_name="newest.jsonl.gz").branch == "fetched"


@pytest.mark.parametrize("created_at", [True, False])
@pytest.mark.parametrize("entry_id", ["task_uuid", None])
def test_the_newest_finished_export_is_fetched_without_a_task(
    start: Start, created_at: bool, entry_id: str | None
) -> None:
    bench = start(entry_created_at=created_at, entry_id=entry_id)
    job, _ = bench.exported(fields=["source.ip"])
    bench.clock.advance(60)
    bench.exported(job, fields=["user.name"])
    bench.set(export_duration_s=600.0)
    bench.trigger(job, fields=["host.name"])
    outcome = bench.fetch(job)
    assert any("user.name" in event for event in events_in(written(bench, outcome.results)))
    name = job if entry_id is None else f"{job}-{bench.exports[1].task_uuid}"
    assert outcome.results.file_path == f"{name}.jsonl.gz"


def test_one_of_several_is_fetched_by_its_task(bench: Bench) -> None:
    job, first = bench.exported(fields=["source.ip"])
    bench.exported(job, fields=["user.name"])
    outcome = bench.fetch(job, first)
    assert not any("user.name" in event for event in events_in(written(bench, outcome.results)))


def test_an_entry_without_id_that_is_another_exports_is_not_taken(start: Start) -> None:
    bench = start(export_jobs_shape="object", entry_id=None)
    job, first = bench.exported(fields=["source.ip"])
    bench.set(late_events=7)
    bench.exported(job, fields=["user.name"])
    outcome = bench.fetch(job, first)
    assert not any("user.name" in event for event in events_in(written(bench, outcome.results)))
    assert (outcome.branch, outcome.results.complete, outcome.results.expected_events) == ("fetched", None, None)


def test_a_link_beside_the_task_wins_over_one_that_nothing_names(start: Start) -> None:
    bench = start(export_jobs_shape="object", entry_id=None, entry_fields=False)
    job, first = bench.exported(fields=["source.ip"])
    bench.clock.advance(600)
    bench.exported(job, fields=["user.name"])
    outcome = bench.fetch(job, first)
    assert not any("user.name" in event for event in events_in(written(bench, outcome.results)))


def test_a_forgotten_listing_leaves_the_task_to_tell(bench: Bench) -> None:
    job, task = bench.exported()
    bench.fault(Kind.STATUS, LISTING, status=404, body=b'{"code": "not_found"}', times=None)
    outcome = bench.fetch(job, task)
    assert (outcome.branch, outcome.results.complete) == ("fetched", None)


def test_a_forgotten_task_leaves_the_listing_to_tell(bench: Bench) -> None:
    job, task = bench.exported()
    bench.fault(Kind.STATUS, TASK, status=404, body=b'{"code": "not_found"}', times=None)
    assert bench.fetch(job, task).results.complete is True


def test_a_status_that_nobody_knows_does_not_hide_a_link(start: Start) -> None:
    bench = start(task_statuses=("A", "B", "C", "D", "E"))
    job = bench.job()
    bench.trigger(job)
    bench.finish_exports()
    assert bench.fetch(job).branch == "fetched"
    assert bench.fetch(job, bench.only_export().task_uuid, file_name="two.jsonl.gz").branch == "fetched"


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
        assert len(events_in(written(bench, outcome.results))) == 500
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


# Keys.


def secrets(bench: Bench, current: str | None, previous: str | None = None) -> None:
    bench.configure(
        encryption_secret=None if current is None else SecretStr(current),
        encryption_secret_previous=None if previous is None else SecretStr(previous),
    )


@pytest.mark.parametrize("style", ["aws", "ceph", "seaweedfs"])
@pytest.mark.parametrize("signed", [False, True])
def test_each_key_that_can_open_an_export(start: Start, style: str, signed: bool) -> None:
    bench = start(storage_style=style, url_signs_sse_c=signed, max_exports_of_a_job=20)
    job = bench.job()
    _, derived = bench.exported(job)
    _, provided = bench.exported(job, encryption_key=EXPLICIT_KEY)
    _, none = bench.exported(job, encryption="platform")
    assert bench.fetch(job, derived).results.encryption == "derived"
    assert bench.fetch(job, derived, encryption_key=OTHER_KEY, file_name="a.gz").results.encryption == "derived"
    assert bench.fetch(job, provided, encryption_key=EXPLICIT_KEY).results.encryption == "provided"
    assert bench.fetch(job, none, encryption_key=OTHER_KEY).results.encryption == "none"
    secrets(bench, "canary-a-new-secret-that-came-by-rotation", ENCRYPTION_SECRET)
    assert bench.fetch(job, derived, file_name="b.gz").results.encryption == "derived"
    secrets(bench, PREVIOUS_SECRET)
    with pytest.raises(KeyRefused, match=r"(encryption_key|encryption_secret)"):
        bench.fetch(job, derived, file_name="c.gz")
    secrets(bench, None)
    with pytest.raises(KeyRefused, match=r"(encryption_key|encryption_secret)"):
        bench.fetch(job, provided, file_name="d.gz")


@pytest.mark.parametrize("name", ["sse_customer_key", "encryption_key", "sse_c_key"])
@pytest.mark.parametrize("inside", [False, True])
def test_the_platforms_own_key_is_found_under_each_name(start: Start, name: str, inside: bool) -> None:
    bench = start(platform_key=name, platform_key_in_s3=inside)
    job, task = bench.exported(encryption="platform")
    assert bench.only_export().sealed_by == "platform"
    assert bench.fetch(job, task).results.encryption == "platform"


def test_a_file_that_opens_without_the_key_it_was_asked_for_with_is_told(
    bench: Bench, caplog: pytest.LogCaptureFixture
) -> None:
    job, task = bench.exported(encryption="platform")
    for name, path in bench.state_files().items():
        if name.startswith("tasks/"):
            path.write_text(path.read_text().replace('"platform"', '"derived"'))
    assert bench.fetch(job, task).results.encryption == "none"
    assert "asked for with an encryption key, and its file opens without one" in caplog.text


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
    assert len(events_in(written(bench, outcome.results))) == 500
    (bench.folder / "out").symlink_to(tmp_path)
    with pytest.raises(UsageError, match="symbolic link"):
        bench.fetch(job, task, file_name="out/x.jsonl.gz")


# Links that die.


def test_a_link_that_died_since_it_was_listed_is_read_again(start: Start) -> None:
    bench = start(url_ttl_s=100, url_renewed=False)
    job, task = bench.exported()
    bench.fetch(job, task, file_name="first.jsonl.gz")
    bench.clock.advance(200)
    # The next two reads still show the dead link; those after them a new one.
    stale = json.dumps({"status": "FINISHED", "attributes": {"download_url": bench.exports[0].first_url}})
    bench.set(url_renewed=True)
    bench.fault(Kind.GARBAGE, TASK, body=stale.encode())
    bench.fault(Kind.GARBAGE, LISTING, body=b"[]")
    outcome = bench.fetch(job, task)
    assert (outcome.branch, outcome.results.complete) == ("fetched", True)


@pytest.mark.parametrize("dead", ["task", "listing"])
def test_the_place_with_the_living_link_is_taken(start: Start, dead: str) -> None:
    bench = start(url_ttl_s=100, url_renewed=False)
    job, task = bench.exported()
    bench.fetch(job, task, file_name="first.jsonl.gz")
    bench.clock.advance(200)
    old = bench.exports[0].first_url
    stale: Any = {"status": "FINISHED", "attributes": {"download_url": old}}
    if dead == "listing":
        stale = {"task_uuid": str(task), "status": "FINISHED", "download_url": old}
    bench.set(url_renewed=True)
    bench.fault(Kind.GARBAGE, TASK if dead == "task" else LISTING, body=json.dumps(stale).encode(), times=None)
    assert bench.fetch(job, task).branch == "fetched"


@pytest.mark.parametrize("style", ["aws", "ceph", "seaweedfs"])
def test_a_link_that_is_dead_for_good_is_the_branch_expired(start: Start, style: str) -> None:
    bench = start(storage_style=style)
    job, task = bench.exported()
    bench.clock.advance(25 * 3600)
    outcome = bench.fetch(job, task)
    export = bench.only_export()
    assert outcome.branch == "expired"
    assert outcome.results.model_dump() == {
        "file_path": None,
        "file_size": None,
        "compressed_size": None,
        "events_count": None,
        "expected_events": 500,
        "complete": None,
        "sha256": None,
        "preview": [],
        "encryption": None,
        "expire_at": export.window_end(bench.simulator.settings).isoformat(timespec="milliseconds")[:-6] + "Z",
        "duration_seconds": outcome.results.duration_seconds,
        "summary": outcome.results.summary,
    }
    assert not list(bench.folder.glob("*.gz"))


def refuse(bench: Bench, code: str, message: str, **more: Any) -> None:
    """Let the storage refuse every GET so."""
    body = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()
    bench.simulator.faults.add(
        Fault(
            Kind.STATUS,
            server="storage",
            method="GET",
            status=403,
            body=body,
            content_type="text/xml",
            **{"times": None, **more},
        )
    )


def test_a_link_that_dies_before_its_stated_time_is_expired(bench: Bench) -> None:
    job, task = bench.exported()
    refuse(bench, "AccessDenied", "Request has expired")
    assert bench.fetch(job, task).branch == "expired"


def test_a_link_whose_signature_is_refused_once_is_read_again(bench: Bench) -> None:
    job, task = bench.exported()
    refuse(bench, "SignatureDoesNotMatch", "", times=2)
    assert bench.fetch(job, task).branch == "fetched"


def test_a_link_whose_signature_is_refused_for_good_is_an_error(bench: Bench) -> None:
    bench.configure(encryption_secret=None)
    job, task = bench.exported()
    refuse(bench, "SignatureDoesNotMatch", "")
    with pytest.raises(SignatureRefused):
        bench.fetch(job, task)


def test_an_object_that_is_gone_is_expired_once_its_time_is_over(bench: Bench) -> None:
    job, task = bench.exported()
    bench.simulator.buckets["sekoia-event-exports"].objects.clear()
    with pytest.raises(ObjectMissing):
        bench.fetch(job, task)
    bench.set(url_ttl_s=200_000, download_window_s=200_000)
    url = bench.exports[0]
    url.first_url = None
    listed = {"task_uuid": str(task), "status": "FINISHED", "expire_at": "2026-01-15T12:00:00Z"}
    bench.fault(Kind.GARBAGE, LISTING, body=json.dumps([listed]).encode(), times=None)
    assert bench.fetch(job, task).branch == "expired"


def test_an_export_that_the_platform_has_forgotten_is_expired_when_it_was_ours(bench: Bench) -> None:
    job, task = bench.exported()
    bench.simulator.exports.clear()
    with pytest.raises(NotFound, match=f"no export with the task {task}"):
        bench.fetch(job, task)
    bench.clock.advance(24 * 3600)
    outcome = bench.fetch(job, task)
    assert (outcome.branch, outcome.results.expire_at, outcome.results.expected_events) == ("expired", None, None)


def test_an_export_without_a_link_is_expired_once_its_time_is_over(bench: Bench) -> None:
    job, task = bench.exported()
    bench.fault(Kind.GARBAGE, TASK, body=b'{"status": "FINISHED"}', times=None)
    entry = {"task_uuid": str(task), "status": "FINISHED", "expire_at": "2026-01-15T13:00:00Z"}
    bench.fault(Kind.GARBAGE, LISTING, body=json.dumps(entry).encode(), times=None)
    with pytest.raises(StorageError, match="gives no download link"):
        bench.fetch(job, task)
    bench.clock.advance(3600)
    assert bench.fetch(job, task).branch == "expired"


# What is not there.


def test_an_export_that_runs_is_to_be_waited_for(start: Start) -> None:
    bench = start(export_duration_s=600.0)
    job = bench.job()
    task = bench.trigger(job).results.task_uuid
    for asked in (task, None):
        with pytest.raises(JobNotReady, match="wait_until_finished"):
            bench.fetch(job, asked)


@pytest.mark.parametrize("outcome", ["failed", "canceled"])
def test_an_export_that_failed_is_said_to_have(start: Start, outcome: str) -> None:
    bench = start(task_outcome=outcome, task_message="see https://s3.example/?X-Amz-Signature=1")
    job = bench.job()
    task = bench.trigger(job).results.task_uuid
    bench.finish_exports()
    with pytest.raises(PlatformError, match=f"ended as {outcome.upper()}.*Trigger a new export"):
        bench.fetch(job, task)
    with pytest.raises(PlatformError, match=r"Every export .* failed or was canceled"):
        bench.fetch(job)


@pytest.mark.parametrize("entry_status", ["FAILED", "CANCELED"])
def test_an_entry_that_failed_counts_where_the_task_is_unknown(bench: Bench, entry_status: str) -> None:
    job, task = bench.exported()
    bench.fault(Kind.STATUS, TASK, status=404, body=b"{}", times=None)
    body = json.dumps([{"task_uuid": str(task), "status": entry_status}]).encode()
    bench.fault(Kind.GARBAGE, LISTING, body=body, times=None)
    with pytest.raises(PlatformError, match=f"ended as {entry_status}"):
        bench.fetch(job, task)


def test_what_the_platform_does_not_know_is_told(bench: Bench) -> None:
    job = bench.job()
    with pytest.raises(NotFound, match=r"has no export\. Trigger"):
        bench.fetch(job)
    with pytest.raises(NotFound, match="no export with the task"):
        bench.fetch(job, uuid4())
    with pytest.raises(NotFound):
        bench.fetch(uuid4())


def test_an_expired_search_job_without_a_listing_is_told(bench: Bench) -> None:
    job, _ = bench.exported()
    bench.fault(Kind.STATUS, LISTING, status=410, body=b'{"code": "job_expired"}', times=None)
    with pytest.raises(JobExpired):
        bench.fetch(job)


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
    assert len(events_in(written(bench, outcome.results))) == 500


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


# Once.


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
    file = written(bench, first.results)
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


# The own bucket.


@pytest.mark.parametrize("url", [True, False])
@pytest.mark.parametrize("arguments", [{}, {"encryption_key": EXPLICIT_KEY}, {"encryption": "platform"}])
@pytest.mark.parametrize("prefix", [None, "cases/7"])
def test_an_own_bucket_end_to_end(start: Start, url: bool, arguments: dict[str, Any], prefix: str | None) -> None:
    bench = start(own_bucket_url=url)
    bench.own_bucket()
    job, task = bench.exported(s3_prefix=prefix, **arguments)
    bench.configure(s3_prefix="changed-since")
    key = {name: value for name, value in arguments.items() if name == "encryption_key"}
    outcome = bench.fetch(job, task, **key)
    assert (outcome.branch, outcome.results.complete) == ("fetched", True)
    assert outcome.results.encryption == {"encryption_key": "provided", "encryption": "none"}.get(
        next(iter(arguments), ""), "derived"
    )
    signed = [r for r in bench.asked("GET", ".jsonl.gz", server="storage") if "authorization" in r.headers]
    assert bool(signed) is not url


def test_an_own_bucket_is_read_without_a_record_of_the_task(start: Start) -> None:
    bench = start(own_bucket_url=False)
    bench.own_bucket()
    job, task = bench.exported()
    for name, path in bench.state_files().items():
        if name.startswith("tasks/"):
            path.unlink()
    assert bench.fetch(job, task).branch == "fetched"


def test_an_own_bucket_is_read_without_a_task(start: Start) -> None:
    bench = start(own_bucket_url=False, entry_status=False)
    bench.own_bucket()
    job, _ = bench.exported()
    assert bench.fetch(job).branch == "fetched"


def test_a_dead_link_to_an_own_bucket_leaves_the_bucket_itself(start: Start) -> None:
    bench = start()
    bench.own_bucket()
    job, task = bench.exported()
    bench.clock.advance(48 * 3600)
    outcome = bench.fetch(job, task)
    assert (outcome.branch, outcome.results.complete) == ("fetched", True)


def test_a_dead_link_to_a_bucket_that_is_not_configured_here_has_expired(start: Start) -> None:
    bench = start()
    bench.own_bucket()
    job, task = bench.exported()
    bench.configure(
        s3_bucket=None, s3_region=None, s3_endpoint_url=None, s3_access_key_id=None, s3_secret_access_key=None
    )
    bench.clock.advance(48 * 3600)
    assert bench.fetch(job, task).branch == "expired"


def test_a_bucket_that_is_no_longer_configured_is_named(start: Start) -> None:
    bench = start(own_bucket_url=False)
    bench.own_bucket()
    job, task = bench.exported()
    bench.configure(
        s3_bucket=None, s3_region=None, s3_endpoint_url=None, s3_access_key_id=None, s3_secret_access_key=None
    )
    with pytest.raises(ConfigurationError, match="s3_region"):
        bench.fetch(job, task)


def test_files_are_for_others_and_state_is_not(bench: Bench) -> None:
    outcome = bench.fetch(*bench.exported())
    assert stat.S_IMODE(written(bench, outcome.results).stat().st_mode) & 0o600 == 0o600
    assert {stat.S_IMODE(path.stat().st_mode) for path in bench.state_files().values()} == {0o600}
