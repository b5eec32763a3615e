"""Starting an export: the platform's rules, the reading of the events, and the object that comes of it."""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, cast
from urllib.parse import quote

from sekoia_export.simulator import content
from sekoia_export.simulator.errors import Refused
from sekoia_export.simulator.exports import Address, Export, TaskStatus, new_key
from sekoia_export.simulator.jobs import JobStatus, SearchJob
from sekoia_export.simulator.objects import CHUNK_BYTES, Seal, StoredObject, store
from sekoia_export.simulator.settings import Damage, Settings
from sekoia_export.simulator.signing import SSE_C_HEADERS
from sekoia_export.simulator.state import PLATFORM_BUCKET, State

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sekoia_export.simulator.content import Pattern
    from sekoia_export.simulator.events import Events

DEFAULT_FIELDS = ["@timestamp", "message"]
_SSE_KEYS = {"sse_customer_algorithm", "sse_customer_key", "sse_customer_key_md5"}
_BUCKET_KEYS = {"bucket_name", "access_key_id", "secret_access_key", "region_name"}
_S3_KEYS = {*_SSE_KEYS, *_BUCKET_KEYS, "prefix", "endpoint_url"}


@dataclass(frozen=True, slots=True, repr=False)
class Wanted:
    """What the body of the request asks for, checked."""

    fields: list[str]
    s3: dict[str, str]
    key: bytes | None


def read_request(body: Mapping[str, Any]) -> Wanted:
    """Return what `body` asks for.

    Raises:
        Refused: it cannot be understood, or an own bucket or a key is named in part only.
    """
    if unknown := set(body) - {"fields", "s3"}:
        raise Refused(400, "validation_error", f"Unknown fields: {', '.join(sorted(unknown))}")
    fields = body.get("fields", DEFAULT_FIELDS)
    if not isinstance(fields, list) or not fields or not all(isinstance(name, str) and name for name in fields):
        raise Refused(400, "validation_error", "fields must be a list of field names")
    if wild := [name for name in fields if "*" in name]:
        raise Refused(400, "validation_error", f"Wildcards are not supported: {wild[0]}")
    s3 = body.get("s3") or {}
    if not isinstance(s3, dict) or not all(isinstance(value, str) for value in s3.values()):
        raise Refused(400, "validation_error", "s3 must be an object of strings")
    if unknown := set(s3) - _S3_KEYS:
        raise Refused(400, "validation_error", f"Unknown s3 fields: {', '.join(sorted(unknown))}")
    if set(s3) - _SSE_KEYS and (missing := _BUCKET_KEYS - set(s3)):
        raise Refused(400, "validation_error", f"Missing s3 fields: {', '.join(sorted(missing))}")
    return Wanted(fields, s3, _customer_key(s3))


def start_export(state: State, job: SearchJob, wanted: Wanted) -> Export:
    """Start an export and return it.

    Its events are read and its object is written now, so that the key is needed no longer; the task says that it is
    under way until its time has passed.

    Raises:
        Refused: a rule of the platform is against it.
    """
    settings, now = state.settings, state.clock.now()
    own_bucket = wanted.s3.get("bucket_name")
    if wanted.key is not None and own_bucket is None and not settings.sse_c_supported:
        raise Refused(400, "ES110", "The default bucket of this region does not support SSE-C")
    with state.lock:
        _check_limits(state, job, now_active=[e for e in state.exports.values() if e.active(now)])
        count = job.total + settings.late_events
        duration_s = settings.export_duration_s
        export = Export(
            job=job,
            fields=list(dict.fromkeys(wanted.fields)),
            created_at=now,
            pending_s=settings.export_pending_s,
            duration_s=count / settings.export_events_per_second if duration_s is None else duration_s,
            estimated=job.total,
            count=count,
            requested_s3=frozenset(wanted.s3),
            bucket=own_bucket or PLATFORM_BUCKET,
            key="",
            outcome=TaskStatus[settings.task_outcome.upper()],
        )
        prefix = wanted.s3.get("prefix", "").strip("/") if own_bucket else export.community_uuid
        export.key = "/".join(filter(None, (prefix, job.uuid, f"{export.task_uuid}.jsonl.gz")))
        if job.expired(export.started_at):
            export.failure = "The search job has expired"
        state.exports[export.task_uuid] = export
    if export.outcome is TaskStatus.FINISHED and not export.failure:
        _write(state, export, wanted)
    return export


def _check_limits(state: State, job: SearchJob, *, now_active: list[Export]) -> None:
    settings, now = state.settings, state.clock.now()
    community = job.community_uuids[0]
    if job.expired(now) and settings.expired_job_export == "refused":
        raise Refused(410, "job_expired", "The search job has expired")
    if job.status(now) is not JobStatus.DONE:
        raise Refused(400, "job_not_done", f"The search job is not done: {job.status(now).name}")
    if len(job.community_uuids) > 1:
        raise Refused(400, "validation_error", "An export can hold the events of one community only")
    if job.total > settings.max_events:
        raise Refused(400, "too_many_events", f"An export holds at most {settings.max_events} events")
    if sum(export.community_uuid == community for export in now_active) >= settings.max_active_exports:
        if settings.busy_style == 409:
            raise Refused(409, "conflict", "Conflict")
        raise Refused(settings.busy_style, "", "Another export is already running for this community")
    if len(state.exports_of(job)) >= settings.max_exports_of_a_job:
        limit = settings.max_exports_of_a_job
        raise Refused(settings.quota_status, "", f"The limit of {limit} exports for this search job has been reached")
    used = sum(
        export.size_bytes
        for export in state.exports.values()
        if export.community_uuid == community
        and (export.created_at.year, export.created_at.month) == (now.year, now.month)
    )
    if used >= settings.monthly_quota_bytes:
        raise Refused(settings.quota_status, "", "The monthly export quota of the community is exhausted")


def _customer_key(s3: Mapping[str, str]) -> bytes | None:
    given = _SSE_KEYS & set(s3)
    if not given:
        return None
    if missing := _SSE_KEYS - given:
        raise Refused(400, "validation_error", f"Missing s3 fields: {', '.join(sorted(missing))}")
    try:
        key = base64.b64decode(s3["sse_customer_key"], validate=True)
    except binascii.Error:
        raise Refused(400, "validation_error", "sse_customer_key is not base64") from None
    digest = base64.b64encode(hashlib.md5(key, usedforsecurity=False).digest()).decode()
    if s3["sse_customer_algorithm"] != "AES256" or len(key) != 32 or digest != s3["sse_customer_key_md5"]:
        raise Refused(400, "validation_error", "The SSE-C key, its algorithm and its MD5 do not fit together")
    return key


def _write(state: State, export: Export, wanted: Wanted) -> None:
    settings = state.settings
    key = wanted.key
    if key is not None:
        export.sealed_by = "customer"
    elif settings.platform_key is not None and export.bucket == PLATFORM_BUCKET:
        key = new_key()
        export.sealed_by = "platform"
        export.platform_key = base64.b64encode(key).decode()
    if key is not None and settings.url_signs_sse_c:
        export.sse_c_headers = sse_c_headers(key)
    stored = _object(state, export.job.events_with(export.count - export.job.total), export.fields, key)
    if settings.content_encoding_gzip:
        stored.content_encoding = "gzip"
    if export.bucket == PLATFORM_BUCKET:
        state.buckets[PLATFORM_BUCKET].objects[export.key] = stored
    else:
        export.failure = _to_own_bucket(state, export, stored, wanted)
    export.stored = stored


def sse_c_headers(key: bytes) -> dict[str, str]:
    """Return the three SSE-C headers of a key, names in lower case."""
    digest = base64.b64encode(hashlib.md5(key, usedforsecurity=False).digest()).decode()
    return dict(zip(SSE_C_HEADERS, ("AES256", base64.b64encode(key).decode(), digest), strict=True))


def _object(state: State, events: Events, fields: list[str], key: bytes | None) -> StoredObject:
    settings, now = state.settings, state.clock.now()
    if events.total >= settings.pattern_from_events:
        pattern: Pattern = content.pattern(
            events, fields, per_member=settings.events_per_member, distinct=settings.pattern_members
        )
        return StoredObject(pattern, pattern.size_bytes, now, None if key is None else Seal.of(key))
    stored = store(_pieces(events, fields, settings), state.new_path(), key=key, now=now)
    _damage(stored, settings, key)
    return stored


def _pieces(events: Events, fields: list[str], settings: Settings) -> Iterator[bytes]:
    size = settings.events_per_member
    if settings.damage is Damage.NOT_GZIP:
        return content.plain(events, fields, per_block=size)
    if settings.one_gzip_member:
        return content.one_member(events, fields, per_block=size)
    return content.members(events, fields, per_member=size)


def _damage(stored: StoredObject, settings: Settings, key: bytes | None) -> None:
    """Spoil the file; under CTR a flipped bit of the ciphertext is a flipped bit of the text."""
    if settings.damage in {None, Damage.NOT_GZIP} or not isinstance(stored.at_rest, Path):
        return
    with stored.at_rest.open("r+b") as file:
        if settings.damage is Damage.FLIPPED:
            file.seek(stored.size_bytes // 2)
            byte = file.read(1)[0]
            file.seek(stored.size_bytes // 2)
            file.write(bytes([byte ^ 0x10]))
        elif settings.damage is Damage.TRUNCATED:
            file.truncate(stored.size_bytes * 2 // 3)
        else:
            garbage = b"garbage after the end" * 3
            file.seek(stored.size_bytes)
            cipher = None if stored.seal is None or key is None else stored.seal.stream(key, stored.size_bytes)
            file.write(garbage if cipher is None else cipher.update(garbage))
    stored.size_bytes = stored.at_rest.stat().st_size


def _to_own_bucket(state: State, export: Export, stored: StoredObject, wanted: Wanted) -> str:
    """Write the object into the customer's bucket; return why that failed, "" when it did not."""
    endpoint_url = wanted.s3.get("endpoint_url", "").rstrip("/")
    if endpoint_url != state.storage_url:
        if endpoint_url:
            url = f"{endpoint_url}/{export.bucket}/{quote(export.key)}"
            s3 = wanted.s3
            export.elsewhere = Address(url, s3["region_name"], s3["access_key_id"], s3["secret_access_key"])
        return _upload(export, stored, wanted)
    bucket = state.buckets.get(export.bucket)
    if bucket is None:
        return "NoSuchBucket: The specified bucket does not exist"
    if bucket.access_key_id != wanted.s3["access_key_id"]:
        return "InvalidAccessKeyId: The AWS Access Key Id you provided does not exist in our records."
    if bucket.secret_access_key != wanted.s3["secret_access_key"]:
        return "SignatureDoesNotMatch: The request signature we calculated does not match the signature you provided."
    if not bucket.writable or (wanted.key is not None and not bucket.allows_sse_c):
        return "AccessDenied: Access Denied (403) when calling the PutObject operation"
    bucket.objects[export.key] = stored
    return ""


def _upload(export: Export, stored: StoredObject, wanted: Wanted) -> str:
    import boto3
    from boto3.exceptions import Boto3Error
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    client = boto3.client(
        "s3",
        endpoint_url=wanted.s3.get("endpoint_url"),
        region_name=wanted.s3["region_name"],
        aws_access_key_id=wanted.s3["access_key_id"],
        aws_secret_access_key=wanted.s3["secret_access_key"],
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 2}, connect_timeout=5),
    )
    sse_c = {} if wanted.key is None else {
        "SSECustomerAlgorithm": "AES256",
        "SSECustomerKey": wanted.s3["sse_customer_key"],
        "SSECustomerKeyMD5": wanted.s3["sse_customer_key_md5"],
    }  # fmt: skip
    try:
        client.upload_fileobj(cast("IO[Any]", _Reader(stored, wanted.key)), export.bucket, export.key, ExtraArgs=sse_c)
    except (Boto3Error, BotoCoreError, ClientError) as error:
        return str(error)
    finally:
        client.close()
    return ""


class _Reader:
    """A stored object as the readable file that boto3 uploads from."""

    def __init__(self, stored: StoredObject, key: bytes | None) -> None:
        self._chunks = stored.read(0, stored.size_bytes, key)
        self._rest = b""

    def read(self, size: int = CHUNK_BYTES) -> bytes:
        while len(self._rest) < size and (chunk := next(self._chunks, b"")):
            self._rest += chunk
        piece, self._rest = self._rest[:size], self._rest[size:]
        return piece
