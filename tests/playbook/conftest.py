"""The module as the playbook engine runs it: every node a process of its own, everything over sockets."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from sekoia_export.simulator import Engine, NodeRun, Settings, Simulator, StartedNode, StartProcess, start_process
from tests.canaries import ENCRYPTION_SECRET, check_engine, check_run, check_sent
from tests.warm.starter import WarmStarter

MODULE_FOLDER = Path(__file__).resolve().parents[2]
COLD = start_process
QUICK = {"total_events": 500, "search_duration_s": 0.1, "export_duration_s": 0.3}


@dataclass
class Bench:
    """A simulated platform, and engines that run the module against it; what nodes say is searched for secrets."""

    simulator: Simulator
    folder: Path
    stack: ExitStack
    start: StartProcess
    engines: list[Engine] = field(default_factory=list)

    def engine(self, *, base_url: str | None = None, secrets: dict[str, Any] | None = None, **options: Any) -> Engine:
        """Return an engine whose module is configured for the simulator; its nodes start as `start` has it."""
        configuration = {"base_url": base_url or self.simulator.base_url, **options.pop("configuration", {})}
        known = {"api_key": self.simulator.api_key, "encryption_secret": ENCRYPTION_SECRET}
        engine = self.stack.enter_context(
            Engine(
                module_folder=MODULE_FOLDER,
                data_folder=self.folder / "data",
                configuration=configuration,
                secrets=known if secrets is None else secrets,
                **{"start": self.start, **options},
            )
        )
        self.engines.append(engine)
        return engine

    def run(self, command: str, arguments: dict[str, Any] | None = None, **options: Any) -> NodeRun:
        """Run one node in an engine of its own."""
        engine = self.engines[-1] if self.engines and not options else self.engine(**options)
        return self.checked(engine.run_node(command, arguments or {}))

    def checked(self, run: NodeRun) -> NodeRun:
        """Return the run, searched for secrets and for tracebacks; its process must have ended as the SDK expects."""
        check_run(run, self.simulator)
        assert "Traceback" not in f"{run.error}{run.logs}{run.stdout}{run.stderr}", run.stderr
        assert run.exit_status == 0, run.stderr
        assert run.status == "finished"
        return run

    def terminated(self, started: StartedNode, after: str) -> NodeRun:
        """Send SIGTERM once the node has printed `after`, and return what became of it."""
        started.wait_for_output(after)
        started.terminate()
        return self.checked(started.wait())

    @property
    def data(self) -> Path:
        return self.folder / "data"


@pytest.fixture
def bench(tmp_path: Path, warm: WarmStarter) -> Iterator[Callable[..., Bench]]:
    """Give a function that starts a simulated platform with these settings.

    Nodes are started warm; a test that shows how they start, or what a signal does to them, asks for `start=COLD`.
    """
    made: list[Bench] = []
    with ExitStack() as stack:

        def start(start: StartProcess = warm, **settings: Any) -> Bench:
            simulator = stack.enter_context(Simulator(Settings(**{**QUICK, **settings})))
            made.append(Bench(simulator, tmp_path, stack, start))
            return made[-1]

        yield start
    for each in made:
        check_sent(each.simulator)
        for engine in each.engines:
            check_engine(engine)
