"""The whole chain with real storage at both ends: exports go to an own bucket, and the data storage is S3.

Nodes are processes, and may leave nothing on the local disk.
"""

from __future__ import annotations

import gzip
import hashlib
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from sekoia_export.archive import ArchiveFormat
from sekoia_export.clock import SystemClock
from sekoia_export.simulator import Engine, NodeRun, Settings, Simulator, start_process
from tests.canaries import ENCRYPTION_SECRET, check_engine, check_run, check_sent
from tests.real_storage.server import BUCKET, OWNER, REGION

if TYPE_CHECKING:
    from sekoia_export.clock import Clock
    from tests.real_storage.place import Place
    from tests.warm.starter import WarmStarter

FOLDER = Path(__file__).resolve().parent
SEARCH = {"query": "*", "earliest_time": "2026-01-01T00:00:00Z", "latest_time": "2026-01-02T00:00:00Z"}
TOTAL = 50_000  # more than one part of an upload, when it is not packed


class LateClock(SystemClock):
    """Two hours behind: whatever the platform signs for an hour has expired for everybody else."""

    def now(self) -> datetime:
        return super().now() - timedelta(hours=2)


@dataclass
class Run:
    """One run of a playbook."""

    place: Place
    simulator: Simulator
    engine: Engine

    def node(self, command: str, **arguments: Any) -> NodeRun:
        """Run a node; it must succeed, give away no secret, and leave nothing on the disk."""
        run = self.engine.run_node(command, arguments)
        check_run(run, self.simulator)
        assert run.succeeded, f"{run.error} {run.stderr}"
        assert [path for path in self.place.folder.rglob("*") if path.is_file()] == []
        return run

    def landed(self, run: NodeRun) -> list[Any]:
        """Return the events of the file that a node has fetched to S3; it must be what its results say."""
        results = run.results
        key = f"{self.place.prefix}/data/{results['file_path']}"
        data = self.place.client.get_object(Bucket=BUCKET, Key=key)["Body"].read()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (results["file_size"], results["sha256"])
        assert (results["events_count"], results["complete"]) == (TOTAL, True)
        if key.endswith(".json"):
            found = orjson.loads(data)
        else:
            lines = gzip.decompress(data) if key.endswith(".gz") else data
            found = [orjson.loads(line) for line in lines.splitlines()]
        assert found[:10] == results["preview"]
        return list(found)

    def take_away_the_export(self) -> None:
        """Delete what was exported: whatever is fetched now was not downloaded."""
        (name,) = [key for key in self.place.objects() if key.startswith("exports/")]
        self.place.client.delete_object(Bucket=BUCKET, Key=f"{self.place.prefix}/{name}")


Start = Callable[..., Run]


@pytest.fixture
def start(place: Place, warm: WarmStarter) -> Iterator[Start]:
    """Give a function that starts a simulated platform with these settings, and a playbook run.

    Nodes are started warm, unless `cold`.
    """
    own_bucket = {
        "s3_bucket": BUCKET,
        "s3_prefix": f"{place.prefix}/exports",
        "s3_endpoint_url": place.server.url,
        "s3_region": REGION,
        "s3_access_key_id": OWNER.access_key_id,
    }
    data_storage = {
        "FILE_BACKEND": "S3",
        "AWS_BUCKET_NAME": BUCKET,
        "AWS_S3_ENDPOINT_URL": place.server.url,
        "AWS_DEFAULT_REGION": REGION,
        "AWS_ACCESS_KEY_ID": OWNER.access_key_id,
        "AWS_SECRET_ACCESS_KEY": OWNER.secret_access_key,
    }
    for name in ("TMPDIR", "TLS_FOLDER"):
        (place.folder / name).mkdir()
        data_storage[name] = str(place.folder / name)
    with ExitStack() as stack:

        def make(
            *,
            clock: Clock | None = None,
            platform_of: Run | None = None,
            to_own_bucket: bool = True,
            folder: str = "data",
            cold: bool = False,
            **settings: Any,
        ) -> Run:
            chosen = {"total_events": TOTAL, "search_duration_s": 0.1, "export_duration_s": 0.3, **settings}
            simulator = platform_of.simulator if platform_of else Simulator(Settings(**chosen), clock)
            if platform_of is None:
                stack.enter_context(simulator)
            engine = Engine(
                module_folder=FOLDER.parents[1],
                data_folder=place.folder / "unused",
                configuration={"base_url": simulator.base_url, **(own_bucket if to_own_bucket else {})},
                secrets={
                    "api_key": simulator.api_key,
                    "encryption_secret": ENCRYPTION_SECRET,
                    **({"s3_secret_access_key": OWNER.secret_access_key} if to_own_bucket else {}),
                },
                env={**data_storage, "SUB_FOLDER": f"{place.prefix}/{folder}"},
                python=[sys.executable, str(FOLDER / "node.py")],
                start=start_process if cold else warm,
            )
            stack.callback(check_sent, simulator)
            stack.callback(check_engine, engine)
            return Run(place, simulator, stack.enter_context(engine))

        yield make


def test_the_chain_without_a_url(start: Start) -> None:
    """The platform gives no URL, so the own bucket is read with its credentials; then all of it again."""
    run = start(own_bucket_url=False)
    job_uuid = run.node("search_events", **SEARCH).results["job_uuid"]
    triggered = run.node("trigger_export", job_uuid=job_uuid)
    task_uuid = triggered.results["task_uuid"]
    assert (triggered.branch, triggered.results["encryption"]) == ("triggered", "derived")
    assert run.node("wait_until_finished", task_uuid=task_uuid).branch == "finished"
    found = []
    for output in ArchiveFormat:
        fetched = run.node("fetch_and_decrypt", job_uuid=job_uuid, task_uuid=task_uuid, format=output.value)
        assert (fetched.branch, fetched.results["encryption"]) == ("fetched", "derived")
        found.append(run.landed(fetched))
    assert found[0] == found[1] == found[2]

    again = run.node("trigger_export", job_uuid=job_uuid).results
    assert (again["reused"], again["task_uuid"]) == (True, task_uuid)
    run.take_away_the_export()
    rerun = run.node("fetch_and_decrypt", job_uuid=job_uuid, task_uuid=task_uuid, format="json")
    assert rerun.results == {**fetched.results, "duration_seconds": rerun.results["duration_seconds"]}
    assert run.place.uploads() == []


@pytest.mark.parametrize("output", [ArchiveFormat.JSONL_GZ, ArchiveFormat.JSONL])
def test_one_node_with_a_url(start: Start, output: ArchiveFormat) -> None:
    """The platform gives a URL that signs the key, as S3 demands; a rerun of the node finds all of it done."""
    run = start(url_signs_sse_c=True, cold=True)
    exported = run.node("export_events", **SEARCH, format=output.value)
    assert (exported.branch, exported.results["encryption"]) == ("fetched", "derived")
    assert len(run.landed(exported)) == TOTAL
    if output is ArchiveFormat.JSONL:
        run.take_away_the_export()
        again = run.node("export_events", **SEARCH, format=output.value)
        assert again.results["file_path"] == exported.results["file_path"]
        assert (len(run.simulator.jobs), len(run.simulator.exports)) == (1, 1)


def test_from_the_platforms_bucket(start: Start) -> None:
    run = start(to_own_bucket=False, platform_key="sse_customer_key")
    exported = run.node("export_events", **SEARCH, encryption="platform")
    assert (exported.branch, exported.results["encryption"]) == ("fetched", "platform")
    assert len(run.landed(exported)) == TOTAL


def test_a_url_that_has_expired(start: Start) -> None:
    """Who knows the own bucket needs no URL; who does not is told."""
    run = start(clock=LateClock(), url_signs_sse_c=True)
    exported = run.node("export_events", **SEARCH)
    assert exported.branch == "fetched"
    run.landed(exported)
    other = start(platform_of=run, to_own_bucket=False, folder="other")
    asked = {name: exported.results[name] for name in ("job_uuid", "task_uuid")}
    expired = other.node("fetch_and_decrypt", **asked, format="json")
    assert (expired.branch, expired.results["file_path"]) == ("expired", None)
