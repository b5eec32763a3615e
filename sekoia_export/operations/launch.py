"""Starting an export once: an export costs quota, and an answer can be lost on any way.

Before the request is sent, an intent is written: what is asked for, and which exports the search job already has. When
the answer is lost, here or in a process that died, the platform's listing tells: an export that was not there before is
the one. Only when the listing shows nothing new is the request sent again, and three times at most.

::

    intent written -> sent -> answered                         record closed
                           -> refused                          what was there before is put back
                           -> answer lost -> listed for 5 s -> found:   record closed
                                                            -> nothing: sent again; a refusal now means: list again
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING
from uuid import UUID

from sekoia_export.encryption import Encryption
from sekoia_export.errors import (
    AnswerLost,
    DeadlineExceeded,
    ExportBusy,
    NetworkError,
    PlatformError,
    SseCUnsupported,
)
from sekoia_export.operations.ledger import Ledger
from sekoia_export.operations.listing import Listing
from sekoia_export.operations.summary import searched_by
from sekoia_export.state import ExportRecord, fingerprint
from sekoia_export.times import absolute_moment

if TYPE_CHECKING:
    from collections.abc import Callable

    from sekoia_export.api.models import SearchJob
    from sekoia_export.operations.bucket import OwnBucket
    from sekoia_export.operations.keys import KeyChoice
    from sekoia_export.operations.slot import Slot
    from sekoia_export.operations.step import Step

log = logging.getLogger(__name__)

_MOST_REQUESTS = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportRequest:
    """What is asked for.

    Attributes:
        job_uuid: the search job.
        fields: exact names, in the order they are sent.
        key: the key and how it was chosen.
        bucket: the own bucket; None for the platform's.
    """

    job_uuid: UUID
    fields: list[str]
    key: KeyChoice
    bucket: OwnBucket | None

    def name_by_job(self, job_uuid: str, *, root: str) -> str:
        """Return the name of the same export of a search job."""
        return self._name(root, ["job", job_uuid])

    def name_by_query(self, job: SearchJob, *, root: str) -> str | None:
        """Return the name of the same export of any search job like `job`.

        None unless the period is absolute and was over when the search began: a later search then finds the same.
        """
        start, end = absolute_moment(job.earliest_time), absolute_moment(job.latest_time)
        if not (job.term and start and end and job.created_at and end <= job.created_at):
            return None
        communities = sorted(job.community_uuids or ())
        return self._name(root, ["query", job.term, start, end, communities, job.max_last_events, job.filters])

    def _name(self, root: str, source: list[object]) -> str:
        target = [self.bucket.name, self.bucket.prefix, self.bucket.endpoint_url] if self.bucket else None
        return fingerprint(root, source, sorted(self.fields), self.key.encryption, target)

    def served_by(self, record: ExportRecord) -> bool:
        """Return whether an export of the same name is as well encrypted as this one has to be."""
        return record.sent_encryption is not Encryption.NONE or self.key.droppable


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
        job: the search job; None when the platform has forgotten it, and only what is there can be taken up.
        reuse: whether an export of an earlier run that is the same may be taken up.
        readable: tells of an export that the platform confirmed whether the key at hand can open it.
    """

    def __init__(
        self,
        step: Step,
        request: ExportRequest,
        *,
        job: SearchJob | None,
        reuse: bool,
        readable: Callable[[ExportRecord], bool],
    ) -> None:
        root = step.platform.client.root
        self._step = step
        self._request = request
        self._searched = searched_by(job) if job is not None else None
        self._reuse = reuse
        self._readable = readable
        self._listing = Listing(step)
        self._ledger = Ledger(
            step.state,
            job_uuid=request.job_uuid,
            by_job=lambda job_uuid: request.name_by_job(job_uuid, root=root),
            by_query=request.name_by_query(job, root=root) if job is not None else None,
        )
        self._intent: ExportRecord | None = None
        self._not_ours: list[str] = []

    def take_up(self) -> Launched | None:
        """Return an export that is there already, or None: the same of an earlier run, or what a lost request began.

        Raises:
            AnswerLost: a request was lost, and the platform does not tell which export came of it.
            StateCorrupt: what earlier runs did cannot be read.
        """
        for record in self._ledger.records():
            if record.task_uuid is not None:
                found = record if self._reuse and self._listing.confirms(record) else None
            else:
                found = self._resolved(record) if self._is_open_for_us(record) else None
            if found is None or found.task_uuid is None:
                continue
            if self._request.served_by(found) and self._readable(found):
                log.info("The same export is there already and is taken up: task %s.", found.task_uuid)
                return self._launched(found, UUID(found.task_uuid))
            self._not_ours.append(found.task_uuid)
        return None

    def start(self, slot: Slot) -> Launched | None:
        """Return the export, started now; None when another one kept running while the slot was waited for.

        Raises:
            SseCUnsupported, QuotaExceeded and other refusals: nothing was started.
            AnswerLost: three requests were lost, and nothing new is listed; a rerun finds out.
        """
        while True:
            try:
                return self._start()
            except ExportBusy as busy:
                # The one that runs may be what a lost request began, or what another process asked for alike.
                if slot.remaining_s <= 0:
                    log.warning("%s", busy.cause)
                    return self.take_up()
                log.info("%s Waiting for the slot, %.0f s left.", busy.cause, slot.remaining_s)
            slot.pause()
            if launched := self.take_up():
                return launched

    def _start(self) -> Launched:
        intent, uncertain = self._new_intent()
        encryption = self._request.key.encryption
        requests_left = _MOST_REQUESTS
        while True:
            self._intent = intent = intent.model_copy(update={"sent_encryption": encryption})
            self._ledger.open(intent)
            try:
                return self._launched(intent, self._send(encryption))
            except AnswerLost as lost:
                log.warning("%s Looking for it in the platform's list.", lost.cause)
                uncertain = True
                if task_uuid := self._listing.new_since(intent):
                    return self._launched(intent, task_uuid)
                requests_left -= 1
                if not requests_left:
                    raise
            except (PlatformError, NetworkError, DeadlineExceeded) as refusal:
                if isinstance(refusal, SseCUnsupported) and self._may_go_without(encryption):
                    log.warning("%s The export goes on without a customer key.", refusal.cause)
                    encryption = Encryption.NONE
                    continue
                if not uncertain:
                    self._ledger.withdraw()
                    raise
                # The lost request's export may be what this one is refused for; a busy one is looked for by `start`.
                if isinstance(refusal, ExportBusy) or not isinstance(refusal, PlatformError):
                    raise
                if task_uuid := self._listing.new_since(intent):
                    return self._launched(intent, task_uuid)
                raise

    def _new_intent(self) -> tuple[ExportRecord, bool]:
        """Return what is about to be asked for, and whether a lost request for it may still turn out to have worked."""
        request = self._request
        earlier = self._ledger.own()
        lost = earlier if earlier is not None and self._is_open_for_us(earlier) else None
        before = self._listing.names(request.job_uuid) if lost is None else lost.before
        intent = ExportRecord(
            job_uuid=str(request.job_uuid),
            fields=request.fields,
            encryption=request.key.encryption,
            sent_encryption=request.key.encryption,
            s3_bucket=request.bucket.name if request.bucket else None,
            s3_prefix=request.bucket.prefix if request.bucket else None,
            playbook_run_uuid=self._step.surroundings.run_uuid,
            asked_at=self._step.clock.now(),
            before=[*before, *self._not_ours],
            searched=self._searched,
        )
        return intent, lost is not None

    def _is_open_for_us(self, record: ExportRecord) -> bool:
        """Return whether it is not known what came of the record's request, and this run is to find out."""
        same_run = record.playbook_run_uuid == self._step.surroundings.run_uuid
        return record.task_uuid is None and (self._reuse or same_run)

    def _resolved(self, intent: ExportRecord) -> ExportRecord | None:
        task_uuid = self._listing.new_since(intent)
        return None if task_uuid is None else intent.model_copy(update={"task_uuid": str(task_uuid)})

    def _may_go_without(self, encryption: Encryption) -> bool:
        return self._request.key.droppable and encryption is not Encryption.NONE

    def _send(self, encryption: Encryption) -> UUID:
        request = self._request
        s3 = request.bucket.export_fields() if request.bucket else {}
        if request.key.key is not None and encryption is not Encryption.NONE:
            s3 |= request.key.key.export_fields()
        return self._step.platform.start_export(request.job_uuid, fields=request.fields, s3=s3)

    def _launched(self, record: ExportRecord, task_uuid: UUID) -> Launched:
        reused = self._intent is None or record.asked_at != self._intent.asked_at
        return Launched(self._ledger.close(record, task_uuid), reused=reused)
