"""The storage's buckets and who may use them."""

from __future__ import annotations

import secrets
import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sekoia_export.simulator.multipart import Upload
    from sekoia_export.simulator.objects import StoredObject


@dataclass(slots=True)
class Bucket:
    """A bucket with its one pair of credentials.

    Attributes:
        allows_sse_c: new AWS buckets do not unless their owner says so.
        writable: whether its credentials may write.
        objects: what lies in it, by key.
        uploads: multipart uploads under way, by id.
    """

    name: str
    access_key_id: str = field(default_factory=lambda: f"AKIA{secrets.token_hex(8).upper()}")
    secret_access_key: str = field(default_factory=lambda: secrets.token_urlsafe(30), repr=False)
    allows_sse_c: bool = True
    writable: bool = True
    objects: dict[str, StoredObject] = field(default_factory=dict, repr=False)
    uploads: dict[str, Upload] = field(default_factory=dict, repr=False)


class Buckets:
    """All buckets of the storage, by name."""

    def __init__(self) -> None:
        self._buckets: dict[str, Bucket] = {}
        self._lock = threading.Lock()

    def create(self, name: str, *, allows_sse_c: bool = True, writable: bool = True) -> Bucket:
        """Make an empty bucket, with new credentials, and return it."""
        bucket = Bucket(name, allows_sse_c=allows_sse_c, writable=writable)
        with self._lock:
            self._buckets[name] = bucket
        return bucket

    def __getitem__(self, name: str) -> Bucket:
        return self._buckets[name]

    def __iter__(self) -> Iterator[Bucket]:
        with self._lock:
            return iter(list(self._buckets.values()))

    def get(self, name: str) -> Bucket | None:
        return self._buckets.get(name)

    def of_access_key(self, access_key_id: str) -> Bucket | None:
        """Return the bucket whose credentials have this access key id."""
        return next((bucket for bucket in self if bucket.access_key_id == access_key_id), None)
