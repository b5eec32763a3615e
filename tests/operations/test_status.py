"""One look at an export: what is told of it, and by which branch."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from sekoia_export.errors import NotFound, StateCorrupt, UsageError
from sekoia_export.simulator import Kind
from tests.operations.bench import LISTING, TASK, Bench
from tests.operations.promises import check

if TYPE_CHECKING:
    from tests.operations.conftest import Start


def test_a_running_export_is_told_with_its_progress(start: Start) -> None:
    bench = start(export_duration_s=1000.0, total_events=10_000)
    job = bench.job()
    task = bench.trigger(job).results.task_uuid
    bench.clock.advance(250)
    outcome = bench.status(task)
    assert outcome.branch == "running"
    results = check("get_export_status", outcome)
    assert results["status"] == "RUNNING"
    assert results["job_uuid"] == str(job)
    assert results["total"] == 10_000
    assert results["progress"] == pytest.approx(2500, rel=0.02)
    assert results["percent"] == pytest.approx(25, rel=0.02)
    assert results["remaining_seconds"] == pytest.approx(750, rel=0.02)
    assert results["events"] is results["compressed_size"] is results["expire_at"] is None


def test_a_look_does_not_wait_and_asks_as_little_as_it_can(start: Start) -> None:
    bench = start(export_duration_s=1000.0)
    task = bench.trigger(bench.job()).results.task_uuid
    before = len(bench.simulator.requests)
    bench.status(task)
    assert [request.path.rsplit("/", 1)[-1] for request in bench.simulator.requests[before:]] == [task]


def test_a_finished_export_is_told_with_its_size_and_expiry(bench: Bench) -> None:
    _, task = bench.exported()
    outcome = bench.status(task)
    export = bench.only_export()
    assert outcome.branch == "finished"
    results = check("get_export_status", outcome)
    assert (results["status"], results["percent"], results["remaining_seconds"]) == ("FINISHED", 100.0, 0.0)
    assert (results["events"], results["compressed_size"]) == (500, export.size_bytes)
    assert results["expire_at"] == export.window_end(bench.simulator.settings).isoformat(
        timespec="milliseconds"
    ).replace("+00:00", "Z")


@pytest.mark.parametrize(("ends", "status"), [("failed", "FAILED"), ("canceled", "CANCELED")])
def test_one_that_ended_badly_says_why(start: Start, ends: str, status: str) -> None:
    bench = start(task_outcome=ends, task_message="See https://s3.example/x?X-Amz-Signature=abc and weep")
    task = bench.trigger(bench.job()).results.task_uuid
    bench.finish_exports()
    outcome = bench.status(task)
    assert (outcome.branch, outcome.results.status) == ("failed", status)
    assert outcome.results.message == "See https://s3.example/x and weep"
    check("get_export_status", outcome)


def test_one_whose_window_is_over_has_expired(bench: Bench) -> None:
    _, task = bench.exported()
    bench.clock.advance(25 * 3600)
    outcome = bench.status(task)
    assert (outcome.branch, outcome.results.status) == ("expired", "FINISHED")
    check("get_export_status", outcome)


def test_one_in_an_own_bucket_does_not_expire(bench: Bench) -> None:
    bench.own_bucket()
    _, task = bench.exported()
    bench.clock.advance(25 * 3600)
    assert bench.status(task).branch == "finished"


def test_one_that_the_platform_has_forgotten_has_expired_when_this_storage_knows_it(bench: Bench) -> None:
    job, task = bench.exported()
    for path in (TASK, LISTING):
        bench.fault(Kind.STATUS, path, status=404, body=b'{"code": "not_found"}', times=None)
    with pytest.raises(NotFound, match="knows no export with the task"):
        bench.status(task)
    bench.clock.advance(25 * 3600)
    outcome = bench.status(task)
    assert (outcome.branch, outcome.results.status, outcome.results.job_uuid) == ("expired", "UNKNOWN", str(job))
    check("get_export_status", outcome)
    with pytest.raises(NotFound):
        bench.status(uuid4())


@pytest.mark.parametrize("given", [True, False])
def test_one_that_was_triggered_elsewhere_is_known_by_its_search_job(bench: Bench, given: bool) -> None:
    job = bench.job()
    task = bench.others_export(job, ["host.name"])
    bench.finish_exports()
    outcome = bench.status(task, **({"job_uuid": str(job)} if given else {}))
    assert outcome.branch == "finished"
    assert outcome.results.events == (500 if given else None)
    check("get_export_status", outcome)


@pytest.mark.parametrize(
    "settings",
    [
        {"export_jobs_shape": "object", "entry_id": None},
        {"entry_status": False, "entry_fields": False, "entry_created_at": False},
        {"task_statuses": ("pending", "Running", "success", "error", "cancelled"), "export_jobs_shape": "items"},
        {"progress": "unknown", "unknown_as": "zero"},
    ],
    ids=str,
)
def test_every_shape_of_the_answers_is_read(start: Start, settings: dict[str, Any]) -> None:
    bench = start(export_duration_s=100.0, **settings)
    task = bench.trigger(bench.job()).results.task_uuid
    bench.clock.advance(50)
    running = bench.status(task)
    assert running.branch == "running"
    check("get_export_status", running)
    bench.finish_exports()
    finished = bench.status(task)
    assert (finished.branch, finished.results.events) == ("finished", 500)
    check("get_export_status", finished)


def test_what_cannot_be_read_is_an_error(bench: Bench) -> None:
    _, task = bench.exported()
    bench.state_files()[f"tasks/{task}.json"].write_text("{")
    with pytest.raises(StateCorrupt, match="tasks"):
        bench.status(task)
    with pytest.raises(UsageError, match="task_uuid is not a uuid"):
        bench.status("../x")
