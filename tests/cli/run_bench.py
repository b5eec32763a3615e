"""Runs against a simulated platform, on one clock that a test moves; signals come when the clock is slept on."""

from __future__ import annotations

import gzip
import json
import os
import signal
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from sekoia_export.simulator import Settings, Simulator
from tests.canaries import ENCRYPTION_SECRET, check_sent
from tests.cli.bench import CommandLine, Done
from tests.clock import ManualClock
from tests.operations.bench import HookedClock

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sekoia_export.simulator import Export, Recorded

QUERY = ("--query", 'user.name:"j.doe"', "--since", "-7d")


@dataclass
class RunBench:
    """A simulator, a command line that knows it, and their clock."""

    simulator: Simulator
    clock: ManualClock
    line: CommandLine

    @property
    def folder(self) -> Path:
        return self.line.folder

    def set(self, **settings: Any) -> None:
        """Change the simulator's settings."""
        self.simulator.settings = replace(self.simulator.settings, **settings)

    def run(self, *arguments: str, **options: Any) -> Done:
        """Run one command line."""
        return self.line.run(*arguments, **options)

    def stopped_at(self, sleep: int, *arguments: str, by: signal.Signals = signal.SIGINT) -> tuple[Done, bool]:
        """Run one command line that a signal stops at the `sleep`-th sleep; return whether it came to that."""
        clock = HookedClock(self.clock, {sleep: lambda: os.kill(os.getpid(), by)})
        self.line.clock = clock
        # Whoever starts the tests in the background has them ignore Ctrl-C; and a command that was stopped keeps its
        # handlers, because its process is about to end.
        before = {
            number: signal.signal(number, signal.SIG_DFL) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            return self.run(*arguments), clock.sleeps >= sleep
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            self.line.clock = self.clock

    def exports(self) -> list[Export]:
        return list(self.simulator.exports.values())

    def asked(self, method: str, path: str) -> list[Recorded]:
        """Return the requests to the platform whose path ends in `path`."""
        return [
            request
            for request in self.simulator.requests
            if (request.method, request.server) == (method, "platform") and request.path.endswith(path)
        ]

    def run_files(self) -> list[Path]:
        return sorted((self.line.home / "state/.sekoia-export/runs").glob("*.json"))

    def record(self) -> dict[str, Any]:
        """Return the record of the only run."""
        (path,) = self.run_files()
        read: dict[str, Any] = json.loads(path.read_text())
        return read


@contextmanager
def run_bench(folder: Path, **settings: Any) -> Iterator[RunBench]:
    """Give a bench of a simulator with these settings; at the end nothing secret was sent where it does not belong."""
    clock = ManualClock()
    defaults: dict[str, Any] = {"total_events": 200, "search_duration_s": 5.0, "export_duration_s": 60.0}
    with Simulator(Settings(**(defaults | settings)), clock) as simulator:
        line = CommandLine(folder, clock=clock)
        line.environment["SEKOIA_ENCRYPTION_SECRET"] = ENCRYPTION_SECRET
        line.configure(simulator)
        yield RunBench(simulator, clock, line)
        check_sent(simulator)


def events_in(path: Path) -> int:
    """Return how many lines a file of JSON Lines has, packed or not."""
    data = path.read_bytes()
    return len((gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).splitlines())


def resume_command(done: Done) -> list[str]:
    """Return the arguments of the command that a run says to go on with."""
    (line,) = [line.strip() for line in done.stderr.splitlines() if line.startswith("  sekoia-export resume")]
    return line.split()[1:]
