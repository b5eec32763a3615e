"""What stands on the screen of a terminal, read as a person reads it."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from xml.etree import ElementTree as ET

import pexpect
import pyte

from sekoia_export.simulator import Settings, Simulator

ROOT = Path(__file__).resolve().parents[2]
COLUMNS, ROWS = 80, 24


def test_an_interruption_leaves_each_phase_on_the_screen_once(tmp_path: Path) -> None:
    screen = pyte.Screen(COLUMNS, ROWS)
    stream = pyte.Stream(screen)
    with Simulator(Settings(total_events=1_000, search_duration_s=0, export_duration_s=600)) as simulator:
        run = pexpect.spawn(
            str(Path(sys.executable).parent / "sekoia-export"),
            ["run", "--query", "*", "--since", "-1h"],
            cwd=tmp_path,
            env={
                "TERM": "xterm-256color",
                "LANG": "C.UTF-8",
                "SEKOIA_BASE_URL": simulator.base_url,
                "SEKOIA_API_KEY": simulator.api_key,
                "SEKOIA_EXPORT_HOME": str(tmp_path / "home"),
            },
            dimensions=(ROWS, COLUMNS),
            encoding="utf-8",
            timeout=60,
        )
        run.expect("of 1,000 events")
        stream.feed(run.before + run.after)
        run.sendintr()
        run.expect(pexpect.EOF)
        stream.feed(run.before)
        run.close()
    assert run.exitstatus == 130
    shown = [line.rstrip() for line in screen.display if line.strip()]
    assert len([line for line in shown if re.match(r". Search ", line)]) == 1, "\n".join(shown)
    assert shown[-1].startswith("  sekoia-export resume ")


def test_the_recorded_session_is_a_picture_of_a_run_that_goes_on() -> None:
    text = (ROOT / "docs" / "session.svg").read_text()
    words = " ".join("".join(line.itertext()) for line in ET.fromstring(text).iter())
    assert "sekoia-export run --query" in words
    assert "Go on with:" in words
    assert "verified and complete" in words
    assert "docs/session.svg" in (ROOT / "README.md").read_text()
