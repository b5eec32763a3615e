"""What the platform's answers say. Readers are tolerant: unknown keys are ignored, numbers may arrive as text."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from enum import Enum, IntEnum
from typing import Annotated, Any
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr, model_validator

KEY_NAMES = ("sse_customer_key", "encryption_key", "sse_c_key")
_WHOLE = re.compile(r"[+-]?[0-9]+")
_UNIX_TIME = re.compile(r"[0-9]{9,}(\.[0-9]+)?")  # a shorter number is a year, or a date without its dashes
_LATEST_UNIX_TIME_S = 100_000_000_000  # in the year 5138; as milliseconds it is in 1973


def read_count(value: Any) -> int | None:
    """Return a number that may have come as text; None for what is no number."""
    if isinstance(value, int):
        return None if isinstance(value, bool) else value
    try:
        return int(value) if isinstance(value, str) and _WHOLE.fullmatch(value.strip()) else int(float(value))
    except (TypeError, ValueError, OverflowError):
        return None


def read_time(value: Any) -> datetime | None:
    """Return an ISO 8601 time or a Unix time (seconds or milliseconds) in UTC; None for what is neither."""
    try:
        if isinstance(value, str) and not _UNIX_TIME.fullmatch(value.strip()):
            value = datetime.fromisoformat(value.strip())
        if isinstance(value, datetime):
            return (value if value.tzinfo else value.replace(tzinfo=UTC)).astimezone(UTC)
        if isinstance(value, bool) or value is None:
            return None
        number = float(value)
        return datetime.fromtimestamp(number / 1000 if number > _LATEST_UNIX_TIME_S else number, UTC)
    except (TypeError, ValueError, OverflowError, OSError):
        return None


def read_text(value: Any) -> str | None:
    """Return text, or a number as text; None for the rest and for empty text."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        return str(value)
    # JSON can carry half a surrogate pair, which nothing can print or write.
    return value.encode(errors="replace").decode() if isinstance(value, str) and value else None


def read_texts(value: Any) -> list[str] | None:
    """Return a list of texts; text with commas is split; None for the rest, and where there is no text."""
    items = value.split(",") if isinstance(value, str) else value
    if not isinstance(items, list | tuple):
        return None
    texts = [read_text(item.strip()) for item in items if isinstance(item, str)]
    return [text for text in texts if text] or None


def read_mapping(value: Any) -> dict[str, Any]:
    """Return a JSON object; an empty one for anything else."""
    return value if isinstance(value, dict) else {}


Count = Annotated[int | None, BeforeValidator(read_count)]
Time = Annotated[datetime | None, BeforeValidator(read_time)]
Text = Annotated[str | None, BeforeValidator(read_text)]
Texts = Annotated[list[str] | None, BeforeValidator(read_texts)]
SecretText = Annotated[SecretStr | None, BeforeValidator(read_text)]
UuidText = Annotated[str, BeforeValidator(lambda value: str(UUID(value if isinstance(value, str) else "")))]
"""A uuid in its canonical form: what comes from outside is checked before it reaches a URL."""


class _Wire(BaseModel):
    # Built when first used: an action reads a few of these models, and every action is a new process.
    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, defer_build=True)


class JobStatus(IntEnum):
    """A search job's status, as the live platform counts it; UNKNOWN is a status that no document names."""

    UNKNOWN = -1
    NOT_STARTED = 0
    IN_PROGRESS = 1
    DONE = 2
    CANCELED = 3
    FAILED = 4

    @property
    def ended(self) -> bool:
        """Return whether waiting is over: documents say to stop on every status that is not 0 or 1."""
        return self not in {JobStatus.NOT_STARTED, JobStatus.IN_PROGRESS}


def _name(value: Any) -> str:
    return value.strip().upper() if isinstance(value, str) else ""


_JOB_STATUSES = {status.value: status for status in JobStatus}


def read_job_status(value: Any) -> JobStatus:
    """Return the status from a number, a number as text, or its name; one that is not told is the first one."""
    if value is None:
        return JobStatus.NOT_STARTED
    number = read_count(value)
    if number is not None:
        return _JOB_STATUSES.get(number, JobStatus.UNKNOWN)
    name = _name(value).replace(" ", "_").replace("-", "_").replace("CANCELLED", "CANCELED")
    known = {"PENDING": JobStatus.NOT_STARTED, "RUNNING": JobStatus.IN_PROGRESS, "FINISHED": JobStatus.DONE}
    return {**JobStatus.__members__, **known}.get(name, JobStatus.UNKNOWN)


class SearchJob(_Wire):
    """A search job, as `GET .../search/jobs/{uuid}` describes it."""

    uuid: UuidText
    status: Annotated[JobStatus, BeforeValidator(read_job_status)] = JobStatus.NOT_STARTED
    total: Count = None
    retrieved: Count = None
    term: Text = None
    earliest_time: Text = None
    latest_time: Text = None
    created_at: Time = None
    expiration_date: Time = None
    expired: bool = False
    results_ttl: Count = None
    community_uuids: Texts = None
    max_last_events: Count = None
    filters: Any = None

    @model_validator(mode="before")
    @classmethod
    def _expired_may_be_text(cls, data: Any) -> Any:
        if isinstance(data, dict) and not isinstance(data.get("expired"), bool):
            return {**data, "expired": str(data.get("expired", "")).strip().lower() in {"true", "1", "yes"}}
        return data


class TaskStatus(Enum):
    """An export task's status. UNKNOWN (a name that no document has) counts as running, until the deadline."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    FINISHED = "FINISHED"
    FAILED = "FAILED"
    CANCELED = "CANCELED"
    UNKNOWN = "UNKNOWN"

    @property
    def ended(self) -> bool:
        return self in {TaskStatus.FINISHED, TaskStatus.FAILED, TaskStatus.CANCELED}


_OTHER_NAMES = {
    "SUCCESS": TaskStatus.FINISHED,
    "DONE": TaskStatus.FINISHED,
    "ERROR": TaskStatus.FAILED,
    "CANCELLED": TaskStatus.CANCELED,
}


def read_task_status(value: Any) -> TaskStatus:
    """Return the status without regard to case; tasks serve other features too, with names of their own."""
    if isinstance(value, TaskStatus):
        return value
    name = _name(value)
    return _OTHER_NAMES.get(name) or TaskStatus.__members__.get(name, TaskStatus.UNKNOWN)


class TaskAttributes(_Wire):
    """What a task carries beside its progress."""

    download_url: SecretText = None
    error: Text = None


class Task(_Wire):
    """An export task, as `GET /v1/tasks/{uuid}` describes it."""

    uuid: Text = None
    status: Annotated[TaskStatus, BeforeValidator(read_task_status)] = TaskStatus.UNKNOWN
    progress: Count = None
    total: Count = None
    message: Text = None
    attributes: Annotated[TaskAttributes, BeforeValidator(read_mapping)] = Field(default_factory=TaskAttributes)


def _read_entry_status(value: Any) -> TaskStatus | None:
    return None if value is None else read_task_status(value)


class ExportEntry(_Wire):
    """An export of a search job, as its `export-jobs` lists it; whether it has an id depends on the platform."""

    task_uuid: Text = None
    uuid: Text = None
    status: Annotated[TaskStatus | None, BeforeValidator(_read_entry_status)] = None
    fields: Texts = None
    created_at: Time = None
    download_url: SecretText = None
    expire_at: Time = None
    exported_events_count: Count = None
    export_size_compressed: Count = None
    format: Text = None
    platform_key: SecretText = Field(default=None)

    @model_validator(mode="before")
    @classmethod
    def _find_the_key(cls, data: Any) -> Any:
        """The export's key: said by the API guide to be there, under a name that no document gives."""
        if not isinstance(data, dict):
            return data
        for place in (data, read_mapping(data.get("s3"))):
            for name in KEY_NAMES:
                if read_text(place.get(name)):
                    return {**data, "platform_key": place[name]}
        return data

    def names(self, task_uuid: str) -> bool:
        """Return whether this entry is the export of the task `task_uuid`."""
        return task_uuid.lower() in {(self.task_uuid or "").lower(), (self.uuid or "").lower()}

    @property
    def identity(self) -> str | None:
        """Return the id under which a later step finds this export; None when the platform gave none."""
        return self.task_uuid or self.uuid

    @property
    def finished(self) -> bool:
        """Return whether it has finished: it says so, or it has a link and says nothing that is understood."""
        said_nothing = self.status in {None, TaskStatus.UNKNOWN}
        return self.status is TaskStatus.FINISHED or (said_nothing and self.download_url is not None)


def read_exports(payload: Any) -> list[ExportEntry]:
    """Return the exports of an `export-jobs` answer: an object, a list, or `{"items": [...]}`, whichever came.

    An object without anything of an export in it is none.

    Raises:
        ValueError: it is neither, and must not be taken for an empty list: another export could be started.
    """
    if isinstance(payload, dict) and isinstance(payload.get("items"), list):
        payload = payload["items"]
    if not isinstance(payload, list | dict | None):
        raise ValueError("not a list of exports")  # noqa: TRY004 - of an answer, not of an argument
    entries = payload if isinstance(payload, list) else [payload]
    exports = [ExportEntry.model_validate(entry) for entry in entries if isinstance(entry, dict)]
    return [export for export in exports if any(value is not None for _, value in export)]
