from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import boto3
import pytest
import requests
import trustme
from botocore.config import Config

from sekoia_export.simulator import Settings, Simulator
from tests.clock import ManualClock
from tests.simulator.client import Client

if TYPE_CHECKING:
    from pathlib import Path

    from mypy_boto3_s3 import S3Client

    from sekoia_export.simulator import Bucket

Connect = Callable[..., Client]
S3 = Callable[..., "S3Client"]


@dataclass(frozen=True)
class Tls:
    """PEM files of a server on loopback and of the authority that vouches for it."""

    certificate: Path
    key: Path
    authority: Path


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    folder = tmp_path_factory.mktemp("tls")
    files = Tls(folder / "server.pem", folder / "server.key", folder / "authority.pem")
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1")
    files.certificate.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    server.private_key_pem.write_to_path(files.key)
    authority.cert_pem.write_to_path(files.authority)
    return files


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def connect(clock: ManualClock) -> Iterator[Connect]:
    """Give a function that starts a simulator with these settings and returns a client of it."""
    with ExitStack() as stack:

        def start(**settings: object) -> Client:
            simulator = stack.enter_context(Simulator(Settings(**settings), clock))  # type: ignore[arg-type]  # checked by Settings
            return Client(simulator, clock, stack.enter_context(requests.Session()))

        yield start


@pytest.fixture
def client(connect: Connect) -> Client:
    """Give a client of a simulator with the default settings."""
    return connect()


@pytest.fixture
def s3(client: Client) -> Iterator[S3]:
    """Give a function that returns a boto3 client with a bucket's credentials."""
    with ExitStack() as stack:

        def make(
            bucket: Bucket, url: str = client.simulator.storage_url, secret: str | None = None, attempts: int = 1
        ) -> S3Client:
            made = boto3.client(
                "s3",
                endpoint_url=url,
                region_name="eu-west-3",
                aws_access_key_id=bucket.access_key_id,
                aws_secret_access_key=secret or bucket.secret_access_key,
                config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": attempts}),
            )
            stack.callback(made.close)
            return made

        yield make
