"""The official exporter, as it is on PyPI, beside ours: against our simulator, and each other's exports."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import requests
import sekoia_event_exporter.cli

from sekoia_export.cli.invocation import root
from sekoia_export.cli.settings.known import KNOWN
from sekoia_export.cli.table import COMMANDS
from sekoia_export.simulator import Settings, Simulator
from sekoia_export.simulator.certificates import make_certificates
from tests.canaries import EXPLICIT_KEY
from tests.cli.bench import CommandLine
from tests.cli.test_simulate import simulation

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "switching.md"
BIN = Path(sys.executable).parent
EVENTS = 300


def official(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the official exporter as its users do."""
    return subprocess.run(
        [BIN / "sekoia-event-exporter", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_the_package_is_the_one_that_the_document_speaks_of() -> None:
    assert f"`sekoia-event-exporter` {version('sekoia-event-exporter')}" in DOCUMENT.read_text()


def test_every_option_and_variable_of_it_stands_in_the_document(tmp_path: Path) -> None:
    source = Path(sekoia_event_exporter.cli.__file__).read_text()
    options = set(re.findall(r'add_argument\(\s*"(--[a-z0-9-]+)"', source)) | {"--help"}
    variables = set(re.findall(r'os\.getenv\("([A-Z_0-9]+)"', source))
    variables |= set(re.findall(r'get_value\("\w+", "([A-Z_0-9]+)"', source))
    assert {"--interval", "--s3-sse-c-key"} <= options
    assert {"API_KEY", "S3_SSE_C_KEY_MD5"} <= variables
    told = set(re.findall(r"`([^` ]+)`", DOCUMENT.read_text()))
    assert sorted((options | variables) - told) == []


def test_it_runs_unchanged_against_simulate_with_tls(tmp_path: Path) -> None:
    options = ("--tls", "--ca-file", "ca.pem", "--events", str(EVENTS), "--export-seconds", "0", "--quiet")
    with simulation(tmp_path, *options) as (variables, _), requests.Session() as session:
        session.headers["Authorization"] = f"Bearer {variables['SEKOIA_API_KEY']}"
        session.verify, session.trust_env = variables["REQUESTS_CA_BUNDLE"], False
        jobs = f"{variables['SEKOIA_BASE_URL']}/v1/sic/conf/events/search/jobs"
        asked = {"term": "*", "earliest_time": "-1h", "latest_time": "now"}
        job_uuid = session.post(jobs, json=asked, timeout=10).json()["uuid"]
        while session.get(f"{jobs}/{job_uuid}", timeout=10).json()["status"] < 2:
            pass
        environment = {
            "API_HOST": variables["SEKOIA_BASE_URL"].removeprefix("https://"),
            "API_KEY": variables["SEKOIA_API_KEY"],
            "REQUESTS_CA_BUNDLE": variables["REQUESTS_CA_BUNDLE"],
        }
        done = official(tmp_path, "export", job_uuid, "-o", "events.json.gz", "--interval", "1", **environment)
    assert done.returncode == 0, done.stderr
    assert len(gzip.decompress((tmp_path / "events.json.gz").read_bytes()).splitlines()) == EVENTS


@pytest.fixture
def shared(command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, str]]:
    """Give the official exporter's variables, which both programs are run with, for a simulator with https."""
    folder = tmp_path / "tls"
    folder.mkdir()
    made = make_certificates(folder, authority=folder / "ca.pem", now=command_line.clock.now())
    settings = Settings(
        total_events=EVENTS,
        search_duration_s=0,
        export_duration_s=0,
        tls_certificate=made.certificate,
        tls_key=made.key,
    )
    with Simulator(settings) as simulator:
        variables = {
            "API_HOST": simulator.base_url.removeprefix("https://"),
            "API_KEY": simulator.api_key,
            "S3_SSE_C_KEY": EXPLICIT_KEY,
            "EXPORT_FIELDS": "user.name,message",
        }
        command_line.environment |= variables
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(made.authority))
        yield {**variables, "REQUESTS_CA_BUNDLE": str(made.authority)}


def test_an_export_that_was_begun_here_is_fetched_there(
    command_line: CommandLine, shared: dict[str, str], tmp_path: Path
) -> None:
    here = command_line.run("run", "--query", "*", "--since", "-1h", "-o", "here.jsonl", "--json")
    assert here.status == 0, here.stderr
    results = json.loads(here.stdout)
    assert results["encryption"] == "provided"
    there = official(tmp_path, "download", results["task_uuid"], "-o", "there.json.gz", **shared)
    assert there.returncode == 0, there.stderr
    events = (tmp_path / "here.jsonl").read_bytes()
    assert gzip.decompress((tmp_path / "there.json.gz").read_bytes()) == events
    assert set(json.loads(events.splitlines()[0])) == {"@timestamp", "user.name", "message"}
    status = official(tmp_path, "status", results["task_uuid"], **shared)
    assert "FINISHED" in status.stdout


def test_an_export_that_was_begun_there_is_fetched_here(
    command_line: CommandLine, shared: dict[str, str], tmp_path: Path
) -> None:
    job_uuid = command_line.run("search", "--query", "*", "--since", "-1h").stdout.strip()
    there = official(tmp_path, "export", job_uuid, "-o", "there.json.gz", **shared)
    assert there.returncode == 0, there.stderr
    [task_uuid] = re.findall(r"Task UUID: (\S+)", there.stdout)
    here = command_line.run("fetch", job_uuid, task_uuid, "-o", "here.jsonl", "--json")
    assert here.status == 0, here.stderr
    results = json.loads(here.stdout)
    assert (results["encryption"], results["events_count"], results["complete"]) == ("provided", EVENTS, True)
    assert gzip.decompress((tmp_path / "there.json.gz").read_bytes()) == (tmp_path / "here.jsonl").read_bytes()
    assert command_line.run("status", task_uuid, job_uuid).status == 0


def test_what_the_document_names_of_ours_is_there() -> None:
    ours = " ".join(line.split("|")[2] for line in DOCUMENT.read_text().splitlines() if line.count("|") == 3)
    program = root()
    parameters: list[Any] = list(program.params)
    for entry in COMMANDS:
        if not entry.commands:
            parameters += program.get_command(None, entry.name).params
    options = {name for parameter in parameters if not parameter.hidden for name in parameter.opts} | {"-h"}
    assert set(re.findall(r"(?<=[`, ])--?[a-z][a-z0-9-]*", ours)) <= options
    variables = {name for known in KNOWN for name in (known.variable, f"{known.variable}_FILE", known.official)}
    assert set(re.findall(r"`([A-Z][A-Z0-9_]+)`", ours)) <= variables
    assert {"run", "fetch", "status", "trigger", "link"} <= set(re.findall(r"`([a-z]+)[ `]", ours))


def test_no_key_is_sent_when_the_platforms_way_is_chosen_as_with_no_sse_c(
    command_line: CommandLine, shared: dict[str, str]
) -> None:
    chosen = ("run", "--query", "*", "--since", "-1h", "--encryption", "platform")
    done = command_line.run(*chosen, "-o", "events.jsonl", "--json")
    assert done.status == 0, done.stderr
    assert json.loads(done.stdout)["encryption"] == "none"
    both = command_line.run(*chosen, "-o", "others.jsonl", "--sse-c-key-file", "-", stdin=EXPLICIT_KEY)
    assert both.status == 2
    assert "given together with --encryption platform" in both.stderr
