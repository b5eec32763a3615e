"""The action `hunt_export` through the engine's contract."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.playbook.conftest import COLD, Bench

RULE = """
title: Whoami
logsource:
    category: process_creation
detection:
    selection:
        process.args|contains: whoami
    condition: selection
"""


def test_a_node_hunts_and_names_the_rules_it_left_out(bench: Callable[..., Bench]) -> None:
    bed = bench(start=COLD)
    engine = bed.engine()
    events = [{"@timestamp": "2026-01-01T00:00:00Z", "process.args": text} for text in ("whoami /all", "dir")]
    (bed.data / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    run = bed.checked(engine.run_node("hunt_export", {"file_path": "events.jsonl", "rules": f"{RULE}---\ntitle: x\n"}))
    assert (run.error, run.branches) == (None, ["matched"]), run.stderr
    assert [(rule["title"], rule["matches"]) for rule in run.results["rules"]] == [("Whoami", 1)]
    assert [rule["title"] for rule in run.results["unusable_rules"]] == ["x"]
    outside = bed.checked(engine.run_node("hunt_export", {"file_path": "../events.jsonl", "rules": RULE}))
    assert outside.error is not None
    assert "file_path" in outside.error
