"""What is written down before an export is asked for: a later run goes on from it, and a refusal takes it back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sekoia_export.errors import AnswerLost, JobExpired, NetworkError, PlatformError, QuotaExceeded, StateCorrupt
from sekoia_export.simulator import Kind
from tests.operations.bench import EXPORT, OTHER_RUN, RUN, HookedClock, Killed, MortalStorage, killed_at
from tests.operations.lost_answers import lose

if TYPE_CHECKING:
    from tests.operations.conftest import Start


@pytest.mark.parametrize(
    ("last", "loss", "run"),
    [
        *((last, None, RUN) for last in range(1, 4)),
        *((last, "reset after", None) for last in range(1, 5)),
        *((last, "reset before", RUN) for last in (1, 2, 3, 7, 12)),
    ],
)
def test_a_process_killed_on_the_way_is_gone_on_with(
    start: Start, last: int, loss: str | None, run: str | None
) -> None:
    bench = start(export_duration_s=600.0)
    job = bench.job()
    if loss:
        lose(bench, loss)
    clock = killed_at(bench.clock, last)
    try:
        bench.trigger(job, options={"clock": clock, "run": run})
    except Killed:
        bench.simulator.faults.clear()
    outcome = bench.trigger(job, options={"run": run})
    assert outcome.results.task_uuid == bench.only_export().task_uuid
    assert outcome.results.fields == ["@timestamp", "message"]


@pytest.mark.parametrize("last", range(1, 7))
@pytest.mark.parametrize("before", [True, False])
def test_a_process_killed_around_a_write_is_gone_on_with(start: Start, last: int, before: bool) -> None:
    bench = start(export_duration_s=600.0)
    job = bench.job()
    storage = MortalStorage(bench.folder, last=last, before=before)
    try:
        bench.trigger(job, options={"storage": storage})
    except Killed:
        assert last <= 5
    outcome = bench.trigger(job)
    assert outcome.results.task_uuid == bench.only_export().task_uuid


def test_a_later_search_for_the_same_finds_the_lost_export_of_the_earlier(start: Start) -> None:
    bench = start(export_duration_s=600.0)
    first, second = bench.job(), bench.job()
    lose(bench, "reset after")
    with pytest.raises(Killed):
        bench.trigger(first, options={"clock": killed_at(bench.clock, 3)})
    outcome = bench.trigger(second, options={"run": OTHER_RUN})
    assert (outcome.results.job_uuid, outcome.results.reused) == (str(first), True)
    assert outcome.results.task_uuid == bench.only_export().task_uuid


def test_a_lost_export_stays_findable_when_a_later_search_met_the_busy_slot(start: Start) -> None:
    bench = start(export_duration_s=600.0, running_listed=False)
    first, second = bench.job(), bench.job()
    lose(bench, "reset after")
    with pytest.raises(Killed):
        bench.trigger(first, options={"clock": killed_at(bench.clock, 3)})
    assert bench.trigger(second, options={"run": OTHER_RUN}).branch == "busy"
    bench.clock.advance(600)
    outcome = bench.trigger(second, options={"run": OTHER_RUN})
    assert outcome.results.job_uuid == str(first)
    assert outcome.results.task_uuid == bench.only_export().task_uuid


def test_a_lost_export_of_an_earlier_search_that_is_not_there_gives_way(start: Start) -> None:
    bench = start(export_duration_s=600.0)
    first, second = bench.job(), bench.job()
    lose(bench, "reset before", times=3)
    with pytest.raises(AnswerLost):
        bench.trigger(first)
    outcome = bench.trigger(second, options={"run": OTHER_RUN})
    assert (outcome.results.job_uuid, outcome.results.reused) == (str(second), False)
    bench.only_export()


def test_the_lost_export_is_found_after_its_search_job_has_expired(start: Start) -> None:
    bench = start(results_ttl_s=600)
    job = bench.job()
    lose(bench, "reset after")
    with pytest.raises(Killed):
        bench.trigger(job, options={"clock": killed_at(bench.clock, 3)})
    bench.clock.advance(3600)
    outcome = bench.trigger(job)
    assert (outcome.branch, outcome.results.reused) == ("triggered", True)
    assert outcome.results.task_uuid == bench.only_export().task_uuid


def test_a_lost_request_that_did_nothing_before_its_search_job_expired_is_that_error(start: Start) -> None:
    bench = start(results_ttl_s=600)
    job = bench.job()
    lose(bench, "reset before", times=3)
    with pytest.raises(AnswerLost):
        bench.trigger(job)
    bench.clock.advance(3600)
    with pytest.raises(JobExpired):
        bench.trigger(job)
    assert bench.exports == []


@pytest.mark.parametrize("ended", ["failed", "canceled", "expired"])
def test_a_lost_export_that_came_to_nothing_is_not_handed_over(start: Start, ended: str) -> None:
    bench = start(results_ttl_s=400_000, task_outcome="finished" if ended == "expired" else ended)
    job = bench.job()
    lose(bench, "reset after")
    with pytest.raises(Killed):
        bench.trigger(job, options={"clock": killed_at(bench.clock, 3)})
    bench.set(task_outcome="finished")
    bench.clock.advance(100_000 if ended == "expired" else 60)
    outcome = bench.trigger(job)
    assert outcome.results.task_uuid == bench.exports[1].task_uuid
    assert len(bench.exports) == 2


def test_an_own_export_asked_for_otherwise_is_not_taken_for_the_lost_one(start: Start) -> None:
    bench = start(running_listed=False, export_duration_s=100.0)
    job = bench.job()
    other = bench.trigger(job, encryption="platform").results.task_uuid
    with pytest.raises(Killed):
        bench.trigger(job, options={"clock": killed_at(bench.clock, 2)})
    bench.clock.advance(100)
    outcome = bench.trigger(job)
    assert outcome.results.task_uuid != other
    assert [export.sealed_by for export in bench.exports] == ["nobody", "customer"]


@pytest.mark.parametrize(
    ("settings", "error"),
    [({"monthly_quota_bytes": 0}, QuotaExceeded), ({"max_exports_of_a_job": 0, "quota_status": 429}, QuotaExceeded)],
)
def test_a_refusal_leaves_no_intent(start: Start, settings: dict[str, Any], error: type[PlatformError]) -> None:
    bench = start(**settings)
    job = bench.job()
    with pytest.raises(error):
        bench.trigger(job)
    assert bench.state_files() == {}


def test_a_refusal_puts_back_what_was_recorded(start: Start) -> None:
    bench = start(export_duration_s=600.0)
    job = bench.job()
    first = bench.trigger(job).results.task_uuid
    assert bench.trigger(job, reuse=False).branch == "busy"
    outcome = bench.trigger(job, options={"run": OTHER_RUN})
    assert (outcome.results.task_uuid, outcome.results.reused) == (first, True)


def test_no_connection_for_the_request_leaves_no_intent(start: Start) -> None:
    bench = start()
    job = bench.job()
    bench.fault(Kind.STATUS, EXPORT, status=403, body=b"<html>blocked", content_type="text/html", times=None)
    with pytest.raises(NetworkError):
        bench.trigger(job)
    assert bench.state_files() == {}
    bench.simulator.faults.clear()
    bench.trigger(job)
    bench.only_export()


@pytest.mark.parametrize("content", [b"", b"{", b'{"version": 2}', b"[]", b"\xff\x00"])
def test_state_that_cannot_be_read_is_an_error_and_starts_nothing(start: Start, content: bytes) -> None:
    bench = start()
    job, task = bench.exported()
    for name, path in bench.state_files().items():
        if name.startswith("exports/"):
            path.write_bytes(content)
    with pytest.raises(StateCorrupt, match=r"state file /.*/\.sekoia-export/exports/"):
        bench.trigger(job)
    assert bench.only_export().task_uuid == str(task)


def test_another_process_for_the_same_is_taken_up(start: Start) -> None:
    bench = start(export_duration_s=600.0)
    job = bench.job()
    others: list[Any] = []
    clock = HookedClock(bench.clock, {2: lambda: others.append(bench.trigger(job, options={"run": OTHER_RUN}))})
    outcome = bench.trigger(job, options={"clock": clock})
    assert (outcome.branch, outcome.results.reused) == ("triggered", True)
    assert outcome.results.task_uuid == others[0].results.task_uuid == bench.only_export().task_uuid


def test_a_forgotten_task_and_listing_are_no_confirmation(start: Start) -> None:
    bench = start()
    job, task = bench.exported()
    del bench.simulator.exports[str(task)]
    outcome = bench.trigger(job)
    assert outcome.results.task_uuid != str(task)
    assert bench.asked("GET", f"/tasks/{task}")[-1].status == 404
