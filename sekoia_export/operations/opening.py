"""Opening an export's file: the right key is found, and a link that died is read again."""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sekoia_export.encryption import Encryption
from sekoia_export.errors import LinkExpired, StorageError
from sekoia_export.operations.bucket import own_bucket
from sekoia_export.operations.keys import candidate_keys
from sekoia_export.operations.locate import FinishedExport, locate
from sekoia_export.transfer.presigned import PresignedObject, storage_session
from sekoia_export.transfer.probing import Probe, probe

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pydantic import SecretStr

    from sekoia_export.encryption import SseKey
    from sekoia_export.operations.step import Step
    from sekoia_export.transfer.source import ObjectSource

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class OpenedExport:
    """An export whose file answers.

    Attributes:
        export: what the platform tells of it.
        probe: what the storage tells of its file, and the key that opens it.
        source: the file.
        reread: the file at a link that is read again; for when the link dies.
    """

    export: FinishedExport
    probe: Probe
    source: ObjectSource
    reread: Callable[[], ObjectSource]

    @property
    def encryption(self) -> Encryption:
        """Return where the key that opens the file comes from."""
        return self.probe.key.origin if self.probe.key else Encryption.NONE


@contextmanager
def open_export(step: Step, export: FinishedExport, *, explicit: SecretStr | None) -> Iterator[OpenedExport]:
    """Find the key that opens an export's file, and close the connections to its storage at the end.

    Raises:
        UsageError, ConfigurationError: a key or secret cannot be used as given.
        LinkExpired: the link is dead, and so is the one that was read again.
        KeyRefused: no key at hand opens it.
        StorageError: the storage cannot be reached or has no such file.
    """
    with storage_session() as session:

        def sources(located: FinishedExport) -> Callable[[SseKey | None], ObjectSource]:
            if located.url is None:
                return _in_own_bucket(step, located)
            url = located.url
            return lambda key: PresignedObject(url, session=session, key=key, clock=step.clock)

        def locate_again() -> FinishedExport:
            return locate(step, job_uuid=export.job_uuid, task_uuid=export.task_uuid)

        keys = candidate_keys(
            step.configuration, explicit=explicit, job_uuid=export.job_uuid, platform_key=export.platform_key
        )
        try:
            probed = probe(sources(export), keys, deadline=step.deadline)
        except LinkExpired as expired:
            log.info("%s It is read again.", expired.cause)
            export = locate_again()
            probed = probe(sources(export), keys, deadline=step.deadline)
        yield OpenedExport(
            export=export,
            probe=probed,
            source=sources(export)(probed.key),
            reread=lambda: sources(locate_again())(probed.key),
        )


def _in_own_bucket(step: Step, export: FinishedExport) -> Callable[[SseKey | None], ObjectSource]:
    """Return how to read an export that the platform gives no URL for."""
    record = export.record
    bucket = own_bucket(
        step.configuration,
        bucket=record.s3_bucket or "" if record else None,
        prefix=record.s3_prefix if record else None,
    )
    if bucket is None:
        if export.expire_at is not None and export.expire_at <= step.clock.now():
            raise LinkExpired(f"The export of the search job {export.job_uuid} has expired.")
        raise StorageError(
            f"The platform gives no download link for the export of the search job {export.job_uuid}.",
            "Trigger a new export; where it went to an own bucket, configure that bucket in the module.",
        )
    from sekoia_export.transfer.bucket import BucketObject

    client = bucket.client()
    name = bucket.find(*(str(uuid) for uuid in (export.task_uuid, export.job_uuid) if uuid))
    return lambda key: BucketObject(client, bucket.name, name, key=key)
