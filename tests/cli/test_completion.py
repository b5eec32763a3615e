"""Shell completion: the scripts, and what is completed when a shell asks."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from sekoia_export.cli import COMPLETION_VARIABLE
from sekoia_export.simulator import Settings, Simulator
from tests.cli.bench import CommandLine
from tests.clock import ManualClock

PROGRAM = Path(sys.executable).parent / "sekoia-export"


Completed = Callable[[str], list[str]]


@pytest.fixture
def completed(command_line: CommandLine, monkeypatch: pytest.MonkeyPatch) -> Completed:
    """Give a function that returns what bash completes after a line, whose last word is the incomplete one."""

    def complete(line: str) -> list[str]:
        asked = {
            "SEKOIA_EXPORT_HOME": str(command_line.home),
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split(" ")) - 1),
            COMPLETION_VARIABLE: "complete_bash",
        }
        with monkeypatch.context() as patch:
            for name, value in asked.items():
                patch.setenv(name, value)  # where Typer looks for what the shell asks
                patch.setitem(command_line.environment, name, value)
            done = command_line.run()
        assert (done.status, done.stderr) == (0, "")
        return done.stdout.split()

    return complete


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_a_script_is_written_that_the_shell_understands(command_line: CommandLine, shell: str) -> None:
    done = command_line.run("completion", shell)
    assert (done.status, done.stderr) == (0, "")
    assert "_SEKOIA_EXPORT_COMPLETE" in done.stdout
    if installed := shutil.which(shell):
        read = subprocess.run([installed, "-n"], input=done.stdout, capture_output=True, text=True, check=False)
        assert (read.returncode, read.stderr) == (0, "")


def test_bash_completes_with_the_script(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("there is no bash here")
    script = (
        'eval "$(sekoia-export completion bash)"; COMP_WORDS=(sekoia-export doc); COMP_CWORD=1; '
        '_sekoia_export_completion sekoia-export; echo "${COMPREPLY[@]}"'
    )
    environment = {**os.environ, "PATH": f"{PROGRAM.parent}:{os.environ['PATH']}", "SEKOIA_EXPORT_HOME": str(tmp_path)}
    done = subprocess.run([bash, "--norc", "-c", script], env=environment, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["doctor"]


def test_commands_options_and_choices_are_completed(completed: Completed) -> None:
    assert "doctor" in completed("sekoia-export ")
    assert completed("sekoia-export doctor --pro") == ["--profile"]
    assert completed("sekoia-export demo --against ") == ["simulator", "platform"]
    assert "--api-key" not in completed("sekoia-export doctor --api")


def test_regions_and_profiles_are_completed(command_line: CommandLine, completed: Completed) -> None:
    assert completed("sekoia-export doctor --region F") == ["FRA1", "FRA2"]
    assert completed("sekoia-export doctor --profile ") == []
    command_line.write_config("[profiles.usa]\nregion = 'USA1'\n[profiles.europe]\n")
    assert completed("sekoia-export doctor --profile ") == ["usa", "europe"]
    assert completed("sekoia-export doctor --profile u") == ["usa"]
    command_line.write_config("profiles = 1")
    assert completed("sekoia-export doctor --profile ") == []


def test_an_unknown_shell_lists_the_known_ones(command_line: CommandLine) -> None:
    done = command_line.run("completion", "tcsh")
    assert done.status == 2
    assert all(shell in done.stderr for shell in ("bash", "zsh", "fish"))


def test_the_uuids_of_recent_runs_are_completed_the_newest_first(
    command_line: CommandLine, completed: Completed
) -> None:
    command_line.clock = ManualClock()
    settings = Settings(total_events=5, search_duration_s=0, export_duration_s=0)
    with Simulator(settings, command_line.clock) as simulator:
        command_line.configure(simulator)
        for query in ("first", "second"):
            assert command_line.run("run", "--query", query, "--since", "-1h", "-o", f"{query}.jsonl").status == 0
        jobs = list(simulator.jobs)
    runs = json.loads(command_line.run("runs", "--json").stdout)["runs"]
    assert completed("sekoia-export resume ") == [run["run_uuid"] for run in runs]
    assert completed("sekoia-export run ") == jobs[::-1]
    assert completed(f"sekoia-export run {jobs[0][:10]}") == [jobs[0]]
    # Whatever else lies there, a keystroke is no time for an error.
    folder = command_line.home / "state" / ".sekoia-export" / "runs"
    for name, content in (("a.json", "{"), ("b.json", "[]"), ("c.json", '{"run_uuid": 1}'), ("d.txt", "")):
        (folder / name).write_text(content)
    assert completed("sekoia-export resume ") == [run["run_uuid"] for run in runs]
