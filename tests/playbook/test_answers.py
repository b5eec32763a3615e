"""The actions that answer from exported files, as the playbook engine runs them, without any key."""

from __future__ import annotations

import json
from collections.abc import Callable

import pyarrow.parquet as pq

from tests.playbook.conftest import COLD, Bench

EVENTS = [{"@timestamp": "2026-01-01T00:00:00.000Z", "source.ip": ip} for ip in ("10.0.0.1", "10.0.0.2", "10.0.0.1")]


def test_a_query_and_a_conversion_are_nodes(bench: Callable[..., Bench]) -> None:
    bed = bench(start=COLD)
    bed.data.mkdir()
    (bed.data / "a.jsonl").write_text("".join(json.dumps(event) + "\n" for event in EVENTS))
    engine = bed.engine(secrets={})
    run = bed.checked(
        engine.run_node("query_export", {"file_path": "a.jsonl", "top": "source.ip", "limit": "1"}, node=1)
    )
    assert (run.error, run.branches) == (None, ["rows"]), run.stderr
    assert run.results["rows"] == [{"source.ip": "10.0.0.1", "count": 2}]
    run = bed.checked(engine.run_node("convert_export", {"file_path": "a.jsonl"}, node=2))
    assert (run.error, run.branches) == (None, ["done"]), run.stderr
    assert pq.read_table(bed.data / "a.parquet").num_rows == len(EVENTS)
    run = bed.checked(
        engine.run_node(
            "query_export", {"file_path": "{{ node.2.file_path }}", "sql": "COPY events TO 'a.jsonl'"}, node=3
        )
    )
    assert "single SELECT" in str(run.error)
    assert sorted(path.name for path in bed.data.iterdir() if path.is_file()) == ["a.jsonl", "a.parquet"]
