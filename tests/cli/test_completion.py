"""Shell completion: the scripts, and what is completed when a shell asks."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.bench import CommandLine

PROGRAM = Path(sys.executable).parent / "sekoia-export"


def completed(home: Path, line: str) -> list[str]:
    """Return what bash completes after `line`, whose last word is the incomplete one."""
    words = line.split(" ")
    environment = {
        **os.environ,
        "SEKOIA_EXPORT_HOME": str(home),
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(words) - 1),
        "_SEKOIA_EXPORT_COMPLETE": "complete_bash",
    }
    done = subprocess.run([PROGRAM], env=environment, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    return done.stdout.split()


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


def test_commands_options_and_choices_are_completed(tmp_path: Path) -> None:
    assert "doctor" in completed(tmp_path, "sekoia-export ")
    assert completed(tmp_path, "sekoia-export doctor --pro") == ["--profile"]
    assert completed(tmp_path, "sekoia-export demo --against ") == ["simulator", "platform"]
    assert "--api-key" not in completed(tmp_path, "sekoia-export doctor --api")


def test_an_unknown_shell_lists_the_known_ones(command_line: CommandLine) -> None:
    done = command_line.run("completion", "tcsh")
    assert done.status == 2
    assert all(shell in done.stderr for shell in ("bash", "zsh", "fish"))
