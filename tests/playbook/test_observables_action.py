"""The action `extract_observables` through the engine's contract."""

from __future__ import annotations

import json
from collections.abc import Callable

from tests.playbook.conftest import COLD, Bench


def test_a_node_gives_lists_for_an_ioc_collection(bench: Callable[..., Bench]) -> None:
    bed = bench(start=COLD)
    engine = bed.engine()
    events = [{"@timestamp": "2026-01-01T00:00:00Z", "source.ip": text} for text in ("8.8.8.8", "10.0.0.1", "8.8.8.8")]
    (bed.data / "events.jsonl").write_text("".join(json.dumps(event) + "\n" for event in events))
    given = {"file_path": "events.jsonl", "lists_folder": "lists"}
    run = bed.checked(engine.run_node("extract_observables", given))
    assert (run.error, run.branches) == (None, ["found"]), run.stderr
    assert (run.results["ip_addresses"], run.results["counts"]) == (["8.8.8.8"], {"ip": 2})
    assert json.loads((bed.data / run.results["ip_addresses_path"]).read_text()) == ["8.8.8.8"]
    outside = bed.checked(engine.run_node("extract_observables", {"file_path": "../events.jsonl"}))
    assert outside.error is not None
    assert "file_path" in outside.error
