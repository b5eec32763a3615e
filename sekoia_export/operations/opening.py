"""Opening an export's file: the right key is found, and a link that died is read again."""

from __future__ import annotations

import logging
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sekoia_export.encryption import Encryption
from sekoia_export.errors import KeyRefused, LinkExpired, SignatureRefused, StorageError
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
        LinkExpired: the link is dead, so is the one that was read again, and it is in no own bucket.
        SignatureRefused: the same, of a link that the storage does not accept.
        KeyRefused: no key at hand opens it.
        StorageError: the storage cannot be reached or has no such file.
    """
    keys = candidate_keys(
        step.configuration, explicit=explicit, job_uuid=export.job_uuid, platform_key=export.platform_key
    )
    with ExitStack() as stack:
        session = stack.enter_context(storage_session())

        def source_at(place: FinishedExport) -> Callable[[SseKey | None], ObjectSource]:
            if place.url is None:
                return _in_own_bucket(step, place, stack)
            url = place.url
            return lambda key: PresignedObject(url, session=session, key=key, clock=step.clock)

        places = _places(step, export)
        place = next(places)
        while True:
            source_for = source_at(place)
            try:
                probed = probe(source_for, keys, deadline=step.deadline)
                break
            except (LinkExpired, SignatureRefused) as dead:
                log.info("%s", dead.cause)
                following = next(places, None)
                if following is not None:
                    place = following
                elif isinstance(dead, SignatureRefused) and (keys or (place.record and place.record.sent_a_key)):
                    raise _signed_for_another_key(keys) from dead
                else:
                    raise
        yield OpenedExport(
            export=place,
            probe=probed,
            source=source_for(probed.key),
            reread=lambda: source_at(_located_again(step, export))(probed.key),
        )


def _signed_for_another_key(keys: list[SseKey]) -> KeyRefused:
    tried = ", ".join(dict.fromkeys(str(key.origin) for key in keys)) or "none"
    return KeyRefused(
        f"The storage accepts the download link neither without a key nor with one at hand (tried: {tried}), "
        "so it was signed for another key.",
        f"{KeyRefused.remedy} When it was that one, trigger a new export.",
    )


def _places(step: Step, export: FinishedExport) -> Iterator[FinishedExport]:
    """Yield where the file can be: behind its link, behind the link read again, in the own bucket configured here."""
    yield export
    again = _located_again(step, export)
    yield again
    sent_to_own = again.record is not None and again.record.s3_bucket is not None
    if again.url is not None and sent_to_own and step.configuration.s3_access_key_id is not None:
        yield replace(again, url=None)


def _located_again(step: Step, export: FinishedExport) -> FinishedExport:
    return locate(step, job_uuid=export.job_uuid, task_uuid=export.task_uuid)


def _in_own_bucket(step: Step, export: FinishedExport, stack: ExitStack) -> Callable[[SseKey | None], ObjectSource]:
    """Return how to read an export that the platform gives no URL for; `stack` closes what is opened."""
    record = export.record
    if record is None:
        bucket = own_bucket(step.configuration, bucket=None, prefix=None)
    else:
        bucket = own_bucket(step.configuration, bucket=record.s3_bucket or "", prefix=None)
        bucket = replace(bucket, prefix=record.s3_prefix) if bucket else None
    if bucket is None:
        if export.expire_at is not None and export.expire_at <= step.clock.now():
            raise LinkExpired(f"The export of the search job {export.job_uuid} has expired.")
        raise StorageError(
            f"The platform gives no download link for the export of the search job {export.job_uuid}.",
            "Trigger a new export; where it went to an own bucket, configure that bucket in the module.",
        )
    from sekoia_export.transfer.bucket import BucketObject

    client = bucket.client()
    stack.callback(client.close)
    own_name, file_name = bucket.name, bucket.find(*(str(uuid) for uuid in (export.task_uuid, export.job_uuid) if uuid))
    return lambda key: BucketObject(client, own_name, file_name, key=key)
