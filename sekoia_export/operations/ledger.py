"""What was asked for before: the records of one export, by its search job and by its query.

An export has its record under its search job. Where a later search for the same query would find the same, the query's
record lists the search jobs of which the export was asked for; more than one only while nobody knows what came of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.state import ExportRecord, QueryRecord, TaskRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from sekoia_export.state import Record, State

# Looking for what a lost request began takes seconds, and so many search jobs with nothing but lost ones are hopeless.
_MOST_JOBS = 5


class Ledger:
    """The records of exports that are the same as one that is asked for.

    Args:
        state: where the records lie.
        job_uuid: the search job that is to be exported.
        by_job: gives the name of the same export of a search job.
        by_query: the name by the query; None where another search would find something else.
    """

    def __init__(self, state: State, *, job_uuid: UUID, by_job: Callable[[str], str], by_query: str | None) -> None:
        self._state = state
        self._job = str(job_uuid)
        self._by_job = by_job
        self._query = by_query
        self._intent: ExportRecord | None = None
        self._before: ExportRecord | None = None
        self._jobs_before: list[str] = []

    def own(self) -> ExportRecord | None:
        """Return the record of the search job itself.

        Raises:
            StateCorrupt: it cannot be read.
        """
        return self._of(self._job)

    def records(self) -> list[ExportRecord]:
        """Return the records, the search job's own first, each once.

        Raises:
            StateCorrupt: one of them cannot be read.
        """
        found = [self._of(job) for job in dict.fromkeys([self._job, *self._jobs()])]
        return [record for number, record in enumerate(found) if record is not None and record not in found[:number]]

    def open(self, intent: ExportRecord) -> None:
        """Write what is about to be asked for."""
        if self._intent is None:
            self._before, self._jobs_before = self.own(), self._jobs()
        self._state.write(intent, self._by_job(self._job))
        self._list([self._job, *(job for job in self._jobs_before if job != self._job)][:_MOST_JOBS])
        self._intent = intent

    def withdraw(self) -> None:
        """Put back what the intent replaced: what it asked for was certainly not begun."""
        if self.own() == self._intent:  # else another process has asked for the same meanwhile
            self._put(ExportRecord, self._by_job(self._job), self._before)
            self._list(self._jobs_before)
        self._intent = None

    def close(self, record: ExportRecord, task_uuid: UUID) -> ExportRecord:
        """Write which export it is, also under its task, and return the closed record."""
        closed = record.model_copy(update={"task_uuid": str(task_uuid)})
        for job in dict.fromkeys([closed.job_uuid, self._job]):
            self._state.write(closed, self._by_job(job))
        self._state.write(TaskRecord(**closed.model_dump()), str(task_uuid))
        self._list([closed.job_uuid])
        return closed

    def _of(self, job: str) -> ExportRecord | None:
        return self._state.read(ExportRecord, self._by_job(job))

    def _jobs(self) -> list[str]:
        record = self._state.read(QueryRecord, self._query) if self._query else None
        return record.jobs if record else []

    def _list(self, jobs: list[str]) -> None:
        if self._query:
            self._put(QueryRecord, self._query, QueryRecord(jobs=jobs) if jobs else None)

    def _put(self, kind: type[Record], name: str, record: Record | None) -> None:
        if record is None:
            self._state.delete(kind, name)
        else:
            self._state.write(record, name)
