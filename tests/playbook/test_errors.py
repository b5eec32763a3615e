"""Bad input and bad days: one sentence of what happened, one of what to do, exit status 0, no traceback, no secret."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from sekoia_export.simulator import MASSIVE_EXPORT, PERMISSIONS, Fault, Kind
from tests.canaries import ENCRYPTION_SECRET, EXPLICIT_KEY
from tests.playbook.conftest import COLD, Bench

Start = Callable[..., Bench]
JOB = str(uuid4())
SEARCH = {"query": "*", "earliest_time": "-1h"}


@pytest.mark.parametrize(
    ("command", "arguments", "named"),
    [
        ("search_events", {"earliest_time": "-1h"}, "The argument query is missing."),
        ("search_events", {**SEARCH, "earliest_time": "yesterday"}, "The argument earliest_time is not valid"),
        ("search_events", {**SEARCH, "latest_time": "-2h"}, "latest_time is not after earliest_time"),
        ("search_events", {**SEARCH, "timeout": 0}, "The argument timeout is not valid"),
        ("trigger_export", {"job_uuid": "../../me"}, "The argument job_uuid is not a uuid."),
        ("trigger_export", {"job_uuid": JOB, "fields": ["source.*"]}, "'source.*'"),
        ("trigger_export", {"job_uuid": JOB, "encryption_key": EXPLICIT_KEY[:-8]}, "encryption_key"),
        ("trigger_export", {"job_uuid": JOB, "s3_bucket": "mine"}, "s3_region"),
        ("wait_until_finished", {}, "The argument task_uuid is missing."),
        ("fetch_and_decrypt", {"job_uuid": JOB, "file_name": "../escape.gz"}, "file_name"),
        ("fetch_and_decrypt", {"job_uuid": JOB, "format": "xml"}, "format"),
        ("export_events", {"query": "*"}, "The argument earliest_time is missing."),
        ("export_events", {**SEARCH, "job_uuid": JOB}, "job_uuid is given together with a query"),
    ],
)
def test_an_argument_that_breaks_a_rule_is_named_before_anything_is_asked(
    bench: Start, command: str, arguments: dict[str, Any], named: str
) -> None:
    bed = bench()
    run = bed.run(command, arguments)
    assert run.error is not None
    assert named in run.error
    assert run.results is None
    assert run.branches == []
    assert bed.simulator.requests == []


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"secrets": {}}, "The API key is missing"),
        ({"secrets": {"api_key": "canary-wrong-api-key"}}, "The platform refused the API key"),
        ({"base_url": "http://203.0.113.7"}, "plain http"),
        ({"base_url": "ftp://api.sekoia.io"}, "not an http(s) URL"),
        ({"configuration": {"base_url": 7}}, "base_url"),
        ({"secrets": {"api_key": ["list"]}}, "api_key"),
    ],
)
def test_a_configuration_that_cannot_work_says_what_to_mend(bench: Start, options: dict[str, Any], named: str) -> None:
    run = bench().run("search_events", SEARCH, **options)
    assert run.error is not None
    assert named in run.error


def test_arguments_that_are_not_json_are_said_to_be(bench: Start) -> None:
    run = bench().run("search_events", {}, env={"ARGUMENTS": "not json at all"})
    assert run.error == "The node's arguments are not JSON. Give the arguments as a JSON object."


def test_an_address_that_answers_nothing_is_a_network_error(bench: Start) -> None:
    run = bench().run("search_events", {**SEARCH, "timeout": 2}, base_url="http://127.0.0.1:9")
    assert run.error is not None
    assert "127.0.0.1:9 could not be reached" in run.error
    assert "base URL" in run.error


def test_a_data_storage_that_cannot_be_used_is_named(bench: Start) -> None:
    bed = bench()
    bed.folder.joinpath("file").write_text("not a folder")
    run = bed.run("export_events", SEARCH, env={"SUB_FOLDER": str(bed.folder / "file" / "below")})
    assert run.error is not None
    assert "data storage" in run.error


@pytest.mark.parametrize(
    ("prepare", "success", "named"),
    [
        (lambda bed: {}, True, None),
        (lambda bed: {"secrets": {"api_key": "canary-wrong-api-key"}}, False, "refused the API key"),
        (
            lambda bed: (
                bed.simulator.api_keys.update({bed.simulator.api_key: set(PERMISSIONS) - {MASSIVE_EXPORT}}) or {}
            ),
            False,
            "lacks the permission Massive export of events",
        ),
        (lambda bed: {"base_url": "http://192.0.2.1"}, False, "plain http"),
    ],
    ids=["usable", "refused key", "missing permission", "plain http"],
)
def test_the_account_validator_tells_them_apart(
    bench: Start, prepare: Callable[[Bench], dict[str, Any]], success: bool, named: str | None
) -> None:
    bed = bench()
    run = bed.run("validate_module_configuration", {}, **prepare(bed), **({"start": COLD} if success else {}))
    assert run.results == {"success": success}
    assert (run.error is None) is success
    assert named is None or (run.error is not None and named in run.error)


def test_a_validation_error_of_the_platform_that_echoes_the_request_shows_no_secret(bench: Start) -> None:
    bed = bench()
    job = bed.run("search_events", SEARCH).results["job_uuid"]
    echo = f'{{"message": "invalid: {EXPLICIT_KEY} {bed.simulator.api_key}", "code": "X1"}}'
    bed.simulator.faults.add(
        Fault(server="platform", method="POST", path=r"/export$", kind=Kind.STATUS, status=422, body=echo.encode())
    )
    run = bed.run("trigger_export", {"job_uuid": job, "encryption_key": EXPLICIT_KEY})
    assert run.error is not None
    assert "X1: invalid" in run.error
    assert EXPLICIT_KEY not in run.error


@pytest.mark.parametrize(
    ("settings", "branch"),
    [
        ({"total_events": 0}, "empty"),
        ({"search_outcome": "failed"}, "failed"),
        ({"task_outcome": "failed"}, "failed"),
        ({"count_off_by": 1}, "incomplete"),
        ({"export_duration_s": 600.0}, "timed_out"),
    ],
)
def test_what_a_playbook_handles_is_a_branch_with_results(bench: Start, settings: dict[str, Any], branch: str) -> None:
    run = bench(**settings).run("export_events", {**SEARCH, "timeout": 6})
    assert (run.error, run.branches) == (None, [branch]), run.stderr
    assert run.results["job_uuid"]
    if branch in {"incomplete", "timed_out"}:
        assert run.results["task_uuid"]
    if branch == "incomplete":
        assert (run.results["events_count"], run.results["expected_events"]) == (500, 501)
        assert "holds 500 events, and the platform exported 501" in str(run.logs)


def test_another_export_that_runs_is_the_branch_busy(bench: Start) -> None:
    bed = bench(export_duration_s=600.0)
    engine = bed.engine()
    jobs = [bed.checked(engine.run_node("search_events", SEARCH)).results["job_uuid"] for _ in range(2)]
    assert bed.run("trigger_export", {"job_uuid": jobs[0]}).branches == ["triggered"]
    busy = bed.run("trigger_export", {"job_uuid": jobs[1]})
    assert (busy.error, busy.branches, busy.results["task_uuid"]) == (None, ["busy"], None)


def test_a_link_that_has_expired_for_good_is_the_branch_expired(bench: Start) -> None:
    bed = bench(url_dies_after_s=-1.0)
    run = bed.run("export_events", SEARCH)
    assert (run.error, run.branches) == (None, ["expired"]), run.stderr
    assert run.results["task_uuid"]
    assert run.results["file_path"] is None


def test_sigterm_ends_each_action_in_order_and_the_rerun_goes_on(bench: Start, monkeypatch: pytest.MonkeyPatch) -> None:
    # Coverage notes a new file under a lock, in Python: a signal's exception there would leave the node hanging.
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)
    bed = bench(start=COLD, search_duration_s=3.0, export_duration_s=12.0, total_events=20_000)
    engine = bed.engine()
    arguments = {"query": "*", "earliest_time": "-1h"}
    for said in ("search job .* is under way", "The export of the search job .* is under way"):
        run = bed.terminated(engine.start_node("export_events", arguments, node=1), said)
        assert run.error is not None
        assert "SIGTERM" in run.error
        assert "goes on with the same search job and export" in run.error
        assert "SIGTERM" in str(run.logs)
    waiting = engine.start_node("wait_until_finished", {"task_uuid": next(iter(bed.simulator.exports))}, node=2)
    run = bed.terminated(waiting, "about .* left")
    assert run.error is not None
    assert "goes on at the platform" in run.error
    bed.simulator.faults.add(Fault(server="storage", nth=2, kind=Kind.STALL))
    run = bed.terminated(engine.start_node("export_events", arguments, node=1), "has finished")
    last = bed.checked(engine.run_node("export_events", arguments, node=1))
    assert (last.error, last.branches) == (None, ["fetched"])
    assert (len(bed.simulator.jobs), len(bed.simulator.exports)) == (1, 1)
    assert ENCRYPTION_SECRET not in str(last.logs)
