from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import boto3
import pytest
from botocore.config import Config

from sekoia_export.simulator import Settings, Simulator
from sekoia_export.transfer.local_storage import LocalDataStorage
from sekoia_export.transfer.s3_storage import S3DataStorage
from tests.canaries import check_sent
from tests.clock import ManualClock
from tests.operations.bench import Bench
from tests.operations.place import Place

if TYPE_CHECKING:
    from pathlib import Path

Start = Callable[..., Bench]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Give a function that starts a simulator with these settings and returns a bench for the steps."""
    made: list[Bench] = []
    with ExitStack() as stack:

        def begin(**settings: Any) -> Bench:
            clock = ManualClock()
            simulator = stack.enter_context(Simulator(Settings(**{"total_events": 500, **settings}), clock))
            made.append(Bench(simulator, clock, tmp_path / f"data{len(made)}"))
            return made[-1]

        yield begin
    for bench in made:
        check_sent(bench.simulator)


@pytest.fixture
def bench(start: Start) -> Bench:
    """Give a bench of a simulator with the default settings."""
    return start()


@pytest.fixture
def place(bench: Bench) -> Place:
    """Give a bench with a local folder."""
    return Place(bench, LocalDataStorage(bench.folder))


@pytest.fixture(params=["local", "s3"])
def either(request: pytest.FixtureRequest, bench: Bench) -> Iterator[Place]:
    """Give a bench with either kind of data storage."""
    if request.param == "local":
        yield Place(bench, LocalDataStorage(bench.folder))
        return
    bucket = bench.simulator.buckets.create("playbook-data")
    client = boto3.client(
        "s3",
        endpoint_url=bench.simulator.storage_url,
        region_name="eu-west-3",
        aws_access_key_id=bucket.access_key_id,
        aws_secret_access_key=bucket.secret_access_key,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, read_timeout=5),
    )
    yield Place(bench, S3DataStorage(client, "playbook-data", "playbook/1"))
    client.close()
