from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.bench import CommandLine
from tests.environment import forget_connections


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_connections(monkeypatch)


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)
