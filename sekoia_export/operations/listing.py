"""The platform's list of a search job's exports: the evidence of what was started, and of what is still there."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sekoia_export.api.models import ExportEntry, Task, TaskStatus
from sekoia_export.clock import Deadline
from sekoia_export.errors import AnswerLost, JobExpired, NotFound
from sekoia_export.state import TaskRecord, fingerprint

if TYPE_CHECKING:
    from datetime import datetime

    from sekoia_export.operations.step import Step
    from sekoia_export.state import ExportRecord

LISTING_S = 5.0
DOWNLOAD_WINDOW = timedelta(hours=24)
"""How long the platform keeps a finished export, as documented."""
_INTERVAL_S = 1.0
_ENDED_BADLY = {TaskStatus.FAILED, TaskStatus.CANCELED}


class Listing:
    """What the platform lists.

    Its methods raise PlatformError, NetworkError and DeadlineExceeded as the platform's calls do.

    Args:
        step: whose platform, clock and state are used.
    """

    def __init__(self, step: Step) -> None:
        self._step = step

    def names(self, job_uuid: UUID) -> list[str]:
        """Return a name for each listed export; those without an id may share one."""
        return [_name(entry) for entry in self._entries(job_uuid)]

    def new_since(self, intent: ExportRecord) -> UUID | None:
        """Return the task of an export that was not there before `intent`, or None when none shows within five seconds.

        Raises:
            AnswerLost: there is one and it cannot be told which, or under which task.
        """
        limit = Deadline(self._step.clock, LISTING_S)
        while True:
            candidates = self._candidates(intent)
            if candidates:
                return self._task_of(candidates, intent)
            if limit.passed():
                return None
            self._step.clock.sleep(_INTERVAL_S)

    def confirms(self, record: ExportRecord) -> bool:
        """Return whether the recorded export runs, or has finished and can still be fetched."""
        task_uuid = UUID(record.task_uuid or "")
        entry = next((entry for entry in self._entries(UUID(record.job_uuid)) if entry.names(str(task_uuid))), None)
        task = self._task(task_uuid)
        statuses = {known.status for known in (entry, task) if known is not None and known.status is not None}
        if (entry is None and task is None) or statuses & _ENDED_BADLY:
            return False
        if entry is not None and not _same_fields(entry, record):
            return False
        if statuses & {TaskStatus.PENDING, TaskStatus.RUNNING} and TaskStatus.FINISHED not in statuses:
            return True
        expire_at = (entry.expire_at if entry else None) or record.asked_at + DOWNLOAD_WINDOW
        return self._now() < expire_at

    def _candidates(self, intent: ExportRecord) -> list[ExportEntry]:
        """Return the entries that can be what `intent` asked for, the likeliest first."""
        before = Counter(intent.before)
        found = []
        for entry in self._entries(UUID(intent.job_uuid)):
            name = _name(entry)
            if before[name]:
                before[name] -= 1
            elif _same_fields(entry, intent) and self._usable(entry) and not self._asked_otherwise(entry, intent):
                found.append(entry)
        return sorted(found, key=lambda entry: (entry.fields is None, entry.created_at or intent.asked_at))

    def _usable(self, entry: ExportEntry) -> bool:
        return entry.status not in _ENDED_BADLY and (entry.expire_at is None or self._now() < entry.expire_at)

    def _asked_otherwise(self, entry: ExportEntry, intent: ExportRecord) -> bool:
        """Return whether a record says that this module started the entry for something else."""
        task_uuid = task_of(entry)
        record = self._step.state.read(TaskRecord, str(task_uuid)) if task_uuid else None
        return record is not None and not record.asks_the_same_as(intent)

    @staticmethod
    def _task_of(candidates: list[ExportEntry], intent: ExportRecord) -> UUID:
        first = candidates[0]
        if first.fields is None and len(candidates) > 1:
            raise AnswerLost(
                f"The search job {intent.job_uuid} has {len(candidates)} new exports, and the platform does not list "
                "their fields, so it cannot be told which one was asked for.",
                "Look at them in the platform, and fetch the right one by its task_uuid.",
            )
        task_uuid = task_of(first)
        if task_uuid is None:
            raise AnswerLost(
                f"The export of the search job {intent.job_uuid} was started, and the platform lists it without "
                "the uuid of its task.",
                "Do not trigger it again: when it has had time to finish, fetch it by the search job's uuid alone.",
            )
        return task_uuid

    def _entries(self, job_uuid: UUID) -> list[ExportEntry]:
        try:
            return self._step.platform.exports(job_uuid)
        except (NotFound, JobExpired):
            return []  # a search job without an export may have no list yet, one of an earlier run no list any more

    def _task(self, task_uuid: UUID) -> Task | None:
        try:
            return self._step.platform.task(task_uuid)
        except NotFound:
            return None

    def _now(self) -> datetime:
        return self._step.clock.now()


def task_of(entry: ExportEntry) -> UUID | None:
    """Return the uuid of the entry's task; None when it is listed without one."""
    try:
        return UUID(entry.identity) if entry.identity else None
    except ValueError:
        return None


def _same_fields(entry: ExportEntry, record: ExportRecord) -> bool:
    """Return whether the listed fields, where they are listed, are those of the record."""
    return entry.fields is None or set(entry.fields) == set(record.fields)


def _name(entry: ExportEntry) -> str:
    """Return what tells an entry from others: its id, else when and of what it was made."""
    return (entry.identity or "").lower() or fingerprint(entry.created_at, entry.fields)
