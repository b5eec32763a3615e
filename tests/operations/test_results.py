"""What steps answer is what their manifests promise."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import ValidationError

from sekoia_export.results.chain import ExportResults, FetchResults, SearchResults, TriggerResults, WaitResults
from tests.operations.promises import check

if TYPE_CHECKING:
    from tests.operations.conftest import Start

STEPS = (SearchResults, TriggerResults, WaitResults, FetchResults)


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"status_style": "str"},
        {"progress": "unknown", "platform_key": "encryption_key"},
        {"count_present": False, "entry_fields": False, "entry_created_at": False, "total_events": 1},
    ],
    ids=str,
)
def test_each_step_keeps_its_promise(start: Start, settings: dict[str, Any]) -> None:
    bench = start(**settings)
    job_uuid = check("search_events", bench.search())["job_uuid"]
    task_uuid = check("trigger_export", bench.trigger(job_uuid))["task_uuid"]
    check("wait_until_finished", bench.wait(task_uuid))
    check("fetch_and_decrypt", bench.fetch(job_uuid, task_uuid))
    check("export_events", bench.export())


@pytest.mark.parametrize(
    ("settings", "branch"),
    [
        ({"total_events": 0}, "empty"),
        ({"search_outcome": "failed"}, "failed"),
        ({"search_duration_s": 1e6}, "timed_out"),
        ({"export_duration_s": 1e6}, "timed_out"),
        ({"task_outcome": "failed"}, "failed"),
        ({"count_off_by": 1}, "incomplete"),
        ({"url_ttl_s": 0, "url_renewed": False}, "expired"),
    ],
    ids=str,
)
def test_each_branch_keeps_the_promise(start: Start, settings: dict[str, Any], branch: str) -> None:
    outcome = start(**settings).export()
    assert outcome.branch == branch
    check("export_events", outcome)


def test_a_busy_community_keeps_the_promise(start: Start) -> None:
    bench = start(export_duration_s=1e6)
    bench.trigger(bench.job())
    for command, outcome in (
        ("trigger_export", bench.trigger(bench.job(), fields=["host.name"])),
        ("export_events", bench.export(fields=["host.name"])),
    ):
        assert outcome.branch == "busy"
        check(command, outcome)


def test_the_results_of_all_steps_are_those_of_each() -> None:
    fields = ExportResults.model_fields
    assert set(fields) == {name for step in STEPS for name in step.model_fields}
    assert all(value is None for value in ExportResults().model_dump().values())
    assert all(fields[name].description for name in fields)


@pytest.mark.parametrize("step", [*STEPS, ExportResults])
def test_results_hold_nothing_that_was_not_promised(step: Any) -> None:
    given = dict.fromkeys(step.model_fields)
    with pytest.raises(ValidationError, match="secret"):
        step.model_validate({**given, "secret": "x"})
