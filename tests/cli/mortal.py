"""A process whose children carry out the same run and are hit by signals at drawn moments: `python -m ... '<json>'`.

It imports the command line once and forks a child for every run. The child counts what it does to files of its state
(opening, renaming, linking, deleting: Python's audit events) and sends itself the signals just before those that were
drawn: one Ctrl-C, two of them, or SIGKILL. Another child then goes on with the run.
"""

from __future__ import annotations

import io
import json
import os
import random
import signal
import sys
from pathlib import Path
from typing import Any

from sekoia_export.cli import run
from sekoia_export.cli.session import Process
from sekoia_export.cli.terminal import Streams
from tests.clock import ManualClock

WATCHED = {"open", "os.rename", "os.remove", "os.mkdir", "os.rmdir", "os.link", "os.truncate"}
STATE = ".sekoia-export"
KINDS: dict[str, list[tuple[int, signal.Signals]]] = {
    "once": [(0, signal.SIGINT)],
    "twice": [(0, signal.SIGINT), (1, signal.SIGINT)],
    "killed": [(0, signal.SIGKILL)],
}
OPTIONS = ["--query", "x", "--since", "-1d", "-o", "events.jsonl", "--quiet"]


class Life:
    """Counts what a child does to its state's files, and hits it at some of it."""

    def __init__(self, hits: dict[int, signal.Signals]) -> None:
        self.deeds = 0
        self._hits = hits

    def watch(self, event: str, arguments: tuple[Any, ...]) -> None:
        if event in WATCHED and STATE in str(arguments[0]):
            self.deeds += 1
            if (hit := self._hits.get(self.deeds)) is not None:
                os.kill(os.getpid(), hit)


def carry_out(arguments: list[str], environment: dict[str, str], folder: Path, hits: dict[int, signal.Signals]) -> Any:
    """Carry out a command line in a child; return its status (negative: the signal) and how much it did."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        streams = Streams(io.StringIO(), io.TextIOWrapper(io.BytesIO()), io.TextIOWrapper(io.BytesIO()))
        process = Process(streams=streams, environment=environment, folder=folder, clock=ManualClock())
        life = Life(hits)
        sys.addaudithook(life.watch)
        status = run(arguments, process)
        os.write(writing, str(life.deeds).encode())
        os._exit(status)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    deeds = os.read(reading, 32)
    os.close(reading)
    return os.waitstatus_to_exitcode(status), int(deeds or 0)


def main() -> None:
    # Whoever starts the tests in the background has them ignore it.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    order = json.loads(sys.argv[1])
    chance = random.Random(order["seed"])
    root = Path(order["folder"])
    failures, hit = [], 0
    deeds = 0
    for number in range(order["runs"] + 1):
        folder = root / str(number)
        folder.mkdir()
        environment = {**order["environment"], "SEKOIA_EXPORT_HOME": str(folder / "home")}
        if number == 0:
            status, deeds = carry_out(["run", *OPTIONS], environment, folder, {})
            kind, at = "not hit", 0
        else:
            kind = list(KINDS)[number % len(KINDS)]
            span = deeds // order["runs"]
            at = 1 + span * (number - 1) + chance.randrange(max(1, span))
            hits = {at + later: sent for later, sent in KINDS[kind]}
            status, _ = carry_out(["run", *OPTIONS], environment, folder, hits)
        hit += status != 0
        again = 0
        if status != 0:
            again, _ = carry_out(["resume", "--quiet"], environment, folder, {})
            if again == 2:  # nothing was written down, so nothing was begun
                again, _ = carry_out(["run", *OPTIONS], environment, folder, {})
        file = folder / "events.jsonl"
        events = len(file.read_bytes().splitlines()) if file.exists() else 0
        left = sorted(path.name for path in folder.iterdir())
        expected = {"once": {0, 130}, "twice": {0, 130}, "killed": {0, -9}, "not hit": {0}}[kind]
        if status not in expected or again or events != order["events"] or left != ["events.jsonl", "home"]:
            failures.append([kind, at, status, again, events, left])
    sys.stdout.write(json.dumps({"failures": failures, "hit": hit, "deeds": deeds}))


if __name__ == "__main__":
    main()
