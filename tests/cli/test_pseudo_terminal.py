"""What a person sees and does: the installed command in a pseudo-terminal, against the simulator, in real time."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from sekoia_export.simulator import Fault, Kind, Settings, Simulator
from tests.canaries import ENCRYPTION_SECRET, check_sent
from tests.cli.run_bench import QUERY, events_in
from tests.cli.screen import COMMAND, Seen

RESUME = re.compile(r"^  sekoia-export resume ([0-9a-f-]{36})$", re.MULTILINE)


@dataclass
class Desk:
    """A person's terminal, home and folder, and the platform."""

    simulator: Simulator
    folder: Path

    @property
    def environment(self) -> dict[str, str]:
        return {
            "SEKOIA_BASE_URL": self.simulator.base_url,
            "SEKOIA_API_KEY": self.simulator.api_key,
            "SEKOIA_ENCRYPTION_SECRET": ENCRYPTION_SECRET,
            "SEKOIA_EXPORT_HOME": str(self.folder / "home"),
        }

    def see(self, *arguments: str, **environment: str) -> Seen:
        return Seen(*arguments, environment={**self.environment, **environment}, folder=self.folder)

    def shell(self, script: str) -> subprocess.CompletedProcess[str]:
        """Run a script of bash in which `sekoia-export` is the command."""
        environment = {**self.environment, "PATH": f"{COMMAND.parent}:/usr/bin:/bin"}
        return subprocess.run(
            ["/bin/bash", "-c", script],
            cwd=self.folder,
            env=environment,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            check=False,
        )

    def set(self, **settings: Any) -> None:
        self.simulator.settings = replace(self.simulator.settings, **settings)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    settings = Settings(total_events=3000, search_duration_s=1.5, export_duration_s=3.0)
    with Simulator(settings) as simulator:
        yield Desk(simulator, tmp_path)
        check_sent(simulator)


def test_a_run_is_interrupted_in_every_phase_and_ends_in_its_file(desk: Desk) -> None:
    desk.simulator.faults.add(Fault(Kind.DELAY, path="/export$", method="POST", seconds=1.5))
    desk.simulator.faults.add(Fault(Kind.SLOW, server="storage", times=3, nth=2, bytes_per_second=20_000))
    said = {
        r"Search +[\d,]+ events match so far": "goes on at the platform, which keeps it for some minutes",
        r"Trigger +asking the platform": "may have been started at the platform: going on finds out, and starts",
        r"Export +━+": "The export goes on at the platform as task",
        r"kB of .* kB, .*/s": "What was fetched of it is kept here.",
    }
    arguments = ["run", *QUERY, "-o", "a.jsonl"]
    for moment, words in said.items():
        seen = desk.see(*arguments)
        seen.wait_for(moment)
        seen.press_ctrl_c()
        assert seen.ended() == 130, seen.text
        assert words in " ".join(seen.text.split()), seen.text
        assert len(re.findall(r"^\S Search ", seen.text, re.MULTILINE)) == 1, seen.text
        assert seen.cursor_is_shown
        run = RESUME.findall(seen.text)
        assert run, seen.text
        arguments = ["resume", run[0]]
    seen = desk.see("resume")
    assert seen.ended() == 0, seen.text
    assert re.search(r"✓ Search .*\n✓ Trigger .*\n✓ Export .*\n✓ Fetch ", seen.text), seen.text
    assert "events   3,000, verified and complete" in seen.text
    assert "a.jsonl" in seen.text.splitlines()[-1]
    assert events_in(desk.folder / "a.jsonl") == 3000
    assert (len(desk.simulator.exports), len(desk.simulator.jobs)) == (1, 1)


def test_a_terminal_that_is_closed_loses_nothing(desk: Desk) -> None:
    seen = desk.see("run", *QUERY, "-o", "a.jsonl")
    seen.wait_for(r"Export +━")
    assert seen.close_terminal() == 130
    again = desk.see("resume", NO_COLOR="1")
    assert again.ended() == 0
    assert (events_in(desk.folder / "a.jsonl"), len(desk.simulator.exports)) == (3000, 1)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", again.raw), "a colour"


def test_ctrl_c_twice_ends_it_and_loses_nothing(desk: Desk) -> None:
    desk.set(export_duration_s=0.1)
    desk.simulator.faults.add(Fault(Kind.STALL, server="storage", times=None, nth=2, after_bytes=20_000))
    seen = desk.see("run", *QUERY, "-o", "a.jsonl")
    seen.wait_for(r"kB of ")
    seen.press_ctrl_c()
    seen.press_ctrl_c()
    assert seen.ended() == 130, seen.text
    assert RESUME.search(seen.text), seen.text
    assert seen.cursor_is_shown
    desk.simulator.faults.clear()
    assert desk.see("resume").ended() == 0
    assert (events_in(desk.folder / "a.jsonl"), len(desk.simulator.exports)) == (3000, 1)


def test_a_pipe_gets_data_only_and_may_leave_and_a_full_disk_is_told(desk: Desk) -> None:
    desk.set(search_duration_s=0.1, export_duration_s=0.1)
    job = desk.shell("sekoia-export search --query x --since -1d")
    assert job.returncode == 0, job.stderr
    left = desk.shell(
        f"sekoia-export run {job.stdout.strip()} -o - --quiet | head -n 2; echo ${{PIPESTATUS[0]}}; "
        f"sekoia-export run {job.stdout.strip()} -o - > /dev/full; echo $?"
    )
    *events, reader_left, full = left.stdout.splitlines()
    assert (len(events), reader_left, full) == (2, "0", "1")
    assert all(json.loads(event) for event in events)
    assert "No space left on device" in left.stderr
    assert "Traceback" not in left.stderr
    assert "BrokenPipe" not in left.stderr
    assert "\x1b" not in left.stderr
    assert len(desk.simulator.exports) == 1


def test_an_old_encoding_escapes_what_it_has_not(desk: Desk) -> None:
    desk.set(search_duration_s=0.0, total_events=0)
    told = desk.shell(
        "export PYTHONIOENCODING=latin-1; "
        "sekoia-export run --query 'naïve → “x”' --since -1d --json -o é.jsonl; sekoia-export runs"
    )
    assert told.returncode == 0, told.stderr
    document, listed = told.stdout.splitlines()
    assert json.loads(document)["branch"] == "empty"
    assert r"\u2192" in listed
