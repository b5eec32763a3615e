from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sekoia_export.simulator import Simulator
from sekoia_export.transfer.presigned import storage_session
from tests.clock import ManualClock
from tests.transfer.clients import ClientFor, client_of
from tests.transfer.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import requests
    from mypy_boto3_s3 import S3Client


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    clock = ManualClock()
    with Simulator(clock=clock) as simulator, storage_session() as session:
        yield Shelf(simulator, clock, session, tmp_path / "data")


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with storage_session() as session:
        yield session


@pytest.fixture
def client_for() -> Iterator[ClientFor]:
    clients: list[S3Client] = []

    def make(shelf: Shelf) -> S3Client:
        clients.append(client_of(shelf))
        return clients[-1]

    yield make
    for client in clients:
        client.close()
