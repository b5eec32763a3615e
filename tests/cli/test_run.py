"""`run`: from a query or a search job to a file, on every branch, with the status and streams that scripts rely on."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sekoia_export.simulator import Damage, Fault, Kind
from tests.canaries import EXPLICIT_KEY
from tests.cli.run_bench import QUERY, RunBench, events_in, resume_command, run_bench


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[RunBench]:
    with run_bench(tmp_path) as made:
        yield made


def test_a_query_becomes_a_file_in_the_format_of_its_suffix(bench: RunBench) -> None:
    done = bench.run("run", *QUERY, "-o", "out/jdoe.jsonl", "--fields", "user.name,source.ip")
    file = bench.folder / "out/jdoe.jsonl"
    assert (done.status, done.stdout) == (0, f"{file}\n")
    assert events_in(file) == 200
    names = {name for line in file.read_text().splitlines() for name in json.loads(line)}
    assert names == {"@timestamp", "user.name", "source.ip"}
    assert "verified and complete" in done.stderr
    assert "derived from the encryption secret" in done.stderr
    assert [path.name for path in file.parent.iterdir()] == ["jdoe.jsonl"]
    assert (bench.record()["branch"], bench.record()["file_path"]) == ("fetched", str(file))


@pytest.mark.parametrize(
    ("options", "name"),
    [
        (["-o", "a.jsonl.gz"], "a.jsonl.gz"),
        (["-o", "a.json"], "a.json"),
        (["-o", "a.txt", "--format", "jsonl"], "a.txt"),
        (["-o", "evidence"], "evidence"),
        (["--format", "jsonl"], "{job}-{task}.jsonl"),
        (["-o", "."], "{job}-{task}.jsonl.gz"),
    ],
)
def test_the_format_follows_the_option_then_the_suffix(bench: RunBench, options: list[str], name: str) -> None:
    done = bench.run("run", *QUERY, *options)
    (export,) = bench.exports()
    file = bench.folder / name.format(job=export.job.uuid, task=export.task_uuid)
    assert (done.status, done.stdout) == (0, f"{file}\n")
    data = file.read_bytes()
    kind = {b"\x1f\x8b": "jsonl.gz", b"[\n": "json"}.get(data[:2], "jsonl")
    wanted = options[options.index("--format") + 1] if "--format" in options else None
    by_suffix = "json" if name.endswith(".json") else "jsonl.gz"
    assert kind == (wanted or by_suffix)


def test_a_search_job_becomes_a_file_and_json_is_one_document(bench: RunBench) -> None:
    job = json.loads(bench.run("run", *QUERY, "--json").stdout)["job_uuid"]
    done = bench.run("run", job, "--field-set", "network", "-o", "n.jsonl", "--json")
    results = json.loads(done.stdout)
    assert (done.status, results["branch"]) == (0, "fetched")
    assert results["job_uuid"] == job
    assert results["file_path"] == str(bench.folder / "n.jsonl")
    assert (results["events_count"], results["complete"]) == (200, True)
    assert len(bench.asked("POST", "/search/jobs")) == 1


@pytest.mark.parametrize(
    ("settings", "branch", "status"),
    [
        ({}, "fetched", 0),
        ({"total_events": 0}, "empty", 0),
        ({"search_outcome": "failed"}, "failed", 1),
        ({"task_outcome": "failed", "task_message": "no space"}, "failed", 1),
        ({"export_duration_s": 50_000.0}, "timed_out", 3),
        ({"search_duration_s": 50_000.0}, "timed_out", 3),
        ({"count_off_by": 7}, "incomplete", 4),
        ({"max_active_exports": 0}, "busy", 5),
    ],
)
def test_each_branch_has_its_status(bench: RunBench, settings: dict[str, Any], branch: str, status: int) -> None:
    bench.set(**settings)
    done = bench.run("run", *QUERY, "-o", "a.jsonl", "--json", "--timeout", "2h")
    assert (done.status, json.loads(done.stdout)["branch"]) == (status, branch)
    assert (bench.folder / "a.jsonl").exists() is (branch in {"fetched", "incomplete"})
    assert bench.record()["branch"] == branch
    if branch in {"timed_out", "busy", "failed"}:
        command = resume_command(done)
        assert command[1] == bench.record()["run_uuid"] == json.loads(done.stdout)["run_uuid"]


def test_what_timed_out_goes_on_with_the_same_export(bench: RunBench) -> None:
    bench.set(export_duration_s=3000.0)
    timed_out = bench.run("run", *QUERY, "-o", "a.jsonl", "--timeout", "10m")
    assert timed_out.status == 3
    done = bench.run(*resume_command(timed_out), "--timeout", "2h")
    assert (done.status, events_in(bench.folder / "a.jsonl")) == (0, 200)
    assert (len(bench.exports()), len(bench.simulator.jobs)) == (1, 1)


def test_a_time_that_was_too_short_is_not_kept(bench: RunBench) -> None:
    """Whoever goes on without a time has the usual one; a longer one that the run was given stays."""
    bench.set(export_duration_s=3000.0)
    timed_out = bench.run("run", *QUERY, "-o", "a.jsonl", "--timeout", "10s")
    assert timed_out.status == 3
    assert bench.run(*resume_command(timed_out)[:2]).status == 0
    bench.set(export_duration_s=20_000.0)
    longer = bench.stopped_at(3, "run", *QUERY, "-o", "b.jsonl", "--fields", "user.name", "--timeout", "6h")
    assert longer == (longer[0], True)
    assert bench.run(*resume_command(longer[0])[:2]).status == 0


def test_the_summary_names_the_folder(bench: RunBench) -> None:
    done = bench.run("run", *QUERY, "-o", "a.jsonl", "--json")
    summary = json.loads(done.stdout)["summary"]
    assert f"- **File:** `a.jsonl` in `{bench.folder}`" in summary
    assert "playbook" not in summary


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        (
            "a.csv",
            (),
            "a.csv will hold JSON Lines packed with gzip: its suffix names no format that is written. Fetch",
        ),
        ("events", (), "events will hold JSON Lines packed with gzip: its suffix names no format that is written.\n"),
        ("a.csv", ("--format", "jsonl"), None),
        ("a.jsonl.gz", (), None),
    ],
)
def test_a_name_that_promises_another_format_is_told(
    bench: RunBench, name: str, options: tuple[str, ...], said: str | None
) -> None:
    for command in (("run", *QUERY), ("fetch", "{job}", "--force")):
        job = next(iter(bench.simulator.jobs), "")
        done = bench.run(*(word.format(job=job) for word in command), "-o", name, *options)
        assert (done.status, "will hold" in done.stderr) == (0, said is not None)
        assert said is None or said in " ".join(done.stderr.split(" "))


def test_a_busy_platform_is_waited_for(bench: RunBench) -> None:
    bench.set(export_duration_s=900.0)
    assert bench.run("run", *QUERY, "-o", "a.jsonl", "--timeout", "60s").status == 3
    busy = bench.run("run", *QUERY, "-o", "b.jsonl", "--fields", "user.name")
    assert (busy.status, resume_command(busy)[2]) == (5, "--wait-for-slot")
    done = bench.run(*resume_command(busy))
    assert (done.status, events_in(bench.folder / "b.jsonl")) == (0, 200)
    assert "Another export is running; waiting for 2 h at most." in done.stderr


def test_an_expired_export_is_told_apart(bench: RunBench) -> None:
    bench.set(export_duration_s=3000.0)
    timed_out = bench.run("run", *QUERY, "-o", "a.jsonl", "--timeout", "5m")
    bench.set(url_renewed=False, url_ttl_s=1)
    done = bench.run(*resume_command(timed_out), "--timeout", "3h", "--json")
    assert (done.status, json.loads(done.stdout)["branch"]) == (1, "expired")
    assert "The export can no longer be fetched. Export again with:" in done.stderr


@pytest.mark.parametrize(
    ("fault", "status", "said"),
    [
        (Fault(Kind.STATUS, status=401, times=None, body=b'{"code": "T300"}'), 2, "SEKOIA_API_KEY"),
        (Fault(Kind.STATUS, status=403, times=None, body=b'{"message": "missing permission"}'), 2, "permission"),
        (Fault(Kind.RESET_BEFORE, times=None), 1, "Run it again"),
        (
            Fault(Kind.STATUS, path="/export$", status=400, times=None, body=b'{"message": "monthly quota exhausted"}'),
            5,
            "quota",
        ),
        (Fault(Kind.RESET_BEFORE, server="storage", times=None), 1, "network"),
    ],
)
def test_each_kind_of_error_has_its_status_and_says_what_to_do(
    bench: RunBench, fault: Fault, status: int, said: str
) -> None:
    bench.simulator.faults.add(fault)
    done = bench.run("run", *QUERY, "-o", "a.jsonl", "--timeout", "1h")
    assert (done.status, done.stdout) == (status, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert not (bench.folder / "a.jsonl").exists()


def test_a_platform_that_cannot_be_reached_says_what_to_check(bench: RunBench) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        bench.line.environment["SEKOIA_BASE_URL"] = f"http://127.0.0.1:{unused.getsockname()[1]}"
        done = bench.run("run", *QUERY, "-o", "a.jsonl")
    assert (done.status, bench.run_files()) == (1, [])
    assert re.search(r"could not be reached\. Check the base URL, the network, the proxy", done.stderr), done.stderr


def test_a_damaged_export_is_no_success_and_no_file(bench: RunBench) -> None:
    bench.set(damage=Damage.TRUNCATED)
    done = bench.run("run", *QUERY, "-o", "a.jsonl")
    assert (done.status, done.stdout) == (4, "")
    assert not (bench.folder / "a.jsonl").exists()


def test_an_error_before_anything_was_begun_leaves_no_run(bench: RunBench) -> None:
    bench.line.environment["SEKOIA_API_KEY"] = "another-key"
    assert bench.run("run", *QUERY).status == 2
    assert bench.run_files() == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--query", "x"], "--since"),
        (["--since", "-1d"], "--query"),
        (["--query", "x", "--since", "yesterday"], "--since"),
        ([*QUERY, "--until", "-8d"], "--until"),
        ([*QUERY, "--fields", "user.*"], "wildcard 'user.*'"),
        ([*QUERY, "--field-set", "bogus"], "'network', 'identity', 'endpoint'"),
        ([*QUERY, "--format", "csv"], "'jsonl.gz', 'jsonl', 'json'"),
        ([*QUERY, "--region", "MARS1"], "FRA1, FRA2"),
        ([*QUERY, "--timeout", "soon"], "90s, 15m or 2h"),
        ([*QUERY, "-o", "-", "--json"], "stdout"),
        ([*QUERY, "-o", "-", "--format", "json"], "JSON Lines"),
        ([*QUERY, "-o", "/dev/null"], "neither a file nor a folder"),
        ([*QUERY, "-o", "/proc/x/a.jsonl"], "/proc/x"),
        (["not-a-uuid"], "JOB_UUID is not a uuid"),
        (["5f3c0a3e-7e4b-4a51-9d59-0c4f7d2f8f11", *QUERY], "JOB_UUID"),
    ],
)
def test_what_cannot_be_carried_out_is_refused_before_anything_is_asked(
    bench: RunBench, arguments: list[str], said: str
) -> None:
    done = bench.run("run", *arguments)
    assert done.stdout == ""
    assert said in done.stderr
    assert done.status == (1 if "/proc/x" in said else 2)
    assert (bench.simulator.requests, bench.run_files()) == ([], [])


def test_a_file_that_is_there_is_replaced_by_force_only(bench: RunBench) -> None:
    file = bench.folder / "a.jsonl"
    file.write_text("mine")
    refused = bench.run("run", *QUERY, "-o", "a.jsonl")
    assert (refused.status, bench.simulator.requests, file.read_text()) == (2, [], "mine")
    assert "--force" in refused.stderr
    assert bench.run("run", *QUERY, "-o", "a.jsonl", "--force").status == 0
    assert events_in(file) == 200


def test_a_file_that_came_meanwhile_is_kept_and_the_run_goes_on_elsewhere(bench: RunBench) -> None:
    file = bench.folder / "a.jsonl"
    stopped, _ = bench.stopped_at(4, "run", *QUERY, "-o", "a.jsonl")
    file.write_text("mine")
    refused = bench.run(*resume_command(stopped))
    assert (refused.status, file.read_text()) == (2, "mine")
    assert "is there already. Give another name with --output, or replace it with --force." in refused.stderr
    done = bench.run(*resume_command(refused), "-o", "b.jsonl.gz")
    assert (done.status, events_in(bench.folder / "b.jsonl.gz"), len(bench.exports())) == (0, 200, 1)


def test_events_for_a_pipe_come_verified_and_alone(bench: RunBench) -> None:
    done = bench.run("run", *QUERY, "-o", "-")
    assert done.status == 0
    assert len([json.loads(line) for line in done.stdout.splitlines()]) == 200
    assert "verified and complete" in done.stderr
    assert list(bench.line.home.rglob("*.gz")) == list(bench.line.home.rglob("spool/*")) == []


def test_a_damaged_export_gives_a_pipe_nothing(bench: RunBench) -> None:
    bench.set(damage=Damage.FLIPPED)
    done = bench.run("run", *QUERY, "-o", "-")
    assert (done.status, done.stdout) == (4, "")


def test_progress_as_json_is_all_that_is_on_stderr(bench: RunBench) -> None:
    bench.set(sse_c_supported=False)
    done = bench.run("run", *QUERY, "-o", "a.jsonl", "--json", "--progress", "json")
    told = [json.loads(line) for line in done.stderr.splitlines()]
    assert json.loads(done.stdout)["branch"] == "fetched"
    phases = [event["phase"] for event in told if event["event"] == "phase"]
    assert phases == ["searching", "triggering", "exporting", "fetching"]
    assert {event["unit"] for event in told if event["event"] == "progress"} == {"events", "bytes"}
    assert [event["branch"] for event in told if event["event"] == "ended"] == ["fetched"]
    assert any("customer key" in event["text"] for event in told if event["event"] == "warning")
    failed = bench.run("run", "5f3c0a3e-7e4b-4a51-9d59-0c4f7d2f8f11", "--progress", "json")
    assert json.loads(failed.stderr.splitlines()[-1])["event"] == "error"


def test_quiet_says_errors_only(bench: RunBench) -> None:
    done = bench.run("run", *QUERY, "-o", "a.jsonl", "--quiet")
    assert (done.status, done.stderr) == (0, "")
    bench.set(task_outcome="failed")
    failed = bench.run("run", *QUERY, "-o", "b.jsonl", "--fields", "user.name", "--quiet")
    assert (failed.status, failed.stderr.splitlines()[0]) == (1, "It failed at the platform. Try again with:")


def test_verbose_says_what_is_logged(bench: RunBench) -> None:
    done = bench.run("run", *QUERY, "-o", "a.jsonl", "--verbose")
    assert "operations.search: The search job" in done.stderr


def test_an_explicit_key_is_used_and_has_to_be_given_again(bench: RunBench) -> None:
    bench.line.environment["SEKOIA_SSE_C_KEY"] = EXPLICIT_KEY
    bench.set(export_duration_s=900.0)
    timed_out = bench.run("run", *QUERY, "-o", "b.jsonl", "--timeout", "60s")
    assert resume_command(timed_out)[2:] == ["--sse-c-key-file", "FILE"]
    del bench.line.environment["SEKOIA_SSE_C_KEY"]
    without = bench.run(*resume_command(timed_out)[:2])
    assert (without.status, "not remembered" in without.stderr) == (2, True)
    command = [*resume_command(timed_out)[:2], "--timeout", "1h", "--sse-c-key-file", "-"]
    done = bench.run(*command, stdin=EXPLICIT_KEY)
    assert (done.status, events_in(bench.folder / "b.jsonl")) == (0, 200)
    assert "the one that was given" in done.stderr
