"""What steps remember between runs: in the folder `.sekoia-export/` of the data storage.

::

    .sekoia-export/
    ├── exports/<sha256>.json     an export that was asked for: an open intent until `task_uuid` is there
    ├── queries/<sha256>.json     the search jobs of one query of which the same export was asked for
    ├── tasks/<task_uuid>.json    the same record under its task, for the steps that know only the task
    ├── searches/<sha256>.json    the search job of an `export_events` node, so that its rerun searches once
    ├── fetches/<sha256>.json     a file that was fetched and verified
    └── schedules/<sha256>.json   how far a trigger `scheduled_export` has come

Uuids, fields, what was searched for, times, hashes of arguments; no secret, no key's digest, no URL's query. Files are
of mode 0600, written in one move, and carry a version. A file that is there and cannot be understood is an error, never
an empty start: taking it for one could start a second export.
"""

from __future__ import annotations

import hashlib
import json
from itertools import pairwise
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, TypeVar
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field, ValidationError

from sekoia_export.encryption import Encryption
from sekoia_export.errors import StateCorrupt, UsageError
from sekoia_export.results.chain import SearchResults
from sekoia_export.transfer.data_storage import STATE_FOLDER, safe_name

if TYPE_CHECKING:
    from datetime import datetime

    from sekoia_export.transfer.data_storage import DataStorage

R = TypeVar("R", bound="Record")


def _inside(path: str) -> str:
    try:
        return safe_name(path)
    except UsageError:
        raise ValueError("no path of a file in the data storage") from None


# Steps use these without a look; a file that was changed by hand is found out when it is read.
UuidText = Annotated[str, AfterValidator(lambda text: str(UUID(text)))]
FilePath = Annotated[str, AfterValidator(_inside)]


def _apart(spans: list[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    edges = [edge for span in spans for edge in span]
    if any(first >= second for first, second in pairwise(edges)):
        raise ValueError("not in the order of time")
    return spans


class Record(BaseModel):
    """What all state files share."""

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)
    folder: ClassVar[str]

    version: Literal[1] = 1


class Searched(BaseModel):
    """What was searched for, for people to read: nothing is asked again with it.

    Attributes:
        query: URLs in it have lost their queries.
        earliest_time, latest_time: ISO 8601 in UTC where that is known, else as they were given.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, defer_build=True)

    query: str | None
    earliest_time: str | None
    latest_time: str | None


class ExportRecord(Record):
    """An export that was asked for.

    Attributes:
        before: the exports that the search job had before the request was sent; what is not among them is new.
        task_uuid: the answer; None while it is not known, which makes the record an open intent.
        encryption: how the key was chosen when it was asked for.
        sent_encryption: what was really sent: `none` after the region refused SSE-C.
        searched: None in files of before 0.2, and where the platform had forgotten the search job.
    """

    folder = "exports"

    job_uuid: UuidText
    fields: list[str]
    encryption: Encryption
    sent_encryption: Encryption
    s3_bucket: str | None
    s3_prefix: str | None
    playbook_run_uuid: str | None
    asked_at: AwareDatetime
    before: list[str]
    task_uuid: UuidText | None = None
    searched: Searched | None = None

    @property
    def sent_a_key(self) -> bool:
        """Return whether a customer key was sent along."""
        return self.sent_encryption in {Encryption.DERIVED, Encryption.PROVIDED}

    def asks_the_same_as(self, other: ExportRecord) -> bool:
        """Return whether both ask for one search job's same fields, encrypted in the same way, at the same place."""
        return set(self.fields) == set(other.fields) and all(
            getattr(self, name) == getattr(other, name) for name in ("job_uuid", "encryption", "s3_bucket", "s3_prefix")
        )


class TaskRecord(ExportRecord):
    """The same record under its task's uuid."""

    folder = "tasks"


class QueryRecord(Record):
    """The search jobs of one query of which the same export was asked for.

    Attributes:
        jobs: their uuids, the last asked for first.
    """

    folder = "queries"

    jobs: list[UuidText]


class SearchRecord(Record):
    """The search job that an `export_events` node started.

    Attributes:
        done: its results once it is done: the platform forgets a search job long before an export of it.
    """

    folder = "searches"

    job_uuid: UuidText
    asked_at: AwareDatetime
    done: SearchResults | None = None


class FetchRecord(Record):
    """A file that was fetched and verified.

    Attributes:
        task_uuid: "" where the platform listed the export without one.
        fields, searched: what the file holds; None in files of before 0.2, and where it is not known.
    """

    folder = "fetches"

    job_uuid: UuidText
    task_uuid: Literal[""] | UuidText
    file_path: FilePath
    file_size: int
    compressed_size: int
    events_count: int
    expected_events: int | None
    sha256: str
    encryption: Encryption
    expire_at: AwareDatetime | None
    fetched_at: AwareDatetime
    fields: list[str] | None = None
    searched: Searched | None = None


class ScheduleRecord(Record):
    """How far a trigger `scheduled_export` has come.

    Attributes:
        start: where it begins as long as nothing is covered: the start of the period that was running at first.
        covered: starts and ends of what was sent, in the order of time, apart from each other.
        sending: the window that is being sent; it is sent again when it is not known to have been.
        sent_at: when the last window was sent.
    """

    folder = "schedules"

    start: AwareDatetime
    covered: Annotated[list[tuple[AwareDatetime, AwareDatetime]], AfterValidator(_apart)] = Field(default_factory=list)
    sending: tuple[AwareDatetime, AwareDatetime] | None = None
    sent_at: AwareDatetime | None = None


class BegunRecord(Record):
    """A file that is being fetched, or was not fetched to its end.

    Attributes:
        task_uuid: "" where the platform lists the export without one.
    """

    folder = "begun"

    job_uuid: UuidText
    task_uuid: Literal[""] | UuidText
    file_path: FilePath
    began_at: AwareDatetime


def fingerprint(*parts: Any) -> str:
    """Return a SHA-256 over JSON of `parts`: the name of a record. No secret goes in."""
    text = json.dumps(parts, sort_keys=True, separators=(",", ":"), default=str)
    return hashlib.sha256(text.encode()).hexdigest()


class State:
    """The records of one data storage.

    Args:
        storage: where they lie. Its errors (DataStorageError) pass through.
    """

    def __init__(self, storage: DataStorage) -> None:
        self._storage = storage

    def read(self, kind: type[R], name: str) -> R | None:
        """Return the record, or None when there is none.

        Raises:
            StateCorrupt: it is there and cannot be understood.
        """
        path = self._path(kind, name)
        data = self._storage.read(path)
        if data is None:
            return None
        try:
            return kind.model_validate_json(data)
        except ValidationError:
            place = self._storage.place(path)
            raise StateCorrupt(f"The state file {place} is damaged or of another version.") from None

    def names(self, kind: type[Record]) -> list[str]:
        """Return the names of all records of a kind."""
        files = self._storage.names(f"{STATE_FOLDER}/{kind.folder}")
        return [file.removesuffix(".json") for file in files if file.endswith(".json")]

    def write(self, record: Record, name: str) -> None:
        """Write the record in one move."""
        self._storage.write(self._path(type(record), name), record.model_dump_json(indent=1).encode())

    def delete(self, kind: type[Record], name: str) -> None:
        """Remove the record, if it is there."""
        self._storage.delete(self._path(kind, name))

    @staticmethod
    def _path(kind: type[Record], name: str) -> str:
        return f"{STATE_FOLDER}/{kind.folder}/{name}.json"
