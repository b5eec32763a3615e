"""Trigger: a search job's events are exported, once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import UUID

from sekoia_export.api.client import LONG_PATIENCE_S
from sekoia_export.api.models import JobStatus, SearchJob
from sekoia_export.api.platform import MOST_EVENTS
from sekoia_export.encryption import Encryption
from sekoia_export.errors import (
    JobExpired,
    JobNotReady,
    KeyRefused,
    LinkExpired,
    NotFound,
    ObjectMissing,
    PlatformError,
    StorageError,
    TransferFailed,
    UsageError,
)
from sekoia_export.operations.bucket import own_bucket
from sekoia_export.operations.keys import choose_key
from sekoia_export.operations.launch import ExportRequest, Launcher
from sekoia_export.operations.locate import locate
from sekoia_export.operations.opening import open_export
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.operations.slot import Slot
from sekoia_export.operations.watching import UNWATCHED, Phase, Watcher
from sekoia_export.results.chain import TriggerResults

if TYPE_CHECKING:
    from pydantic import SecretStr

    from sekoia_export.arguments.chain import TriggerArguments
    from sekoia_export.operations.step import Step
    from sekoia_export.state import ExportRecord

log = logging.getLogger(__name__)

TRIGGER_TIMEOUT_S = 300.0
"""How long triggering may take beside waiting for a slot: a few requests, and listings after lost answers."""


def trigger_export(step: Step, arguments: TriggerArguments, *, watcher: Watcher = UNWATCHED) -> Outcome[TriggerResults]:
    """Start the export of a search job, or take up the same one.

    Branches: triggered; busy (another export ran on while a slot was waited for).

    Raises:
        UsageError, ConfigurationError: the key, the own bucket or the fields cannot be used as given.
        JobNotReady, JobExpired, NotFound: the search job cannot be exported, and has no export that could be taken up.
        StorageError: the own bucket refused a trial object.
        QuotaExceeded, SseCUnsupported and other refusals of the platform.
        AnswerLost: it is not known whether the export was started; a rerun finds out.
    """
    watcher.entered(Phase.TRIGGERING)
    request = ExportRequest(
        job_uuid=arguments.job_uuid,
        fields=arguments.all_fields,
        key=choose_key(
            step.configuration,
            choice=arguments.encryption,
            explicit=arguments.encryption_key,
            job_uuid=arguments.job_uuid,
        ),
        bucket=own_bucket(step.configuration, bucket=arguments.s3_bucket, prefix=arguments.s3_prefix),
    )
    if arguments.wait_for_slot:
        step = step.within(step.deadline, patience_s=LONG_PATIENCE_S)
    found = _search_job(step, arguments.job_uuid)
    job = found if isinstance(found, SearchJob) else None
    if job is not None:
        check_job(job)

    def readable(record: ExportRecord) -> bool:
        return _opens(step, record, arguments.encryption_key)

    launcher = Launcher(step, request, job=job, reuse=arguments.reuse, readable=readable)
    launched = launcher.take_up()
    if launched is None:
        if isinstance(found, PlatformError):
            raise found
        if request.bucket is not None:
            request.bucket.try_out(key=request.key.key)
        launched = launcher.start(Slot(step, found, wait_s=arguments.wait_for_slot, watcher=watcher))
    if launched is None:
        return Outcome(Branch.BUSY, _busy(request))
    record = launched.record
    watcher.export_task(UUID(record.job_uuid), UUID(record.task_uuid or ""))
    log.info("The export of the search job %s is under way: task %s.", record.job_uuid, record.task_uuid)
    results = TriggerResults(
        task_uuid=record.task_uuid,
        job_uuid=record.job_uuid,
        fields=record.fields,
        encryption=record.sent_encryption,
        s3_bucket=record.s3_bucket,
        reused=launched.reused,
    )
    return Outcome(Branch.TRIGGERED, results)


def check_job(job: SearchJob) -> None:
    """Raise JobNotReady or UsageError when the search job cannot be exported."""
    match job.status:
        case JobStatus.DONE:
            pass
        case JobStatus.NOT_STARTED | JobStatus.IN_PROGRESS:
            raise JobNotReady(f"The search job {job.uuid} is not done yet.")
        case _:
            raise JobNotReady(f"The search job {job.uuid} ended as {job.status.name}.", "Run the search again.")
    matching = min(job.total or 0, job.max_last_events or MOST_EVENTS + 1)
    if matching > MOST_EVENTS:
        raise UsageError(
            f"The search job {job.uuid} matches {job.total:,} events, and an export holds {MOST_EVENTS:,} at most.",
            "Narrow the query or split the period into several search jobs, and export each.",
        )


def _search_job(step: Step, job_uuid: UUID) -> SearchJob | PlatformError:
    """Return the search job, or why there is none: exports are kept for longer than the search job they came from."""
    try:
        return step.platform.search_job(job_uuid)
    except (JobExpired, NotFound) as failure:
        return failure


def _busy(request: ExportRequest) -> TriggerResults:
    return TriggerResults(
        task_uuid=None,
        job_uuid=str(request.job_uuid),
        fields=request.fields,
        encryption=request.key.encryption,
        s3_bucket=request.bucket.name if request.bucket else None,
        reused=False,
    )


def _opens(step: Step, record: ExportRecord, explicit: SecretStr | None) -> bool:
    """Return whether an export that was made with an explicit key opens with the one given now.

    Nothing of a key is kept, so only storage can tell. Where it cannot, because the export still runs or the bucket
    may not be read from here, the same playbook run is taken at its word: its rerun has the same arguments.
    """
    if record.sent_encryption is not Encryption.PROVIDED:
        return True
    run_uuid = step.surroundings.run_uuid
    same_run = run_uuid is not None and record.playbook_run_uuid == run_uuid
    try:
        export = locate(step, job_uuid=UUID(record.job_uuid), task_uuid=UUID(record.task_uuid or ""))
        with open_export(step, export, explicit=explicit):
            return True
    except (KeyRefused, LinkExpired, ObjectMissing) as failure:
        log.info("The export of an earlier run cannot be read: %s", failure.cause)
        return False
    except (JobNotReady, StorageError) as failure:
        if isinstance(failure, TransferFailed) and not same_run:
            raise  # the storage may tell another time; a second export costs quota
        return same_run
