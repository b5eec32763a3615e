"""Massive exports: what was asked for, the bytes that came of it, and the task that others watch."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, Any, assert_never

from sekoia_export.simulator.jobs import SearchJob, iso
from sekoia_export.simulator.settings import Progress, Settings

if TYPE_CHECKING:
    from sekoia_export.simulator.objects import StoredObject


class TaskStatus(IntEnum):
    """A task's status; the number is its place in `Settings.task_statuses`."""

    PENDING = 0
    RUNNING = 1
    FINISHED = 2
    FAILED = 3
    CANCELED = 4


@dataclass(frozen=True, slots=True)
class Address:
    """Where an object lies, and the credentials that sign URLs of it."""

    url: str
    region: str
    access_key_id: str
    secret_access_key: str = field(repr=False)


@dataclass(slots=True)
class Export:
    """An export. Tests read and change it as they like; what depends on time is asked with `now`.

    Attributes:
        task_uuid: the id of its task, and the export's own for everybody outside.
        uuid: an id that only `Settings.entry_id` shows.
        requested_s3: the names (not the values) of the `s3` object's keys.
        estimated: the events that the search had found: the task's `total`.
        count: the events in the object.
        bucket: where the object lies, with `key`.
        elsewhere: where it lies when that is not in the simulator's storage.
        stored: the object; None while it is made, and when the export is to fail.
        sealed_by: whose key it is encrypted with.
        platform_key: base64 of the platform's own key.
        sse_c_headers: what its URL signs, where `Settings.url_signs_sse_c`.
        failure: why it fails; "" when it does not.
    """

    job: SearchJob
    fields: list[str]
    created_at: datetime
    pending_s: float
    duration_s: float
    estimated: int
    count: int
    requested_s3: frozenset[str]
    bucket: str
    key: str
    outcome: TaskStatus = TaskStatus.FINISHED
    failure: str = ""
    stored: StoredObject | None = None
    elsewhere: Address | None = None
    sealed_by: str = "nobody"
    platform_key: str | None = field(default=None, repr=False)
    first_url: str | None = field(default=None, repr=False)
    sse_c_headers: dict[str, str] | None = field(default=None, repr=False)
    task_uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def started_at(self) -> datetime:
        return self.created_at + timedelta(seconds=self.pending_s)

    @property
    def ended_at(self) -> datetime:
        return self.started_at + timedelta(seconds=self.duration_s)

    @property
    def community_uuid(self) -> str:
        return self.job.community_uuids[0]

    @property
    def size_bytes(self) -> int:
        return 0 if self.stored is None else self.stored.size_bytes

    def status(self, now: datetime) -> TaskStatus:
        if now < self.started_at:
            return TaskStatus.PENDING
        if now < self.ended_at or (self.outcome is TaskStatus.FINISHED and not self.failure and self.stored is None):
            return TaskStatus.RUNNING
        return TaskStatus.FAILED if self.failure else self.outcome

    def active(self, now: datetime) -> bool:
        return self.status(now) <= TaskStatus.RUNNING

    def window_end(self, settings: Settings) -> datetime:
        """Return until when the object can be downloaded."""
        return self.ended_at + timedelta(seconds=settings.download_window_s)

    def progress(self, now: datetime, settings: Settings) -> dict[str, int]:
        """Return the task's `progress` and `total`, as far as it tells them."""
        status = self.status(now)
        if status is TaskStatus.FINISHED:
            return {"progress": self.count, "total": self.estimated}
        if settings.progress is Progress.UNKNOWN or status is TaskStatus.PENDING:
            return {} if settings.unknown_as == "absent" else {"progress": 0, "total": 0}
        passed_s = (min(now, self.ended_at) - self.started_at).total_seconds()
        share = min(0.99, passed_s / self.duration_s) if self.duration_s > 0 else 0.99
        return {"progress": int(self.estimated * _shaped(settings.progress, share)), "total": self.estimated}


def new_key() -> bytes:
    """Return a key as the platform makes one: 32 bytes."""
    return secrets.token_bytes(32)


def task_json(export: Export, now: datetime, settings: Settings, url: str | None) -> dict[str, Any]:
    """Return the task as the platform shows it; `url` is the download_url it carries, if any."""
    status = export.status(now)
    attributes: dict[str, Any] = {"search_job_uuid": export.job.uuid}
    message = settings.task_message
    if url is not None:
        attributes["download_url"] = url
    if status is TaskStatus.FAILED:
        message = export.failure or message or "The export failed: the query service gave up"
        attributes["error"] = message
    return {
        "uuid": export.task_uuid,
        "type": "events_export",
        "status": settings.task_statuses[status],
        **export.progress(now, settings),
        "message": message,
        "attributes": attributes,
        "created_at": iso(export.created_at),
    }


def entry_json(export: Export, now: datetime, settings: Settings, url: str | None) -> dict[str, Any]:
    """Return the export's entry in the listing `export-jobs`."""
    status = export.status(now)
    entry: dict[str, Any] = {"format": "jsonl"}
    if settings.entry_id in {"task_uuid", "both"}:
        entry["task_uuid"] = export.task_uuid
    if settings.entry_id == "uuid":
        entry["uuid"] = export.task_uuid
    if settings.entry_id == "both":
        entry["uuid"] = export.uuid
    if settings.entry_status:
        entry["status"] = settings.task_statuses[status]
    if settings.entry_fields:
        entry["fields"] = list(export.fields)
    if settings.entry_created_at:
        entry["created_at"] = iso(export.created_at)
    if status is not TaskStatus.FINISHED:
        return entry
    entry["expire_at"] = iso(export.window_end(settings))
    entry["export_size_compressed"] = export.size_bytes
    if settings.count_present:
        entry["exported_events_count"] = export.count + settings.count_off_by
    if url is not None:
        entry["download_url"] = url
    if settings.platform_key is not None and export.platform_key is not None:
        named: dict[str, Any] = {settings.platform_key: export.platform_key}
        entry |= {"s3": named} if settings.platform_key_in_s3 else named
    return entry


def _shaped(shape: Progress, share: float) -> float:
    """Return the share of the events that is done when `share` of the time has passed."""
    match shape:
        case Progress.STEADY | Progress.UNKNOWN:
            return share
        case Progress.BURSTY:
            bursts, within = divmod(share * 5, 1)
            return (bursts + max(0.0, within - 0.8) * 5) / 5
        case Progress.STALLING:
            if share < 1 / 3:
                return share * 1.8
            return 0.6 if share < 0.8 else 0.6 + (share - 0.8) * 2
        case _:
            assert_never(shape)
