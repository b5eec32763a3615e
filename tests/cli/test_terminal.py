"""What is said where: streams, colours, quiet and verbose, and how whatever happens ends."""

from __future__ import annotations

import logging
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

import pytest

from sekoia_export.cli.wording import for_terminal
from sekoia_export.errors import KeyRejected, UsageError
from sekoia_export.simulator import Fault, Kind, Simulator
from tests.cli.bench import CommandLine
from tests.cli.screen import COMMAND
from tests.clock import ManualClock

ESCAPE = "\x1b["


@pytest.fixture
def simulator(command_line: CommandLine) -> Iterator[Simulator]:
    with Simulator(clock=command_line.clock) as running:
        command_line.configure(running)
        yield running


def test_colours_are_for_terminals(command_line: CommandLine, simulator: Simulator) -> None:
    assert ESCAPE not in command_line.run("doctor").stdout
    assert ESCAPE in command_line.run("doctor", terminal=True).stdout
    for name, value in (("NO_COLOR", "1"), ("TERM", "dumb")):
        command_line.environment[name] = value
        assert ESCAPE not in command_line.run("doctor", terminal=True).stdout
        del command_line.environment[name]
    assert ESCAPE in command_line.run("nothing", terminal=True).stderr
    assert ESCAPE not in command_line.run("nothing").stderr


def test_warnings_and_logs_follow_the_verbosity(command_line: CommandLine, simulator: Simulator) -> None:
    def told(*options: str) -> str:
        simulator.faults.add(Fault(Kind.STATUS, path="/me/permissions", status=503))
        command_line.clock = ManualClock()
        return command_line.run("doctor", *options).stderr

    assert told().startswith("warning: No usable answer while reading the API key's permissions: status 503")
    assert told("--quiet") == ""
    assert "warning: No usable answer" in told("--verbose")
    search = ("search", "--query", "*", "--since", "-1h")
    assert "operations.search: The search job" in command_line.run(*search, "--verbose").stderr
    assert "operations.search" not in command_line.run(*search).stderr


def test_the_log_is_as_it_was_afterwards(command_line: CommandLine) -> None:
    log = logging.getLogger("sekoia_export")
    before = list(log.handlers), log.propagate, log.level
    command_line.run("config", "--verbose")
    assert (list(log.handlers), log.propagate, log.level) == before


def test_quiet_keeps_data_and_errors(command_line: CommandLine) -> None:
    assert "base_url" in command_line.run("config", "--quiet").stdout
    assert "no region" in command_line.run("config", "-q", "--region", "X").stderr


def test_a_reader_that_has_gone_is_no_traceback(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "sekoia_export.cli", "config"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={"SEKOIA_EXPORT_HOME": str(tmp_path)},
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read()
    assert process.returncode == 1
    assert said == ""


@pytest.mark.parametrize(
    ("streams", "status", "told"),
    [
        ("> /dev/full", 1, "could not be written to stdout: No space left on device. See to where stdout leads"),
        (">&-", 1, "could not be written to stdout: Bad file descriptor."),
        ("2>&- <&-", 0, ""),
    ],
)
def test_a_stdout_that_takes_nothing_is_told_and_other_streams_are_not_needed(
    tmp_path: Path, streams: str, status: int, told: str
) -> None:
    done = subprocess.run(
        ["/bin/bash", "-c", f"{COMMAND} config {streams}"],
        env={"SEKOIA_EXPORT_HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, "base_url" in done.stdout) == (status, status == 0)
    assert told in done.stderr
    assert "bug" not in done.stderr


def test_an_interruption_of_the_start_is_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text("import signal\nsignal.raise_signal(signal.SIGINT)\n")  # Ctrl-C at its import
    done = subprocess.run(
        [COMMAND, "config"], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (130, "", "sekoia-export: Interrupted.\n")


class Failing(ManualClock):
    """A clock that breaks off whatever asks it."""

    def __init__(self, failure: BaseException) -> None:
        super().__init__()
        self.failure = failure

    def now(self) -> datetime:
        raise self.failure


@pytest.mark.parametrize(
    ("failure", "status", "told"),
    [
        (KeyboardInterrupt(), 130, "sekoia-export: Interrupted.\n"),
        (KeyRejected("The platform refused the API key."), 2, "in SEKOIA_API_KEY or with --api-key-file"),
        (ModuleNotFoundError("No module named 'duckdb'", name="duckdb"), 2, "the extra analysis"),
        (ModuleNotFoundError("No module named 'other'", name="other.part"), 1, "An unexpected ModuleNotFoundError"),
        (RuntimeError("canary-in-a-bugs-text"), 1, "An unexpected RuntimeError at doctor.py:"),
    ],
)
def test_whatever_happens_becomes_a_sentence_and_a_status(
    command_line: CommandLine, failure: BaseException, status: int, told: str
) -> None:
    command_line.environment["SEKOIA_BASE_URL"] = "http://127.0.0.1:1"
    command_line.clock = Failing(failure)
    done = command_line.run("doctor", "--json")
    assert (done.status, done.stdout) == (status, "")
    assert told in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        (str(UsageError("The argument earliest_time is missing.", "Give earliest_time and run the step again.")),
         "--since is missing. Give --since and run it again."),
        ("The argument fields is not valid: it must not be empty.", "--fields is not valid: it must not be empty."),
        ("Export less (fewer fields, a shorter period).", "Export less (fewer fields, a shorter period)."),
        ("Give either job_uuid, or query and earliest_time.", "Give either JOB_UUID, or --query and --since."),
        ("Give job_uuid as the earlier step's results have it.", "Give JOB_UUID as an earlier command wrote it."),
        ("Wait for it with wait_until_finished, then fetch it.", "Wait for it with sekoia-export wait, then fetch it."),
        ("Name a file that fetch_and_decrypt or convert_export wrote.",
         "Name a file that sekoia-export fetch or sekoia-export convert wrote."),
        ("Set base_url to the region's address.", "Set --region or --base-url to the region's address."),
        ("The API key is missing from the module's configuration.", "The API key is missing from the configuration."),
        ("Free space in the data storage.", "Free space in the folder."),
        ("The file my-encryption_key.txt", "The file my-encryption_key.txt"),
    ],
)  # fmt: skip
def test_errors_speak_of_options_instead_of_arguments(text: str, instead: str) -> None:
    assert for_terminal(text) == instead


def test_no_remedy_of_the_library_speaks_of_an_argument_that_a_terminal_has_not() -> None:
    from sekoia_export import errors

    kinds = [kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, errors.ExportError)]
    shown = " ".join(for_terminal(kind.remedy) for kind in kinds)
    assert re.findall(r"\b[a-z0-9]+_[a-z_0-9]+\b", shown) == []
    assert "module" not in shown
