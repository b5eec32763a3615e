"""The one slot of a community: who finds it taken is told so, or waits for it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from sekoia_export.simulator import Fault, Kind
from tests.operations.bench import EXPORT

if TYPE_CHECKING:
    from tests.operations.conftest import Start


def test_another_export_that_runs_is_the_branch_busy_with_results(start: Start) -> None:
    bench = start(export_duration_s=600.0)
    bench.trigger(bench.job())
    job = bench.job(query="other")
    outcome = bench.trigger(job, fields=["source.ip"])
    assert outcome.branch == "busy"
    assert outcome.results.model_dump() == {
        "task_uuid": None,
        "job_uuid": str(job),
        "fields": ["@timestamp", "source.ip"],
        "encryption": "derived",
        "s3_bucket": None,
        "reused": False,
    }
    assert bench.asked("PUT", str(job)) == []


@pytest.mark.parametrize("style", [409, 400, 429])
def test_the_slot_is_waited_for(start: Start, caplog: pytest.LogCaptureFixture, style: int) -> None:
    bench = start(export_duration_s=600.0, busy_style=style)
    bench.trigger(bench.job())
    outcome = bench.trigger(bench.job(query="other"), wait_for_slot=900)
    assert outcome.branch == "triggered"
    assert outcome.results.task_uuid == bench.exports[1].task_uuid
    waited_s = (bench.exports[1].created_at - bench.exports[0].ended_at).total_seconds()
    assert 0 <= waited_s <= 40
    assert len(bench.asked("POST", "/export")) < 35


def test_a_slot_that_does_not_come_in_time_is_busy(start: Start) -> None:
    bench = start(export_duration_s=6000.0)
    bench.trigger(bench.job())
    began_s = bench.clock.monotonic()
    assert bench.trigger(bench.job(query="other"), wait_for_slot=600).branch == "busy"
    assert 600 <= bench.clock.monotonic() - began_s < 610


@pytest.mark.parametrize("counts_from", ["end", "now"])
def test_the_search_job_is_kept_alive_while_it_waits(start: Start, counts_from: str) -> None:
    bench = start(export_duration_s=3000.0, results_ttl_s=600, results_ttl_counts_from=counts_from)
    bench.trigger(bench.job())
    job = bench.job(query="other")
    outcome = bench.trigger(job, wait_for_slot=3600)
    assert outcome.branch == "triggered"
    kept = [json.loads(request.body) for request in bench.asked("PUT", str(job))]
    assert all(set(body) == {"results_ttl"} and body["results_ttl"] >= 1800 for body in kept)
    assert 3000 / 150 - 2 < len(kept) < 30
    bench.finish_exports()
    assert bench.fetch(job, outcome.results.task_uuid).branch == "fetched"


def test_a_longer_life_than_that_is_not_cut_short(start: Start) -> None:
    bench = start(export_duration_s=300.0, results_ttl_s=90_000)
    bench.trigger(bench.job())
    job = bench.job(query="other")
    bench.trigger(job, wait_for_slot=600)
    assert {json.loads(request.body)["results_ttl"] for request in bench.asked("PUT", str(job))} == {90_000}


def test_a_search_job_that_cannot_be_kept_is_told(start: Start, caplog: pytest.LogCaptureFixture) -> None:
    bench = start(export_duration_s=300.0)
    bench.trigger(bench.job())
    job = bench.job(query="other")
    bench.simulator.faults.add(Fault(Kind.STATUS, method="PUT", status=400, body=b'{"message": "no"}'))
    assert bench.trigger(job, wait_for_slot=600).branch == "triggered"
    assert "could not be kept alive" in caplog.text


def test_minutes_of_errors_while_the_slot_is_waited_for_are_ridden_out(start: Start) -> None:
    bench = start(export_duration_s=1200.0)
    bench.trigger(bench.job())
    job = bench.job(query="other")
    down = {"status": 403, "body": b"<html>blocked", "content_type": "text/html", "times": 12}
    bench.simulator.faults.add(Fault(Kind.STATUS, server="platform", path=EXPORT, nth=3, **down))  # type: ignore[arg-type]  # checked by Fault
    assert bench.trigger(job, wait_for_slot=2400).branch == "triggered"
