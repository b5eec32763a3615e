"""What this data storage remembers of all its exports and fetched files."""

from __future__ import annotations

from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from sekoia_export.arguments.base import LONGEST_TIMEOUT_S
from sekoia_export.errors import UsageError
from sekoia_export.operations.listing import DOWNLOAD_WINDOW
from sekoia_export.state import FetchRecord, TaskRecord

if TYPE_CHECKING:
    from uuid import UUID

    from sekoia_export.operations.step import Step
    from sekoia_export.state import ExportRecord

LONGEST_KEPT = timedelta(seconds=LONGEST_TIMEOUT_S) + DOWNLOAD_WINDOW
"""After so long the platform no longer has an export: the longest that one may run, and its download window."""


class Remembered:
    """The records of exports and of fetched files, read once.

    Args:
        step: whose state and data storage are used.
        job_uuid: read on only what is about this search job; None for all.

    Attributes:
        exports: what was asked for, the newest first.
        fetches: the fetched files, the newest first, with the names of their records.

    Raises:
        StateCorrupt: a record cannot be read.
        DataStorageError: the data storage cannot be read.
    """

    def __init__(self, step: Step, job_uuid: UUID | None = None) -> None:
        self._storage = step.storage

        def wanted(record: ExportRecord | FetchRecord) -> bool:
            return job_uuid is None or record.job_uuid == str(job_uuid)

        tasks = [step.state.read(TaskRecord, name) for name in step.state.names(TaskRecord)]
        self.exports = [record for record in tasks if record and record.task_uuid and wanted(record)]
        self.exports.sort(key=lambda record: record.asked_at, reverse=True)
        fetches = [(name, step.state.read(FetchRecord, name)) for name in step.state.names(FetchRecord)]
        found = [(name, record) for name, record in fetches if record and wanted(record)]
        self.fetches = dict(sorted(found, key=lambda named: named[1].fetched_at, reverse=True))
        self._exports_of: dict[str, list[TaskRecord]] = defaultdict(list)
        for export in self.exports:
            self._exports_of[export.job_uuid].append(export)
        self._fetches_of: dict[str, list[FetchRecord]] = defaultdict(list)
        for fetch in self.fetches.values():
            self._fetches_of[fetch.job_uuid].append(fetch)

    @property
    def jobs(self) -> list[str]:
        """Return the uuids of the search jobs, each once."""
        return list(dict.fromkeys([*self._exports_of, *self._fetches_of]))

    def exports_of(self, job_uuid: str) -> list[TaskRecord]:
        """Return what was asked for of a search job, the newest first."""
        return self._exports_of.get(job_uuid, [])

    def fetches_of(self, job_uuid: str) -> list[FetchRecord]:
        """Return the records of a search job's fetched files, the newest first."""
        return self._fetches_of.get(job_uuid, [])

    def is_there(self, record: FetchRecord) -> bool:
        """Return whether the fetched file still lies in the data storage, by its size."""
        try:
            self._storage.check_name(record.file_path)
        except UsageError:  # what lies there is a folder, or a link that leads elsewhere
            return False
        return self._storage.size(record.file_path) == record.file_size
