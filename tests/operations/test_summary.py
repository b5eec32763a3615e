"""Summaries: what ends up in a case's comment, in every branch, whatever a query or a field's name holds."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest
from markdown_it import MarkdownIt

from sekoia_export.api.models import SearchJob
from sekoia_export.operations.outcome import Branch
from sekoia_export.operations.summary import of_early_end, searched_by
from sekoia_export.simulator import Kind
from tests.canaries import EXPLICIT_KEY, check_text, derived_keys
from tests.operations.bench import LISTING, TASK, Bench

if TYPE_CHECKING:
    from sekoia_export.operations.outcome import Outcome
    from tests.operations.conftest import Start

JOB = r"/search/jobs/[^/]*$"
QUERY = 'user.name:"j.doe"'
HOSTILE_QUERY = "`x` </code><script>alert(1)</script>\n\n# [click](javascript:x) ``` **b** | https://h.example/p?token=canary-12345678"


def facts(bench: Bench, outcome: Outcome[Any]) -> dict[str, str]:
    """Return a summary's lines by their names, its title as "" and its advice as "do", searched for secrets."""
    summary: str = outcome.results.model_dump()["summary"]
    check_text(summary, "a summary", derived_keys(bench.simulator))
    assert "http" not in summary
    title, *rest = summary.split("\n\n")
    listed = rest[0].splitlines() if rest and rest[0].startswith("- ") else []
    told = dict(line.removeprefix("- **").split(":** ", 1) for line in listed)
    return {"": title.strip("*"), **told, "do": rest[-1] if len(rest) > bool(listed) else ""}


def test_a_fetched_file_is_told_with_everything_that_a_case_needs(bench: Bench) -> None:
    outcome = bench.export(query=QUERY, fields=["source.ip"], encryption_key=EXPLICIT_KEY)
    results = outcome.results.model_dump()
    assert facts(bench, outcome) == {
        "": "Events exported",
        "Query": f"`{QUERY}`",
        "Period": "`2026-01-01T00:00:00Z` to `2026-01-02T00:00:00Z`",
        "Fields": "`@timestamp`, `source.ip`",
        "Events": "500, complete: as many as the platform exported",
        "Size": f"{results['file_size'] / 1000:.1f} kB ({results['file_size']:,} bytes)",
        "SHA-256": f"`{results['sha256']}`",
        "Expiry": f"the platform keeps the export until `{results['expire_at']}`",
        "File": f"`{results['file_path']}` in the playbook's data storage",
        "do": "",
    }


def test_the_chain_and_a_rerun_tell_the_same(bench: Bench) -> None:
    job, task = bench.exported(bench.job(query=QUERY))
    first = bench.fetch(job, task)
    assert facts(bench, first)["Query"] == f"`{QUERY}`"
    bench.fault(Kind.STATUS, JOB, status=404, times=None)
    assert bench.fetch(job, task).results.summary == first.results.summary


def test_a_relative_period_is_told_as_it_was_when_it_was_searched(bench: Bench) -> None:
    job, task = bench.exported(bench.job(earliest_time="-1d", latest_time="now"))
    bench.clock.advance(3600)
    assert facts(bench, bench.fetch(job, task))["Period"] == "`2026-01-14T12:00:00Z` to `2026-01-15T12:00:00Z`"


@pytest.mark.parametrize("gone", [404, 410, 500])
def test_an_export_that_was_triggered_elsewhere_is_told_by_its_search_job_while_that_exists(
    bench: Bench, gone: int
) -> None:
    bench.configure(encryption_secret=None)
    job = bench.job(query=QUERY)
    task = bench.others_export(job, ["host.name"])
    bench.finish_exports()
    told = facts(bench, bench.fetch(job, task))
    assert (told["Query"], told["Fields"]) == (f"`{QUERY}`", "`host.name`")
    bench.fault(Kind.STATUS, JOB, status=gone, times=None)
    outcome = bench.fetch(job, task, file_name="again")
    assert outcome.branch == "fetched"
    assert not {"Query", "Period"} & set(facts(bench, outcome))


def test_a_state_of_an_older_version_is_read_and_leaves_lines_out(bench: Bench) -> None:
    job, task = bench.exported()
    bench.fetch(job, task)
    for path in bench.state_files().values():
        record = json.loads(path.read_text())
        kept = {name: value for name, value in record.items() if name != "searched"}
        if path.parent.name == "fetches":
            del kept["fields"]
        path.write_text(json.dumps(kept))
    told = facts(bench, bench.fetch(job, task))
    assert (told["Events"], "Query" in told, "Fields" in told) == (
        "500, complete: as many as the platform exported",
        False,
        False,
    )
    assert facts(bench, bench.fetch(job, task, file_name="again"))["Query"] == "`*`"


@pytest.mark.parametrize(
    ("off_by", "title", "text"),
    [
        (1, "Events exported, but not all", "500, and the platform exported **501**"),
        (-1, "Events exported, and more than the platform counted", "500, and the platform exported **499**"),
        (None, "Events exported", "500; the platform told no number to compare with"),
    ],
)
def test_what_is_not_complete_or_not_known_to_be_is_said(
    start: Start, off_by: int | None, title: str, text: str
) -> None:
    bench = start(count_present=off_by is not None, count_off_by=off_by or 0)
    outcome = bench.export()
    assert outcome.branch == ("incomplete" if off_by else "fetched")
    told = facts(bench, outcome)
    assert (told[""], told["Events"]) == (title, text)
    assert ("trigger a new export" in told["do"]) == bool(off_by)


@pytest.mark.parametrize(
    ("settings", "arguments", "branch", "title", "advice"),
    [
        ({"total_events": 0}, {}, "empty", "No event matches", "the period"),
        ({"search_outcome": "failed"}, {}, "failed", "The search failed", "Run it again"),
        ({"task_outcome": "failed"}, {}, "failed", "The export failed", "fewer fields"),
        ({"search_duration_s": 1e6}, {"timeout": 60}, "timed_out", "The search was not done", "`timeout`"),
        ({"export_duration_s": 1e6}, {"timeout": 60}, "timed_out", "The export was still running", "`timeout`"),
        ({"url_ttl_s": 0, "url_renewed": False}, {}, "expired", "The export has expired", "Export the events again"),
    ],
    ids=str,
)
def test_every_other_branch_tells_what_happened_and_what_to_do(
    start: Start, settings: dict[str, Any], arguments: dict[str, Any], branch: str, title: str, advice: str
) -> None:
    bench = start(**settings)
    outcome = bench.export(query=QUERY, **arguments)
    told = facts(bench, outcome)
    assert outcome.branch == branch
    assert told[""].startswith(title)
    assert advice in told["do"]
    assert told["Query"] == f"`{QUERY}`"
    assert told["Period"] == "`2026-01-01T00:00:00Z` to `2026-01-02T00:00:00Z`"


def test_a_busy_community_is_told_with_what_to_set(start: Start) -> None:
    bench = start(export_duration_s=1e6)
    bench.trigger(bench.job())
    job = bench.job(query=QUERY)
    told = facts(bench, bench.export(job_uuid=str(job), fields=["host.name"]))
    assert told[""].startswith("Another export of the community is running")
    assert "`wait_for_slot`" in told["do"]
    assert (told["Query"], told["Search job"]) == (f"`{QUERY}`", f"`{job}`")


def test_how_far_a_running_export_is_and_what_the_platform_said_of_a_failed_one_is_told(start: Start) -> None:
    running = start(export_duration_s=100.0)
    told = facts(running, running.export(timeout=60))
    assert "of 500 events (" in told["Progress"]
    assert told["Export task"] == f"`{running.only_export().task_uuid}`"
    failed = start(task_outcome="failed", task_message="a `b` https://s3.example/x?X-Amz-Signature=abc")
    summary = failed.export().results.model_dump()["summary"]
    assert "- **The platform says:** ``a `b` https://s3.example/x``" in summary


def test_an_export_that_is_gone_from_the_platform_is_told_from_the_state(bench: Bench) -> None:
    job, task = bench.exported(bench.job(query=QUERY), fields=["source.ip"])
    bench.clock.advance(25 * 3600)
    for path in (TASK, LISTING, JOB):
        bench.fault(Kind.STATUS, path, status=404, body=b'{"code": "not_found"}', times=None)
    outcome = bench.fetch(job, task)
    told = facts(bench, outcome)
    assert outcome.branch == "expired"
    assert (told["Query"], told["Fields"]) == (f"`{QUERY}`", "`@timestamp`, `source.ip`")


def test_hostile_text_stays_text(bench: Bench) -> None:
    field = "`<img/src=x>`_x_[a](b)"
    outcome = bench.export(query=HOSTILE_QUERY, fields=[field], file_name="`<b>`/[x](y)``.gz")
    assert outcome.branch == "fetched"
    summary = outcome.results.model_dump()["summary"]
    check_text(summary, "the summary")
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(summary)
    inline = [child for token in tokens for child in token.children or []]
    assert {child.type for child in inline} == {"text", "strong_open", "strong_close", "code_inline"}
    assert "html" not in " ".join(token.type for token in tokens)
    shown = [child.content for child in inline if child.type == "code_inline"]
    assert field in shown
    assert "`<b>`/[x](y)``.gz" in shown
    assert shown[0].endswith("| https://h.example/p")


@pytest.mark.parametrize(
    ("told", "period"),
    [
        ({"created_at": "2026-01-15T12:00:00Z"}, ("2026-01-08T12:00:00.000Z", "2026-01-15T12:00:00.000Z")),
        ({}, ("-7d", "now")),
        (
            {"created_at": "2026-01-15T12:00:00Z", "earliest_time": "last week"},
            ("last week", "2026-01-15T12:00:00.000Z"),
        ),
        ({"created_at": "2026-01-15T12:00:00Z", "latest_time": None}, ("2026-01-08T12:00:00.000Z", None)),
    ],
    ids=str,
)
def test_a_period_is_told_as_well_as_the_search_job_does(told: dict[str, Any], period: tuple[str, str | None]) -> None:
    job = {"uuid": str(uuid4()), "term": "*", "earliest_time": "-7d", "latest_time": "now", **told}
    searched = searched_by(SearchJob.model_validate(job))
    assert (searched.earliest_time, searched.latest_time) == period


@pytest.mark.parametrize(
    ("reached", "title"),
    [
        ({"task_uuid": "x", "status": "FINISHED"}, "The export has finished, and the time was up before its file"),
        ({"task_uuid": "x", "status": "RUNNING", "progress": 5}, "The export was still running"),
        ({"status": "DONE"}, "The time was up before an export was started"),
        ({"status": "IN_PROGRESS"}, "The search was not done"),
    ],
)
def test_where_the_time_was_up_is_told(reached: dict[str, Any], title: str) -> None:
    summary = of_early_end(Branch.TIMED_OUT, reached, None)
    assert summary.startswith(f"**{title}")
    assert ("- **Progress:** 5 events" in summary) == ("progress" in reached)
