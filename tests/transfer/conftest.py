from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sekoia_export.simulator import Simulator
from sekoia_export.transfer.presigned import storage_session
from tests.clock import ManualClock
from tests.transfer.shelf import Shelf

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import requests


@pytest.fixture
def shelf(tmp_path: Path) -> Iterator[Shelf]:
    clock = ManualClock()
    with Simulator(clock=clock) as simulator, storage_session() as session:
        yield Shelf(simulator, clock, session, tmp_path / "data")


@pytest.fixture
def session() -> Iterator[requests.Session]:
    with storage_session() as session:
        yield session
