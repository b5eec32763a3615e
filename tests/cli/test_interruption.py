"""A run that is interrupted, wherever: it says how to go on, and going on ends in the right file and one export."""

from __future__ import annotations

import fcntl
import json
import signal
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from sekoia_export.simulator import Fault, Kind
from tests.cli.run_bench import QUERY, RunBench, events_in, resume_command, run_bench

MOST_SLEEPS = 60


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[RunBench]:
    with run_bench(tmp_path, export_duration_s=20.0) as made:
        yield made


def phases_of(text: str) -> str:
    """Return which of the texts of an interruption it is."""
    for words, phase in {
        "A search may have been started": "starting the search",
        "goes on at the platform, which keeps": "searching",
        "may have been started at the platform: going on": "triggering",
        "goes on at the platform as task": "exporting",
        "is done. The platform keeps": "fetching",
    }.items():
        if words in text:
            return phase
    return text


def test_a_run_stopped_at_any_request_goes_on_to_its_file_with_one_export(bench: RunBench) -> None:
    bench.set(search_duration_s=1.5, export_duration_s=4.0)
    told = set()
    here, elsewhere = bench.folder, bench.folder / "elsewhere"
    elsewhere.mkdir()
    for sleep in range(1, MOST_SLEEPS):
        bench.line.environment["SEKOIA_EXPORT_HOME"] = str(here / f"home{sleep}")
        bench.line.folder, file, before = here, here / f"{sleep}.jsonl", len(bench.exports())
        stopped, came_to_it = bench.stopped_at(sleep, "run", *QUERY, "-o", file.name)
        if not came_to_it:
            assert stopped.status == 0
            break
        assert (stopped.status, stopped.stdout) == (130, "")
        told.add(phases_of(stopped.stderr))
        bench.line.folder = elsewhere
        done = bench.run(*resume_command(stopped)[: 1 + sleep % 2])  # every other one without its uuid
        assert (done.status, done.stdout) == (0, f"{file}\n")
        assert (events_in(file), len(bench.exports()) - before) == (200, 1)
    else:
        pytest.fail("a run sleeps more often than expected")
    assert told >= {"searching", "triggering", "exporting", "fetching"}


@pytest.mark.parametrize("by", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_stop_it_the_same_way(bench: RunBench, by: signal.Signals) -> None:
    stopped, _ = bench.stopped_at(8, "run", *QUERY, "-o", "a.jsonl", by=by)
    assert (stopped.status, stopped.stderr.count("Interrupted.")) == (130, 1)
    assert bench.run("resume").status == 0
    assert (events_in(bench.folder / "a.jsonl"), len(bench.exports())) == (200, 1)


def test_a_lost_answer_and_an_interruption_start_one_export(bench: RunBench) -> None:
    bench.simulator.faults.add(Fault(Kind.RESET_AFTER, path="/export$", method="POST"))
    job = bench.run("search", *QUERY).stdout.strip()
    for sleep in (3, 4, 5):
        stopped, _ = bench.stopped_at(sleep, "run", job, "-o", "a.jsonl")
        assert stopped.status == 130
    assert bench.run("resume").status == 0
    assert (events_in(bench.folder / "a.jsonl"), len(bench.exports())) == (200, 1)


def test_a_run_can_be_named_by_any_of_its_uuids_and_is_listed(bench: RunBench) -> None:
    bench.stopped_at(10, "run", *QUERY, "-o", "a.jsonl")
    record = bench.record()
    second, _ = bench.stopped_at(1, "run", "--query", "another", "--since", "-1h", "-o", "b.jsonl")
    listed = bench.run("runs").stdout.splitlines()
    assert [line.split()[0] for line in listed] == [resume_command(second)[1], record["run_uuid"]]
    assert "stopped exporting" in listed[1]
    documents = json.loads(bench.run("runs", "--json").stdout)["runs"]
    assert [(run["unfinished"], run["running"]) for run in documents] == [(True, False)] * 2
    for name in ("run_uuid", "job_uuid", "task_uuid"):
        assert bench.run("resume", record[name]).status == 0
    assert (
        bench.run("runs")
        .stdout.splitlines()[1]
        .endswith(f'fetched             user.name:"j.doe" -> {bench.folder / "a.jsonl"}')
    )
    assert len(bench.exports()) == 1


def test_a_run_that_a_process_carries_out_is_left_to_it(bench: RunBench) -> None:
    stopped, _ = bench.stopped_at(10, "run", *QUERY, "-o", "a.jsonl")
    uuid = bench.record()["run_uuid"]
    with (bench.line.home / f"state/.sekoia-export/locks/{uuid}").open() as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # as that process does
        assert "exporting now" in bench.run("runs").stdout
        for arguments, said in ((["resume"], "No run is unfinished."), (resume_command(stopped), "another process")):
            refused = bench.run(*arguments)
            assert (refused.status, said in refused.stderr) == (2, True)
    assert bench.run("resume").status == 0


def test_where_there_is_nothing_to_go_on_with(bench: RunBench) -> None:
    for arguments in (["resume"], ["resume", "5f3c0a3e-7e4b-4a51-9d59-0c4f7d2f8f11"], ["resume", "x"]):
        done = bench.run(*arguments)
        assert (done.status, "sekoia-export runs" in done.stderr) == (2, True)
    assert "No run was begun yet." in bench.run("runs").stderr


def test_a_resumed_run_goes_to_the_platform_it_was_begun_at(bench: RunBench) -> None:
    bench.line.write_config(f'[profiles.here]\nbase_url = "{bench.simulator.base_url}"\n')
    del bench.line.environment["SEKOIA_BASE_URL"]
    stopped, _ = bench.stopped_at(8, "run", *QUERY, "-o", "a.jsonl", "--profile", "here")
    assert bench.record()["profile"] == "here"
    assert bench.run(*resume_command(stopped)).status == 0


def test_a_run_for_stdout_that_was_interrupted_goes_on_to_stdout(bench: RunBench) -> None:
    stopped, _ = bench.stopped_at(10, "run", *QUERY, "-o", "-")
    assert (stopped.status, stopped.stdout) == (130, "")
    done = bench.run("resume")
    assert (done.status, len(done.stdout.splitlines())) == (0, 200)
    assert bench.run("resume", resume_command(stopped)[1], "--json").status == 2


def test_the_record_is_private_and_holds_no_secret(bench: RunBench) -> None:
    bench.stopped_at(8, "run", *QUERY, "-o", "a.jsonl")
    (file,) = bench.run_files()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {stat.S_IMODE(folder.stat().st_mode) for folder in (file.parent, file.parents[1])} == {0o700}
    record = bench.record()
    assert (record["version"], record["choices"]["query"]) == (1, 'user.name:"j.doe"')
    assert "encryption_key" not in record["choices"]


@pytest.mark.parametrize("content", ["", "{", '{"version": 2}', "[]"])
def test_a_corrupt_record_is_an_error_that_names_the_file(bench: RunBench, content: str) -> None:
    stopped, _ = bench.stopped_at(8, "run", *QUERY, "-o", "a.jsonl")
    (file,) = bench.run_files()
    file.write_text(content)
    asked = len(bench.simulator.requests)
    for arguments in (["runs"], ["resume"], resume_command(stopped)):
        done = bench.run(*arguments)
        assert (done.status, str(file) in done.stderr) == (1, True)
    assert len(bench.simulator.requests) == asked
