from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import requests

from sekoia_export.errors import DeadlineExceeded, UsageError
from sekoia_export.simulator import Engine, Fault, Kind
from sekoia_export.simulator.node import message_of

# What the SDK does, without its half second of imports.
PLAIN = """
import json, os, sys, time, urllib.request

def report(body, verb="PATCH", url=os.environ["URL_CALLBACK"]):
    request = urllib.request.Request(url, json.dumps(body).encode() if body else None, method=verb)
    request.add_header("Authorization", "Bearer " + os.environ["TOKEN"])
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.loads(answer.read())

command = sys.argv[1]
arguments = json.loads(os.environ.get("ARGUMENTS", "{}"))
print("started", command, flush=True)
if command == "echo":
    answer = report({"status": "running", "need_secrets": True})
    value = answer["module_configuration"]["value"]
    print("über", file=sys.stderr)
    results = {"arguments": arguments, "value": value, "env": dict(os.environ), "folder": os.getcwd()}
    report({"status": "finished", "results": results, "outputs": {"done": True, "failed": False}, "logs": "a log"})
elif command == "modest":
    answer = report({"status": "running"})
    report({"status": "finished", "results": answer["module_configuration"]["value"]})
elif command == "fail":
    report({"status": "running"})
    report({"status": "finished", "error": "it went wrong", "outputs": {"a": True, "b": True}, "secrets": {"s": 1}})
elif command == "die":
    report({"status": "running"})
    sys.exit(3)
elif command == "hang":
    report({"status": "running"})
    print("hanging", flush=True)
    time.sleep(600)
"""

SDK = """
import signal, sys
from sekoia_automation.account_validator import AccountValidator
from sekoia_automation.action import Action
from sekoia_automation.module import Module
from sekoia_automation.trigger import Trigger

class Act(Action):
    def run(self, arguments):
        self.log("acting", level="info")
        self.set_output("done", True)
        (self.data_path / "file.txt").write_text("written")
        return {"secret": self.module.configuration["api_key"], "count": arguments["count"] + 1}

class Validate(AccountValidator):
    def validate(self):
        return self.module.configuration["api_key"] == "s3cret"

class Watch(Trigger):
    def run(self):
        self.log("watching", level="info")
        self.send_event("seen", {"key": self.module.configuration["api_key"], "asked": self.configuration["asked"]})
        self.stop()

module = Module()
module.register(Act, "act")
module.register(Watch, "watch")
module.register_account_validator(Validate)
module.run()
"""


@pytest.fixture
def plain(tmp_path: Path) -> Path:
    folder = tmp_path / "module"
    folder.mkdir()
    (folder / "main.py").write_text(PLAIN)
    return folder


def engine(folder: Path, **given: Any) -> Engine:
    settings = {"configuration": {"base_url": "http://x"}, "secrets": {"api_key": "s3cret"}, **given}
    return Engine(module_folder=folder, data_folder=folder.parent / "data", **settings)


def test_a_node_runs_as_the_engine_runs_it(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("COVERAGE_OF_THE_TEST", "inherited")
    printed: list[str] = []
    with engine(plain, env={"EXTRA": "1"}) as running:
        first = running.run_node("echo", {"list": [1, "two"]}, on_output=printed.append)
        second = running.run_node("echo", {"again": "{{ node.1.arguments.list }}"}, on_output=None)
        run_uuid = running.playbook_run_uuid
        assert list(running.results) == [1, 2]
    assert (first.node, first.command, first.status, first.error, first.exit_status) == (1, "echo", "finished", None, 0)
    assert (first.succeeded, first.branch, first.logs, first.secrets_sent) == (True, "done", "a log", True)
    assert first.arguments == first.results["arguments"] == {"list": [1, "two"]}
    assert second.arguments == {"again": [1, "two"]}
    assert first.results["value"] == {"base_url": "http://x", "api_key": "s3cret"}
    assert (first.stdout, first.stderr) == ("started echo\n", "über\n")
    assert sorted(printed) == ["started echo", "über"]
    assert first.duration_s > 0
    env = first.results["env"]
    assert env["SUB_FOLDER"] == str(plain.parent / "data")
    assert (plain.parent / "data").is_dir()
    assert first.results["folder"] == str(plain)
    assert (env["EXTRA"], env["COVERAGE_OF_THE_TEST"], env["NO_PROXY"]) == ("1", "inherited", "127.0.0.1,localhost")
    assert "HTTPS_PROXY" not in env
    assert json.loads(env["MODULE_CONFIGURATION"]) == {"base_url": "http://x"}
    assert "s3cret" not in json.dumps(env)
    assert env["PLAYBOOK_RUN_UUID"] == second.results["env"]["PLAYBOOK_RUN_UUID"] == run_uuid
    assert env["NODE_RUN_UUID"] != second.results["env"]["NODE_RUN_UUID"]
    assert env["TOKEN"] != second.results["env"]["TOKEN"]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("2026-11-25 23:48:18 - Scheduled export - INFO - The next window is due.", "The next window is due."),
        ("2026-11-25 23:48:18 - Fetch - ERROR - a - b", "a - b"),
        ("as it is - 1", "as it is - 1"),
    ],
)
def test_of_a_line_that_a_node_logs_the_message_is_told(line: str, message: str) -> None:
    assert message_of(line) == message


def test_secrets_are_given_to_who_asks(plain: Path) -> None:
    with engine(plain) as running:
        modest = running.run_node("modest")
    assert modest.results == {"base_url": "http://x"}
    assert not modest.secrets_sent


def test_the_environment_and_the_python_can_be_others(plain: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FROM_OUTSIDE", "1")
    with engine(plain, clean_env=False, python=[sys.executable, "-X", "utf8"], env={"NO_PROXY": "mine"}) as running:
        env = running.run_node("echo").results["env"]
    assert (env["FROM_OUTSIDE"], env["NO_PROXY"]) == ("1", "mine")
    assert env.get("no_proxy") == os.environ.get("no_proxy")


def test_a_node_that_fails_has_no_results(plain: Path) -> None:
    with engine(plain) as running:
        run = running.run_node("fail", node=4)
        assert running.results == {}
    assert (run.error, run.succeeded, run.branch, run.branches) == ("it went wrong", False, None, ["a", "b"])


def test_a_node_that_dies_has_said_nothing_more(plain: Path) -> None:
    with engine(plain) as running:
        run = running.run_node("die")
    assert (run.status, run.exit_status, run.succeeded, run.branch) == ("running", 3, False, None)


@pytest.mark.parametrize(("stop", "number"), [("terminate", signal.SIGTERM), ("kill", signal.SIGKILL)])
def test_a_node_can_be_stopped(plain: Path, stop: str, number: int) -> None:
    with engine(plain) as running, running.start_node("hang") as started:
        assert started.wait_for_output("^hang") == "hanging"
        assert started.poll() is None
        assert started.output() == "started hang\nhanging\n"
        with pytest.raises(DeadlineExceeded, match="still ran"):
            started.wait(0.01)
        getattr(started, stop)()
        run = started.wait()
        assert started.wait() is run
    assert (run.status, run.exit_status) == ("running", -number)


def test_leaving_kills_what_still_runs(plain: Path) -> None:
    with engine(plain) as running:
        with running.start_node("hang") as started:
            started.wait_for_output("hanging")
        assert started.poll() == -signal.SIGKILL
        left = running.start_node("hang")
        left.wait_for_output("hanging")
        with pytest.raises(DeadlineExceeded, match=r"node 1 \(hang\) still ran after 0.2 seconds"):
            running.run_node("hang", timeout_s=0.2)
    assert left.poll() == -signal.SIGKILL
    assert left.wait().exit_status == -signal.SIGKILL


def test_waiting_for_output_that_does_not_come(plain: Path) -> None:
    with engine(plain) as running:
        with running.start_node("modest") as started, pytest.raises(DeadlineExceeded, match="did not print never"):
            started.wait_for_output("never")
        with running.start_node("hang") as started, pytest.raises(DeadlineExceeded):
            started.wait_for_output("never", timeout_s=0.01)


def test_an_argument_that_cannot_be_rendered_starts_nothing(plain: Path) -> None:
    with engine(plain) as running:
        running.store["x"] = 5
        assert running.render({"x": "{{ store.x }}"}, node=1) == {"x": 5}
        with pytest.raises(UsageError, match=r"\{\{ node.1.job \}\} \(node 2, argument job\)"):
            running.run_node("echo", {"job": "{{ node.1.job }}"}, node=2)
        assert running.requests == []


def test_a_module_that_cannot_be_started_is_named(tmp_path: Path) -> None:
    with engine(tmp_path / "nowhere") as running, pytest.raises(UsageError, match="cannot be started"):
        running.run_node("echo")


def test_the_callback_takes_only_what_it_knows(plain: Path) -> None:
    with engine(plain) as running, requests.Session() as http:
        env = running.run_node("echo").results["env"]
        url, auth = env["URL_CALLBACK"], {"Authorization": f"Bearer {env['TOKEN']}"}
        unknown = url.replace(env["NODE_RUN_UUID"], "11111111-2222-4333-8444-555555555555")

        def status(method: str, url: str, **given: Any) -> int:
            return http.request(method, url, timeout=10, **{"headers": auth, **given}).status_code

        assert status("PATCH", url, json={"status": "finished"}) == 200
        assert status("PATCH", url, json={"status": "dancing"}) == 400
        assert status("PATCH", url, data=b"no json") == 400
        assert status("PATCH", url, json={"status": "running"}, headers={"Authorization": "Bearer x"}) == 401
        assert status("PATCH", unknown, json={"status": "running"}) == 404
        assert status("PATCH", url.replace("callback", "elsewhere"), json={}) == 404
        assert status("DELETE", url) == 405


def test_the_callback_can_fail(plain: Path) -> None:
    with engine(plain) as running:
        running.faults.add(Fault(Kind.STATUS, server="engine", status=500, when=lambda r: b"finished" in r.body))
        run = running.run_node("echo")
    assert (run.status, run.exit_status) == ("running", 1)
    assert "HTTP Error 500" in run.stderr


@pytest.fixture(scope="module")
def sdk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sdk") / "module"
    folder.mkdir()
    (folder / "main.py").write_text(SDK)
    configuration = {"properties": {"api_key": {"type": "string"}}, "secrets": ["api_key"], "required": ["api_key"]}
    (folder / "manifest.json").write_text(json.dumps({"name": "Test", "configuration": configuration}))
    return folder


def test_an_action_of_the_sdk(sdk: Path) -> None:
    with engine(sdk, configuration={"api_key": "to come"}) as running:
        run = running.run_node("act", {"count": 41})
    assert run.error is None, run.stderr
    assert run.results == {"secret": "s3cret", "count": 42}
    assert (run.branch, run.exit_status) == ("done", 0)
    assert run.logs is not None
    assert "acting" in run.logs
    assert (sdk.parent / "data" / "file.txt").read_text() == "written"


def test_the_account_validator_of_the_sdk(sdk: Path) -> None:
    with engine(sdk, configuration={"api_key": "to come"}) as running:
        run = running.run_node("validate_module_configuration")
    assert run.results == {"success": True}, run.stderr


def test_a_trigger_of_the_sdk(sdk: Path) -> None:
    with engine(sdk, configuration={"api_key": "to come"}) as running:
        with running.start_trigger("watch", {"asked": "this"}) as started:
            run = started.wait(60)
        logs = [request.path.rsplit("/", 1)[1] for request in running.requests]
    assert [(event["name"], event["event"]) for event in run.events] == [("seen", {"key": "s3cret", "asked": "this"})]
    assert {"secrets", "callback"} <= set(logs)
    assert (run.exit_status, run.secrets_sent) == (0, True)
