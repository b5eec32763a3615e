"""Opening an export's file: which key opens it, and what becomes of a link that died."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from sekoia_export.errors import KeyRefused, NotFound, ObjectMissing, SignatureRefused, StorageError
from sekoia_export.simulator import Fault, Kind
from tests.canaries import ENCRYPTION_SECRET, EXPLICIT_KEY, OTHER_KEY, PREVIOUS_SECRET
from tests.operations.bench import LISTING, TASK, Bench

if TYPE_CHECKING:
    from tests.operations.conftest import Start


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
