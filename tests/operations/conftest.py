from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

import pytest

from sekoia_export.simulator import Settings, Simulator
from tests.canaries import check_sent
from tests.clock import ManualClock
from tests.operations.bench import Bench

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
