"""A test's place in the real bucket: objects below a prefix of its own, and the ways to ask for them."""

from __future__ import annotations

import functools
import gzip
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from sekoia_export.archive import ArchiveFormat, ArchiveOptions
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.simulator.signing import presign
from sekoia_export.transfer.bucket import BucketObject
from sekoia_export.transfer.download import download
from sekoia_export.transfer.local_storage import LocalDataStorage
from sekoia_export.transfer.presigned import PresignedObject
from sekoia_export.transfer.probing import probe
from sekoia_export.transfer.s3_storage import S3DataStorage
from tests.real_storage.server import BUCKET, OWNER, REGION

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    import requests
    from mypy_boto3_s3 import S3Client

    from sekoia_export.archive import ArchiveFacts
    from sekoia_export.encryption import SseKey
    from sekoia_export.transfer.data_storage import DataStorage
    from sekoia_export.transfer.probing import Probe
    from sekoia_export.transfer.source import ObjectSource
    from tests.real_storage.server import S3Server

COUNT = 60_000
LANDED = "exports/one"
_MESSAGE = b"x" * 130


@functools.cache
def events(count: int = COUNT) -> bytes:
    """Return events as JSON Lines."""
    event = b'{"@timestamp":"2026-01-01T00:00:00.%06dZ","message":"%06d %s"}\n'
    return b"".join(event % (number, number, _MESSAGE) for number in range(count))


@functools.cache
def exported(count: int = COUNT) -> bytes:
    """Return an export of two gzip members that are stored and not packed: 60,000 events are 11 MB."""
    lines = events(count)
    middle = lines.index(b"\n", len(lines) // 2) + 1
    return b"".join(gzip.compress(part, 0, mtime=0) for part in (lines[:middle], lines[middle:]))


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Objects of one test.

    Attributes:
        client: the bucket's owner's.
        prefix: what the keys of all objects begin with.
        folder: local, empty.
    """

    server: S3Server
    client: S3Client
    session: requests.Session
    prefix: str
    folder: Path

    def put(self, content: bytes, *, key: SseKey | None = None, name: str = "object") -> None:
        """Write an object, encrypted with the key when there is one."""
        self.client.put_object(Bucket=BUCKET, Key=f"{self.prefix}/{name}", Body=content, **customer_key(key))

    def url(
        self, *, signed: SseKey | None = None, name: str = "object", age: timedelta = timedelta(0), lasts_s: int = 600
    ) -> SecretStr:
        """Return a presigned URL.

        Args:
            signed: the key whose headers are signed too, which then have to be sent.
            name: of the object.
            age: how long ago it was signed.
            lasts_s: the seconds that it is good for.
        """
        headers = signed.storage_headers() if signed else {}
        return SecretStr(
            presign(
                url=f"{self.server.url}/{BUCKET}/{self.prefix}/{name}",
                access_key_id=OWNER.access_key_id,
                secret=OWNER.secret_access_key,
                now=datetime.now(UTC) - age,
                expires_s=lasts_s,
                sse_c_headers={name.lower(): value for name, value in headers.items()},
                region=REGION,
            )
        )

    def behind(self, url: SecretStr | None = None, *, key: SseKey | None = None) -> PresignedObject:
        """Return the object behind a presigned URL; the URL signs the key unless one is given."""
        return PresignedObject(url or self.url(signed=key), session=self.session, key=key)

    def inside(self, *, key: SseKey | None = None) -> BucketObject:
        """Return the object as the bucket's owner asks for it."""
        return BucketObject(self.client, BUCKET, f"{self.prefix}/object", key=key)

    def probe(self, source_for: Callable[[SseKey | None], ObjectSource], *keys: SseKey) -> Probe:
        return probe(source_for, keys, deadline=self.deadline)

    @property
    def deadline(self) -> Deadline:
        return Deadline(SystemClock(), 60)

    @property
    def local_storage(self) -> LocalDataStorage:
        return LocalDataStorage(self.folder / "data")

    @property
    def s3_storage(self) -> S3DataStorage:
        return S3DataStorage(self.client, BUCKET, f"{self.prefix}/data")

    def fetch(
        self,
        source_for: Callable[[SseKey | None], ObjectSource],
        keys: Sequence[SseKey] = (),
        *,
        storage: DataStorage,
        output: ArchiveFormat = ArchiveFormat.JSONL_GZ,
        before_publish: Callable[[ArchiveFacts], None] | None = None,
    ) -> ArchiveFacts:
        """Probe the object and fetch it to LANDED in the data storage."""
        probed = self.probe(source_for, *keys)
        return download(
            source_for(probed.key),
            probe=probed,
            storage=storage,
            name=LANDED,
            options=ArchiveOptions(format=output),
            deadline=self.deadline,
            before_publish=before_publish,
        )

    def objects(self) -> list[str]:
        """Return the names of all objects, without the prefix."""
        listed = self.client.list_objects_v2(Bucket=BUCKET, Prefix=f"{self.prefix}/")
        return sorted(entry["Key"].removeprefix(f"{self.prefix}/") for entry in listed.get("Contents", []))

    def uploads(self) -> list[str]:
        """Return the keys of all multipart uploads that were begun and neither completed nor aborted."""
        listed = self.client.list_multipart_uploads(Bucket=BUCKET, Prefix=f"{self.prefix}/")
        return [entry["Key"] for entry in listed.get("Uploads", [])]


def customer_key(key: SseKey | None) -> dict[str, Any]:
    """Return a key as boto3 takes it: raw, and without its MD5."""
    return {} if key is None else {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key.raw}
