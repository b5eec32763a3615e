"""Delete: fetched files are removed from the data storage, with what is remembered of them.

What is deleted, in this order, so that a run that is stopped leaves nothing that the next one does not find:

1. files that this module fetched, and that still hold the bytes they were fetched with; others are never touched,
2. the parts that unfinished fetches keep,
3. the records of exports that can no longer be taken up or fetched. That of an export which the platform may still
   have stays whatever is asked for: without it the next trigger would start, and the quota pay for, the same again,
4. the records of the files.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING

from sekoia_export.errors import UsageError
from sekoia_export.operations.fetched import is_unchanged
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.operations.remembered import LONGEST_KEPT, Remembered
from sekoia_export.results.management import DeleteResults
from sekoia_export.state import BegunRecord, ExportRecord, FetchRecord, QueryRecord, Record, SearchRecord, TaskRecord
from sekoia_export.transfer.data_storage import PARTS_FOLDER, parts_stem

if TYPE_CHECKING:
    from datetime import datetime

    from sekoia_export.arguments.management import DeleteArguments
    from sekoia_export.operations.step import Step

log = logging.getLogger(__name__)


def delete_export(step: Step, arguments: DeleteArguments) -> Outcome[DeleteResults]:
    """Delete fetched files and what is remembered of them.

    Branches: deleted, empty (nothing there is to be deleted).

    Raises:
        UsageError: nothing says what to delete, or the file is not one that this module fetched.
        StateCorrupt: what is remembered cannot be read.
        DataStorageError: the data storage failed.
    """
    arguments.check_selection()
    deletion = _Deletion(step, arguments)
    deletion.delete_files()
    deletion.delete_leftovers()
    deletion.forget_exports()
    deletion.forget_files()
    results = deletion.results()
    log.info("%d files and %d state files are deleted.", len(results.deleted), results.forgotten)
    return Outcome(Branch.DELETED if results.deleted or results.forgotten else Branch.EMPTY, results)


class _Deletion:
    """What is to be deleted, and what of it was.

    Raises:
        UsageError: as `delete_export`.
    """

    def __init__(self, step: Step, arguments: DeleteArguments) -> None:
        self._step = step
        self._storage = step.storage
        self._now = step.clock.now()
        self._job = str(arguments.job_uuid) if arguments.job_uuid else None
        self._task = str(arguments.task_uuid) if arguments.task_uuid else None
        older_than = arguments.older_than
        self._before = None if older_than is None else self._now - timedelta(seconds=older_than)
        self._path = arguments.file_path
        if self._path is not None:
            self._path = self._storage.check_name(self._path, argument="file_path")
        self._remembered = Remembered(step)
        self._fetches = self._remembered.fetches
        self._begun = {
            name: record
            for name in step.state.names(BegunRecord)
            if (record := step.state.read(BegunRecord, name)) is not None
        }
        self._check_path()
        self._selected = [
            name
            for name, record in self._fetches.items()
            if self._is_asked_for(record) and self._is_old(record.fetched_at)
        ]
        self._deleted: list[str] = []
        self._kept: list[str] = []
        self._freed_bytes = 0
        self._forgotten = 0

    def delete_files(self) -> None:
        """Delete the fetched files."""
        of_path: dict[str, list[FetchRecord]] = defaultdict(list)
        for name in self._selected:
            record = self._fetches[name]
            of_path[record.file_path].append(record)
        for path, records in of_path.items():
            self._delete_file(path, records)

    def delete_leftovers(self) -> None:
        """Delete the parts that unfinished fetches keep, and forget whose they were."""
        stems = {name: parts_stem(record.file_path) for name, record in self._begun.items()}
        asked_for = {stem for name, stem in stems.items() if self._is_asked_for(self._begun[name])}
        if self._path is not None:
            asked_for.add(parts_stem(self._path))
        everything = self._path is self._job is self._task is None
        stays = set()
        for leftover in self._storage.leftovers():
            name = f"{PARTS_FOLDER}/{leftover.stem}"
            if not (everything or leftover.stem in asked_for):
                continue
            if not self._is_old(leftover.changed_at):
                stays.add(leftover.stem)
            elif self._storage.drop_leftover(leftover.stem):
                self._deleted.append(name)
                self._freed_bytes += leftover.size_bytes
            else:
                log.warning("%s is being fetched right now, and is kept.", name)
                self._kept.append(name)
                stays.add(leftover.stem)
        for name, record in self._begun.items():
            if self._is_asked_for(record) and self._is_old(record.began_at) and stems[name] not in stays:
                self._forget(BegunRecord, name)

    def forget_exports(self) -> None:
        """Forget the exports and searches whose time is over."""
        if self._path is not None:
            return
        over: list[tuple[type[ExportRecord], str]] = []
        left, gone = set(), set()
        for kind in (TaskRecord, ExportRecord):
            for name in self._step.state.names(kind):
                record = self._step.state.read(kind, name)
                if record is not None and self._is_asked_for(record) and self._is_over(record):
                    over.append((kind, name))
                    gone.add(record.job_uuid)
                elif record is not None:
                    left.add(record.job_uuid)
        # What leads to the exports goes first: once they are gone, nothing tells any more that its time is over.
        for name in self._step.state.names(QueryRecord):
            query = self._step.state.read(QueryRecord, name)
            if query is not None and gone.intersection(query.jobs) and not left.intersection(query.jobs):
                self._forget(QueryRecord, name)
        for name in self._step.state.names(SearchRecord):
            search = self._step.state.read(SearchRecord, name)
            if search is None or self._task is not None or self._job not in {None, search.job_uuid}:
                continue
            if search.job_uuid not in left and self._is_old(search.asked_at) and self._is_past(search.asked_at):
                self._forget(SearchRecord, name)
        for kind, name in over:
            self._forget(kind, name)

    def forget_files(self) -> None:
        """Forget the fetched files: last, as they tell when an export's time was over."""
        for name in self._selected:
            self._forget(FetchRecord, name)

    def results(self) -> DeleteResults:
        """Return what was deleted so far."""
        return DeleteResults(
            deleted=self._deleted, kept=self._kept, freed_bytes=self._freed_bytes, forgotten=self._forgotten
        )

    def _check_path(self) -> None:
        """Raise UsageError when the path is of a file that this module did not fetch."""
        path = self._path
        known = {record.file_path for record in self._fetches.values()}
        known |= {record.file_path for record in self._begun.values()}
        if path is not None and path not in known and self._storage.size(path) is not None:
            raise UsageError(
                f"The argument file_path names a file that this module did not fetch: {path}.",
                "Give file_path as the results of fetch_and_decrypt have it; other files are never deleted.",
            )

    def _delete_file(self, path: str, records: list[FetchRecord]) -> None:
        try:
            # What lies there may have become a folder, or a link that leads elsewhere.
            self._storage.check_name(path, argument="file_path")
            if self._storage.size(path) is None:
                return
            is_ours = any(is_unchanged(self._storage, record) for record in records)
        except UsageError:
            is_ours = False
        if not is_ours:
            log.warning("%s is not the file that was fetched any more, and is kept.", path)
            self._kept.append(path)
            return
        self._storage.delete(path)
        self._deleted.append(path)
        self._freed_bytes += records[0].file_size

    def _is_asked_for(self, record: FetchRecord | BegunRecord | ExportRecord) -> bool:
        path = getattr(record, "file_path", None)
        return (
            self._job in {None, record.job_uuid}
            and self._task in {None, record.task_uuid}
            and (self._path is None or self._path == path)
        )

    def _is_old(self, moment: datetime) -> bool:
        return self._before is None or moment <= self._before

    def _is_past(self, moment: datetime) -> bool:
        return moment + LONGEST_KEPT <= self._now

    def _is_over(self, record: ExportRecord) -> bool:
        """Return whether an export is old enough, and can no longer be taken up or fetched."""
        ends = [
            fetch.expire_at
            for fetch in self._remembered.fetches_of(record.job_uuid)
            if record.task_uuid is not None and fetch.task_uuid == record.task_uuid and fetch.expire_at is not None
        ]
        over = max(ends) <= self._now if ends else self._is_past(record.asked_at)
        return over and self._is_old(record.asked_at)

    def _forget(self, kind: type[Record], name: str) -> None:
        self._step.state.delete(kind, name)
        self._forgotten += 1
