"""What an export tells while it runs, to whoever watches: a live view, the record of a run."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from uuid import UUID

    from sekoia_export.transfer.progress import TransferProgress
    from sekoia_export.waiting import Progress


class Phase(StrEnum):
    """What is going on, in the order in which it comes; a search that has to be repeated begins again."""

    SEARCHING = "searching"
    TRIGGERING = "triggering"
    EXPORTING = "exporting"
    FETCHING = "fetching"


class Watcher:
    """Watches nothing; who watches something overrides the method. All are called from the thread that runs the step.

    What a method raises ends the step.
    """

    def entered(self, phase: Phase) -> None:
        """Take note that a phase begins."""

    def search_job(self, job_uuid: UUID) -> None:
        """Take note of the search job, as soon as the platform has named it."""

    def export_task(self, job_uuid: UUID, task_uuid: UUID) -> None:
        """Take note of the export, and of its search job, which is another where an earlier export is taken up."""

    def waiting_for_slot(self, remaining_s: float) -> None:
        """Take note that another export is running, and for how long its end is waited for at most."""

    def searching(self, progress: Progress) -> None:
        """Take note of how far the search is: events retrieved."""

    def exporting(self, progress: Progress) -> None:
        """Take note of how far the export is: events written."""

    def fetching(self, progress: TransferProgress) -> None:
        """Take note of how far the transfer is."""


class Watchers(Watcher):
    """Tells several watchers, in their order."""

    def __init__(self, *watchers: Watcher) -> None:
        self._watchers = watchers

    def entered(self, phase: Phase) -> None:
        for watcher in self._watchers:
            watcher.entered(phase)

    def search_job(self, job_uuid: UUID) -> None:
        for watcher in self._watchers:
            watcher.search_job(job_uuid)

    def export_task(self, job_uuid: UUID, task_uuid: UUID) -> None:
        for watcher in self._watchers:
            watcher.export_task(job_uuid, task_uuid)

    def waiting_for_slot(self, remaining_s: float) -> None:
        for watcher in self._watchers:
            watcher.waiting_for_slot(remaining_s)

    def searching(self, progress: Progress) -> None:
        for watcher in self._watchers:
            watcher.searching(progress)

    def exporting(self, progress: Progress) -> None:
        for watcher in self._watchers:
            watcher.exporting(progress)

    def fetching(self, progress: TransferProgress) -> None:
        for watcher in self._watchers:
            watcher.fetching(progress)


UNWATCHED = Watcher()
