"""The action `build_report` through the engine's contract, after a hunt whose results it is given."""

from __future__ import annotations

from collections.abc import Callable

from tests.playbook.conftest import Bench
from tests.playbook.test_hunt_action import RULE


def test_a_node_reports_what_the_nodes_before_it_found(bench: Callable[..., Bench]) -> None:
    bed = bench()
    engine = bed.engine()
    fetched = bed.checked(engine.run_node("export_events", {"query": "*", "earliest_time": "-1d"}, node=1))
    assert fetched.branches == ["fetched"], fetched.stderr
    given = {"file_path": "{{ node.1.file_path }}", "rules": RULE}
    assert bed.checked(engine.run_node("hunt_export", given, node=2)).error is None
    asked = {"file_path": "{{ node.1.file_path }}", "hunt_results": "{{ node.2 }}", "case": "CA-1", "title": "<b>&"}
    run = bed.checked(engine.run_node("build_report", asked, node=3))
    assert (run.error, run.branches) == (None, ["done"]), run.stderr
    results = run.results
    assert (results["complete"], results["unchanged"]) == (True, True)
    assert "**Hunt: " in results["markdown"]
    page = (bed.data / results["file_path"]).read_text()
    assert "&lt;b&gt;&amp;" in page
    assert fetched.results["sha256"] in page
    assert (bed.data / results["timeline_path"]).is_file()
