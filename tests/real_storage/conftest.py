from __future__ import annotations

import os
import uuid
from typing import TYPE_CHECKING

import pytest

from sekoia_export.transfer.presigned import storage_session
from tests.real_storage.place import Place
from tests.real_storage.server import shared_server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.real_storage.server import S3Server


@pytest.fixture(scope="session")
def s3_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[S3Server]:
    """Give a real S3 server that all test processes share: SeaweedFS, or what the environment's S3_SERVER names."""
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "s3-server"
    folder.mkdir(exist_ok=True)
    with shared_server(os.environ.get("S3_SERVER", "seaweedfs"), folder) as server:
        yield server


@pytest.fixture
def place(s3_server: S3Server, tmp_path: Path) -> Iterator[Place]:
    """Give a place of the test's own in the server's bucket."""
    with s3_server.client() as client, storage_session() as session:
        yield Place(server=s3_server, client=client, session=session, prefix=uuid.uuid4().hex, folder=tmp_path)
