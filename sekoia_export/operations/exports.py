"""The list of exports: those of a search job, or all that this data storage remembers."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING
from uuid import UUID

from sekoia_export.api.client import LONG_PATIENCE_S
from sekoia_export.errors import NotFound
from sekoia_export.operations.listing import task_of
from sekoia_export.operations.locate import entry_of, listed_exports, read_task
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.operations.remembered import LONGEST_KEPT, Remembered
from sekoia_export.operations.seen import SeenExport
from sekoia_export.results.management import ListedExport, ListResults
from sekoia_export.times import format_moment

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from sekoia_export.api.models import ExportEntry
    from sekoia_export.arguments.management import ListArguments
    from sekoia_export.operations.step import Step
    from sekoia_export.state import FetchRecord

log = logging.getLogger(__name__)

LIST_TIMEOUT_S = 900.0
"""How long listing may take: one request for each search job that is remembered, five a second."""


def list_exports(step: Step, arguments: ListArguments) -> Outcome[ListResults]:
    """List the exports of a search job, whoever triggered them, or all that this data storage remembers.

    Branches: done, empty.

    Raises:
        NotFound: the platform does not know the search job, nor is any export of it remembered.
        PlatformError, NetworkError, DeadlineExceeded: as the platform's calls do.
        StateCorrupt: what is remembered cannot be read.
    """
    step = step.within(step.deadline, patience_s=LONG_PATIENCE_S)
    remembered = Remembered(step, arguments.job_uuid)
    if arguments.job_uuid is not None:
        exports = _OfJob(step, arguments.job_uuid, remembered, with_others=True).listed()
    else:
        of_jobs = [_OfJob(step, UUID(job), remembered, with_others=False) for job in remembered.jobs]
        exports = [export for of_job in of_jobs for export in of_job.listed()]
    exports.sort(key=lambda export: export.created_at or "", reverse=True)
    log.info("%d exports are listed.", len(exports))
    return Outcome(Branch.DONE if exports else Branch.EMPTY, ListResults(exports=exports, count=len(exports)))


class _OfJob:
    """The exports of one search job.

    Args:
        step: whose platform is asked.
        remembered: what this data storage knows.
        with_others: whether those that this data storage knows nothing of are listed too.
    """

    def __init__(self, step: Step, job_uuid: UUID, remembered: Remembered, *, with_others: bool) -> None:
        self._step = step
        self._now = step.clock.now()
        self._job_uuid = job_uuid
        self._remembered = remembered
        self._with_others = with_others

    def listed(self) -> list[ListedExport]:
        """Return the exports as the results have them."""
        own = list(self._own())
        if self._with_others or any(self._may_be_kept(export) for export in own):
            entries, unlisted = listed_exports(self._step, self._job_uuid)
            if not own and not entries and isinstance(unlisted, NotFound):
                # A search job without an export may have no list; one that does not exist is told.
                self._step.platform.search_job(self._job_uuid)
            own = self._found_among(entries, own)
        return [self._row(self._asked(export)) for export in own]

    def _own(self) -> Iterator[SeenExport]:
        """Yield what this data storage knows: what was asked for here, then what was only fetched here."""
        records = {record.task_uuid: record for record in self._remembered.exports_of(str(self._job_uuid))}
        fetches = self._remembered.fetches_of(str(self._job_uuid))
        for task in dict.fromkeys([*records, *(record.task_uuid or None for record in fetches)]):
            yield SeenExport(
                job_uuid=self._job_uuid,
                task_uuid=UUID(task) if task else None,
                task=None,
                entry=None,
                record=records.get(task),
            )

    def _found_among(self, entries: list[ExportEntry], own: list[SeenExport]) -> list[SeenExport]:
        """Return the exports with what is listed of them; each entry belongs to one."""
        rest = {id(entry): entry for entry in entries}
        found = []
        for export in own:
            if export.task_uuid is not None:
                entry = entry_of(export.task_uuid, entries, export.record)
            else:
                entry = next((entry for entry in rest.values() if task_of(entry) is None), None)
            found.append(replace(export, entry=rest.pop(id(entry), None)))
        others = [
            SeenExport(job_uuid=self._job_uuid, task_uuid=task_of(entry), task=None, entry=entry, record=None)
            for entry in rest.values()
        ]
        return [*found, *(others if self._with_others else ())]

    def _asked(self, export: SeenExport) -> SeenExport:
        """Return the export with its task, where the listing does not tell how it ended."""
        if export.status.ended or export.task_uuid is None or not self._may_be_kept(export):
            return export
        return replace(export, task=read_task(self._step, export.task_uuid))

    def _may_be_kept(self, export: SeenExport) -> bool:
        """Return whether the platform may still tell something of the export."""
        fetches = self._fetches(export)
        if fetches and fetches[0].expire_at is not None:
            return self._now < fetches[0].expire_at
        known = [record.asked_at for record in (export.record,) if record] + [record.fetched_at for record in fetches]
        return not known or self._now < known[0] + LONGEST_KEPT

    def _fetches(self, export: SeenExport) -> list[FetchRecord]:
        task = str(export.task_uuid or "")
        return [fetch for fetch in self._remembered.fetches_of(str(self._job_uuid)) if fetch.task_uuid == task]

    def _row(self, export: SeenExport) -> ListedExport:
        fetches = self._fetches(export)
        fetch = fetches[0] if fetches else None
        entry, record = export.entry, export.record
        over = export.is_over(self._now) or (not export.is_known and not self._may_be_kept(export))
        created_at = (entry.created_at if entry else None) or (record.asked_at if record else None)
        expire_at = export.expire_at or (fetch.expire_at if fetch else None)
        there = next((each.file_path for each in fetches if self._remembered.is_there(each)), None)
        events = entry.exported_events_count if entry else None
        size = entry.export_size_compressed if entry else None
        encryption = fetch.encryption if fetch else record.sent_encryption if record else None
        return ListedExport(
            job_uuid=str(self._job_uuid),
            task_uuid=str(export.task_uuid) if export.task_uuid else None,
            status="EXPIRED" if over else export.status.value,
            events=fetch.events_count if events is None and fetch else events,
            compressed_size=fetch.compressed_size if size is None and fetch else size,
            created_at=_text(created_at),
            expire_at=_text(expire_at),
            fields=(entry.fields if entry else None) or (record.fields if record else None),
            encryption=encryption,
            s3_bucket=record.s3_bucket if record else None,
            file_path=there,
        )


def _text(moment: datetime | None) -> str | None:
    return format_moment(moment) if moment else None
