"""A disk that is really full while a file is fetched: a clear error, and the same step goes on once there is room.

The disk is a tmpfs of its own (`small_disk.py`), the command and the action are the real ones, as processes; 64 MiB of
the disk are to stay free, as everywhere.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from uuid import UUID

import orjson
import pytest
from pydantic import SecretStr

from sekoia_export.encryption import derive_key
from sekoia_export.simulator import Engine, Export, Fault, Kind, NodeRun, Recorded, Settings, Simulator
from tests.canaries import ENCRYPTION_SECRET, check_engine, check_run, check_sent, check_text
from tests.cli.screen import COMMAND
from tests.full_disk.small_disk import MIB, SmallDisk
from tests.playbook.conftest import MODULE_FOLDER
from tests.warm.starter import WarmStarter

FLOOR_MIB = 64
SEARCH = {"query": "*", "earliest_time": "2026-01-01T00:00:00Z", "latest_time": "2026-01-02T00:00:00Z"}
RUN = ("run", "--query", "*", "--since", "-1d")
# Patterns of two members: objects of any size at once.
QUICK = Settings(pattern_from_events=1, pattern_members=2, search_duration_s=0.0, export_duration_s=0.0)
EVENTS = 700_000


@dataclass
class Bench:
    """A simulated platform and a small disk."""

    simulator: Simulator
    disk: SmallDisk

    def command(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run the installed command in a folder of the disk, where its state lies too."""
        known = {
            "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
            "SEKOIA_BASE_URL": self.simulator.base_url,
            "SEKOIA_API_KEY": self.simulator.api_key,
            "SEKOIA_ENCRYPTION_SECRET": ENCRYPTION_SECRET,
            "SEKOIA_EXPORT_HOME": str(self.disk.folder / "home"),
        }
        done = self.disk.run([str(COMMAND), *arguments], env=known)
        check_text(done.stdout + done.stderr, "the command's output")
        assert "Traceback" not in done.stderr, done.stderr
        return done

    def node(self, engine: Engine, command: str, arguments: dict[str, Any], *, node: int) -> NodeRun:
        run = engine.run_node(command, arguments, node=node)
        check_run(run, self.simulator)
        assert "Traceback" not in f"{run.error}{run.logs}{run.stdout}{run.stderr}", run.stderr
        assert (run.exit_status, run.status) == (0, "finished")
        return run

    def engine(self, **options: Any) -> Engine:
        """Return an engine whose data storage is the disk's folder."""
        return Engine(
            module_folder=MODULE_FOLDER,
            configuration={"base_url": self.simulator.base_url},
            secrets={"api_key": self.simulator.api_key, "encryption_secret": ENCRYPTION_SECRET},
            **{"data_folder": self.disk.folder, **options},
        )

    def full_from(self, server: Any, path: str, *, method: str = "GET", nth: int = 1) -> None:
        """Let somebody else fill the disk when the `nth` such request comes, before it is answered."""

        seen = 0

        def comes(_: Recorded) -> bool:
            nonlocal seen
            seen += 1
            if seen == nth:
                self.disk.fill()
            return seen == nth

        self.simulator.faults.add(Fault(Kind.DELAY, server=server, method=method, path=path, when=comes))

    @property
    def export(self) -> Export:
        """Return the only export that was started."""
        (export,) = self.simulator.exports.values()
        return export

    def object(self) -> bytes:
        """Return the bytes of the export."""
        assert self.export.stored
        key = derive_key(SecretStr(ENCRYPTION_SECRET), job_uuid=UUID(self.export.job.uuid)).base64_key
        raw = base64.b64decode(key.get_secret_value())
        return b"".join(self.export.stored.read(0, self.export.size_bytes, raw))

    def bytes_asked(self) -> int:
        """Return how many bytes the storage was asked for."""
        spans = [
            request.headers["range"].removeprefix("bytes=").split("-")
            for request in self.simulator.requests
            if (request.server, request.method) == ("storage", "GET")
        ]
        return sum(int(end) + 1 - int(start) for start, end in spans)

    def forget_requests(self) -> None:
        self.simulator.requests.clear()


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Callable[..., Bench]]:
    """Give a function that makes a bench with a disk of this size; the disk is gone at the end."""
    with ExitStack() as stack:
        made: list[Simulator] = []

        def start(*, size_mib: int, events: int = EVENTS) -> Bench:
            made.append(stack.enter_context(Simulator(replace(QUICK, total_events=events))))
            return Bench(made[-1], stack.enter_context(SmallDisk(tmp_path / "disk", size_mib=size_mib)))

        yield start
        for simulator in made:
            check_sent(simulator)


Start = Callable[..., Bench]


def test_a_file_that_does_not_fit_when_it_is_unpacked(bench: Start) -> None:
    """12 MB of gzip become 83 of JSON Lines: what is to stay free is left alone, and nothing is downloaded again."""
    bed = bench(size_mib=FLOOR_MIB + 40)
    failed = bed.command(*RUN, "-o", "events.jsonl")
    assert failed.returncode == 1, failed.stderr
    assert "The disk of the folder became full while writing events.jsonl: the rest is to stay free." in failed.stderr
    assert "Free space" in failed.stderr
    assert "events.jsonl" not in bed.disk.files()
    assert bed.disk.free_bytes >= FLOOR_MIB * MIB
    bed.forget_requests()

    bed.disk.enlarge(FLOOR_MIB + 140)
    done = bed.command("resume")
    assert done.returncode == 0, done.stderr
    assert (bed.disk.seen / "events.jsonl").read_bytes() == gzip.decompress(bed.object())
    assert bed.bytes_asked() <= bed.export.size_bytes - 2 * MIB + 10
    assert [name for name in bed.disk.files() if not name.startswith("home/")] == ["events.jsonl"]


def test_an_object_of_unknown_size_that_does_not_fit(bench: Start) -> None:
    bed = bench(size_mib=FLOOR_MIB + 24, events=2_400_000)
    for step in (("search", *RUN[1:]), ("trigger", "{job}"), ("wait", "{task}")):
        known = {"job": "", "task": ""}
        if bed.simulator.jobs:
            known["job"] = next(iter(bed.simulator.jobs))
        if bed.simulator.exports:
            known["task"] = bed.export.task_uuid
        done = bed.command(*(word.format(**known) for word in step))
        assert done.returncode == 0, done.stderr
    assert bed.export.size_bytes > 30 * MIB
    bed.simulator.faults.add(Fault(Kind.NO_LENGTH, server="storage", method="GET", times=None))
    fetch = ("fetch", known["job"], "-o", "events.jsonl.gz")
    failed = bed.command(*fetch)
    assert failed.returncode == 1, failed.stderr
    assert (
        "The disk of the folder became full while writing events.jsonl.gz: the rest is to stay free." in failed.stderr
    )
    assert "events.jsonl.gz" not in bed.disk.files()
    assert bed.disk.free_bytes >= FLOOR_MIB * MIB

    bed.disk.enlarge(FLOOR_MIB + 60)
    done = bed.command(*fetch)
    assert done.returncode == 0, done.stderr
    assert (bed.disk.seen / "events.jsonl.gz").read_bytes() == bed.object()


@pytest.mark.parametrize("file_format", ["jsonl.gz", "jsonl", "json"])
def test_a_disk_that_somebody_else_fills_while_a_node_fetches(
    bench: Start, file_format: str, warm: WarmStarter, tmp_path: Path
) -> None:
    bed = bench(size_mib=FLOOR_MIB + 120)
    with bed.engine(data_folder=tmp_path / "elsewhere", start=warm) as engine:
        job_uuid = bed.node(engine, "search_events", SEARCH, node=1).results["job_uuid"]
        task_uuid = bed.node(engine, "trigger_export", {"job_uuid": job_uuid}, node=2).results["task_uuid"]
    given = {"job_uuid": job_uuid, "task_uuid": task_uuid, "format": file_format}
    with bed.engine(python=bed.disk.command_line(sys.executable, folder=MODULE_FOLDER)) as engine:
        # Two for the first byte, one for each of four connections: with the seventh, a part of 2 MiB has come.
        bed.full_from("storage", "", nth=7)
        failed = bed.node(engine, "fetch_and_decrypt", given, node=3)
        assert failed.error is not None
        assert failed.error.startswith("The data storage became full while writing "), failed.error
        assert failed.error.endswith("Free space in the data storage and run the step again.")
        assert (failed.results, failed.branches) == (None, [])
        assert bed.disk.free_bytes < FLOOR_MIB * MIB
        if file_format == "json":  # as long as there is no room, it says so
            again = bed.node(engine, "fetch_and_decrypt", given, node=3)
            assert "The data storage" in str(again.error)
            assert "Free space" in str(again.error)
        bed.forget_requests()

        bed.disk.make_room()
        fetched = bed.node(engine, "fetch_and_decrypt", given, node=3)
        check_engine(engine)
    assert (fetched.error, fetched.branches) == (None, ["fetched"])
    file = bed.disk.seen / fetched.results["file_path"]
    data, events = file.read_bytes(), gzip.decompress(bed.object())
    assert hashlib.sha256(data).hexdigest() == fetched.results["sha256"]
    assert fetched.results["events_count"] == EVENTS
    if file_format == "json":
        assert orjson.loads(data) == [orjson.loads(line) for line in events.splitlines()]
    else:
        assert data == (events if file_format == "jsonl" else bed.object())
    assert bed.bytes_asked() <= bed.export.size_bytes - 2 * MIB + 10


def test_a_disk_that_fills_when_the_export_is_asked_for(bench: Start) -> None:
    """The answer cannot be written down: the run says so, and goes on later with the one export that it started."""
    bed = bench(size_mib=FLOOR_MIB + 120)
    bed.full_from("platform", "/export$", method="POST")
    failed = bed.command(*RUN, "-o", "events.jsonl")
    assert failed.returncode == 1, failed.stderr
    assert "became full while writing" in failed.stderr
    assert "Free space" in failed.stderr

    bed.disk.make_room()
    done = bed.command("resume")
    assert done.returncode == 0, done.stderr
    assert (bed.disk.seen / "events.jsonl").read_bytes() == gzip.decompress(bed.object())
    assert len(bed.simulator.exports) == len(bed.simulator.jobs) == 1
