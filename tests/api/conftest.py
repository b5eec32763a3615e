from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import trustme
from pydantic import SecretStr

from sekoia_export.api.client import PATIENCE_S, Client
from sekoia_export.api.regions import api_root
from sekoia_export.clock import Clock, Deadline
from sekoia_export.simulator import Settings, Simulator
from tests.api.bench import Bench, Tls
from tests.clock import ManualClock
from tests.environment import forget_connections

Connect = Callable[..., Bench]


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_connections(monkeypatch)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def connect(clock: ManualClock) -> Iterator[Connect]:
    """Give a function that starts a simulated platform and makes a client of it."""
    with ExitStack() as stack:

        def start(
            settings: Settings | None = None,
            *,
            timeout_s: float | None = 3600,
            patience_s: float = PATIENCE_S,
            base_url: str = "",
            on: Clock | None = None,
        ) -> Bench:
            simulator = stack.enter_context(Simulator(settings, clock))
            client = Client(
                root=api_root(base_url or simulator.base_url),
                api_key=SecretStr(simulator.api_key),
                deadline=Deadline(on or clock, timeout_s),
                patience_s=patience_s,
            )
            stack.callback(client.close)
            return Bench(simulator, client, clock)

        yield start


@pytest.fixture(scope="session")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Tls:
    folder: Path = tmp_path_factory.mktemp("tls")
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1")
    made = Tls(folder / "server.pem", folder / "server.key", folder / "authority.pem")
    made.certificate.write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    server.private_key_pem.write_to_path(made.key)
    authority.cert_pem.write_to_path(made.authority)
    return made
