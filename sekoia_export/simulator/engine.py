"""The playbook engine, as far as one node sees it: starts it, hands it its secrets, takes what it reports.

A node is `python main.py <command>` in the module's folder, a process of its own. It finds its arguments and the
module's configuration in the environment; secrets it gets only over the callback, when it says that it runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets as random_secrets
import socket
import sys
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from sekoia_export.clock import SystemClock
from sekoia_export.errors import Interrupted, UsageError
from sekoia_export.simulator.callback import Callbacks, Report
from sekoia_export.simulator.expressions import Bounds, Expressions
from sekoia_export.simulator.faults import Faults, Recorded
from sekoia_export.simulator.node import NodeRun, StartedNode
from sekoia_export.simulator.processes import start_process
from sekoia_export.simulator.server import HOST, Server

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from sekoia_export.simulator.processes import StartProcess

_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "TZ", "LD_LIBRARY_PATH")
_INHERITED_PREFIXES = ("COVERAGE_", "LC_")
_LOCAL = "127.0.0.1,localhost"


@dataclass(frozen=True, slots=True)
class _Module:
    """The module whose nodes are run."""

    folder: Path
    configuration: Mapping[str, Any]
    secrets: Mapping[str, Any] = field(repr=False)


class Engine:
    """Runs the nodes of one playbook run, in the order in which it is told to.

    Args:
        module_folder: where main.py and the manifests lie.
        data_folder: the playbook's data storage; made when it is not there.
        configuration: of the module, without secrets.
        secrets: the module's secrets.
        env: more environment variables for the nodes; they win over the engine's own.
        python: what runs main.py, as the beginning of a command line; this interpreter when not given.
        clean_env: nodes see of this process's environment only the path, home, language and coverage's variables.
        playbook_run_uuid: a rerun of the same playbook run has the same.
        bounds: of what rendering a node's arguments may take.
        start: how a node's process comes to be; what `start_process` does is what the platform's engine does.

    Attributes:
        expressions: what renders arguments.
        results: the results of each node that succeeded, by node.
        store: what `store.x` names in an argument.
        requests, faults: of the callback, as the simulator's (the server "engine").
    """

    def __init__(
        self,
        *,
        module_folder: Path,
        data_folder: Path,
        configuration: Mapping[str, Any] | None = None,
        secrets: Mapping[str, Any] | None = None,
        env: Mapping[str, str] | None = None,
        python: Sequence[str] | None = None,
        clean_env: bool = True,
        playbook_run_uuid: str | None = None,
        bounds: Bounds | None = None,
        start: StartProcess = start_process,
    ) -> None:
        self._module = _Module(module_folder.resolve(), dict(configuration or {}), dict(secrets or {}))
        self.data_folder = data_folder.resolve()
        self.data_folder.mkdir(parents=True, exist_ok=True)
        self._env = dict(env or {})
        self._python = list(python or [sys.executable])
        self._clean_env = clean_env
        self._start_process = start
        self.expressions = Expressions(bounds)
        self.playbook_uuid = str(uuid.uuid4())
        self.playbook_run_uuid = playbook_run_uuid or str(uuid.uuid4())
        self.results: dict[int, Any] = {}
        self.store: dict[str, Any] = {}
        self.faults = Faults()
        self.requests: list[Recorded] = []
        self._callbacks = Callbacks(self._module.configuration, self._module.secrets)
        self._server = Server(
            "engine", self._callbacks, faults=self.faults, requests=self.requests, clock=SystemClock()
        )
        self._started: list[StartedNode] = []
        self._stopped = False
        self._starting = threading.Lock()

    def __enter__(self) -> Self:
        self._server.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with self._starting:
            self._stopped = True
        for started in self._started:
            started.close()
        self.expressions.close()
        self._server.stop()

    def run_node(
        self,
        command: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        node: int | None = None,
        on_output: Callable[[str], object] | None = None,
        timeout_s: float = 300.0,
    ) -> NodeRun:
        """Run a node to its end and return what became of it.

        Args:
            command: of the action, as main.py registers it.
            arguments: rendered with Jinja before the node starts.
            node: its number; one more than the last one's when not given.
            on_output: called with each line that it prints, while it runs, by another thread.
            timeout_s: after which it is killed.

        Raises:
            UsageError: an argument cannot be rendered, or the process not be started.
            DeadlineExceeded: it ran longer than `timeout_s`.
        """
        with self.start_node(command, arguments, node=node, on_output=on_output) as started:
            return started.wait(timeout_s)

    def start_node(
        self,
        command: str,
        arguments: Mapping[str, Any] | None = None,
        *,
        node: int | None = None,
        on_output: Callable[[str], object] | None = None,
    ) -> StartedNode:
        """Start a node and return it; leaving its `with` kills it when it still runs.

        Arguments and errors are those of run_node.
        """
        number = node if node is not None else max(self.results, default=0) + 1
        return self.start_rendered(command, self.render(arguments or {}, node=number), node=number, on_output=on_output)

    def start_rendered(
        self,
        command: str,
        arguments: Mapping[str, Any],
        *,
        node: int,
        on_output: Callable[[str], object] | None = None,
    ) -> StartedNode:
        """Start a node as start_node does, with arguments as they are: text in them is never an expression."""
        given = dict(arguments)
        return self._start(command, node, {"ARGUMENTS": json.dumps(given)}, given, on_output)

    def start_trigger(
        self,
        command: str,
        configuration: Mapping[str, Any] | None = None,
        *,
        on_output: Callable[[str], object] | None = None,
    ) -> StartedNode:
        """Start a trigger, which runs until it is told to stop; what it sends is in the started node's `events`.

        Args:
            command: of the trigger, as main.py registers it.
            configuration: the trigger's own.
            on_output: called with each line that it prints, while it runs, by another thread.
        """
        given = dict(configuration or {})
        return self._start(command, 0, {"TRIGGER_CONFIGURATION": json.dumps(given)}, given, on_output)

    def stop_nodes(self) -> None:
        """Tell every node that runs to stop, and start no other one."""
        with self._starting:
            self._stopped = True
        for started in self._started:
            started.terminate()

    def render(self, arguments: Mapping[str, Any], *, node: int) -> dict[str, Any]:
        """Return `arguments` rendered from the earlier nodes' results, as start_node does it."""
        return self.expressions.arguments(arguments, node=f"node {node}", results=self.results, store=self.store)

    def _start(
        self,
        command: str,
        number: int,
        given: Mapping[str, str],
        arguments: dict[str, Any],
        on_output: Callable[[str], object] | None,
    ) -> StartedNode:
        report = Report(command=command, token=random_secrets.token_urlsafe(24))
        self._callbacks.expect(report)
        env = {**self._environment(report), **given, **self._env}
        line = [*self._python, "main.py", command]
        with self._starting:
            if self._stopped:
                raise Interrupted(f"The node {number} ({command}) is not started: the run was told to stop.")
            try:
                started = StartedNode(
                    line,
                    folder=self._module.folder,
                    env=env,
                    number=number,
                    arguments=arguments,
                    report=report,
                    start=self._start_process,
                    on_output=on_output,
                    on_end=self._keep,
                )
            except OSError as error:
                raise UsageError(
                    f"The node {number} ({command}) cannot be started: {error.strerror}.",
                    f"Check that {self._module.folder} is the module's folder and that {self._python[0]} can be run.",
                ) from error
            self._started.append(started)
        return started

    def _keep(self, run: NodeRun) -> None:
        if run.succeeded:
            self.results[run.node] = run.results if run.results is not None else {}

    def _environment(self, report: Report) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not self._clean_env or name in _INHERITED or name.startswith(_INHERITED_PREFIXES)
        }
        if not {"NO_PROXY", "no_proxy"} & set(self._env):
            inherited["NO_PROXY"] = inherited["no_proxy"] = _LOCAL
        return inherited | {
            "MODULE_CONFIGURATION": json.dumps(dict(self._module.configuration)),
            "TOKEN": report.token,
            "URL_CALLBACK": f"{self._server.url}/api/v1/playbooks/node-runs/{report.node_run_uuid}/callback",
            "SUB_FOLDER": str(self.data_folder),
            "PLAYBOOK_UUID": self.playbook_uuid,
            "PLAYBOOK_RUN_UUID": self.playbook_run_uuid,
            "NODE_RUN_UUID": report.node_run_uuid,
            "LIVENESS_PORT": "0",
            "METRICS_PORT": str(_free_port()),
            "PYTHONUNBUFFERED": "1",
        }


def _free_port() -> int:
    with contextlib.closing(socket.socket()) as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
