"""A simulated platform and the steps against it, on one clock that a test moves: hours pass in no time."""

from __future__ import annotations

import gzip
import json
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import requests
from pydantic import SecretStr

from sekoia_export.arguments.base import read_arguments
from sekoia_export.arguments.chain import (
    ExportArguments,
    FetchArguments,
    SearchArguments,
    TriggerArguments,
    WaitArguments,
)
from sekoia_export.arguments.management import DeleteArguments, LinkArguments, ListArguments, StatusArguments
from sekoia_export.configuration import Configuration
from sekoia_export.operations.account import ACCOUNT_TIMEOUT_S, check_account
from sekoia_export.operations.delete import delete_export
from sekoia_export.operations.export import export_events
from sekoia_export.operations.exports import LIST_TIMEOUT_S, list_exports
from sekoia_export.operations.fetch import fetch_and_decrypt
from sekoia_export.operations.link import LINK_TIMEOUT_S, get_download_link
from sekoia_export.operations.search import search_events
from sekoia_export.operations.status import STATUS_TIMEOUT_S, get_export_status
from sekoia_export.operations.step import Step, Surroundings
from sekoia_export.operations.trigger import TRIGGER_TIMEOUT_S, trigger_export
from sekoia_export.operations.wait import wait_until_finished
from sekoia_export.simulator import Fault, Kind
from sekoia_export.transfer.local_storage import LocalDataStorage
from tests.canaries import ENCRYPTION_SECRET
from tests.simulator.client import JOBS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from datetime import datetime
    from pathlib import Path

    from sekoia_export.operations.outcome import Outcome
    from sekoia_export.results.chain import FetchResults, SearchResults, TriggerResults, WaitResults
    from sekoia_export.results.management import DeleteResults, LinkResults, ListResults, StatusResults
    from sekoia_export.simulator import Bucket, Export, Recorded, Simulator
    from sekoia_export.transfer.data_storage import DataStorage
    from tests.clock import ManualClock

RUN, OTHER_RUN = "7a0c1c42-0000-4000-8000-000000000001", "7a0c1c42-0000-4000-8000-000000000002"
PERIOD = {"earliest_time": "2026-01-01T00:00:00Z", "latest_time": "2026-01-02T00:00:00Z"}
EXPORT, LISTING, TASK = r"/export$", r"/export-jobs$", r"/tasks/"


class Killed(BaseException):
    """The process that runs a step is gone."""


class HookedClock:
    """A clock that does something at certain sleeps: every request after the first one sleeps before it.

    Args:
        clock: whose time it is.
        hooks: what is done, by the number of the sleep, counted from 1.

    Attributes:
        sleeps: so far.
    """

    def __init__(self, clock: ManualClock, hooks: dict[int, Callable[[], object]]) -> None:
        self.sleeps = 0
        self._clock = clock
        self._hooks = hooks

    def monotonic(self) -> float:
        return self._clock.monotonic()

    def now(self) -> datetime:
        return self._clock.now()

    def sleep(self, seconds: float) -> None:
        self.sleeps += 1
        self._hooks.get(self.sleeps, bool)()
        self._clock.sleep(seconds)


def killed_at(clock: ManualClock, number: int) -> HookedClock:
    """Return a clock whose process is killed at its `number`-th sleep."""

    def kill() -> None:
        raise Killed

    return HookedClock(clock, {number: kill})


def events_in(path: Path) -> list[dict[str, Any]]:
    """Return the events of a fetched file, whichever format its name says."""
    data = path.read_bytes()
    if path.suffix == ".json":
        events: list[dict[str, Any]] = json.loads(data)
        return events
    return [json.loads(line) for line in (gzip.decompress(data) if path.suffix == ".gz" else data).splitlines()]


class MortalStorage(LocalDataStorage):
    """A data storage whose process is killed around its `last`-th write of a state file.

    Attributes:
        writes: so far.
    """

    def __init__(self, root: Path, *, last: int, before: bool) -> None:
        super().__init__(root)
        self.writes = 0
        self._last = last
        self._before = before

    def write(self, name: str, data: bytes) -> None:
        self.writes += 1
        if self.writes == self._last and self._before:
            raise Killed
        super().write(name, data)
        if self.writes == self._last:
            raise Killed


@dataclass
class Bench:
    """The steps, with the simulator's clock and a folder for their files.

    Attributes:
        configuration: of the module; `configure` changes it.
    """

    simulator: Simulator
    clock: ManualClock
    folder: Path
    configuration: Configuration = field(init=False)

    def __post_init__(self) -> None:
        self.configuration = Configuration(
            base_url=self.simulator.base_url,
            api_key=SecretStr(self.simulator.api_key),
            encryption_secret=SecretStr(ENCRYPTION_SECRET),
        )

    def configure(self, **values: Any) -> None:
        """Change the module's configuration."""
        for name, value in values.items():
            setattr(self.configuration, name, value)

    def set(self, **settings: Any) -> None:
        """Change the simulator's settings."""
        self.simulator.settings = replace(self.simulator.settings, **settings)

    @contextmanager
    def step(
        self,
        timeout_s: float | None,
        *,
        run: str | None = RUN,
        clock: HookedClock | None = None,
        storage: DataStorage | None = None,
    ) -> Iterator[Step]:
        surroundings = Surroundings(
            configuration=self.configuration,
            storage=storage or LocalDataStorage(self.folder),
            clock=clock or self.clock,
            run_uuid=run,
        )
        with surroundings.step(timeout_s) as step:
            yield step

    def search(self, *, options: dict[str, Any] | None = None, **arguments: Any) -> Outcome[SearchResults]:
        """Search; `options` are those of `step`."""
        read = read_arguments(SearchArguments, {"query": "*", **PERIOD, **arguments})
        with self.step(read.timeout, **options or {}) as step:
            return search_events(step, read)

    def job(self, **arguments: Any) -> UUID:
        """Search and return the uuid of the search job, which is done."""
        return UUID(self.search(**arguments).results.job_uuid)

    def trigger(
        self, job_uuid: UUID | str, *, options: dict[str, Any] | None = None, **arguments: Any
    ) -> Outcome[TriggerResults]:
        """Trigger; `options` are those of `step`."""
        read = read_arguments(TriggerArguments, {"job_uuid": str(job_uuid), **arguments})
        with self.step(read.wait_for_slot + TRIGGER_TIMEOUT_S, **options or {}) as step:
            return trigger_export(step, read)

    def wait(
        self, task_uuid: UUID | str | None, *, options: dict[str, Any] | None = None, **arguments: Any
    ) -> Outcome[WaitResults]:
        """Wait; `options` are those of `step`."""
        read = read_arguments(WaitArguments, {"task_uuid": str(task_uuid), **arguments})
        with self.step(read.timeout, **options or {}) as step:
            return wait_until_finished(step, read)

    def fetch(
        self,
        job_uuid: UUID | str,
        task_uuid: UUID | str | None = None,
        *,
        options: dict[str, Any] | None = None,
        **arguments: Any,
    ) -> Outcome[FetchResults]:
        """Fetch; `options` are those of `step`."""
        given = {"job_uuid": str(job_uuid), "task_uuid": None if task_uuid is None else str(task_uuid), **arguments}
        with self.step(None, **options or {}) as step:
            return fetch_and_decrypt(step, read_arguments(FetchArguments, given))

    def fetched(self, outcome: Outcome[Any]) -> Path:
        """Return the file that a step has fetched."""
        return self.folder / str(outcome.results.file_path)

    def export(self, *, options: dict[str, Any] | None = None, **arguments: Any) -> Outcome[Any]:
        """Export in one step, by a query unless there is a `job_uuid`; `options` are those of `step`."""
        given = arguments if "job_uuid" in arguments else {"query": "*", **PERIOD, **arguments}
        read = read_arguments(ExportArguments, given)
        with self.step(read.timeout, **options or {}) as step:
            return export_events(step, read)

    def status(self, task_uuid: UUID | str | None, **arguments: Any) -> Outcome[StatusResults]:
        """Look at an export."""
        read = read_arguments(StatusArguments, {"task_uuid": str(task_uuid), **arguments})
        with self.step(STATUS_TIMEOUT_S) as step:
            return get_export_status(step, read)

    def listed(self, **arguments: Any) -> Outcome[ListResults]:
        """List exports."""
        with self.step(LIST_TIMEOUT_S) as step:
            return list_exports(step, read_arguments(ListArguments, arguments))

    def link(self, job_uuid: UUID | str, task_uuid: UUID | str | None = None, **arguments: Any) -> Outcome[LinkResults]:
        """Get a download link."""
        given = {"job_uuid": str(job_uuid), "task_uuid": None if task_uuid is None else str(task_uuid), **arguments}
        with self.step(LINK_TIMEOUT_S) as step:
            return get_download_link(step, read_arguments(LinkArguments, given))

    def delete(self, *, options: dict[str, Any] | None = None, **arguments: Any) -> Outcome[DeleteResults]:
        """Delete fetched files; `options` are those of `step`."""
        given = {name: value if isinstance(value, int) else str(value) for name, value in arguments.items()}
        with self.step(None, **options or {}) as step:
            return delete_export(step, read_arguments(DeleteArguments, given))

    def check(self) -> None:
        """Check the account."""
        with self.step(ACCOUNT_TIMEOUT_S, run=None) as step:
            check_account(step)

    def exported(self, job_uuid: UUID | None = None, **arguments: Any) -> tuple[UUID, UUID]:
        """Search, export, wait until it has finished; return the uuids of search job and task."""
        job_uuid = job_uuid or self.job()
        results = self.trigger(job_uuid, **arguments).results
        assert self.wait(results.task_uuid).branch == "finished"
        return UUID(results.job_uuid), UUID(results.task_uuid)

    def others_export(self, job_uuid: UUID | str, fields: list[str]) -> str:
        """Start an export of the search job as someone else would, and return its task's uuid."""
        path = f"{self.simulator.base_url}{JOBS}/{job_uuid}/export"
        headers = {"Authorization": f"Bearer {self.simulator.api_key}"}
        with requests.Session() as session:
            answer = session.post(path, json={"fields": fields}, headers=headers, timeout=10)
        assert answer.status_code == 202, answer.text
        return str(answer.json()["task_uuid"])

    def finish_exports(self) -> None:
        """Let time pass until no export runs."""
        while any(export.active(self.clock.now()) for export in self.simulator.exports.values()):
            self.clock.advance(10)

    @property
    def exports(self) -> list[Export]:
        return list(self.simulator.exports.values())

    def only_export(self) -> Export:
        """Return the one export that the platform has."""
        assert len(self.exports) == 1
        return self.exports[0]

    def own_bucket(self, **options: Any) -> Bucket:
        """Make a bucket at the simulator's storage and configure it as the default target."""
        bucket = self.simulator.buckets.create("own-bucket", **options)
        self.configure(
            s3_bucket=bucket.name,
            s3_region="eu-west-3",
            s3_endpoint_url=self.simulator.storage_url,
            s3_access_key_id=bucket.access_key_id,
            s3_secret_access_key=SecretStr(bucket.secret_access_key),
        )
        return bucket

    def fault(self, kind: Kind, path: str = "", **details: Any) -> Fault:
        """Let something go wrong at the platform."""
        fault = Fault(kind, path=path, **details)
        self.simulator.faults.add(fault)
        return fault

    def asked(self, method: str, path: str, server: str = "platform") -> list[Recorded]:
        """Return the requests whose path ends in `path`."""
        return [
            request
            for request in self.simulator.requests
            if (request.method, request.server) == (method, server) and request.path.endswith(path)
        ]

    def at_storage(self) -> int:
        """Return how many requests the storage saw."""
        return sum(request.server == "storage" for request in self.simulator.requests)

    def state_files(self) -> dict[str, Path]:
        """Return the state files of the steps, by their path under the state's folder."""
        root = self.folder / ".sekoia-export"
        kinds = ("exports", "queries", "tasks", "searches", "begun", "fetches")
        return {str(path.relative_to(root)): path for kind in kinds for path in sorted((root / kind).glob("*"))}
