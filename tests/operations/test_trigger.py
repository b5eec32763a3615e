"""Triggering: what is started, with which encryption, and what is refused."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from pydantic import SecretStr

from sekoia_export.errors import (
    ConfigurationError,
    JobExpired,
    JobNotReady,
    NotFound,
    PermissionMissing,
    QuotaExceeded,
    SseCUnsupported,
    UsageError,
)
from sekoia_export.simulator import MASSIVE_EXPORT, Kind
from tests.canaries import EXPLICIT_KEY
from tests.operations.bench import EXPORT, OTHER_RUN, Bench

if TYPE_CHECKING:
    from tests.operations.conftest import Start


def test_what_is_started_is_told(bench: Bench) -> None:
    job = bench.job()
    outcome = bench.trigger(job, fields="source.ip, user.name", field_set="identity")
    export = bench.only_export()
    assert outcome.branch == "triggered"
    assert outcome.results.model_dump() == {
        "task_uuid": export.task_uuid,
        "job_uuid": str(job),
        "fields": [
            "@timestamp",
            "source.ip",
            "user.name",
            "user.domain",
            "event.action",
            "event.outcome",
            "message",
        ],
        "encryption": "derived",
        "s3_bucket": None,
        "reused": False,
    }
    assert export.fields == outcome.results.fields
    assert export.sealed_by == "customer"
    assert export.requested_s3 == {"sse_customer_algorithm", "sse_customer_key", "sse_customer_key_md5"}


@pytest.mark.parametrize(
    ("secret", "arguments", "encryption", "sealed_by"),
    [
        (True, {}, "derived", "customer"),
        (True, {"encryption": "required"}, "derived", "customer"),
        (True, {"encryption": "platform"}, "platform", "nobody"),
        (True, {"encryption": "platform", "encryption_key": EXPLICIT_KEY}, "provided", "customer"),
        (False, {}, "platform", "nobody"),
        (False, {"encryption": "required", "encryption_key": EXPLICIT_KEY}, "provided", "customer"),
    ],
)
def test_each_way_of_encryption(
    bench: Bench, secret: bool, arguments: dict[str, Any], encryption: str, sealed_by: str
) -> None:
    if not secret:
        bench.configure(encryption_secret=None)
    outcome = bench.trigger(bench.job(), **arguments)
    assert (outcome.results.encryption, bench.only_export().sealed_by) == (encryption, sealed_by)


def test_a_required_key_that_is_not_there_is_refused_before_anything_is_asked(bench: Bench) -> None:
    bench.configure(encryption_secret=None)
    with pytest.raises(UsageError, match="Configure encryption_secret"):
        bench.trigger(uuid4(), encryption="required")
    assert bench.simulator.requests == []


# ES110: the region's own bucket takes no customer key.


@pytest.mark.parametrize("lost", [False, True])
def test_a_derived_key_is_dropped_where_the_region_refuses_it(
    start: Start, caplog: pytest.LogCaptureFixture, lost: bool
) -> None:
    bench = start(sse_c_supported=False, export_duration_s=600.0)
    job = bench.job()
    if lost:
        bench.fault(Kind.RESET_AFTER, EXPORT, nth=2)
    outcome = bench.trigger(job)
    assert (outcome.branch, outcome.results.encryption) == ("triggered", "none")
    assert outcome.results.task_uuid == bench.only_export().task_uuid
    assert "does not support SSE-C" in caplog.text
    assert "goes on without a customer key" in caplog.text
    again = bench.trigger(job, options={"run": OTHER_RUN})
    assert (again.results.reused, again.results.encryption) == (True, "none")


def test_the_refusal_of_the_key_takes_none_of_the_three_tries(start: Start) -> None:
    bench = start(sse_c_supported=False, export_duration_s=600.0)
    job = bench.job()
    bench.fault(Kind.RESET_BEFORE, EXPORT, times=2)
    assert bench.trigger(job).results.encryption == "none"
    assert len(bench.asked("POST", "/export")) == 4


@pytest.mark.parametrize("arguments", [{"encryption": "required"}, {"encryption_key": EXPLICIT_KEY}])
def test_a_key_that_must_be_is_never_dropped(start: Start, arguments: dict[str, Any]) -> None:
    bench = start(sse_c_supported=False)
    job = bench.job()
    with pytest.raises(SseCUnsupported, match="own bucket"):
        bench.trigger(job, **arguments)
    assert bench.exports == []
    assert bench.state_files() == {}


def test_a_region_that_refuses_a_key_that_was_not_sent_is_an_error(bench: Bench) -> None:
    job = bench.job()
    bench.fault(Kind.STATUS, EXPORT, status=400, body=b'{"code": "ES110", "message": "no"}', times=None)
    with pytest.raises(SseCUnsupported):
        bench.trigger(job)
    assert len(bench.asked("POST", "/export")) == 2


def test_an_unencrypted_export_is_not_handed_over_where_a_key_is_required(start: Start) -> None:
    bench = start(sse_c_supported=False)
    job, first = bench.exported()
    with pytest.raises(SseCUnsupported):
        bench.trigger(job, encryption="required")
    bench.set(sse_c_supported=True)
    outcome = bench.trigger(job, encryption="required")
    assert outcome.results.task_uuid != str(first)
    assert bench.exports[-1].sealed_by == "customer"


# What is refused.


def test_a_quota_is_an_error_with_what_to_do(start: Start) -> None:
    bench = start(monthly_quota_bytes=1, quota_status=429)
    job, _ = bench.exported()
    with pytest.raises(QuotaExceeded, match=r"(?s)monthly export quota.*on the 1st of the month"):
        bench.trigger(job, reuse=False)


def test_the_eleventh_export_of_a_search_job_is_refused(bench: Bench) -> None:
    job = bench.job()
    for _ in range(10):
        bench.exported(job, reuse=False)
    with pytest.raises(QuotaExceeded, match="search again"):
        bench.trigger(job, reuse=False)
    assert len(bench.exports) == 10


def test_more_events_than_an_export_holds_are_refused_before_it_is_asked_for(start: Start) -> None:
    bench = start(total_events=100_000_001)
    with pytest.raises(UsageError, match="100,000,001 events, and an export holds 100,000,000 at most"):
        bench.trigger(bench.job())
    assert bench.asked("POST", "/export") == []
    assert bench.asked("GET", "/export-jobs") == []


def test_a_job_that_is_limited_to_its_last_events_counts_those(start: Start) -> None:
    bench = start(total_events=100_000_001)
    job = bench.job(max_events=1000)
    bench.simulator.jobs[str(job)].total = 100_000_001
    assert bench.simulator.jobs[str(job)].body["max_last_events"] == 1000
    bench.set(max_events=10**9, pattern_members=2, events_per_member=100)
    assert bench.trigger(job).branch == "triggered"


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"search_duration_s": 600.0}, JobNotReady, "is not done yet"),
        ({"search_outcome": "failed"}, JobNotReady, "ended as FAILED. Run the search again"),
        ({"search_outcome": "canceled"}, JobNotReady, "ended as CANCELED"),
    ],
)
def test_a_search_job_that_is_not_done_is_refused(
    start: Start, settings: dict[str, Any], error: type[Exception], said: str
) -> None:
    bench = start(**settings)
    bench.search(timeout=1)
    (job,) = bench.simulator.jobs.values()
    job.canceled_at = None
    with pytest.raises(error, match=said):
        bench.trigger(job.uuid)
    assert bench.asked("POST", "/export") == []


@pytest.mark.parametrize("expired", ["refused", "task_failed"])
def test_an_expired_search_job_is_refused(start: Start, expired: str) -> None:
    bench = start(expired_job_export=expired)
    job = bench.job()
    bench.clock.advance(3600)
    with pytest.raises(JobExpired, match="Run the search again"):
        bench.trigger(job)
    assert bench.exports == []


def test_an_unknown_search_job_is_said_to_be(bench: Bench) -> None:
    with pytest.raises(NotFound, match="Check the uuid"):
        bench.trigger(uuid4())


def test_a_missing_permission_is_named(bench: Bench) -> None:
    job = bench.job()
    bench.simulator.api_keys[bench.simulator.api_key].discard(MASSIVE_EXPORT)
    with pytest.raises(PermissionMissing, match="Massive export of events"):
        bench.trigger(job)


def test_a_secret_that_is_too_short_is_refused(bench: Bench) -> None:
    bench.configure(encryption_secret=SecretStr("short"))
    with pytest.raises(ConfigurationError, match="encryption_secret is too short"):
        bench.trigger(uuid4())
    assert bench.simulator.requests == []
