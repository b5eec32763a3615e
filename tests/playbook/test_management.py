"""The actions that look after exports, as the playbook engine runs them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sekoia_export.simulator import Engine
from tests.canaries import derived_keys, without_link
from tests.playbook.conftest import Bench
from tests.playbook.test_chain import SEARCH

Start = Callable[..., Bench]
EXPORT = {"job_uuid": "{{ node.1.job_uuid }}", "task_uuid": "{{ node.1.task_uuid }}"}


@pytest.fixture
def exported(bench: Start) -> tuple[Bench, Engine]:
    """Give a bench and an engine whose first node has exported and fetched."""
    bed = bench()
    engine = bed.engine()
    run = bed.checked(engine.run_node("export_events", SEARCH, node=1))
    assert (run.error, run.branches) == (None, ["fetched"]), run.stderr
    return bed, engine


def follow(exported: tuple[Bench, Engine], command: str, arguments: dict[str, Any], branch: str) -> dict[str, Any]:
    """Run a node after the first one and return its results."""
    bed, engine = exported
    run = bed.checked(engine.run_node(command, arguments, node=2))
    assert (run.error, run.branches) == (None, [branch]), run.stderr
    results: dict[str, Any] = run.results
    return results


def test_a_finished_export_is_looked_at_listed_and_deleted(exported: tuple[Bench, Engine]) -> None:
    status = follow(exported, "get_export_status", {"task_uuid": "{{ node.1.task_uuid }}"}, "finished")
    assert (status["events"], status["percent"]) == (500, 100.0)
    listed = follow(exported, "list_exports", {}, "done")
    assert listed["count"] == 1
    path = exported[1].results[1]["file_path"]
    assert listed["exports"][0]["file_path"] == path
    deleted = follow(exported, "delete_export", EXPORT, "deleted")
    assert (deleted["deleted"], deleted["freed_bytes"]) == ([path], exported[1].results[1]["file_size"])
    assert not (exported[0].data / path).exists()
    assert follow(exported, "delete_export", EXPORT, "empty")["deleted"] == []
    refused = exported[0].checked(exported[1].run_node("delete_export", {"file_path": "../x"}, node=3))
    assert "file_path leaves the data storage" in str(refused.error)


def test_the_link_is_in_the_results_of_its_node_and_nowhere_else(exported: tuple[Bench, Engine]) -> None:
    results = follow(exported, "get_download_link", EXPORT, "ready")
    assert "X-Amz-Signature=" in results["download_url"]
    assert results["encryption_key"] is None
    assert "X-Amz-Signature=" not in str(without_link(results, with_key=False))
    revealed = follow(exported, "get_download_link", {**EXPORT, "reveal_key": True}, "ready")
    assert revealed["encryption_key"].encode() in derived_keys(exported[0].simulator)
