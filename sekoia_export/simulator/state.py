"""What the simulated platform and its storage know: keys, search jobs, exports, cases, buckets."""

from __future__ import annotations

import itertools
import secrets
import threading
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote

from sekoia_export.simulator import signing
from sekoia_export.simulator.buckets import Buckets
from sekoia_export.simulator.cases import Case, seeded_cases
from sekoia_export.simulator.exports import Address, Export, TaskStatus

if TYPE_CHECKING:
    from pathlib import Path

    from sekoia_export.clock import Clock
    from sekoia_export.simulator.jobs import SearchJob
    from sekoia_export.simulator.services import Indicator, Message
    from sekoia_export.simulator.settings import Settings

PLATFORM_BUCKET = "sekoia-event-exports"
VIEW_INTAKES = "2f0da527-2cf1-4a00-8f4c-033bfb43ddeb"
VIEW_EVENTS = "1cbb91c7-e380-4d9a-98d1-6c850fda8e98"
MASSIVE_EXPORT = "d146917d-2623-436b-8fcd-5467510cfeca"
COMMENT_ON_CASES = "a3e84947-4127-41fe-9352-faa8c69737a9"
PERMISSIONS = {
    VIEW_INTAKES: "SIC_READ_INTAKES",
    VIEW_EVENTS: "SIC_READ_EVENTS",
    MASSIVE_EXPORT: "SIC_MASSIVE_EXPORT_EVENTS",
    COMMENT_ON_CASES: "SIC_WRITE_CASES_COMMENTS",
}


@dataclass(slots=True)
class State:
    """Everything that requests read and change; tests do too.

    Attributes:
        folder: where objects lie, encrypted.
        api_keys: the permissions (uuids) of each API key.
        jobs: by uuid. exports: by the uuid of their task.
        messages: posted to Mattermost. indicators: by the id of their collection.
    """

    settings: Settings
    clock: Clock
    folder: Path
    community_uuid: str
    api_keys: dict[str, set[str]]
    expired_keys: set[str] = field(default_factory=set)
    revoked_keys: set[str] = field(default_factory=set)
    jobs: dict[str, SearchJob] = field(default_factory=dict)
    exports: dict[str, Export] = field(default_factory=dict)
    cases: dict[str, Case] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    indicators: dict[str, list[Indicator]] = field(default_factory=dict)
    buckets: Buckets = field(default_factory=Buckets)
    storage_url: str = ""
    lock: threading.RLock = field(default_factory=threading.RLock, repr=False)
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1), repr=False)

    def __post_init__(self) -> None:
        self.buckets.create(PLATFORM_BUCKET, allows_sse_c=True)
        self.cases = {
            case.uuid: case for case in seeded_cases(self.settings.seed, self.community_uuid, self.clock.now())
        }

    def new_path(self) -> Path:
        """Return a path in the folder that no object has."""
        return self.folder / f"{next(self._numbers):06d}-{secrets.token_hex(4)}"

    def exports_of(self, job: SearchJob) -> list[Export]:
        """Return the exports of a search job, the oldest first."""
        with self.lock:
            return [export for export in self.exports.values() if export.job is job]

    def download_url(self, export: Export, where: str) -> str | None:
        """Return the download_url that `where` ("task" or "export_jobs") carries, None when it carries none."""
        settings, now = self.settings, self.clock.now()
        if settings.download_url_in not in {"both", where} or export.status(now) is not TaskStatus.FINISHED:
            return None
        if export.elsewhere is None and self.buckets.get(export.bucket) is None:
            return None
        if export.bucket != PLATFORM_BUCKET and not settings.own_bucket_url:
            return None
        with self.lock:
            if export.first_url is not None and not settings.url_renewed:
                return export.first_url
            # After the window the platform still shows a URL, one that has expired.
            signed_at = min(now, export.window_end(settings) - timedelta(seconds=settings.url_ttl_s))
            signed_at = max(signed_at, export.ended_at) if now < export.window_end(settings) else signed_at
            left_s = int((export.window_end(settings) - signed_at).total_seconds())
            at = export.elsewhere or self._here(export.bucket, export.key)
            ttl_s = max(1, min(settings.url_ttl_s, left_s))
            sse_c_headers = export.sse_c_headers if settings.url_signs_sse_c else None
            export.first_url = _presigned(at, now=signed_at, ttl_s=ttl_s, sse_c_headers=sse_c_headers)
            return export.first_url

    def presign(self, bucket: str, key: str, *, now: datetime, ttl_s: int) -> str:
        """Return a URL of an object, presigned at `now` for `ttl_s` seconds."""
        return _presigned(self._here(bucket, key), now=now, ttl_s=ttl_s, sse_c_headers=None)

    def _here(self, bucket: str, key: str) -> Address:
        owner = self.buckets[bucket]
        url = f"{self.storage_url}/{bucket}/{quote(key)}"
        return Address(url, "eu-west-3", owner.access_key_id, owner.secret_access_key)


def _presigned(at: Address, *, now: datetime, ttl_s: int, sse_c_headers: dict[str, str] | None) -> str:
    return signing.presign(
        url=at.url,
        access_key_id=at.access_key_id,
        secret=at.secret_access_key,
        region=at.region,
        now=now,
        expires_s=ttl_s,
        sse_c_headers=sse_c_headers,
    )
