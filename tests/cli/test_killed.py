"""A run hit by signals while it writes down what it remembers: it goes on to its file, and there is one export."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from sekoia_export.simulator import Settings, Simulator
from tests.canaries import ENCRYPTION_SECRET

ROOT = Path(__file__).resolve().parents[2]
RUNS, EVENTS = 9, 100


def test_a_run_hit_while_it_writes_its_state_goes_on_to_its_file_with_one_export(tmp_path: Path) -> None:
    settings = Settings(total_events=EVENTS, search_duration_s=0.0, export_duration_s=0.0)
    with Simulator(settings) as simulator:
        order = {
            "seed": 7,
            "folder": str(tmp_path),
            "runs": RUNS,
            "events": EVENTS,
            "environment": {
                "SEKOIA_BASE_URL": simulator.base_url,
                "SEKOIA_API_KEY": simulator.api_key,
                "SEKOIA_ENCRYPTION_SECRET": ENCRYPTION_SECRET,
            },
        }
        done = subprocess.run(
            [sys.executable, "-m", "tests.cli.mortal", json.dumps(order)],
            cwd=ROOT, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        told = json.loads(done.stdout)
        assert told["failures"] == []
        assert told["hit"] >= RUNS - 2
        assert len(simulator.exports) == RUNS + 1
