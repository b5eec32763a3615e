"""Starting an export once: an export costs quota, and an answer can be lost on any way.

Before the request is sent, an intent is written: what is asked for, and which exports the search job already has. When
the answer is lost, here or in a process that died, the platform's listing tells: an export that was not there before is
the one. Only when the listing shows nothing new is the request sent again, and three times at most.

::

    intent written -> sent -> answered                         record closed
                           -> refused                          intent withdrawn
                           -> answer lost -> listed for 5 s -> found:   record closed
                                                            -> nothing: sent again; busy now means: list again
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from sekoia_export.api.models import ExportEntry, SearchJob, TaskStatus
from sekoia_export.clock import Deadline
from sekoia_export.encryption import Encryption
from sekoia_export.errors import (
    AnswerLost,
    DeadlineExceeded,
    ExportBusy,
    JobExpired,
    NetworkError,
    NotFound,
    PlatformError,
    SseCUnsupported,
)
from sekoia_export.state import ExportRecord, TaskRecord, fingerprint
from sekoia_export.times import absolute_moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from sekoia_export.operations.bucket import OwnBucket
    from sekoia_export.operations.keys import KeyChoice
    from sekoia_export.operations.step import Step

log = logging.getLogger(__name__)

LISTING_S = 5.0
DOWNLOAD_WINDOW = timedelta(hours=24)
"""How long the platform keeps a finished export, as documented."""
_LISTING_INTERVAL_S = 1.0
_MOST_REQUESTS = 3
_FIRST_SLOT_INTERVAL_S = 5.0
_LONGEST_SLOT_INTERVAL_S = 30.0
_KEEP_ALIVE_INTERVAL_S = 120.0
_KEEP_ALIVE_TTL_S = 1800


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What is asked for.

    Attributes:
        job: the search job, as the platform describes it.
        fields: exact names, in the order they are sent.
        key: the key and how it was chosen.
        bucket: the own bucket; None for the platform's.
    """

    job: SearchJob
    fields: list[str]
    key: KeyChoice
    bucket: OwnBucket | None

    @property
    def job_uuid(self) -> UUID:
        return UUID(self.job.uuid)

    def identity(self, *, root: str) -> str:
        """Return the name under which the same export is remembered.

        The same is: the same search job, or the same query over the same absolute period that was over when the search
        began (a later search of an open period finds more), fields, way of encryption and target.
        """
        job = self.job
        start, end = absolute_moment(job.earliest_time), absolute_moment(job.latest_time)
        source: list[object]
        if job.term and start and end and job.created_at and end <= job.created_at:
            source = [
                "query",
                job.term,
                start,
                end,
                sorted(job.community_uuids or ()),
                job.max_last_events,
                job.filters,
            ]
        else:
            source = ["job", job.uuid]
        target = [self.bucket.name, self.bucket.prefix, self.bucket.endpoint_url] if self.bucket else None
        return fingerprint(root, source, self.fields, self.key.encryption, target)


@dataclass(frozen=True, slots=True)
class Launched:
    """An export under way or done, started or taken up.

    Attributes:
        record: what was asked for, with the task's uuid.
        reused: whether an earlier run had started it.
    """

    record: ExportRecord
    reused: bool


class Launcher:
    """Starts one export once.

    Args:
        step: whose platform, state and deadline are used.
        request: what is asked for.
    """

    def __init__(self, step: Step, request: ExportRequest) -> None:
        self._step = step
        self._request = request
        self._name = request.identity(root=step.platform.client.root)
        self._sent = False

    def launch(
        self, *, reuse: bool, wait_for_slot_s: float, readable: Callable[[ExportRecord], bool]
    ) -> Launched | None:
        """Return the export, started or taken up; None when another export kept running while a slot was waited for.

        Args:
            reuse: whether an export of an earlier run that is the same may be taken up.
            wait_for_slot_s: how long to wait while another export runs.
            readable: tells of an export that the platform confirmed whether the key at hand can open it.

        Raises:
            SseCUnsupported, QuotaExceeded and other refusals: nothing was started.
            AnswerLost: three requests were lost, and nothing new is listed.
            StateCorrupt: what earlier runs did cannot be read.
        """
        record = self._step.state.read(ExportRecord, self._name)
        if record is not None and record.task_uuid is not None:
            if reuse and self._still_there(record) and readable(record):
                log.info("The same export is there already and is taken up: task %s.", record.task_uuid)
                return Launched(record, reused=True)
            record = None
        return self._start_in_slot(wait_for_slot_s, open_intent=record)

    def _start_in_slot(self, wait_for_slot_s: float, *, open_intent: ExportRecord | None) -> Launched | None:
        step = self._step
        slot = step.deadline.within(wait_for_slot_s)
        keep_alive_at = step.clock.monotonic()
        interval_s = _FIRST_SLOT_INTERVAL_S
        while True:
            try:
                return Launched(self._start(open_intent), reused=not self._sent)
            except _StillBusy as busy:
                open_intent = busy.open_intent
                if slot.remaining_s() <= 0:
                    log.warning("%s", busy.cause)
                    return None
                log.info("%s Waiting for the slot, %.0f s left.", busy.cause, slot.remaining_s())
            if step.clock.monotonic() >= keep_alive_at:
                self._keep_alive()
                keep_alive_at = step.clock.monotonic() + _KEEP_ALIVE_INTERVAL_S
            step.clock.sleep(min(interval_s, slot.remaining_s()))
            interval_s = min(_LONGEST_SLOT_INTERVAL_S, interval_s * 1.5)

    def _start(self, open_intent: ExportRecord | None) -> ExportRecord:
        """Return the closed record of the export: the one an open intent had started, or of a request sent now."""
        encryption = self._request.key.encryption
        last: AnswerLost | None = None
        for _ in range(_MOST_REQUESTS):
            if open_intent is not None:
                found = self._look_for_new(open_intent)
                if found is not None:
                    return found
                if open_intent.job_uuid != str(self._request.job_uuid):
                    open_intent = None  # a new search for the same: what it is asked for now is its own job's export
            intent = open_intent or self._intent()
            intent = intent.model_copy(update={"sent_encryption": encryption})
            self._step.state.write(intent, self._name)
            try:
                return self._close(intent, self._send(encryption))
            except AnswerLost as failure:
                log.warning("%s Looking for it in the platform's list.", failure.cause)
                self._sent, open_intent, last = True, intent, failure
            except SseCUnsupported as unsupported:
                if not self._request.key.droppable:
                    self._withdraw(open_intent)
                    raise
                log.warning("%s The export goes on without a customer key.", unsupported.cause)
                encryption = Encryption.NONE
            except ExportBusy as busy:
                # After a lost answer the export that runs may be the one that was asked for.
                found = self._look_for_new(open_intent) if open_intent else None
                if found is not None:
                    return found
                self._withdraw(open_intent)
                raise _StillBusy(busy.cause, open_intent) from busy
            except (PlatformError, NetworkError, DeadlineExceeded):
                self._withdraw(open_intent)
                raise
        found = self._look_for_new(intent)
        if found is not None:
            return found
        raise last or AssertionError

    def _withdraw(self, open_intent: ExportRecord | None) -> None:
        """Take back what was written for a request that was certainly refused; an older open intent stays."""
        if open_intent is None:
            self._step.state.delete(ExportRecord, self._name)

    def _send(self, encryption: Encryption) -> UUID:
        request = self._request
        s3 = request.bucket.export_fields() if request.bucket else {}
        if request.key.key is not None and encryption is not Encryption.NONE:
            s3 |= request.key.key.export_fields()
        task_uuid = self._step.platform.start_export(request.job_uuid, fields=request.fields, s3=s3)
        self._sent = True
        return task_uuid

    def _intent(self) -> ExportRecord:
        request = self._request
        return ExportRecord(
            job_uuid=str(request.job_uuid),
            fields=request.fields,
            encryption=request.key.encryption,
            sent_encryption=request.key.encryption,
            s3_bucket=request.bucket.name if request.bucket else None,
            s3_prefix=request.bucket.prefix if request.bucket else None,
            playbook_run_uuid=self._step.surroundings.run_uuid,
            asked_at=self._step.clock.now(),
            before=[_name(entry) for entry in self._listed(request.job_uuid)],
        )

    def _close(self, intent: ExportRecord, task_uuid: UUID) -> ExportRecord:
        record = intent.model_copy(update={"task_uuid": str(task_uuid)})
        self._step.state.write(record, self._name)
        self._step.state.write(TaskRecord(**record.model_dump()), str(task_uuid))
        return record

    def _listed(self, job_uuid: UUID) -> list[ExportEntry]:
        try:
            return self._step.platform.exports(job_uuid)
        except (NotFound, JobExpired):
            return []  # a search job without an export may have no list yet, one of an earlier run no list any more

    def _look_for_new(self, intent: ExportRecord) -> ExportRecord | None:
        """Return the closed record of an export that was not there before `intent`, or None after five seconds."""
        limit = Deadline(self._step.clock, LISTING_S)
        while True:
            fresh = [
                entry
                for entry in self._listed(UUID(intent.job_uuid))
                if _name(entry) not in intent.before
                and (entry.fields is None or sorted(entry.fields) == sorted(intent.fields))
                and entry.status not in {TaskStatus.FAILED, TaskStatus.CANCELED}
            ]
            if fresh:
                return self._take(intent, fresh)
            if limit.remaining_s() <= 0:
                return None
            self._step.clock.sleep(_LISTING_INTERVAL_S)

    def _take(self, intent: ExportRecord, fresh: list[ExportEntry]) -> ExportRecord:
        # One whose fields are listed and fit is surely the one; of several, the one that came first after the intent.
        fresh.sort(key=lambda entry: (entry.fields is None, entry.created_at or intent.asked_at))
        try:
            task_uuid = UUID(fresh[0].identity or "")
        except ValueError:
            raise AnswerLost(
                f"The export of the search job {intent.job_uuid} was started, and the platform lists it without "
                "the uuid of its task.",
                "Do not trigger it again: when it has had time to finish, fetch it by the search job's uuid alone.",
            ) from None
        return self._close(intent, task_uuid)

    def _still_there(self, record: ExportRecord) -> bool:
        """Return whether the platform confirms that the recorded export runs, or is finished and can be fetched."""
        task_uuid = UUID(record.task_uuid or "")
        now = self._step.clock.now()
        entry = next((entry for entry in self._listed(UUID(record.job_uuid)) if entry.names(str(task_uuid))), None)
        try:
            status = self._step.platform.task(task_uuid).status
        except NotFound:
            status = TaskStatus.UNKNOWN
        if entry is None:
            if status is TaskStatus.FINISHED:
                return now - record.asked_at < DOWNLOAD_WINDOW
            return status in {TaskStatus.PENDING, TaskStatus.RUNNING}
        if entry.fields is not None and sorted(entry.fields) != sorted(record.fields):
            return False
        if (entry.expire_at or record.asked_at + DOWNLOAD_WINDOW) <= now:
            return False
        ended_badly = {TaskStatus.FAILED, TaskStatus.CANCELED}
        return status not in ended_badly and entry.status not in ended_badly

    def _keep_alive(self) -> None:
        """Have the platform keep the search job: an expired one cannot be exported when the slot comes."""
        try:
            self._step.platform.keep_search_job(self._request.job_uuid, results_ttl_s=_KEEP_ALIVE_TTL_S)
        except (PlatformError, AnswerLost) as failure:
            log.warning("The search job could not be kept alive: %s", failure.cause)


class _StillBusy(Exception):
    """Another export runs; it may be that of `open_intent`, where there is one."""

    def __init__(self, cause: str, open_intent: ExportRecord | None) -> None:
        super().__init__(cause)
        self.cause = cause
        self.open_intent = open_intent


def _name(entry: ExportEntry) -> str:
    """Return what tells an entry from others; one without an id by when it was made."""
    return entry.identity or fingerprint(entry.created_at)
