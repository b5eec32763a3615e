from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from sekoia_export.analysis.apart import Runner
from sekoia_export.arguments.base import read_arguments
from sekoia_export.arguments.report import ReportArguments
from sekoia_export.encryption import Encryption
from sekoia_export.operations.outcome import Branch
from sekoia_export.operations.report import Reporter
from sekoia_export.results.report import ReportResults
from sekoia_export.state import FetchRecord, Searched, State
from tests.analysis.conftest import Folder, in_this_process
from tests.clock import START, ManualClock

JOB, TASK = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


@dataclass(frozen=True)
class Made:
    """A report that was made."""

    branch: Branch
    results: ReportResults
    page: Path

    @property
    def text(self) -> str:
        """Return what a reader of the page reads, white space made one blank."""
        reader = _Text()
        reader.feed(self.page.read_text(encoding="utf-8"))
        return re.sub(r"\s+", " ", "".join(reader.parts))


class Desk:
    """A data storage, and reports of what is in it.

    Attributes:
        folder: the data storage.
    """

    def __init__(self, folder: Folder) -> None:
        self.folder = folder

    def reporter(self, **options: Any) -> Reporter:
        return Reporter(self.folder.storage, ManualClock(), **{"run": in_this_process, **options})

    def report(self, *, run: Runner = in_this_process, **arguments: Any) -> Made:
        given = read_arguments(ReportArguments, {"timeout": 120, "observables": [], **arguments})
        outcome = self.reporter(run=run).write(given)
        return Made(outcome.branch, outcome.results, self.folder.root / outcome.results.file_path)

    def lines(self, **arguments: Any) -> str:
        """Return a report as text."""
        return "\n".join(self.reporter().lines(read_arguments(ReportArguments, {"timeout": 60, **arguments}), width=80))

    def remember(self, name: str, **changed: Any) -> None:
        """Have the fetch of a file recorded as it is now."""
        data = (self.folder.root / name).read_bytes()
        facts = {
            "job_uuid": JOB,
            "task_uuid": TASK,
            "file_path": name,
            "file_size": len(data),
            "compressed_size": len(data),
            "events_count": 3,
            "expected_events": 3,
            "sha256": hashlib.sha256(data).hexdigest(),
            "encryption": Encryption.DERIVED,
            "expire_at": START + timedelta(days=1),
            "fetched_at": START,
            "fields": ["@timestamp", "source.ip"],
            "searched": Searched(
                query="source.ip:10.0.0.0/8", earliest_time="2026-01-01T00:00:00.000Z", latest_time="-1h"
            ),
        }
        record = FetchRecord(**{**facts, **changed})
        State(self.folder.storage).write(record, hashlib.sha256(name.encode()).hexdigest())


_INLINE = {"a", "bdi", "span", "strong"}


class _Text(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.parts: list[str] = []
        self._hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _INLINE:
            self.parts.append(" ")
        self._hidden += tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._hidden -= tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._hidden:
            self.parts.append(data)


@pytest.fixture
def desk(folder: Folder) -> Desk:
    return Desk(folder)


@pytest.fixture(autouse=True)
def _environment_as_it_was() -> Iterator[None]:
    """Undo what a report's own process does to its environment: here it runs in the tests' process."""
    before = dict(os.environ)
    yield
    os.environ.clear()
    os.environ.update(before)
