"""Fetch: a finished export's file is brought into the data storage, decrypted, verified and counted, once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sekoia_export.archive import ArchiveOptions
from sekoia_export.encryption import Encryption
from sekoia_export.errors import LinkExpired, ObjectChanged, ObjectMissing
from sekoia_export.operations.fetched import FetchedFiles
from sekoia_export.operations.keys import check_keys
from sekoia_export.operations.locate import FinishedExport, locate, read_record
from sekoia_export.operations.opening import open_export
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.operations.summary import look_up, of_expired, of_file
from sekoia_export.results.chain import FetchResults
from sekoia_export.state import BegunRecord, FetchRecord
from sekoia_export.times import format_moment
from sekoia_export.transfer.download import download
from sekoia_export.transfer.progress import Observer, TransferProgress, silent

if TYPE_CHECKING:
    from collections.abc import Callable
    from uuid import UUID

    from sekoia_export.archive import ArchiveFacts, ArchiveFormat
    from sekoia_export.arguments.chain import FetchArguments
    from sekoia_export.operations.step import Step

log = logging.getLogger(__name__)


def fetch_and_decrypt(
    step: Step, arguments: FetchArguments, *, on_progress: Observer = silent
) -> Outcome[FetchResults]:
    """Fetch the file of a finished export.

    Branches: fetched; incomplete (the file is sound and holds another number of events than was exported; it is kept);
    expired (the storage refuses the link, read again, as expired; or all is gone and its time is over).

    Raises:
        UsageError, ConfigurationError: a file name, key or secret cannot be used as given.
        JobNotReady, NotFound: the export has not finished, or is not known.
        KeyRefused: no key at hand opens the file.
        DamagedExport: the file is no sound gzip of JSON Lines.
        StorageError, TransferFailed, DataStorageError, DiskFull: as their names say.
    """
    check_fetch(step, arguments)
    started_s = step.clock.monotonic()
    files = FetchedFiles(step, arguments)
    export: FinishedExport | None = None

    def seconds() -> float:
        return round(step.clock.monotonic() - started_s, 3)

    def fetched_before(task_uuid: UUID | None) -> Outcome[FetchResults] | None:
        record = files.still_there(task_uuid) if task_uuid is not None else None
        if record is None:
            return None
        log.info("The export was fetched and verified before: %s.", record.file_path)
        return _fetched(step, record, preview=files.preview(record), duration_s=seconds())

    if outcome := fetched_before(arguments.task_uuid):
        return outcome
    try:
        export = locate(step, job_uuid=arguments.job_uuid, task_uuid=arguments.task_uuid)
        if arguments.task_uuid is None and (outcome := fetched_before(export.task_uuid)):
            return outcome
        name = step.storage.check_name(arguments.file_name or default_name(export, arguments.format))
        fetching = _Fetching(step, arguments, files, name=name, on_progress=on_progress)
        try:
            record, preview = fetching.bring(export)
        except ObjectChanged as changed:
            log.warning("%s The new one is fetched from its start.", changed.cause)
            record, preview = fetching.bring(export)
    except (LinkExpired, ObjectMissing) as gone:
        if isinstance(gone, ObjectMissing) and not (export and export.is_over(step.clock.now())):
            raise
        log.warning("%s %s", gone.cause, LinkExpired.remedy)
        about = _About(step, arguments, export)
        return Outcome(Branch.EXPIRED, _expired(export, about, duration_s=seconds()))
    return _fetched(step, record, preview=preview, duration_s=seconds())


class _Fetching:
    """A file being brought from the storage to the data storage."""

    def __init__(
        self, step: Step, arguments: FetchArguments, files: FetchedFiles, *, name: str, on_progress: Observer
    ) -> None:
        self._step = step
        self._arguments = arguments
        self._files = files
        self._name = name
        self._on_progress = on_progress

    def bring(self, export: FinishedExport) -> tuple[FetchRecord, list[dict[str, object]]]:
        """Fetch, verify and remember the file; return its record and its first events."""
        records: list[FetchRecord] = []
        # Before the transfer, which may outlast the search job.
        about = _About(self._step, self._arguments, export)
        with open_export(self._step, export, explicit=self._arguments.encryption_key) as opened:

            def remember(facts: ArchiveFacts) -> None:
                # Before the file has its name: a process that is killed in between finds either both or neither.
                record = self._record(opened.export, about, facts, opened.encryption)
                records.append(record)
                self._files.remember(record, opened.export.task_uuid)

            self._files.begin(self._begun(opened.export), opened.export.task_uuid)
            facts = download(
                opened.source,
                probe=opened.probe,
                storage=self._step.storage,
                name=self._name,
                options=ArchiveOptions(format=self._arguments.format, preview_count=self._arguments.preview),
                deadline=self._step.deadline,
                refresh=opened.reread,
                before_publish=remember,
                on_progress=_both(_TenthsOfBytes(), self._on_progress),
            )
            self._files.end(opened.export.task_uuid)
            record = opened.export.record
            if opened.encryption is Encryption.NONE and record is not None and record.sent_a_key:
                log.warning("The export was asked for with an encryption key, and its file opens without one.")
        return records[-1], facts.preview

    def _begun(self, export: FinishedExport) -> BegunRecord:
        return BegunRecord(
            job_uuid=str(export.job_uuid),
            task_uuid=str(export.task_uuid or ""),
            file_path=self._name,
            began_at=self._step.clock.now(),
        )

    def _record(
        self, export: FinishedExport, about: _About, facts: ArchiveFacts, encryption: Encryption
    ) -> FetchRecord:
        return FetchRecord(
            job_uuid=str(export.job_uuid),
            task_uuid=str(export.task_uuid or ""),
            file_path=self._name,
            file_size=facts.written_size_bytes,
            compressed_size=facts.compressed_size_bytes,
            events_count=facts.events_count,
            expected_events=export.expected_events,
            sha256=facts.sha256,
            encryption=encryption,
            expire_at=export.expire_at,
            fetched_at=self._step.clock.now(),
            fields=about.fields,
            searched=about.searched,
        )


class _About:
    """What an export holds, as far as this data storage or the platform tells.

    Attributes:
        fields: the exported ones.
        searched: what was searched for.
    """

    def __init__(self, step: Step, arguments: FetchArguments, export: FinishedExport | None) -> None:
        record = export.record if export else read_record(step, arguments.task_uuid)
        self.fields = record.fields if record else export.fields if export else None
        self.searched = (record.searched if record else None) or look_up(step, arguments.job_uuid)


def check_fetch(step: Step, arguments: FetchArguments) -> None:
    """Raise UsageError or ConfigurationError when fetching cannot work as asked for, before anything is asked."""
    if arguments.file_name is not None:
        step.storage.check_name(arguments.file_name)
    check_keys(step.configuration, explicit=arguments.encryption_key, job_uuid=arguments.job_uuid)


def default_name(export: FinishedExport, file_format: ArchiveFormat) -> str:
    """Return the file's name where none is given: the search job's, the task's, the format."""
    parts: list[UUID] = [uuid for uuid in (export.job_uuid, export.task_uuid) if uuid]
    return f"{'-'.join(map(str, parts))}.{file_format.value}"


def _fetched(
    step: Step, record: FetchRecord, *, preview: list[dict[str, object]], duration_s: float
) -> Outcome[FetchResults]:
    complete = None if record.expected_events is None else record.events_count == record.expected_events
    if complete is False:
        log.warning(
            "The file %s is sound and holds %d events, and the platform exported %d.",
            record.file_path,
            record.events_count,
            record.expected_events,
        )
    else:
        log.info("The file %s holds %s events and is verified.", record.file_path, f"{record.events_count:,}")
    results = FetchResults(
        file_path=record.file_path,
        file_size=record.file_size,
        compressed_size=record.compressed_size,
        events_count=record.events_count,
        expected_events=record.expected_events,
        complete=complete,
        sha256=record.sha256,
        preview=preview,
        encryption=record.encryption,
        expire_at=format_moment(record.expire_at) if record.expire_at else None,
        duration_seconds=duration_s,
        summary=of_file(record, folder=step.surroundings.folder),
    )
    return Outcome(Branch.INCOMPLETE if complete is False else Branch.FETCHED, results)


def _expired(export: FinishedExport | None, about: _About, *, duration_s: float) -> FetchResults:
    expire_at = export.expire_at if export else None
    return FetchResults(
        file_path=None,
        file_size=None,
        compressed_size=None,
        events_count=None,
        expected_events=export.expected_events if export else None,
        complete=None,
        sha256=None,
        preview=[],
        encryption=None,
        expire_at=format_moment(expire_at) if expire_at else None,
        duration_seconds=duration_s,
        summary=of_expired(about.searched, fields=about.fields, expire_at=expire_at),
    )


class _TenthsOfBytes:
    """An observer that logs a transfer's progress at most every 10 %."""

    def __init__(self) -> None:
        self._next_percent = 10.0

    def __call__(self, progress: TransferProgress) -> None:
        if not progress.total_bytes:
            return
        percent = 100 * progress.done_bytes / progress.total_bytes
        if percent >= self._next_percent:
            self._next_percent = percent // 10 * 10 + 10
            log.info(f"Fetched {progress.done_bytes:,} of {progress.total_bytes:,} bytes ({percent:.0f} %).")


def _both(first: Callable[[TransferProgress], None], second: Observer) -> Observer:
    def observe(progress: TransferProgress) -> None:
        first(progress)
        second(progress)

    return observe
