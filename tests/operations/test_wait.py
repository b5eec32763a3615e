"""Waiting for an export's task: how it ends, and what it survives."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import pytest

from sekoia_export.errors import DeadlineExceeded, NetworkError, NotFound, StateCorrupt
from sekoia_export.operations.wait import follow
from sekoia_export.simulator import Kind, Progress
from tests.operations.bench import TASK, Bench

if TYPE_CHECKING:
    from sekoia_export.waiting import Progress as Told
    from tests.operations.conftest import Start


def begun(start: Start, **settings: Any) -> tuple[Bench, str]:
    """Return a bench and the task of an export of an hour that was just begun."""
    bench = start(**{"export_duration_s": 3600.0, **settings})
    outcome = bench.trigger(bench.job())
    return bench, str(outcome.results.task_uuid)


@pytest.mark.parametrize("names", [("PENDING", "RUNNING", "FINISHED", "FAILED", "CANCELED"),
                                   ("pending", "Running", "success", "error", "cancelled"),
                                   ("QUEUED", "EXPORTING", "DONE", "FAILED", "CANCELED")])  # fmt: skip
@pytest.mark.parametrize(
    ("ends", "branch", "status"),
    [("finished", "finished", "FINISHED"), ("failed", "failed", "FAILED"), ("canceled", "failed", "CANCELED")],
)
def test_how_a_task_ends(start: Start, names: tuple[str, ...], ends: str, branch: str, status: str) -> None:
    bench, task = begun(start, task_statuses=names, task_outcome=ends, export_pending_s=30.0)
    outcome = bench.wait(task)
    assert (outcome.branch, outcome.results.status) == (branch, status)
    assert outcome.results.task_uuid == task
    assert outcome.results.remaining_seconds == 0
    assert outcome.results.total == 500
    assert 3630 <= outcome.results.elapsed_seconds <= 3630 * 1.02
    if ends == "finished":
        assert (outcome.results.progress, outcome.results.percent) == (500, 100.0)


def test_what_the_platform_says_of_a_failure_is_told(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    message = "Broken at https://s3.example/x?X-Amz-Signature=abc and gone"
    bench, task = begun(start, task_outcome="failed", task_message=message)
    outcome = bench.wait(task)
    assert outcome.results.message == "Broken at https://s3.example/x and gone"
    assert "ended as FAILED: Broken at https://s3.example/x and gone" in caplog.text


def test_a_canceled_task_needs_no_message(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    bench, task = begun(start, task_outcome="canceled")
    assert bench.wait(task).results.message is None
    assert "ended as CANCELED." in caplog.text


def test_a_time_that_is_up_gives_how_far_it_is(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    bench, task = begun(start)
    outcome = bench.wait(task, timeout=900)
    assert outcome.branch == "timed_out"
    results = outcome.results
    assert (results.status, results.total, results.task_uuid) == ("RUNNING", 500, task)
    assert results.progress is not None
    assert results.percent == pytest.approx(25, abs=1)
    assert results.elapsed_seconds == pytest.approx(900, abs=2)
    assert results.remaining_seconds == pytest.approx(2700, rel=0.2)
    assert "wait again with the same task_uuid" in caplog.text
    assert bench.wait(task).branch == "finished"


def test_progress_is_logged_by_tenths_and_told(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("INFO", "sekoia_export.operations.wait")
    bench, task = begun(start)
    assert bench.wait(task).branch == "finished"
    lines = [record.getMessage() for record in caplog.records if record.name.endswith(".wait")]
    assert 8 <= len(lines) <= 12
    assert all("events" in line for line in lines[:-1])
    assert lines[-1].endswith("has finished.")


@pytest.mark.parametrize("unknown_as", ["absent", "zero"])
def test_a_task_without_progress_is_waited_for(start: Start, unknown_as: str) -> None:
    bench, task = begun(start, progress=Progress.UNKNOWN, unknown_as=unknown_as)
    early = bench.wait(task, timeout=60)
    assert (early.branch, early.results.percent, early.results.total) == ("timed_out", None, None)
    assert early.results.remaining_seconds is None
    outcome = bench.wait(task)
    assert (outcome.branch, outcome.results.percent) == ("finished", 100.0)


def answers(bench: Bench, **task: Any) -> None:
    """Let the platform describe every task so from now on."""
    bench.fault(Kind.GARBAGE, TASK, body=json.dumps(task).encode(), times=None)


@pytest.mark.parametrize(
    ("task", "status", "progress", "total"),
    [
        ({}, "UNKNOWN", None, None),
        ({"status": "ARCHIVING", "progress": "7", "total": "70"}, "UNKNOWN", 7, 70),
        ({"status": "RUNNING", "progress": -1, "total": -1}, "RUNNING", 0, None),
        ({"status": None, "progress": True, "total": "many", "attributes": None}, "UNKNOWN", None, None),
        ({"status": "running", "progress": 80, "total": 70}, "RUNNING", 80, 70),
    ],
)
def test_what_a_task_may_look_like(
    bench: Bench, task: dict[str, Any], status: str, progress: int | None, total: int | None
) -> None:
    answers(bench, **task)
    outcome = bench.wait(uuid4(), timeout=100)
    assert outcome.branch == "timed_out"
    assert (outcome.results.status, outcome.results.progress, outcome.results.total) == (status, progress, total)


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": Kind.RESET_BEFORE},
        {"kind": Kind.TRUNCATE_BODY, "after_bytes": 30},
        {"kind": Kind.GARBAGE},
        {"kind": Kind.STATUS, "status": 502, "body": b"<html>", "content_type": "text/html"},
        {"kind": Kind.STATUS, "status": 403, "body": b"<html>blocked", "content_type": "text/html"},
        {"kind": Kind.STATUS, "status": 429, "headers": {"Retry-After": "60"}, "body": b"{}"},
    ],
)
def test_minutes_of_errors_are_ridden_out(start: Start, fault: dict[str, Any]) -> None:
    bench, task = begun(start)
    bench.fault(path=TASK, nth=5, times=8, **fault)
    assert bench.wait(task).branch == "finished"
    assert bench.simulator.faults.unused() == []


def test_errors_up_to_the_end_of_the_time_give_what_was_seen_before(start: Start) -> None:
    bench, task = begun(start)
    bench.fault(Kind.STATUS, TASK, status=500, nth=5, times=None)
    outcome = bench.wait(task, timeout=300)
    assert (outcome.branch, outcome.results.status) == ("timed_out", "RUNNING")


def test_nothing_answered_at_all_is_a_network_error(start: Start) -> None:
    bench, task = begun(start)
    bench.fault(Kind.STATUS, TASK, status=500, times=None)
    with pytest.raises(NetworkError, match="status 500"):
        bench.wait(task, timeout=120)
    bench.simulator.faults.clear()
    bench.fault(Kind.RESET_BEFORE, TASK, times=None)
    with pytest.raises(NetworkError, match="broke"):
        bench.wait(task, timeout=120)


def test_a_platform_that_stays_away_is_a_network_error(start: Start) -> None:
    bench, task = begun(start)
    bench.fault(Kind.STATUS, TASK, status=500, nth=3, times=None)
    with pytest.raises(NetworkError, match="status 500"):
        bench.wait(task)


def test_no_time_at_all_is_told_as_that(start: Start) -> None:
    bench, task = begun(start)
    with bench.step(0) as step, pytest.raises(DeadlineExceeded):
        follow(step, UUID(task))


def test_an_unknown_task_is_said_to_be(bench: Bench) -> None:
    with pytest.raises(NotFound):
        bench.wait(uuid4())


def test_a_late_wait_asks_seldom(start: Start) -> None:
    bench, task = begun(start, progress=Progress.UNKNOWN)
    bench.clock.advance(3000)
    before = len(bench.simulator.requests)
    assert bench.wait(task).branch == "finished"
    assert len(bench.simulator.requests) - before < 40


def test_an_observer_is_told(start: Start) -> None:
    bench, task = begun(start)
    told: list[Told] = []
    with bench.step(5000) as step:
        assert follow(step, UUID(task), on_progress=told.append).branch == "finished"
    assert [progress.percent for progress in told] == sorted(progress.percent or 0 for progress in told)
    assert told[-1].remaining_s == 0


def test_corrupt_state_is_an_error(start: Start) -> None:
    bench, task = begun(start)
    bench.state_files()[f"tasks/{task}.json"].write_text("{}")
    with pytest.raises(StateCorrupt):
        bench.wait(task)
