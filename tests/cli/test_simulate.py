"""`simulate`, as another tool uses it: started as a process, found by what it prints, stopped by a signal."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from sekoia_export.errors import UsageError
from sekoia_export.simulator import Kind
from sekoia_export.simulator.scenario import read_fault, read_scenario
from tests.cli.bench import CommandLine


@contextmanager
def simulation(folder: Path, *options: str) -> Iterator[tuple[dict[str, str], subprocess.Popen[str]]]:
    """Give what a running `simulate --json` printed, and its process, which is stopped at the end if it still runs."""
    command = [sys.executable, "-m", "sekoia_export.cli", "simulate", "--json", *options]
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline()), process
        finally:
            if process.poll() is None:
                process.terminate()


def get(variables: dict[str, str], path: str) -> requests.Response:
    return requests.get(
        f"{variables['SEKOIA_BASE_URL']}/v1{path}",
        headers={"Authorization": f"Bearer {variables['SEKOIA_API_KEY']}"},
        verify=variables.get("REQUESTS_CA_BUNDLE", True),
        timeout=10,
    )


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_serves_until_it_is_told_to_stop_and_tells_what_came(tmp_path: Path, number: int) -> None:
    with simulation(tmp_path, "--fault", "status,path=/me$,status=503") as (variables, process):
        assert get(variables, "/me").status_code == 503
        assert get(variables, "/me").status_code == 200
        process.send_signal(number)
        _, told = process.communicate(timeout=20)
    assert process.returncode == 0
    assert told.splitlines() == [
        "Serving until Ctrl-C.",
        "platform GET /v1/me 503 (fault: status)",
        "platform GET /v1/me 200",
    ]


def test_its_made_up_authority_is_written_where_it_was_told(tmp_path: Path) -> None:
    with simulation(tmp_path, "--tls", "--ca-file", "authority.pem", "--quiet") as (variables, process):
        assert variables["SEKOIA_BASE_URL"].startswith("https://127.0.0.1:")
        assert variables["REQUESTS_CA_BUNDLE"] == str(tmp_path / "authority.pem")
        assert get(variables, "/me").status_code == 200
        by_name = {**variables, "SEKOIA_BASE_URL": variables["SEKOIA_BASE_URL"].replace("127.0.0.1", "localhost")}
        assert get(by_name, "/me").status_code == 200
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(variables["SEKOIA_BASE_URL"], timeout=10)
        process.terminate()
        assert process.communicate(timeout=20) == ("", "")
    assert b"PRIVATE" not in (tmp_path / "authority.pem").read_bytes()
    assert [path.name for path in tmp_path.iterdir()] == ["authority.pem"]


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--fault", "explode"], "it should be 'status', 'reset_before'"),
        (["--fault", "status,sttus=1"], "The fault 'sttus' is not known. Known are: kind, server, method, path"),
        (["--fault", "status,status"], "without a value"),
        (["--scenario", "none.json"], "none.json cannot be read: No such file or directory."),
        (["--tls", "--ca-file", "no/folder/ca.pem"], "cannot be started"),
    ],
)
def test_what_cannot_be_simulated_is_refused(command_line: CommandLine, options: list[str], told: str) -> None:
    done = command_line.run("simulate", *options)
    assert (done.status, done.stdout) == (2, "")
    assert told in done.stderr


def test_a_scenario_has_settings_and_faults() -> None:
    scenario = read_scenario(
        '{"settings": {"total_events": 7, "progress": "bursty", "sse_c_supported": false},'
        ' "faults": [{"kind": "reset_after", "server": "storage", "nth": 2, "times": null, "body": "x"}]}'
    )
    assert scenario.settings == {"total_events": 7, "progress": "bursty", "sse_c_supported": False}
    [fault] = scenario.faults
    assert (fault.kind, fault.server, fault.body) == (Kind.RESET_AFTER, "storage", b"x")
    assert (fault.nth, fault.times) == (2, None)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{", "not JSON"),
        ("[]", "other parts"),
        ('{"fault": []}', "other parts"),
        ('{"faults": {}}', "no list"),
        ('{"faults": ["x"]}', "fault"),
        ('{"settings": {"events": 1}}', "The setting 'events' is not known. Known are: seed, total_events"),
        ('{"settings": {"total_events": "many"}}', "The setting total_events cannot be used"),
        ('{"settings": {"tls_key": "x"}}', "is not known"),
    ],
)
def test_a_scenario_that_cannot_be_understood_says_where(text: str, told: str) -> None:
    with pytest.raises(UsageError, match=re.escape(told)):
        read_scenario(text)


def test_a_fault_as_text_can_last_for_ever() -> None:
    fault = read_fault("delay,seconds=0.5,times=ever,method=GET")
    assert (fault.kind, fault.seconds, fault.times, fault.method) == (Kind.DELAY, 0.5, None, "GET")
