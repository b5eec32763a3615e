"""Trigger: a search job's events are exported, once."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import UUID

from sekoia_export.api.models import JobStatus, SearchJob
from sekoia_export.api.platform import MOST_EVENTS
from sekoia_export.encryption import Encryption
from sekoia_export.errors import JobNotReady, StorageError, UsageError
from sekoia_export.operations.bucket import OwnBucket, own_bucket
from sekoia_export.operations.keys import KeyChoice, choose_key
from sekoia_export.operations.launch import ExportRequest, Launcher
from sekoia_export.operations.locate import locate
from sekoia_export.operations.opening import open_export
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.results import TriggerResults

if TYPE_CHECKING:
    from pydantic import SecretStr

    from sekoia_export.arguments import TriggerArguments
    from sekoia_export.operations.step import Step
    from sekoia_export.state import ExportRecord

log = logging.getLogger(__name__)

TRIGGER_TIMEOUT_S = 300.0
"""How long triggering may take beside waiting for a slot: a few requests, and listings after lost answers."""


def trigger_export(step: Step, arguments: TriggerArguments) -> Outcome[TriggerResults]:
    """Start the export of a search job, or take up the same one.

    Branches: triggered; busy (another export ran on while a slot was waited for).

    Raises:
        UsageError, ConfigurationError: the key, the own bucket or the fields cannot be used as given.
        JobNotReady, JobExpired, NotFound: the search job cannot be exported.
        StorageError: the own bucket refused a trial object.
        QuotaExceeded, SseCUnsupported and other refusals of the platform.
        AnswerLost: it is not known whether the export was started; a rerun finds out.
    """
    key = choose_key(
        step.configuration,
        choice=arguments.encryption,
        explicit=arguments.encryption_key,
        job_uuid=arguments.job_uuid,
    )
    bucket = own_bucket(step.configuration, bucket=arguments.s3_bucket, prefix=arguments.s3_prefix)
    job = step.platform.search_job(arguments.job_uuid)
    check_job(job)
    if bucket is not None:
        bucket.try_out(key=key.key)
    request = ExportRequest(job=job, fields=arguments.all_fields, key=key, bucket=bucket)

    def readable(record: ExportRecord) -> bool:
        return _opens(step, record, arguments.encryption_key)

    launched = Launcher(step, request).launch(
        reuse=arguments.reuse, wait_for_slot_s=arguments.wait_for_slot, readable=readable
    )
    if launched is None:
        return Outcome(Branch.BUSY, _busy(request, key, bucket))
    record = launched.record
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
    if job.total is not None and job.total > MOST_EVENTS:
        raise UsageError(
            f"The search job {job.uuid} matches {job.total} events, and an export holds {MOST_EVENTS} at most.",
            "Narrow the query or split the period into several search jobs, and export each.",
        )


def _busy(request: ExportRequest, key: KeyChoice, bucket: OwnBucket | None) -> TriggerResults:
    return TriggerResults(
        task_uuid=None,
        job_uuid=str(request.job_uuid),
        fields=request.fields,
        encryption=key.encryption,
        s3_bucket=bucket.name if bucket else None,
        reused=False,
    )


def _opens(step: Step, record: ExportRecord, explicit: SecretStr | None) -> bool:
    """Return whether an export that was made with an explicit key opens with the one given now.

    Nothing of a key is kept, so only storage can tell. While the export runs it cannot; then the same playbook run,
    whose rerun has the same arguments, is taken at its word.
    """
    if record.sent_encryption is not Encryption.PROVIDED:
        return True
    if record.task_uuid is None:
        return False
    try:
        export = locate(step, job_uuid=UUID(record.job_uuid), task_uuid=UUID(record.task_uuid))
        with open_export(step, export, explicit=explicit):
            return True
    except JobNotReady:
        return record.playbook_run_uuid == step.surroundings.run_uuid
    except StorageError as failure:
        log.info("The export of an earlier run cannot be read: %s", failure.cause)
        return False
