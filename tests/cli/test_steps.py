"""The steps as commands: what a script gets on stdout goes into the next one, and the status tells the branch."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.canaries import check_text
from tests.cli.run_bench import QUERY, RunBench, events_in, run_bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[RunBench]:
    with run_bench(tmp_path) as made:
        yield made


def document(bench: RunBench, *arguments: str, **options: Any) -> dict[str, Any]:
    """Run a command line with `--json` and return its document and status."""
    done = bench.run(*arguments, "--json", **options)
    read: dict[str, Any] = json.loads(done.stdout)
    return {"exit": done.status, **read}


def exported(bench: RunBench) -> tuple[str, str]:
    """Return the uuids of a search job and of its finished export."""
    job = bench.run("search", *QUERY).stdout.strip()
    task = bench.run("trigger", job).stdout.strip()
    bench.run("wait", task)
    return job, task


def test_the_chain_goes_from_stdout_to_argument(bench: RunBench) -> None:
    searched = bench.run("search", *QUERY)
    job = searched.stdout.strip()
    triggered = bench.run("trigger", job, "--fields", "user.name")
    task = triggered.stdout.strip()
    waited = bench.run("wait", task)
    fetched = bench.run("fetch", job, task, "-o", "a.jsonl")
    assert [done.status for done in (searched, triggered, waited, fetched)] == [0, 0, 0, 0]
    assert (waited.stdout, fetched.stdout) == ("FINISHED\n", f"{bench.folder / 'a.jsonl'}\n")
    assert events_in(bench.folder / "a.jsonl") == 200
    assert (list(bench.simulator.jobs), [export.task_uuid for export in bench.exports()]) == ([job], [task])
    assert not (bench.folder / ".sekoia-export").exists()


def test_each_gives_the_results_of_its_action_as_json(bench: RunBench) -> None:
    searched = document(bench, "search", *QUERY, "--until", "-1d", "--margin", "1h", "--max-events", "90")
    assert (searched["branch"], searched["status"], searched["total"]) == ("done", "DONE", 90)
    job = searched["job_uuid"]
    triggered = document(bench, "trigger", job, "--field-set", "identity")
    task = triggered["task_uuid"]
    assert (triggered["branch"], triggered["encryption"], triggered["reused"]) == ("triggered", "derived", False)
    running = document(bench, "status", task)
    assert (running["branch"], running["status"]) == ("running", "RUNNING")
    waited = document(bench, "wait", task)
    assert (waited["branch"], waited["progress"]) == ("finished", 90)
    fetched = document(bench, "fetch", job)
    assert (fetched["branch"], fetched["events_count"]) == ("fetched", 90)
    assert Path(fetched["file_path"]) == bench.folder / f"{job}-{task}.jsonl.gz"
    assert document(bench, "status", task)["events"] == 90
    listed = document(bench, "list", job)
    assert [export["task_uuid"] for export in listed["exports"]] == [task]
    again = document(bench, "trigger", job, "--field-set", "identity")
    assert (again["task_uuid"], again["reused"]) == (task, True)
    assert document(bench, "trigger", job, "--field-set", "identity", "--new")["task_uuid"] != task


@pytest.mark.parametrize(
    ("settings", "command", "branch", "status"),
    [
        ({"total_events": 0}, ["search", *QUERY], "empty", 0),
        ({"search_outcome": "failed"}, ["search", *QUERY], "failed", 1),
        ({"search_duration_s": 900.0}, ["search", *QUERY, "--timeout", "1m"], "timed_out", 3),
        ({"max_active_exports": 0}, ["trigger", "JOB"], "busy", 5),
        ({}, ["wait", "TASK", "--timeout", "10s"], "timed_out", 3),
        ({"task_outcome": "failed"}, ["wait", "TASK"], "failed", 1),
        ({"task_outcome": "failed"}, ["status", "TASK"], "failed", 1),
        ({"count_off_by": 1}, ["fetch", "JOB"], "incomplete", 4),
    ],
)
def test_each_branch_has_its_status(
    bench: RunBench, settings: dict[str, Any], command: list[str], branch: str, status: int
) -> None:
    names = {"JOB": "", "TASK": ""}
    if command[0] != "search":
        names["JOB"] = bench.run("search", *QUERY).stdout.strip()
        bench.set(**settings)
        if command[0] != "trigger":
            names["TASK"] = bench.run("trigger", names["JOB"]).stdout.strip()
        if command[0] in {"fetch", "status"}:
            bench.clock.advance(100)
    bench.set(**settings)
    told = document(bench, *(names.get(word, word) for word in command))
    assert (told["branch"], told["exit"]) == (branch, status)
    plain = bench.run(*(names.get(word, word) for word in command))
    assert plain.status == status
    assert plain.stderr or command[0] == "status"
    assert bool(plain.stdout) is (branch != "busy")


def test_an_expired_export_says_what_to_do(bench: RunBench) -> None:
    job, task = exported(bench)
    bench.clock.advance(2 * 86_400)
    fetched = bench.run("fetch", job, task)
    assert (fetched.status, f"sekoia-export trigger {job}" in fetched.stderr) == (1, True)
    assert document(bench, "status", task)["branch"] == "expired"
    assert bench.run("list").stdout.count("EXPIRED") == 1


def test_a_fetch_of_the_same_is_not_done_again_and_another_file_is_kept(bench: RunBench) -> None:
    job, task = exported(bench)
    first = bench.run("fetch", job, task, "-o", "a.jsonl")
    at_storage = sum(request.server == "storage" for request in bench.simulator.requests)
    assert bench.run("fetch", job, task, "-o", "a.jsonl").stdout == first.stdout
    assert sum(request.server == "storage" for request in bench.simulator.requests) == at_storage
    (bench.folder / "a.jsonl").write_text("mine")
    refused = bench.run("fetch", job, task, "-o", "a.jsonl")
    assert (refused.status, (bench.folder / "a.jsonl").read_text()) == (2, "mine")
    assert bench.run("fetch", job, task, "-o", "a.jsonl", "--force").status == 0
    assert events_in(bench.folder / "a.jsonl") == 200


def test_a_fetch_for_a_pipe(bench: RunBench) -> None:
    job, _ = exported(bench)
    done = bench.run("fetch", job, "-o", "-")
    assert (done.status, len(done.stdout.splitlines())) == (0, 200)
    assert list(bench.line.home.rglob("spool/*")) == []
    assert bench.run("fetch", job, "-o", "-", "--json").status == 2


def test_a_link_shows_the_key_when_it_is_asked_for_and_on_stdout_only(bench: RunBench) -> None:
    job, task = exported(bench)
    plain = bench.run("link", job, reveals=True)
    link = document(bench, "link", job, task, reveals=True)
    assert (plain.status, link["branch"], link["encryption_key"]) == (0, "ready", None)
    assert "X-Amz-Signature" in link["download_url"]
    assert "--reveal-key" in plain.stderr
    revealed = document(bench, "link", job, "--reveal-key", reveals=True)
    assert len(revealed["encryption_key"]) == 44
    assert revealed["encryption_key"] not in plain.stdout + plain.stderr
    shown = bench.run("link", job, "--reveal-key", reveals=True)
    assert f"key      {revealed['encryption_key']}" in shown.stdout
    check_text(shown.stderr, "stderr", [revealed["encryption_key"].encode()])


def test_a_search_is_canceled(bench: RunBench) -> None:
    bench.set(search_duration_s=900.0)
    stopped, _ = bench.stopped_at(3, "search", *QUERY)
    job = next(iter(bench.simulator.jobs))
    assert (stopped.status, stopped.stdout) == (130, "")
    assert f"The search job {job} goes on at the platform." in stopped.stderr
    assert bench.run("cancel", job).stdout == "CANCELED\n"
    again = bench.run("cancel", job)
    assert (again.status, "has ended before" in again.stderr) == (0, True)
    assert document(bench, "cancel", job)["status"] == "CANCELED"
    assert len(bench.asked("POST", "/cancel")) == 1
    assert bench.run("cancel", str(uuid4())).status == 1
    assert bench.run("cancel", "x").status == 2


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_step_that_is_interrupted_says_how_to_go_on(bench: RunBench, by: signal.Signals) -> None:
    stopped, _ = bench.stopped_at(1, "search", *QUERY, by=by)
    assert stopped.status == 130
    job = bench.run("search", *QUERY).stdout.strip()
    triggering, _ = bench.stopped_at(2, "trigger", job, by=by)
    assert (triggering.status, "starts no second one" in triggering.stderr.replace("\n", " ")) == (130, True)
    task = bench.run("trigger", job).stdout.strip()
    waiting, _ = bench.stopped_at(2, "wait", task, by=by)
    assert (waiting.status, waiting.stdout) == (130, "")
    assert waiting.stderr.endswith(f"  sekoia-export wait {task}\n")
    assert bench.run("wait", task).status == 0
    fetching, _ = bench.stopped_at(1, "fetch", job, by=by)
    assert (fetching.status, "Run the same command again" in fetching.stderr) == (130, True)
    assert bench.run("fetch", job).status == 0
    assert len(bench.exports()) == 1


def test_progress_as_json_takes_errors_too(bench: RunBench) -> None:
    done = bench.run("wait", str(uuid4()), "--progress", "json")
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert (done.status, [event["event"] for event in told]) == (1, ["phase", "error"])
