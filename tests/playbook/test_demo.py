"""The demo, as a newcomer starts it: `sekoia-export demo`, a process of its own."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
from pathlib import Path

from sekoia_export.simulator import Settings, Simulator
from tests.canaries import check_text
from tests.playbook.conftest import MODULE_FOLDER


def run_demo(folder: Path, *options: str, **env: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("SEKOIA_")}
    return subprocess.run(
        [sys.executable, "-m", "sekoia_export.cli", "demo", "--module", str(MODULE_FOLDER), *options],
        cwd=folder,
        env={**inherited, "PYTHONPATH": str(MODULE_FOLDER), **env},
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )


def value_of(name: str, output: str) -> str:
    found = re.search(rf"^{name}\s+(.*)$", output, re.MULTILINE)
    assert found, output
    return found[1].strip()


def test_the_demo_ends_with_a_verified_file(tmp_path: Path) -> None:
    known = {"SEKOIA_API_KEY": "not-sent-to-the-simulator", "SEKOIA_BASE_URL": "https://api.sekoia.io"}
    done = run_demo(tmp_path, "--events", "2000", **known)
    assert done.returncode == 0, done.stdout + done.stderr
    file = tmp_path / value_of("file", done.stdout)
    assert file.parent.name == "demo"
    assert value_of("events", done.stdout) == "2,000"
    assert value_of("SHA-256", done.stdout) == hashlib.sha256(file.read_bytes()).hexdigest()
    assert "wait_until_finished" in value_of("took", done.stdout)
    check_text(done.stdout + done.stderr, "the demo's output")
    assert "demo --against platform" in done.stdout
    assert "not-sent-to-the-simulator" not in done.stdout


def test_the_demo_runs_against_a_platform(tmp_path: Path) -> None:
    with Simulator(Settings(total_events=700, export_duration_s=0.3)) as platform:
        known = {"SEKOIA_API_KEY": platform.api_key, "SEKOIA_BASE_URL": platform.base_url}
        done = run_demo(tmp_path, "--against", "platform", **known)
        assert done.returncode == 0, done.stdout + done.stderr
        assert value_of("events", done.stdout) == "700"
        assert len(platform.exports) == 1
        check_text(done.stdout + done.stderr, "the demo's output")


def test_a_demo_whose_node_fails_is_no_success(tmp_path: Path) -> None:
    with Simulator(Settings(total_events=0)) as platform:
        refused = run_demo(tmp_path, "--against", "platform", SEKOIA_API_KEY="wrong", SEKOIA_BASE_URL=platform.base_url)
        empty = run_demo(
            tmp_path, "--against", "platform", SEKOIA_API_KEY=platform.api_key, SEKOIA_BASE_URL=platform.base_url
        )
    assert (refused.returncode, empty.returncode) == (1, 1)
    assert "refused the API key" in refused.stdout
    assert "empty after" in empty.stdout


def test_what_is_missing_is_said_in_two_sentences(tmp_path: Path) -> None:
    no_key = run_demo(tmp_path, "--against", "platform")
    no_module = run_demo(tmp_path, "--module", str(tmp_path))
    assert (no_key.returncode, no_module.returncode) == (2, 2)
    assert "The environment variable SEKOIA_API_KEY is not set." in no_key.stderr
    assert "it has no main.py" in no_module.stderr
