"""Searching: how a search job ends, and what becomes of one that does not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sekoia_export.errors import AnswerLost, DeadlineExceeded, JobExpired, KeyRejected, NetworkError, UsageError
from sekoia_export.simulator import Kind
from tests.operations.bench import PERIOD, Bench, HookedClock

if TYPE_CHECKING:
    from tests.operations.conftest import Start

JOBS = "/search/jobs"


def test_a_search_is_sent_as_the_search_bar_sends_it(bench: Bench) -> None:
    outcome = bench.search(query="user.name:x", max_events="20", community_uuids=bench.simulator.community_uuid)
    (request,) = bench.asked("POST", JOBS)
    assert json.loads(request.body) == {
        "term": "user.name:x",
        "earliest_time": "2026-01-01T00:00:00.000Z",
        "latest_time": "2026-01-02T00:00:00.000Z",
        "visible": False,
        "term_lang": "dork",
        "max_last_events": 20,
        "community_uuids": [bench.simulator.community_uuid],
    }
    assert outcome.branch == "done"
    assert outcome.results.model_dump() == {
        "job_uuid": next(iter(bench.simulator.jobs)),
        "status": "DONE",
        "total": 20,
        "earliest_time": "2026-01-01T00:00:00.000Z",
        "latest_time": "2026-01-02T00:00:00.000Z",
    }


@pytest.mark.parametrize(
    ("period", "sent"),
    [
        (PERIOD, ("2025-12-31T23:00:00.000Z", "2026-01-02T01:00:00.000Z")),
        ({"earliest_time": "-2h", "latest_time": "now"}, ("-10800s", "now")),
        ({"earliest_time": "-2h", "latest_time": "-1h"}, ("-10800s", "now")),
    ],
)
def test_a_margin_widens_the_period_at_both_ends(bench: Bench, period: dict[str, Any], sent: tuple[str, str]) -> None:
    outcome = bench.search(**period, margin=3600)
    (request,) = bench.asked("POST", JOBS)
    body = json.loads(request.body)
    assert (body["earliest_time"], body["latest_time"]) == sent
    if period is PERIOD:
        assert (outcome.results.earliest_time, outcome.results.latest_time) == sent


@pytest.mark.parametrize("style", ["int", "str", "name"])
@pytest.mark.parametrize(
    ("settings", "branch", "status", "total"),
    [
        ({}, "done", "DONE", 500),
        ({"ended_at_early": True}, "done", "DONE", 500),
        ({"total_events": 0}, "empty", "DONE", 0),
        ({"search_outcome": "failed"}, "failed", "FAILED", 0),
        ({"search_outcome": "canceled"}, "failed", "CANCELED", 500),
    ],
)
def test_how_a_search_ends(
    start: Start, style: str, settings: dict[str, Any], branch: str, status: str, total: int
) -> None:
    bench = start(status_style=style, search_duration_s=90.0, search_pending_s=20.0, **settings)
    outcome = bench.search()
    assert (outcome.branch, outcome.results.status, outcome.results.total) == (branch, status, total)
    assert outcome.results.job_uuid == next(iter(bench.simulator.jobs))
    assert 110 <= bench.clock.monotonic() - 1000 < 125
    assert bench.asked("POST", "/cancel") == []


def answer(bench: Bench, **job: Any) -> None:
    """Let the platform describe every search job so from now on."""
    body = json.dumps({"uuid": "11111111-0000-4000-8000-000000000000", **job}).encode()
    bench.fault(Kind.GARBAGE, r"/search/jobs/[^/]*$", method="GET", body=body, times=None)


@pytest.mark.parametrize(
    ("job", "branch", "status"),
    [
        ({"status": 7}, "failed", "UNKNOWN"),
        ({"status": "ARCHIVED"}, "failed", "UNKNOWN"),
        ({"status": 2}, "done", "DONE"),
        ({"status": "DONE", "total": "12"}, "done", "DONE"),
        ({"status": "2", "total": "0"}, "empty", "DONE"),
        ({"status": 2, "total": 0, "retrieved": 4}, "done", "DONE"),
    ],
)
def test_what_the_platform_may_say_of_a_job(bench: Bench, job: dict[str, Any], branch: str, status: str) -> None:
    answer(bench, **job)
    outcome = bench.search()
    assert (outcome.branch, outcome.results.status) == (branch, status)
    assert outcome.results.earliest_time == "2026-01-01T00:00:00.000Z"


@pytest.mark.parametrize("timeout", [1, 5, 60, 600])
def test_a_search_that_takes_too_long_is_canceled_at_the_platform(start: Start, timeout: int) -> None:
    bench = start(search_duration_s=3600.0)
    outcome = bench.search(timeout=timeout)
    (job,) = bench.simulator.jobs.values()
    assert (outcome.branch, outcome.results.status) == ("timed_out", "IN_PROGRESS")
    assert outcome.results.job_uuid == job.uuid
    assert job.canceled_at is not None
    assert timeout - 1 <= bench.clock.monotonic() - 1000 < timeout + 1


def test_a_search_whose_cancellation_fails_is_timed_out_all_the_same(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    bench = start(search_duration_s=3600.0)
    bench.fault(Kind.RESET_BEFORE, r"/cancel$", times=None)
    assert bench.search(timeout=60).branch == "timed_out"
    assert "could not be canceled" in caplog.text


def test_a_search_that_was_started_and_never_seen_again_is_timed_out_and_canceled(start: Start) -> None:
    bench = start(search_duration_s=3600.0)
    bench.fault(Kind.STATUS, r"/search/jobs/[^/]*$", method="GET", status=503, times=None)
    outcome = bench.search(timeout=60)
    (job,) = bench.simulator.jobs.values()
    assert (outcome.branch, outcome.results.job_uuid) == ("timed_out", job.uuid)
    assert job.canceled_at is not None


def test_a_platform_that_stays_away_is_a_network_error(start: Start) -> None:
    bench = start(search_duration_s=3600.0)
    bench.fault(Kind.STATUS, r"/search/jobs/[^/]*$", method="GET", status=503, times=None)
    with pytest.raises(NetworkError, match="status 503"):
        bench.search()
    assert 600 < bench.clock.monotonic() - 1000 < 700


def test_minutes_of_errors_are_ridden_out(start: Start) -> None:
    bench = start(search_duration_s=900.0)
    bench.fault(Kind.RESET_BEFORE, r"/search/jobs/[^/]*$", method="GET", nth=20, times=10)
    bench.fault(Kind.GARBAGE, r"/search/jobs/[^/]*$", method="GET", nth=30, times=10)
    assert bench.search().branch == "done"


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": Kind.RESET_BEFORE},
        {"kind": Kind.RESET_AFTER},
        {"kind": Kind.GARBAGE},
        {"kind": Kind.STATUS, "status": 500},
    ],
)
def test_a_lost_answer_starts_another_search(
    bench: Bench, caplog: pytest.LogCaptureFixture, fault: dict[str, Any]
) -> None:
    bench.fault(path=r"/search/jobs$", times=2, **fault)
    outcome = bench.search()
    assert outcome.branch == "done"
    assert outcome.results.job_uuid == list(bench.simulator.jobs)[-1]
    assert "Starting another search" in caplog.text


def test_three_lost_answers_are_an_error(bench: Bench) -> None:
    bench.fault(Kind.RESET_BEFORE, r"/search/jobs$", times=None)
    with pytest.raises(AnswerLost):
        bench.search()
    assert len(bench.asked("POST", JOBS)) == 3


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"uuid": "../me"}', b'{"uuid": null}'])
def test_an_answer_that_names_no_job_is_a_network_error(bench: Bench, body: bytes) -> None:
    bench.fault(Kind.GARBAGE, r"/search/jobs$", body=body, times=None)
    with pytest.raises(NetworkError):
        bench.search()


@pytest.mark.parametrize(
    ("period", "sent"),
    [
        ({"earliest_time": "-7d", "latest_time": "now"}, ("-7d", "now")),
        ({"earliest_time": " -2h ", "latest_time": "-1h"}, ("-2h", "-1h")),
        ({"earliest_time": "2026-01-01", "latest_time": "+1d"}, ("2026-01-01T00:00:00.000Z", "+1d")),
        (
            {"earliest_time": "2026-01-01T10:00:00.123456+02:00", "latest_time": "Now"},
            ("2026-01-01T08:00:00.123Z", "now"),
        ),
    ],
)
def test_times_are_sent_as_the_platform_takes_them(bench: Bench, period: dict[str, Any], sent: tuple[str, str]) -> None:
    bench.search(**period)
    (job,) = bench.simulator.jobs.values()
    assert (job.body["earliest_time"], job.body["latest_time"]) == sent


@pytest.mark.parametrize(
    "period",
    [
        {"earliest_time": "-1h", "latest_time": "-2h"},
        {"earliest_time": "now", "latest_time": "now"},
        {"earliest_time": "2026-01-02", "latest_time": "2026-01-01"},
        {"earliest_time": "2027-01-01", "latest_time": "now"},
        {"earliest_time": "yesterday", "latest_time": "now"},
        {"earliest_time": "-1y", "latest_time": "now"},
        {"earliest_time": "-9999999w", "latest_time": "now"},
    ],
)
def test_a_period_that_cannot_be_is_refused_before_anything_is_asked(bench: Bench, period: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"earliest_time|latest_time"):
        bench.search(**PERIOD | period)
    assert bench.simulator.requests == []


def test_a_job_that_expires_while_it_is_waited_for_is_said_to_be(start: Start) -> None:
    bench = start(search_duration_s=600.0)
    clock = HookedClock(bench.clock, {5: lambda: bench.clock.advance(10_000)})
    with pytest.raises(JobExpired):
        bench.search(timeout=100_000, options={"clock": clock})


def test_a_refused_key_is_not_retried(bench: Bench) -> None:
    bench.simulator.revoked_keys.add(bench.simulator.api_key)
    with pytest.raises(KeyRejected, match="revoked"):
        bench.search()
    assert len(bench.simulator.requests) == 1


def test_a_time_that_is_up_before_the_search_is_sent_is_told(bench: Bench) -> None:
    bench.fault(Kind.STATUS, r"/search/jobs$", status=429, headers={"Retry-After": "30"}, times=None)
    with pytest.raises(DeadlineExceeded, match="status 429"):
        bench.search(timeout=20)
    assert bench.simulator.jobs == {}
