"""Link: a download link to hand on, with what it takes to open the file, and the key only when it is asked for."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from pydantic import SecretStr
from requests.utils import requote_uri

from sekoia_export.api.models import TaskStatus
from sekoia_export.archive import ArchiveFormat
from sekoia_export.encryption import Encryption
from sekoia_export.errors import LinkExpired, ObjectMissing
from sekoia_export.operations.fetch import default_name
from sekoia_export.operations.keys import check_keys
from sekoia_export.operations.listing import DOWNLOAD_WINDOW, task_of
from sekoia_export.operations.locate import FinishedExport, listed_exports, locate, read_record
from sekoia_export.operations.opening import OpenedExport, open_export
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.results.management import LinkResults
from sekoia_export.times import format_moment
from sekoia_export.transfer.bucket import BucketObject
from sekoia_export.transfer.command_line import curl_command
from sekoia_export.transfer.source import expiry_of

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from sekoia_export.api.models import ExportEntry
    from sekoia_export.arguments.management import LinkArguments
    from sekoia_export.encryption import SseKey
    from sekoia_export.operations.step import Step

log = logging.getLogger(__name__)

LINK_TIMEOUT_S = 300.0
"""How long it may take: a few requests to the platform, and one to the storage for each key that may open the file."""


def get_download_link(step: Step, arguments: LinkArguments) -> Outcome[LinkResults]:
    """Return a link to a finished export's file; that it opens with the key at hand has been tried.

    Branches: ready; expired (the file can no longer be fetched).

    Raises:
        UsageError, ConfigurationError: a key or secret cannot be used as given.
        JobNotReady, NotFound: the export has not finished, or is not known.
        KeyRefused: no key at hand opens the file.
        StorageError: the storage cannot be reached or has no such file.
    """
    check_keys(step.configuration, explicit=arguments.encryption_key, job_uuid=arguments.job_uuid)
    export: FinishedExport | None = None
    try:
        export = locate(step, job_uuid=arguments.job_uuid, task_uuid=arguments.task_uuid)
        with open_export(step, export, explicit=arguments.encryption_key) as opened:
            results = _ready(step, arguments, opened)
    except (LinkExpired, ObjectMissing) as gone:
        if isinstance(gone, ObjectMissing) and not (export and export.is_over(step.clock.now())):
            raise
        log.warning("%s %s", gone.cause, LinkExpired.remedy)
        return Outcome(Branch.EXPIRED, _expired(arguments, export))
    log.info("The download link of the export of the search job %s is ready.", arguments.job_uuid)
    return Outcome(Branch.READY, results)


def _ready(step: Step, arguments: LinkArguments, opened: OpenedExport) -> LinkResults:
    export, key = opened.export, opened.probe.key
    url = _link(opened)
    headers: dict[str, str | None] = {}
    if key is not None:
        headers = {name: value if name.endswith("algorithm") else None for name, value in key.storage_headers().items()}
    return LinkResults(
        job_uuid=str(export.job_uuid),
        task_uuid=str(export.task_uuid) if export.task_uuid else None,
        download_url=url,
        expire_at=_earliest(expiry_of(url), export.expire_at),
        headers_needed=headers,
        curl_command=curl_command(
            url, file_name=default_name(export, ArchiveFormat.JSONL_GZ), headers=list(headers.items())
        ),
        compressed_size=opened.probe.size_bytes,
        encryption=opened.encryption,
        encryption_key=key.base64_key if key is not None and arguments.reveal_key else None,
        message=_message(step, export, key, revealed=arguments.reveal_key),
    )


def _link(opened: OpenedExport) -> SecretStr:
    """Return the link as it was tried: in an own bucket, where the platform gives none, one that is signed here."""
    if isinstance(opened.source, BucketObject):
        return opened.source.link(valid_s=int(DOWNLOAD_WINDOW.total_seconds()))
    assert opened.export.url is not None  # noqa: S101 - what is in no bucket is behind a link
    # requests has asked for it so; curl sends what it is given.
    return SecretStr(requote_uri(opened.export.url.get_secret_value()))


def _earliest(*moments: datetime | None) -> str | None:
    known = [moment for moment in moments if moment is not None]
    return format_moment(min(known)) if known else None


def _expired(arguments: LinkArguments, export: FinishedExport | None) -> LinkResults:
    task_uuid = (export.task_uuid if export else None) or arguments.task_uuid
    return LinkResults(
        job_uuid=str(arguments.job_uuid),
        task_uuid=str(task_uuid) if task_uuid else None,
        download_url=None,
        expire_at=_earliest(export.expire_at if export else None),
        headers_needed={},
        curl_command=None,
        compressed_size=None,
        encryption=None,
        encryption_key=None,
        message=f"The export has expired. {LinkExpired.remedy}",
    )


def _message(step: Step, export: FinishedExport, key: SseKey | None, *, revealed: bool) -> str:
    if key is None:
        return (
            "The file needs no key: whoever has the URL can read all events. For a partner, trigger an export of its "
            "own with a random encryption_key, and hand URL and key over two channels."
        )
    sure, possible = _opened_by(step, export, key)
    also = f", and perhaps {possible} more" if possible else ""
    origin = {
        Encryption.DERIVED: "is derived from the encryption secret for the search job",
        Encryption.PLATFORM: "is the platform's own",
    }.get(key.origin, "was given with the export")
    better = (
        "For a partner, a random encryption_key suits better: trigger an export of its own with it, so that the key "
        "opens nothing else."
        if sure + possible > 1 or key.origin is not Encryption.PROVIDED
        else "Where it is a random one that was used for this export alone, it opens nothing else."
    )
    where = "Hand URL and key over two channels." if revealed else "The key is in the results only with reveal_key."
    return (
        f"The key {origin}: it opens {sure} of the search job's exports that the platform lists{also}. {better} {where}"
    )


def _opened_by(step: Step, export: FinishedExport, key: SseKey) -> tuple[int, int]:
    """Return how many exports of the search job the key opens, and how many more it may."""
    sure, possible = 1, 0
    for entry in listed_exports(step, export.job_uuid)[0]:
        task_uuid = task_of(entry)
        if entry.status in {TaskStatus.FAILED, TaskStatus.CANCELED} or task_uuid in {None, export.task_uuid}:
            continue
        match _opens(step, task_uuid, entry, key):
            case True:
                sure += 1
            case None:
                possible += 1
    return sure, possible


def _opens(step: Step, task_uuid: UUID | None, entry: ExportEntry, key: SseKey) -> bool | None:
    """Return whether the key opens a listed export; None where that is not known."""
    record = read_record(step, task_uuid)
    if key.origin is Encryption.PLATFORM:
        listed = entry.platform_key
        return listed is not None and listed.get_secret_value().strip() == key.base64_key.get_secret_value()
    if entry.platform_key is not None:
        return False
    if record is None or record.sent_encryption is Encryption.PROVIDED:
        return None  # one given with each: whether it is the same is not remembered, as no trace of a key is
    return record.sent_encryption is key.origin
