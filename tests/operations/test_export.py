"""All steps in one: every branch, and one time for all of them."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from sekoia_export.errors import ConfigurationError, ExportError, JobExpired, NetworkError, NotFound, UsageError
from sekoia_export.simulator import Kind
from tests.canaries import EXPLICIT_KEY
from tests.operations.bench import Bench, HookedClock

if TYPE_CHECKING:
    from tests.operations.conftest import Start

SEARCHED = {"job_uuid", "status", "total", "earliest_time", "latest_time"}
TRIGGERED = {"task_uuid", "fields", "encryption", "s3_bucket", "reused"}
WAITED = {"progress", "percent", "elapsed_seconds", "remaining_seconds", "message"}
FETCHED = {
    "file_path",
    "file_size",
    "compressed_size",
    "events_count",
    "expected_events",
    "complete",
    "sha256",
    "preview",
    "expire_at",
    "duration_seconds",
}
ALWAYS = {"summary"}


def told(results: Any) -> dict[str, Any]:
    """Return the results that are not null."""
    return {name: value for name, value in results.model_dump().items() if value is not None}


def test_a_query_becomes_a_file(bench: Bench) -> None:
    outcome = bench.export(fields=["source.ip"], preview=2)
    results = outcome.results.model_dump()
    assert outcome.branch == "fetched"
    assert set(results) == SEARCHED | TRIGGERED | WAITED | FETCHED | ALWAYS
    assert results["job_uuid"] == next(iter(bench.simulator.jobs))
    assert results["task_uuid"] == bench.only_export().task_uuid
    assert (results["status"], results["total"], results["percent"]) == ("FINISHED", 500, 100.0)
    assert (results["encryption"], results["reused"], results["complete"]) == ("derived", False, True)
    file = bench.folder / results["file_path"]
    assert len(gzip.decompress(file.read_bytes()).splitlines()) == 500


def test_a_search_job_becomes_a_file(bench: Bench) -> None:
    job = bench.job()
    outcome = bench.export(job_uuid=str(job), format="jsonl", file_name="seven")
    assert (outcome.branch, outcome.results.model_dump()["file_path"]) == ("fetched", "seven")
    assert len(bench.simulator.jobs) == 1


@pytest.mark.parametrize(
    ("settings", "arguments", "branch", "reached"),
    [
        ({"total_events": 0}, {}, "empty", SEARCHED),
        ({"search_outcome": "failed"}, {}, "failed", SEARCHED),
        ({"search_outcome": "canceled"}, {}, "failed", SEARCHED),
        ({"search_duration_s": 9000.0}, {"timeout": 100}, "timed_out", SEARCHED),
        ({"task_outcome": "failed"}, {}, "failed", SEARCHED | TRIGGERED | WAITED),
        ({"task_outcome": "canceled"}, {}, "failed", SEARCHED | TRIGGERED | WAITED - {"message"}),
        ({"export_duration_s": 9000.0}, {"timeout": 100}, "timed_out", SEARCHED | TRIGGERED | WAITED - {"message"}),
        ({"count_off_by": 1}, {}, "incomplete", SEARCHED | TRIGGERED | WAITED | FETCHED - {"message"}),
        ({"url_ttl_s": 0, "url_renewed": False}, {}, "expired", SEARCHED | TRIGGERED | WAITED - {"message"}),
    ],
)
def test_each_branch_has_the_results_of_the_steps_that_were_reached(
    start: Start, settings: dict[str, Any], arguments: dict[str, Any], branch: str, reached: set[str]
) -> None:
    bench = start(**settings)
    if branch == "expired":
        body = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
        bench.fault(Kind.STATUS, server="storage", status=403, body=body, content_type="text/xml", times=None)
    outcome = bench.export(**arguments)
    assert outcome.branch == branch
    results = set(told(outcome.results))
    assert results >= (reached | ALWAYS) - {"s3_bucket", "message", "encryption"}
    if branch != "expired":
        assert results <= reached | {"message"} | ALWAYS


def test_another_export_that_runs_is_the_branch_busy(start: Start) -> None:
    bench = start(export_duration_s=600.0)
    bench.others_export(bench.job(), ["user.name"])
    outcome = bench.export()
    assert outcome.branch == "busy"
    assert set(told(outcome.results)) == (SEARCHED | TRIGGERED | ALWAYS) - {"task_uuid", "s3_bucket"}
    assert bench.export(wait_for_slot=900).branch == "fetched"


def test_a_wait_for_the_slot_ends_with_the_time_of_the_node(start: Start) -> None:
    bench = start(export_duration_s=6000.0)
    bench.others_export(bench.job(), ["user.name"])
    outcome = bench.export(wait_for_slot=5000, timeout=600)
    assert outcome.branch in {"busy", "timed_out"}
    assert outcome.results.model_dump()["job_uuid"] in bench.simulator.jobs
    assert bench.clock.monotonic() - 1000 < 620


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        ({"query": "*"}, UsageError),
        ({"earliest_time": "-1h"}, UsageError),
        ({"query": "*", "earliest_time": "-1h", "job_uuid": str(uuid4())}, UsageError),
        ({"query": "*", "earliest_time": "-1h", "latest_time": "-2h"}, UsageError),
        ({"query": "*", "earliest_time": "-1h", "encryption": "required"}, UsageError),
        ({"query": "*", "earliest_time": "-1h", "encryption_key": "no base64"}, UsageError),
        ({"query": "*", "earliest_time": "-1h", "file_name": "../x"}, UsageError),
        ({"query": "*", "earliest_time": "-1h", "s3_bucket": "mine"}, ConfigurationError),
    ],
)
def test_what_a_later_step_would_refuse_is_refused_first(
    bench: Bench, arguments: dict[str, Any], error: type[ExportError]
) -> None:
    bench.configure(encryption_secret=None)
    from sekoia_export.arguments.base import read_arguments
    from sekoia_export.arguments.chain import ExportArguments
    from sekoia_export.operations.export import export_events

    with bench.step(100) as step, pytest.raises(error):
        export_events(step, read_arguments(ExportArguments, arguments))
    assert bench.simulator.requests == []


def test_the_previous_secret_is_checked_first_too(bench: Bench) -> None:
    bench.configure(encryption_secret_previous=SecretStr("short"))
    with pytest.raises(ConfigurationError, match="encryption_secret_previous"):
        bench.export()
    assert bench.simulator.requests == []


def test_an_explicit_key_goes_through_all_steps(bench: Bench) -> None:
    outcome = bench.export(encryption_key=EXPLICIT_KEY)
    assert outcome.results.model_dump()["encryption"] == "provided"
    assert bench.only_export().sealed_by == "customer"


def test_a_fresh_search_job_that_is_gone_at_once_is_an_error(bench: Bench) -> None:
    clock = HookedClock(bench.clock, {2: lambda: None, 3: bench.simulator.jobs.clear})
    with pytest.raises((JobExpired, NotFound)):
        bench.export(options={"clock": clock})
    assert len(bench.asked("POST", "/search/jobs")) == 1


# The time.


def test_the_time_of_the_node_is_one_for_all_steps(start: Start) -> None:
    bench = start(search_duration_s=200.0, export_duration_s=900.0)
    began_s = bench.clock.monotonic()
    outcome = bench.export(timeout=600)
    assert outcome.branch == "timed_out"
    assert bench.clock.monotonic() - began_s <= 601
    assert 350 < outcome.results.model_dump()["elapsed_seconds"] <= 400


def test_a_node_without_an_end_has_none(bench: Bench) -> None:
    from sekoia_export.arguments.base import read_arguments
    from sekoia_export.arguments.chain import ExportArguments
    from sekoia_export.operations.export import export_events

    with bench.step(None) as step:
        outcome = export_events(step, read_arguments(ExportArguments, {"query": "*", "earliest_time": "-7d"}))
    assert outcome.branch == "fetched"


def test_a_time_that_is_up_while_triggering_is_timed_out(bench: Bench) -> None:
    job = bench.job()
    bench.fault(Kind.STATUS, r"/search/jobs/[^/]*$", method="GET", status=503, times=None)
    outcome = bench.export(job_uuid=str(job), timeout=30)
    assert outcome.branch == "timed_out"
    results = told(outcome.results)
    assert results.pop("summary").startswith("**The time was up before an export was started**")
    assert results == {"job_uuid": str(job)}


def test_nothing_answered_before_anything_was_reached_is_a_network_error(bench: Bench) -> None:
    bench.fault(Kind.STATUS, r"/search/jobs$", status=403, body=b"<html>", content_type="text/html", times=None)
    with pytest.raises(NetworkError, match=r"firewall|proxy"):
        bench.export(timeout=30)
