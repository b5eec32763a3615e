from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import requests
import trustme

from sekoia_export.simulator import Settings, Simulator
from tests.clock import ManualClock
from tests.simulator.client import Client

if TYPE_CHECKING:
    from pathlib import Path

Connect = Callable[..., Client]


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
