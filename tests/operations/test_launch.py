"""An export is started once, whatever becomes of the answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sekoia_export.errors import AnswerLost, JobExpired, NetworkError, PlatformError, QuotaExceeded, StateCorrupt
from sekoia_export.simulator import Fault, Kind
from tests.operations.bench import EXPORT, LISTING, OTHER_RUN, RUN, Bench, HookedClock, Killed, MortalStorage, killed_at

if TYPE_CHECKING:
    from sekoia_export.simulator import Recorded
    from tests.operations.conftest import Start

# How an answer can be lost: (whether the platform had carried the request out, the fault).
LOSSES: dict[str, tuple[bool, dict[str, Any]]] = {
    "reset before": (False, {"kind": Kind.RESET_BEFORE}),
    "closed before": (False, {"kind": Kind.SWALLOW}),
    "502 before": (False, {"kind": Kind.STATUS, "status": 502}),
    "reset after": (True, {"kind": Kind.RESET_AFTER}),
    "reset body": (True, {"kind": Kind.RESET_BODY, "after_bytes": 20}),
    "truncated body": (True, {"kind": Kind.TRUNCATE_BODY, "after_bytes": 20}),
    "502 page after": (
        True,
        {"kind": Kind.STATUS, "status": 502, "carried_out": True, "body": b"<html>", "content_type": "text/html"},
    ),
    "500 after": (True, {"kind": Kind.STATUS, "status": 500, "carried_out": True, "body": b"{}"}),
    "not JSON": (True, {"kind": Kind.GARBAGE}),
    "no task_uuid": (True, {"kind": Kind.GARBAGE, "body": b"{}"}),
    "task_uuid null": (True, {"kind": Kind.GARBAGE, "body": b'{"task_uuid": null}'}),
}
LISTINGS: dict[str, dict[str, Any]] = {
    "full": {},
    "without fields": {"entry_fields": False},
    "without created_at": {"entry_created_at": False},
    "without status": {"entry_status": False},
    "id called uuid": {"entry_id": "uuid"},
    "both ids": {"entry_id": "both"},
    "an object": {"export_jobs_shape": "object"},
    "items": {"export_jobs_shape": "items"},
    "bare": {"entry_fields": False, "entry_created_at": False, "entry_status": False},
}


def is_ours(request: Recorded) -> bool:
    """Return whether a request is the module's, and not someone else's."""
    return request.headers["user-agent"].startswith("sekoia-event-export")


def lose(bench: Bench, loss: str, **more: Any) -> bool:
    """Let the next trigger's answer be lost; return whether the platform carries the request out."""
    carried_out, fault = LOSSES[loss]
    bench.simulator.faults.add(Fault(method="POST", path=EXPORT, when=is_ours, **fault, **more))
    return carried_out


@pytest.mark.parametrize(
    ("loss", "listing"),
    [
        *((loss, listing) for loss in LOSSES for listing in ("full", "bare")),
        *((loss, listing) for loss in ("reset after", "reset before") for listing in LISTINGS),
    ],
)
def test_a_lost_answer_leaves_one_export_that_is_handed_over(start: Start, loss: str, listing: str) -> None:
    bench = start(export_duration_s=600.0, **LISTINGS[listing])
    job = bench.job()
    carried_out = lose(bench, loss)
    outcome = bench.trigger(job, fields=["source.ip"])
    assert outcome.branch == "triggered"
    assert outcome.results.task_uuid == bench.only_export().task_uuid
    assert outcome.results.reused is False
    assert outcome.results.encryption == "derived"
    assert len(bench.asked("POST", "/export")) == (1 if carried_out else 2)
    assert bench.simulator.faults.unused() == []


@pytest.mark.parametrize("loss", ["reset after", "reset before"])
@pytest.mark.parametrize("listing", LISTINGS)
def test_an_export_of_before_is_not_taken_for_the_new_one(start: Start, loss: str, listing: str) -> None:
    bench = start(**LISTINGS[listing])
    job, first = bench.exported()
    lose(bench, loss)
    outcome = bench.trigger(job, reuse=False)
    assert outcome.results.task_uuid == bench.exports[-1].task_uuid != str(first)
    assert len(bench.exports) == 2


@pytest.mark.parametrize("loss", [loss for loss, (carried_out, _) in LOSSES.items() if carried_out])
def test_an_export_that_is_listed_late_is_waited_for(start: Start, loss: str) -> None:
    bench = start(export_duration_s=600.0)
    job = bench.job()
    lose(bench, loss)
    bench.fault(Kind.GARBAGE, LISTING, body=b"[]", nth=2, times=3)
    outcome = bench.trigger(job)
    assert outcome.results.task_uuid == bench.only_export().task_uuid
    assert len(bench.asked("POST", "/export")) == 1


def test_an_export_that_is_listed_once_it_has_finished_is_found_behind_the_busy_slot(start: Start) -> None:
    bench = start(export_duration_s=600.0, running_listed=False)
    job = bench.job()
    lose(bench, "reset after")
    outcome = bench.trigger(job, wait_for_slot=3600)
    assert outcome.branch == "triggered"
    assert outcome.results.task_uuid == bench.only_export().task_uuid
    assert outcome.results.reused is False


def test_an_export_that_is_listed_once_it_has_finished_is_found_by_the_rerun(start: Start) -> None:
    bench = start(export_duration_s=600.0, running_listed=False)
    job = bench.job()
    lose(bench, "reset after")
    assert bench.trigger(job).branch == "busy"
    bench.clock.advance(600)
    outcome = bench.trigger(job)
    assert (outcome.branch, outcome.results.reused) == ("triggered", True)
    assert outcome.results.task_uuid == bench.only_export().task_uuid


def test_errors_of_the_listing_are_ridden_out(start: Start) -> None:
    bench = start(export_duration_s=600.0)
    job = bench.job()
    lose(bench, "reset after")
    bench.fault(Kind.STATUS, LISTING, status=503, nth=2, times=3)
    assert bench.trigger(job).results.task_uuid == bench.only_export().task_uuid


def test_three_lost_answers_are_an_error_and_the_rerun_starts_one(start: Start) -> None:
    bench = start(export_duration_s=600.0)
    job = bench.job()
    lose(bench, "reset before", times=3)
    with pytest.raises(AnswerLost, match="Run the step again"):
        bench.trigger(job)
    assert len(bench.asked("POST", "/export")) == 3
    (intent,) = {path.read_bytes() for name, path in bench.state_files().items() if name.startswith("exports/")}
    assert json.loads(intent)["task_uuid"] is None
    outcome = bench.trigger(job)
    assert outcome.results.task_uuid == bench.only_export().task_uuid


def test_the_third_lost_answer_is_looked_for_too(start: Start) -> None:
    bench = start(export_duration_s=600.0)
    job = bench.job()
    lose(bench, "reset before", times=2)
    lose(bench, "reset after")
    outcome = bench.trigger(job)
    assert outcome.results.task_uuid == bench.only_export().task_uuid
    assert len(bench.asked("POST", "/export")) == 3


def test_a_platform_that_never_lists_it_gets_no_second_one_while_it_runs(start: Start) -> None:
    bench = start(export_duration_s=3600.0)
    job = bench.job()
    lose(bench, "reset after")
    hidden = bench.fault(Kind.GARBAGE, LISTING, body=b"[]", times=None)
    assert bench.trigger(job).branch == "busy"
    assert bench.trigger(job, wait_for_slot=60).branch == "busy"
    hidden.times = 0
    assert bench.trigger(job).results.task_uuid == bench.only_export().task_uuid


def test_a_limit_that_the_lost_request_used_up_is_no_refusal(start: Start) -> None:
    bench = start(max_exports_of_a_job=1, max_active_exports=5, export_duration_s=600.0)
    job = bench.job()
    lose(bench, "reset after")
    bench.fault(Kind.GARBAGE, LISTING, body=b"[]", nth=2, times=6)
    outcome = bench.trigger(job)
    assert outcome.results.task_uuid == bench.only_export().task_uuid
    assert len(bench.asked("POST", "/export")) == 2


def test_a_refusal_after_a_lost_answer_stands_and_the_intent_stays(start: Start) -> None:
    bench = start(quota_status=403)
    job = bench.job()
    lose(bench, "reset before")
    bench.set(monthly_quota_bytes=0)
    with pytest.raises(QuotaExceeded):
        bench.trigger(job)
    bench.set(monthly_quota_bytes=10_000_000)
    bench.trigger(job)
    bench.only_export()


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


@pytest.mark.parametrize("wait_for_slot", [0, 3600])
@pytest.mark.parametrize("sleep", [2, 3, 4, 5])
def test_someone_elses_export_that_appears_meanwhile_is_not_handed_over(
    start: Start, wait_for_slot: int, sleep: int
) -> None:
    bench = start(export_duration_s=600.0)
    job = bench.job()
    lose(bench, "reset before")
    clock = HookedClock(bench.clock, {sleep: lambda: bench.others_export(job, ["user.name"])})
    outcome = bench.trigger(job, fields=["source.ip"], wait_for_slot=wait_for_slot, options={"clock": clock})
    if not wait_for_slot:
        assert outcome.branch == "busy"
        bench.clock.advance(600)
        outcome = bench.trigger(job, fields=["source.ip"])
    theirs, ours = bench.exports
    assert (theirs.fields, ours.fields) == (["user.name"], ["@timestamp", "source.ip"])
    assert outcome.results.task_uuid == ours.task_uuid


def test_two_new_exports_without_fields_are_not_guessed_at(start: Start) -> None:
    bench = start(entry_fields=False, max_active_exports=5)
    job = bench.job()
    lose(bench, "reset before")

    def two_more() -> None:
        bench.others_export(job, ["user.name"])
        bench.others_export(job, ["source.ip"])

    with pytest.raises(AnswerLost, match="cannot be told which"):
        bench.trigger(job, options={"clock": HookedClock(bench.clock, {2: two_more})})
    assert len(bench.exports) == 2


def test_a_listing_without_ids_says_what_to_do(start: Start) -> None:
    bench = start(entry_id=None)
    job = bench.job()
    lose(bench, "reset after")
    with pytest.raises(AnswerLost, match="fetch it by the search job's uuid alone"):
        bench.trigger(job)
    bench.only_export()
    assert bench.fetch(job).branch == "fetched"


def test_anonymous_exports_are_told_apart_by_their_number(start: Start) -> None:
    bench = start(entry_id=None, entry_created_at=False)
    job, _ = bench.exported()
    lose(bench, "reset before")
    bench.trigger(job, reuse=False)
    assert len(bench.exports) == 2
    lose(bench, "reset after")
    bench.finish_exports()
    with pytest.raises(AnswerLost):
        bench.trigger(job, reuse=False, options={"run": OTHER_RUN})
    assert len(bench.exports) == 3


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
