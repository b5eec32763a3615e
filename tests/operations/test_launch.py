"""An export is started once, whatever becomes of the answer."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sekoia_export.errors import AnswerLost, QuotaExceeded
from sekoia_export.simulator import Kind
from tests.operations.bench import LISTING, OTHER_RUN, HookedClock
from tests.operations.lost_answers import LISTINGS, LOSSES, lose

if TYPE_CHECKING:
    from tests.operations.conftest import Start


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
