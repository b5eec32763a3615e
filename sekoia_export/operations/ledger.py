"""What was asked for before: the records of one export, under each name that it can be asked for by.

An export has a name by its search job. It has another by its query, where a later search for the same would find the
same. Both names lead to one record, until another search job of the query is exported: the query's name then leads to
that one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.state import ExportRecord, TaskRecord

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from sekoia_export.state import State


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
        self._by_job = by_job
        self._by_query = by_query
        self._own = by_job(str(job_uuid))
        self._intent: ExportRecord | None = None
        self._replaced: dict[str, ExportRecord | None] = {}

    def own(self) -> ExportRecord | None:
        """Return the record of the search job itself.

        Raises:
            StateCorrupt: it cannot be read.
        """
        return self._state.read(ExportRecord, self._own)

    def records(self) -> list[ExportRecord]:
        """Return the records, the search job's own first, each once.

        Raises:
            StateCorrupt: one of them cannot be read.
        """
        found = [self._state.read(ExportRecord, name) for name in self._names()]
        return [record for number, record in enumerate(found) if record is not None and record not in found[:number]]

    def open(self, intent: ExportRecord) -> None:
        """Write what is about to be asked for."""
        if self._intent is None:
            self._replaced = {name: self._state.read(ExportRecord, name) for name in self._names()}
        for name in self._names():
            self._state.write(intent, name)
        self._intent = intent

    def withdraw(self) -> None:
        """Put back what the intent replaced: what it asked for was certainly not begun."""
        for name, before in self._replaced.items():
            if self._state.read(ExportRecord, name) != self._intent:
                continue  # another process has asked for the same meanwhile
            if before is None:
                self._state.delete(ExportRecord, name)
            else:
                self._state.write(before, name)
        self._intent = None

    def close(self, record: ExportRecord, task_uuid: UUID) -> ExportRecord:
        """Write which export it is, also under its task, and return the closed record."""
        closed = record.model_copy(update={"task_uuid": str(task_uuid)})
        for name in dict.fromkeys([self._by_job(closed.job_uuid), *self._names()]):
            if self._state.read(ExportRecord, name) != closed:
                self._state.write(closed, name)
        self._state.write(TaskRecord(**closed.model_dump()), str(task_uuid))
        return closed

    def _names(self) -> list[str]:
        return [self._own] if self._by_query is None else [self._own, self._by_query]
