"""Which export that is there already is handed over, and which is not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sekoia_export.errors import JobExpired, TransferFailed
from sekoia_export.simulator import Fault, Kind
from tests.canaries import EXPLICIT_KEY, OTHER_KEY
from tests.operations.bench import EXPORT, OTHER_RUN, Bench, Killed, killed_at

if TYPE_CHECKING:
    from tests.operations.conftest import Start

RERUN = {"run": OTHER_RUN}


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
