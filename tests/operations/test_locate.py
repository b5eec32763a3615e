"""Where an export's file is: the listing and the task tell, each what the other does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from uuid import uuid4

import pytest

from sekoia_export.errors import JobExpired, JobNotReady, NotFound, PlatformError
from sekoia_export.simulator import Kind
from tests.operations.bench import LISTING, TASK, Bench, events_in

if TYPE_CHECKING:
    from tests.operations.conftest import Start


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
    assert any("user.name" in event for event in events_in(bench.fetched(outcome)))
    name = job if entry_id is None else f"{job}-{bench.exports[1].task_uuid}"
    assert outcome.results.file_path == f"{name}.jsonl.gz"


def test_one_of_several_is_fetched_by_its_task(bench: Bench) -> None:
    job, first = bench.exported(fields=["source.ip"])
    bench.exported(job, fields=["user.name"])
    outcome = bench.fetch(job, first)
    assert not any("user.name" in event for event in events_in(bench.fetched(outcome)))


def test_an_entry_without_id_that_is_another_exports_is_not_taken(start: Start) -> None:
    bench = start(export_jobs_shape="object", entry_id=None)
    job, first = bench.exported(fields=["source.ip"])
    bench.set(late_events=7)
    bench.exported(job, fields=["user.name"])
    outcome = bench.fetch(job, first)
    assert not any("user.name" in event for event in events_in(bench.fetched(outcome)))
    assert (outcome.branch, outcome.results.complete, outcome.results.expected_events) == ("fetched", None, None)


def test_a_link_beside_the_task_wins_over_one_that_nothing_names(start: Start) -> None:
    bench = start(export_jobs_shape="object", entry_id=None, entry_fields=False)
    job, first = bench.exported(fields=["source.ip"])
    bench.clock.advance(600)
    bench.exported(job, fields=["user.name"])
    outcome = bench.fetch(job, first)
    assert not any("user.name" in event for event in events_in(bench.fetched(outcome)))


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
