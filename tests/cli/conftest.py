from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.bench import CommandLine


@pytest.fixture
def command_line(tmp_path: Path) -> CommandLine:
    return CommandLine(tmp_path)
