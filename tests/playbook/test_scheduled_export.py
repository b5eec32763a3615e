"""The trigger as the playbook engine runs it: a process that is stopped, killed and started again."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests
from jsonschema import Draft7Validator

from sekoia_export.simulator import Engine, Fault, Kind
from tests.canaries import check_run
from tests.playbook.conftest import COLD, MODULE_FOLDER
from tests.real_storage.processes import free_ports

if TYPE_CHECKING:
    from sekoia_export.simulator import NodeRun, Recorded, StartedNode
    from tests.playbook.conftest import Bench

Start = Callable[..., "Bench"]


def days_ago(days: int) -> str:
    midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return (midnight - timedelta(days=days)).isoformat()


def trigger(engine: Engine, **configuration: Any) -> StartedNode:
    """Start the trigger with days of windows that are due at once."""
    given = {"query": "user.name:x", "every": "day", "settle": 0, "max_catch_up": 10, **configuration}
    return engine.start_trigger("scheduled_export", given)


def ended(started: StartedNode, *, timeout_s: float = 120.0) -> NodeRun:
    """Return what became of a trigger that was told to stop: it ended in order, and said nothing that it must not."""
    run = started.wait(timeout_s)
    check_run(run)
    assert "Traceback" not in run.stdout + run.stderr
    assert run.exit_status == 0, run.stderr
    return run


def stopped(started: StartedNode, *, after: str) -> NodeRun:
    """Send SIGTERM once the trigger has printed `after`, and return what became of it."""
    started.wait_for_output(after)
    started.terminate()
    return ended(started)


def events(run: NodeRun) -> list[dict[str, Any]]:
    return [event["event"] for event in run.events]


def test_past_windows_are_made_up_for_once_and_a_record_that_cannot_be_read_is_told(bench: Start) -> None:
    bed = bench(start=COLD)
    (port,) = free_ports(1)
    engine = bed.engine(env={"LIVENESS_PORT": str(port)})
    configuration = {"start_at": days_ago(2), "field_set": "identity"}
    with trigger(engine, **configuration) as started:
        started.wait_for_output("The next window is due")
        health = requests.get(f"http://127.0.0.1:{port}/health", timeout=10)
        run = stopped(started, after="The next window is due")
        told = [entry["message"] for entry in started.report.trigger_logs]
    assert health.status_code == 200
    assert health.json()["last_heartbeat_threshold"] == 1_800
    first, second = events(run)
    manifest = json.loads((MODULE_FOLDER / "trigger_scheduled_export.json").read_text())
    Draft7Validator({**manifest["results"], "additionalProperties": False}).validate(first)
    assert (first["earliest_time"], second["latest_time"]) == (days_ago(2)[:19] + ".000Z", days_ago(0)[:19] + ".000Z")
    assert first["latest_time"] == second["earliest_time"]
    assert first["window_id"] != second["window_id"]
    assert (first["query"], first["every"]) == ("user.name:x", "day")
    assert {"@timestamp", "message", "user.domain"} <= set(first["fields"])
    assert not run.secrets_sent
    assert [message[:9] for message in told] == ["Export of", "Export of", "The next "]

    with trigger(engine, **configuration) as started:
        assert events(stopped(started, after="The next window is due")) == []

    (record,) = (bed.data / ".sekoia-export" / "schedules").glob("*.json")
    record.write_text(record.read_text().replace('"version": 1', '"version": 2'))
    with trigger(engine, **configuration) as started:
        assert events(stopped(started, after="damaged or of another version")) == []
        assert [entry["level"] for entry in started.report.trigger_logs] == ["critical"]


def arrival(engine: Engine) -> threading.Event:
    """Let the next event arrive and its answer not, and return what is set when it arrives."""
    arrived = threading.Event()

    def arrives(_: Recorded) -> bool:
        arrived.set()
        return True

    engine.faults.add(Fault(Kind.STALL, server="engine", method="POST", path="/callback$", when=arrives))
    return arrived


def test_a_trigger_that_is_killed_while_it_sends_sends_the_same_window_again(bench: Start) -> None:
    engine = bench(start=COLD).engine()
    arrived = arrival(engine)
    with trigger(engine, start_at=days_ago(1)) as started:
        assert arrived.wait(60)
        started.kill()
        killed = started.wait(60)
    with trigger(engine, start_at=days_ago(1)) as started:
        second = stopped(started, after="The next window is due")
    assert events(killed) == events(second)
    assert len(events(second)) == 1


def test_a_trigger_that_is_told_to_stop_while_nothing_answers_ends(bench: Start) -> None:
    engine = bench(start=COLD).engine()
    arrived = arrival(engine)
    engine.faults.add(Fault(Kind.STALL, server="engine", method="POST", path="/logs$", times=None))
    with trigger(engine, start_at=days_ago(1)) as started:
        assert arrived.wait(60)
        started.terminate()
        # An answer is waited for for 30 s, and what is not answered is sent again for a quarter of an hour.
        assert len(events(ended(started, timeout_s=25))) == 1


@pytest.mark.parametrize(
    ("configuration", "told"),
    [('{"query": "*", "start_at": "-3d"}', "it must be an absolute time"), ("[1]", "is not a JSON object")],
)
def test_a_configuration_that_cannot_be_used_is_told(bench: Start, configuration: str, told: str) -> None:
    with trigger(bench(start=COLD).engine(env={"TRIGGER_CONFIGURATION": configuration})) as started:
        run = stopped(started, after=told)
        assert [entry["level"] for entry in started.report.trigger_logs] == ["critical"]
    assert "Correct the trigger's configuration" in run.stdout + run.stderr
    assert events(run) == []
