"""A storage with objects in it, presigned URLs to them, and a data storage to fetch them to."""

from __future__ import annotations

import base64
import gzip
import hashlib
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from pydantic import SecretStr

from sekoia_export.archive import ArchiveFacts, ArchiveFormat, ArchiveOptions
from sekoia_export.clock import Deadline
from sekoia_export.encryption import Encryption, SseKey
from sekoia_export.simulator import Fault, Kind, Simulator
from sekoia_export.simulator.objects import StoredObject, store
from sekoia_export.simulator.signing import presign
from sekoia_export.transfer.download import download
from sekoia_export.transfer.local_storage import LocalDataStorage
from sekoia_export.transfer.patience import Patience
from sekoia_export.transfer.presigned import PresignedObject, Timeouts
from sekoia_export.transfer.probing import Probe, probe

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import requests

    from sekoia_export.transfer.data_storage import DataStorage
    from sekoia_export.transfer.progress import TransferProgress
    from sekoia_export.transfer.source import ObjectSource
    from tests.clock import ManualClock

COUNT = 20_000


def _event(number: int) -> bytes:
    digest = hashlib.sha256(b"%d" % number).hexdigest().encode()
    return b'{"@timestamp":"2026-01-01T00:00:00.%06dZ","file.hash.sha256":"%s"}\n' % (number, digest)


EVENTS = b"".join(_event(number) for number in range(COUNT))
_FIRST_MEMBER = gzip.compress(EVENTS[: len(EVENTS) // 2], 1, mtime=0)
FIRST_MEMBER_BYTES = len(_FIRST_MEMBER)
EXPORT = _FIRST_MEMBER + gzip.compress(EVENTS[len(EVENTS) // 2 :], 1, mtime=0)
NAME = "exports/one.jsonl.gz"


def sse_key(letter: bytes = b"k", origin: Encryption = Encryption.DERIVED) -> SseKey:
    return SseKey(SecretStr(base64.b64encode(letter * 32).decode()), origin)


@dataclass
class Shelf:
    """One simulated storage with one bucket, and one folder to fetch to.

    Attributes:
        told: every progress that was told.
        renewed: how often the link was read anew.
    """

    simulator: Simulator
    clock: ManualClock
    session: requests.Session
    folder: Path
    timeouts: Timeouts = field(default_factory=lambda: Timeouts(connect_s=5, read_s=5))
    told: list[TransferProgress] = field(default_factory=list)
    renewed: int = 0
    patience: Patience | None = None

    def __post_init__(self) -> None:
        self.bucket = self.simulator.buckets.create("shelf")
        self.storage = LocalDataStorage(self.folder)

    @property
    def deadline(self) -> Deadline:
        return Deadline(self.clock, 3600)

    def put(self, content: bytes = EXPORT, *, key: SseKey | None = None, name: str = "object") -> StoredObject:
        path = self.simulator.folder / secrets.token_hex(8)
        stored = store([content], path, key=key.raw if key else None, now=self.clock.now())
        self.bucket.objects[name] = stored
        return stored

    def url(self, name: str = "object", *, expires_s: int = 3600, signed: SseKey | None = None) -> SecretStr:
        headers = {name.lower(): value for name, value in signed.storage_headers().items()} if signed else None
        return SecretStr(
            presign(
                url=f"{self.simulator.storage_url}/shelf/{name}",
                access_key_id=self.bucket.access_key_id,
                secret=self.bucket.secret_access_key,
                now=self.clock.now(),
                expires_s=expires_s,
                sse_c_headers=headers,
            )
        )

    def source(self, key: SseKey | None = None, *, url: SecretStr | None = None) -> PresignedObject:
        return PresignedObject(
            url or self.url(), session=self.session, key=key, timeouts=self.timeouts, clock=self.clock
        )

    def probe(self, candidates: Sequence[SseKey] = (), *, url: SecretStr | None = None) -> Probe:
        url = url or self.url()
        return probe(lambda key: self.source(key, url=url), candidates, deadline=self.deadline)

    def renew(self) -> ObjectSource:
        self.renewed += 1
        return self.source()

    def fetch(
        self,
        source: ObjectSource | None = None,
        *,
        known: Probe | None = None,
        output: ArchiveFormat = ArchiveFormat.JSONL_GZ,
        storage: DataStorage | None = None,
        refresh: bool = True,
        before_publish: Callable[[ArchiveFacts], None] | None = None,
        start_clean: bool = False,
    ) -> ArchiveFacts:
        """Fetch the object to NAME; `known` is probed before faults are looked at when it is given."""
        return download(
            source or self.source(),
            probe=known or self.probe(),
            storage=storage or self.storage,
            name=NAME,
            options=ArchiveOptions(format=output),
            deadline=self.deadline,
            refresh=self.renew if refresh else None,
            before_publish=before_publish,
            on_progress=self.told.append,
            start_clean=start_clean,
            patience=self.patience,
        )

    def break_once(self, kind: Kind, **details: object) -> None:
        """Let the next GET at the storage meet a fault."""
        self.simulator.faults.add(fault(kind, **details))

    def gets(self) -> list[str]:
        """Return the Range of every GET the storage saw, "" for none."""
        return [request.headers.get("range", "") for request in self.simulator.requests if request.method == "GET"]

    def fetched(self) -> bytes | None:
        return self.storage.read(NAME)


def fault(kind: Kind, **details: object) -> Fault:
    made = Fault(kind, server="storage", method="GET")
    for name, value in details.items():
        setattr(made, name, value)
    return made
