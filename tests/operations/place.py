"""A bench whose steps use one data storage, a local folder or S3."""

from __future__ import annotations

import os
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from sekoia_export.errors import TransferFailed
from sekoia_export.simulator import Kind
from sekoia_export.state import BegunRecord, ExportRecord, FetchRecord, QueryRecord, SearchRecord, State, TaskRecord
from sekoia_export.transfer.local_storage import LocalDataStorage
from tests.operations.bench import Bench
from tests.operations.promises import check

if TYPE_CHECKING:
    from sekoia_export.transfer.data_storage import DataStorage

KINDS = (ExportRecord, TaskRecord, QueryRecord, SearchRecord, BegunRecord, FetchRecord)


@dataclass
class Place:
    """A bench whose steps use one data storage."""

    bench: Bench
    storage: DataStorage

    @property
    def options(self) -> dict[str, Any]:
        return {"storage": self.storage}

    def exported(self, **arguments: Any) -> tuple[UUID, UUID]:
        job = self.bench.search(options=self.options).results.job_uuid
        task = self.bench.trigger(job, options=self.options, **arguments).results.task_uuid
        assert self.bench.wait(task, options=self.options).branch == "finished"
        return UUID(job), UUID(str(task))

    def fetch(self, job: UUID, task: UUID | None, **arguments: Any) -> str:
        """Fetch and return the file's path."""
        return str(self.bench.fetch(job, task, options=self.options, **arguments).results.file_path)

    def fetch_half(self, job: UUID, task: UUID, **arguments: Any) -> None:
        """Fetch until the storage is gone for good after some bytes."""

        def is_transfer(request: Any) -> bool:
            return request.headers.get("range") != "bytes=0-0" and not request.path.startswith("/playbook-data")

        self.bench.fault(
            Kind.TRUNCATE_BODY, server="storage", method="GET", when=is_transfer, after_bytes=2000, times=1
        )
        self.bench.fault(Kind.STATUS, server="storage", method="GET", when=is_transfer, status=503, times=None)
        with pytest.raises(TransferFailed):
            self.bench.fetch(job, task, options=self.options, **arguments)
        self.bench.simulator.faults.clear()
        if isinstance(self.storage, LocalDataStorage):
            now = self.bench.clock.now().timestamp()
            for path in (self.storage.root / ".sekoia-export/parts").iterdir():
                os.utime(path, (now, now))

    def delete(self, **arguments: Any) -> dict[str, Any]:
        """Delete, and return the results, checked against the manifest."""
        outcome = self.bench.delete(options=self.options, **arguments)
        results = check("delete_export", outcome)
        assert outcome.branch == ("deleted" if results["deleted"] or results["forgotten"] else "empty")
        return results

    def remembered(self) -> dict[str, int]:
        """Return how many records of each kind there are."""
        state = State(self.storage)
        return {kind.folder: len(state.names(kind)) for kind in KINDS if state.names(kind)}

    def parts(self) -> int:
        return len(self.storage.leftovers())
