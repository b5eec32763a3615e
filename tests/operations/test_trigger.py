"""Which export a trigger starts, which it takes up, and what it refuses."""

from __future__ import annotations

import base64
import json
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
    StorageError,
    TransferFailed,
    UsageError,
)
from sekoia_export.simulator import MASSIVE_EXPORT, Fault, Kind
from tests.canaries import EXPLICIT_KEY
from tests.operations.bench import EXPORT, OTHER_RUN, Bench, Killed, killed_at

if TYPE_CHECKING:
    from tests.operations.conftest import Start

OTHER_KEY = base64.b64encode(b"canary-another-key-of-32-bytes-!").decode()
RERUN = {"run": OTHER_RUN}


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
    again = bench.trigger(job, options=RERUN)
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


# Reuse.


def test_the_same_search_job_is_exported_once(bench: Bench) -> None:
    job = bench.job(earliest_time="-1h", latest_time="now")
    first = bench.trigger(job, fields=["source.ip", "user.name"])
    running = bench.trigger(job, fields=["user.name", "source.ip"], options=RERUN)
    bench.finish_exports()
    finished = bench.trigger(job, fields=["source.ip", "user.name", "@timestamp"], options=RERUN)
    assert [outcome.results.reused for outcome in (first, running, finished)] == [False, True, True]
    assert {outcome.results.task_uuid for outcome in (first, running, finished)} == {bench.only_export().task_uuid}


def test_another_search_for_the_same_absolute_period_takes_up_the_export(bench: Bench) -> None:
    first, task = bench.exported()
    second = bench.job()
    outcome = bench.trigger(second, options=RERUN)
    assert outcome.results.job_uuid == str(first) != str(second)
    assert (outcome.results.task_uuid, outcome.results.reused) == (str(task), True)
    assert bench.fetch(outcome.results.job_uuid, outcome.results.task_uuid).branch == "fetched"


@pytest.mark.parametrize(
    "other",
    [
        {"earliest_time": "-1h", "latest_time": "now"},
        {"earliest_time": "2026-01-01T00:00:00Z", "latest_time": "now"},
        {"earliest_time": "2026-01-14T00:00:00Z", "latest_time": "2026-01-16T00:00:00Z"},
    ],
    ids=["relative", "up to now", "not over"],
)
def test_a_period_that_goes_on_is_not_the_same_at_another_time(bench: Bench, other: dict[str, str]) -> None:
    bench.exported(bench.job(**other))
    assert bench.trigger(bench.job(**other)).results.reused is False
    assert len(bench.exports) == 2


@pytest.mark.parametrize(
    "other",
    [
        {"query": "user.name:*"},
        {"earliest_time": "2025-12-31T00:00:00Z"},
        {"max_events": 10},
        {"community_uuids": ["6ffbe55b-d30a-4dc4-bc52-a213dce0af30"]},
    ],
)
def test_another_search_is_not_the_same(bench: Bench, other: dict[str, Any]) -> None:
    bench.exported()
    assert bench.trigger(bench.job(**other)).results.reused is False


@pytest.mark.parametrize(
    "arguments",
    [
        {"fields": ["source.ip"]},
        {"field_set": "network"},
        {"encryption": "platform"},
        {"encryption_key": EXPLICIT_KEY},
        {"reuse": False},
    ],
)
def test_another_ask_is_not_the_same(bench: Bench, arguments: dict[str, Any]) -> None:
    job, first = bench.exported()
    outcome = bench.trigger(job, **arguments)
    assert (outcome.results.reused, len(bench.exports)) == (False, 2)
    bench.finish_exports()
    assert bench.trigger(job).results.task_uuid == (
        str(first) if "reuse" not in arguments else bench.exports[1].task_uuid
    )


def test_another_target_is_not_the_same(bench: Bench) -> None:
    bench.own_bucket()
    job, _ = bench.exported()
    bench.exported(job, s3_prefix="elsewhere")
    _, platforms = bench.exported(job, s3_bucket="")
    assert [export.bucket for export in bench.exports] == ["own-bucket", "own-bucket", "sekoia-event-exports"]
    assert bench.trigger(job, s3_bucket="").results.task_uuid == str(platforms)


@pytest.mark.parametrize("outcome", ["failed", "canceled"])
def test_an_export_that_failed_is_not_taken_up(start: Start, outcome: str) -> None:
    bench = start(task_outcome=outcome)
    job = bench.job()
    bench.trigger(job)
    bench.finish_exports()
    assert bench.trigger(job).results.reused is False


@pytest.mark.parametrize("listing", [{}, {"entry_id": None}])
def test_an_export_whose_window_is_over_is_not_taken_up(start: Start, listing: dict[str, Any]) -> None:
    bench = start(results_ttl_s=1_000_000, **listing)
    job, _ = bench.exported()
    bench.clock.advance(23 * 3600)
    assert bench.trigger(job).results.reused is True
    bench.clock.advance(3600)
    assert bench.trigger(job).results.reused is False


def test_a_task_with_a_status_of_its_own_is_taken_to_run(start: Start) -> None:
    bench = start(
        task_statuses=("QUEUED", "EXPORTING", "FINISHED", "FAILED", "CANCELED"),
        export_duration_s=600.0,
        running_listed=False,
    )
    job = bench.job()
    bench.trigger(job)
    assert bench.trigger(job).results.reused is True


def test_an_export_that_the_platform_lists_with_other_fields_is_not_taken_up(bench: Bench) -> None:
    job, task = bench.exported()
    bench.simulator.exports[str(task)].fields = ["@timestamp"]
    assert bench.trigger(job).results.reused is False


def test_the_export_of_a_search_job_that_has_expired_is_taken_up(start: Start) -> None:
    bench = start(results_ttl_s=600)
    job, task = bench.exported()
    bench.clock.advance(4 * 3600)
    outcome = bench.trigger(job, options=RERUN)
    assert (outcome.results.task_uuid, outcome.results.reused) == (str(task), True)
    with pytest.raises(JobExpired, match="Run the search again"):
        bench.trigger(job, fields=["source.ip"])


# Explicit keys: nothing of them is kept, so storage alone can tell.


def test_a_finished_export_is_taken_up_with_its_own_key_only(bench: Bench) -> None:
    job, task = bench.exported(encryption_key=EXPLICIT_KEY)
    assert bench.trigger(job, encryption_key=EXPLICIT_KEY, options=RERUN).results.task_uuid == str(task)
    other = bench.trigger(job, encryption_key=OTHER_KEY, options=RERUN)
    assert (other.results.reused, len(bench.exports)) == (False, 2)


@pytest.mark.parametrize("run", [OTHER_RUN, None])
def test_a_running_export_with_an_explicit_key_is_another_runs_only_when_it_can_be_read(
    start: Start, run: str | None
) -> None:
    bench = start(export_duration_s=600.0)
    job = bench.job()
    first = bench.trigger(job, encryption_key=EXPLICIT_KEY, options={"run": None if run is None else "first"})
    assert bench.trigger(job, encryption_key=EXPLICIT_KEY, options={"run": run}).branch == "busy"
    waited = bench.trigger(job, encryption_key=EXPLICIT_KEY, wait_for_slot=3600, options={"run": run})
    assert waited.results.task_uuid == first.results.task_uuid == bench.only_export().task_uuid
    assert waited.results.reused is True


def test_a_rerun_is_taken_at_its_word_while_the_export_runs(start: Start) -> None:
    bench = start(export_duration_s=600.0)
    job = bench.job()
    first = bench.trigger(job, encryption_key=EXPLICIT_KEY)
    assert bench.trigger(job, encryption_key=EXPLICIT_KEY).results.task_uuid == first.results.task_uuid


def test_a_lost_export_with_another_explicit_key_is_not_handed_over(start: Start) -> None:
    bench = start(export_duration_s=600.0)
    job = bench.job()
    bench.fault(Kind.RESET_AFTER, EXPORT)
    with pytest.raises(Killed):
        bench.trigger(job, encryption_key=EXPLICIT_KEY, options={"clock": killed_at(bench.clock, 3)})
    outcome = bench.trigger(job, encryption_key=OTHER_KEY, wait_for_slot=3600, options=RERUN)
    assert (outcome.results.task_uuid, outcome.results.reused) == (bench.exports[1].task_uuid, False)
    bench.finish_exports()
    assert bench.fetch(job, outcome.results.task_uuid, encryption_key=OTHER_KEY).branch == "fetched"


def test_a_lost_answer_does_not_hand_over_the_export_of_another_key(start: Start) -> None:
    bench = start()
    job = bench.job()
    bench.fault(Kind.RESET_AFTER, EXPORT, times=2)
    with pytest.raises(Killed):
        bench.trigger(job, encryption_key=EXPLICIT_KEY, options={"clock": killed_at(bench.clock, 3)})
    bench.finish_exports()
    outcome = bench.trigger(job, encryption_key=OTHER_KEY, options=RERUN)
    assert (outcome.results.task_uuid, len(bench.exports)) == (bench.exports[1].task_uuid, 2)


def test_a_storage_that_does_not_answer_starts_no_second_export(bench: Bench) -> None:
    job, task = bench.exported(encryption_key=EXPLICIT_KEY)
    bench.simulator.faults.add(Fault(Kind.RESET_BEFORE, server="storage", times=None))
    with pytest.raises(TransferFailed):
        bench.trigger(job, encryption_key=EXPLICIT_KEY, options=RERUN)
    assert bench.trigger(job, encryption_key=EXPLICIT_KEY).results.task_uuid == str(task)
    bench.only_export()


def test_a_bucket_that_may_not_be_read_from_here_leaves_the_rerun_its_word(start: Start) -> None:
    bench = start(own_bucket_url=False)
    bench.own_bucket()
    job, task = bench.exported(encryption_key=EXPLICIT_KEY)
    body = b"<Error><Code>AccessDenied</Code><Message>Access Denied</Message></Error>"
    bench.simulator.faults.add(
        Fault(Kind.STATUS, server="storage", method="GET", status=403, body=body, content_type="text/xml", times=None)
    )
    assert bench.trigger(job, encryption_key=EXPLICIT_KEY).results.task_uuid == str(task)
    assert bench.trigger(job, encryption_key=EXPLICIT_KEY, options=RERUN).results.reused is False


# The slot.


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


# The own bucket.


def test_an_own_bucket_is_tried_and_exported_to(bench: Bench) -> None:
    bucket = bench.own_bucket()
    outcome = bench.trigger(bench.job(), s3_prefix="case/7")
    assert outcome.results.s3_bucket == "own-bucket"
    export = bench.only_export()
    assert (export.bucket, export.sealed_by) == ("own-bucket", "customer")
    assert export.key.startswith("case/7/")
    assert list(bucket.objects) == [export.key]
    assert len(bench.asked("DELETE", "", server="storage")) == 1


def test_an_own_bucket_is_not_tried_again_for_an_export_that_is_there(bench: Bench) -> None:
    bucket = bench.own_bucket()
    job, task = bench.exported()
    bucket.writable = False
    assert bench.trigger(job, options=RERUN).results.task_uuid == str(task)


@pytest.mark.parametrize("options", [{"allows_sse_c": False}, {"writable": False}])
def test_an_own_bucket_that_refuses_the_trial_is_told_before_the_export_is_asked_for(
    bench: Bench, options: dict[str, Any]
) -> None:
    bench.own_bucket(**options)
    job = bench.job()
    with pytest.raises(StorageError, match="SSE-C"):
        bench.trigger(job)
    assert bench.asked("POST", "/export") == []
    assert bench.state_files() == {}


def test_an_own_bucket_without_customer_keys_takes_an_export_without_one(bench: Bench) -> None:
    bench.own_bucket(allows_sse_c=False)
    assert bench.trigger(bench.job(), encryption="platform").branch == "triggered"


@pytest.mark.parametrize("missing", ["s3_region", "s3_access_key_id", "s3_secret_access_key", "s3_bucket"])
def test_a_partly_configured_bucket_is_refused_naming_what_is_missing(bench: Bench, missing: str) -> None:
    bench.own_bucket()
    bench.configure(**{missing: None})
    with pytest.raises(ConfigurationError, match=rf"without {missing}\b"):
        bench.trigger(uuid4())
    assert bench.simulator.requests == []


def test_no_bucket_in_words_is_the_platforms(bench: Bench) -> None:
    bench.own_bucket()
    outcome = bench.trigger(bench.job(), s3_bucket="")
    assert (outcome.results.s3_bucket, bench.only_export().bucket) == (None, "sekoia-event-exports")


def test_a_secret_that_is_too_short_is_refused(bench: Bench) -> None:
    bench.configure(encryption_secret=SecretStr("short"))
    with pytest.raises(ConfigurationError, match="encryption_secret is too short"):
        bench.trigger(uuid4())
    assert bench.simulator.requests == []
