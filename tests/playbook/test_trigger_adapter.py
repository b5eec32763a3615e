"""What a trigger's process makes of failures: each is told once, and it goes on."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from requests import RequestException

from sekoia_export.playbook_trigger import LogsTimer
from sekoia_export.simulator import Engine, Fault, Kind
from tests.canaries import check_run
from tests.playbook.conftest import MODULE_FOLDER

if TYPE_CHECKING:
    from pathlib import Path

MAIN = f"""
import sys
from types import SimpleNamespace
sys.path.insert(0, {str(MODULE_FOLDER)!r})
from sekoia_export.arguments.schedule import ScheduleArguments
from sekoia_export.errors import DataStorageError, StateCorrupt
from sekoia_export.playbook import EventExportModule
from sekoia_export.playbook_trigger import ExportTrigger
from sekoia_export.results.schedule import ScheduledWindow

FULL = DataStorageError("The disk is full.")
DAMAGED = StateCorrupt("The record is damaged.")
UNEXPECTED = ValueError("https://storage.example/object?X-Amz-Sig" + "nature=secret")
WINDOW = ScheduledWindow(window_id="x", query="*", earliest_time="a", latest_time="b", fields=[], community_uuids=[],
                         every="hour", due_at="c")

class Failing(ExportTrigger[ScheduleArguments, ScheduledWindow]):
    configuration_type, event_type, after_failure_s = ScheduleArguments, ScheduledWindow, 0.01

    def watcher(self, state, clock, configuration, *, trigger, send):
        failures = iter([FULL, FULL, FULL, DAMAGED, UNEXPECTED, UNEXPECTED, None, FULL])
        beats = set()
        def look(*, running):
            beats.add(self._last_heartbeat)
            failure = next(failures, self)
            if failure is self:
                send("an event", WINDOW)
            elif failure is not None:
                raise failure
            told = [f"It went well after {{len(beats)}} heartbeats."] if failure is None else []
            return SimpleNamespace(told=told, wait_s=0.01)
        return SimpleNamespace(look=look)

module = EventExportModule()
module.register(Failing, "failing")
module.run()
"""


def test_a_failure_is_told_once_without_its_secrets_and_the_trigger_goes_on(tmp_path: Path) -> None:
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "main.py").write_text(MAIN)
    with Engine(module_folder=folder, data_folder=tmp_path / "data") as engine:
        engine.faults.add(Fault(Kind.STATUS, server="engine", method="POST", path="/callback$", status=400, times=None))
        with engine.start_trigger("failing", {"query": "*"}) as started:
            started.wait_for_output("did not take an event")
            started.terminate()
            run = started.wait(60)
            told = [(entry["level"], entry["message"]) for entry in started.report.trigger_logs]
    check_run(run)
    assert run.exit_status == 0, run.stderr
    assert "Traceback" not in run.stdout + run.stderr
    assert "Signature" not in f"{told}{run.stdout}{run.stderr}"
    assert [level for level, _ in told] == ["error", "critical", "error", "info", "warning", "error"]
    texts = [text for _, text in told]
    assert texts[0].startswith("The disk is full. Check that the data storage exists")
    assert texts[1].startswith("The record is damaged. ")
    assert texts[2].startswith("An unexpected ValueError happened in playbook_trigger.py:")
    assert texts[3:] == [
        "It went well after 7 heartbeats.",
        "The playbook engine did not answer as it should (HTTPError).",
        "The playbook engine did not take an event (status 400). It is sent again.",
    ]


def test_a_data_storage_that_is_not_there_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    env = {"SUB_FOLDER": str(tmp_path / "file" / "data")}
    with (
        Engine(module_folder=MODULE_FOLDER, data_folder=tmp_path / "data", env=env) as engine,
        engine.start_trigger("scheduled_export", {"query": "*"}) as started,
    ):
        started.wait_for_output("Check that the data storage exists")
        started.terminate()
        run = started.wait(60)
    assert run.exit_status == 0, run.stderr
    assert "Traceback" not in run.stdout + run.stderr


def test_logs_go_on_after_they_could_not_be_sent() -> None:
    sent, tries = threading.Event(), iter([True, True])

    def send() -> None:
        if next(tries, False):
            raise RequestException("down")
        sent.set()

    timer = LogsTimer(0.01, send)
    timer.start()
    assert sent.wait(60)
    timer.stop()
