from __future__ import annotations

import gzip
import importlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sekoia_export.analysis.database import Limits
from sekoia_export.analysis.events import EventTable
from sekoia_export.analysis.files import finding
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.transfer.local_storage import LocalDataStorage

Open = Callable[..., EventTable]
Event = dict[str, Any]


class Folder:
    """A data storage on this machine, and files with events in it.

    Attributes:
        root: where it lies.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()

    @property
    def storage(self) -> LocalDataStorage:
        return LocalDataStorage(self.root)

    def raw(self, name: str, data: bytes) -> str:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return name

    def jsonl(self, name: str, events: Iterable[Event]) -> str:
        return self.raw(name, lines_of(events))

    def jsonl_gz(self, name: str, *members: Iterable[Event]) -> str:
        return self.raw(name, b"".join(gzip.compress(lines_of(events)) for events in members))


def in_this_process(task: str, argument: Any, *, deadline: Deadline, limits: Limits) -> Any:
    """Run a task as `run_apart` does, without the second that a process of its own takes."""
    module, _, name = task.partition(":")
    result = getattr(importlib.import_module(module), name)(argument, deadline.remaining_s())
    return json.loads(json.dumps(result))


def lines_of(events: Iterable[Event]) -> bytes:
    return b"".join(json.dumps(event).encode() + b"\n" for event in events)


def exact(events: list[Event]) -> list[str]:
    """Return events as texts that are the same for the same events, the order of keys aside."""
    return [json.dumps(event, sort_keys=True) for event in events]


def events_in(path: Path) -> list[Event]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path / "data")


@pytest.fixture
def opened(folder: Folder) -> Iterator[Open]:
    """Give a function that opens files as the table `events`."""
    with ExitStack() as stack:

        def begin(*names: str, timeout_s: float | None = 60, **options: Any) -> EventTable:
            deadline = Deadline(SystemClock(), timeout_s)
            found = stack.enter_context(finding(folder.storage, names))
            return stack.enter_context(EventTable(found, deadline=deadline, **options))

        yield begin
