"""The arguments of the chain: search, trigger, wait, fetch, and all of it in one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar, cast

from pydantic import Field, SecretStr, field_validator

from sekoia_export.api.platform import MOST_EVENTS
from sekoia_export.archive import ArchiveFormat
from sekoia_export.arguments.alternatives import FIELD_SETS, EncryptionChoice, FieldSet
from sekoia_export.arguments.base import LONGEST_TIMEOUT_S, Arguments, ListOfText, ListOfUuids, Uuid
from sekoia_export.errors import UsageError
from sekoia_export.times import read_moment

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

A = TypeVar("A", bound=Arguments)

TIMESTAMP_FIELD = "@timestamp"
LONGEST_MARGIN_S = 366 * 24 * 3600


class _SearchChoices(Arguments):
    latest_time: str = Field(
        default="now", description="End of the period: ISO 8601, or relative to now such as -1h, or now"
    )
    max_events: int | None = Field(
        default=None, ge=1, le=MOST_EVENTS, description="Search the last events up to this number only"
    )
    community_uuids: ListOfUuids | None = Field(
        default=None, description="Uuids of the communities to search in; an export can hold one community"
    )
    margin: int = Field(
        default=0,
        ge=0,
        le=LONGEST_MARGIN_S,
        description="Seconds by which the period is widened at its start and at its end, for instance around an alert",
    )

    @field_validator("earliest_time", "latest_time", check_fields=False)
    @classmethod
    def _as_the_platform_takes_it(cls, value: str) -> str:
        return read_moment(value).text


class SearchArguments(_SearchChoices):
    """What to search for."""

    query: str = Field(description="Query of the search, as in the search bar of the platform", min_length=1)
    earliest_time: str = Field(description="Start of the period: ISO 8601, or relative to now such as -7d")
    timeout: int = Field(
        default=1800, ge=1, le=LONGEST_TIMEOUT_S, description="Seconds after which the search is canceled"
    )

    @property
    def period(self) -> tuple[str, str]:
        """Return start and end, widened by the margin; the end `now` stays, for what comes later is not there yet."""
        margin = timedelta(seconds=self.margin)
        earliest, latest = read_moment(self.earliest_time), read_moment(self.latest_time)
        return earliest.moved(-margin).text, latest.text if latest.text == "now" else latest.moved(margin).text

    def check_period(self, now: datetime) -> None:
        """Raise UsageError when the period ends before it starts, seen from `now`."""
        start, end = (read_moment(moment).at(now) for moment in self.period)
        if start >= end:
            raise UsageError(
                "The argument latest_time is not after earliest_time.", "Give a period that ends after it starts."
            )


class FieldChoices(Arguments):
    """Which fields are exported."""

    fields: ListOfText = Field(
        default=["@timestamp", "message"],
        description="Exact names of the fields to export, without wildcards; @timestamp is always exported first",
    )
    field_set: FieldSet | None = Field(
        default=None,
        description="Documented set of fields that is added to fields: network, identity or endpoint",
    )

    @field_validator("fields")
    @classmethod
    def _exact_names(cls, value: list[str]) -> list[str]:
        if not value:
            raise ValueError("must name at least one field")
        for field in value:
            if not field.strip():
                raise ValueError("holds an empty field name")
            if any(character in field for character in "*?"):
                raise ValueError(f"holds the wildcard {field.strip()[:80]!r}, and the platform takes exact names only")
            if any(character.isspace() or not character.isprintable() for character in field.strip()):
                raise ValueError("holds a field name with white space or control characters in it")
        return [field.strip() for field in value]

    @property
    def all_fields(self) -> list[str]:
        """Return the fields to export: `@timestamp`, `fields`, those of the field set, each once, in this order."""
        chosen = FIELD_SETS[self.field_set] if self.field_set else ()
        return list(dict.fromkeys((TIMESTAMP_FIELD, *self.fields, *chosen)))


class _ExportChoices(FieldChoices):
    encryption: EncryptionChoice = Field(
        default=EncryptionChoice.AUTOMATIC,
        description="automatic: with a key derived from the encryption secret where one is configured and the region "
        "supports it; required: refuse to export without a key; platform: send no key",
    )
    encryption_key: SecretStr | None = Field(
        default=None,
        description="Explicit encryption key (SSE-C), base64 of 32 bytes, instead of one derived from the "
        "encryption secret",
    )
    s3_bucket: str | None = Field(
        default=None,
        description="Own S3 bucket to export to instead of the configured one; empty text for the platform's bucket",
    )
    s3_prefix: str | None = Field(default=None, description="Prefix of the export's name in the own bucket")
    wait_for_slot: int = Field(
        default=0,
        ge=0,
        le=LONGEST_TIMEOUT_S,
        description="Seconds to wait while another export of the community is running",
    )
    reuse: bool = Field(
        default=True, description="Take up a running or unexpired export that is the same instead of starting another"
    )


class TriggerArguments(_ExportChoices):
    """What to export."""

    job_uuid: Uuid = Field(description="Uuid of the search job to export, which must be done and not expired")


class WaitArguments(Arguments):
    """What to wait for."""

    task_uuid: Uuid = Field(description="Uuid of the export's task, as the trigger gives it")
    timeout: int = Field(default=14400, ge=1, le=LONGEST_TIMEOUT_S, description="Seconds to wait at most")


class _FetchChoices(Arguments):
    format: ArchiveFormat = Field(
        default=ArchiveFormat.JSONL_GZ,
        description="How the events are written: jsonl.gz (as they come), jsonl (one event a line) or json (an array)",
    )
    file_name: str | None = Field(
        default=None,
        description="Name of the file in the data storage; by default <job_uuid>-<task_uuid>.<format>",
    )
    preview: int = Field(default=10, ge=0, le=1000, description="Number of first events to give in the results")


class FinishedExport(Arguments):
    """Which finished export a step reads, and what opens it."""

    job_uuid: Uuid = Field(description="Uuid of the exported search job")
    task_uuid: Uuid | None = Field(
        default=None, description="Uuid of the export's task; by default the newest finished export of the search job"
    )
    encryption_key: SecretStr | None = Field(
        default=None,
        description="Explicit encryption key (SSE-C) that the export was triggered with, base64 of 32 bytes",
    )


class FetchArguments(FinishedExport, _FetchChoices):
    """What to fetch."""


class ExportArguments(_SearchChoices, _ExportChoices, _FetchChoices):
    """What to search or which search job to take, what to export, and how to write it."""

    query: str | None = Field(
        default=None, description="Query of the search; with earliest_time, instead of job_uuid", min_length=1
    )
    earliest_time: str | None = Field(
        default=None, description="Start of the period: ISO 8601, or relative to now such as -7d"
    )
    job_uuid: Uuid | None = Field(default=None, description="Uuid of a search job that is done, instead of a query")
    timeout: int = Field(
        default=14400, ge=1, le=LONGEST_TIMEOUT_S, description="Seconds for search, export and fetch together"
    )

    def check_source(self) -> None:
        """Raise UsageError unless there is either a search job or a query with its start."""
        if self.job_uuid is not None and (self.query is not None or self.earliest_time is not None):
            raise UsageError(
                "The argument job_uuid is given together with a query.",
                "Give either job_uuid, or query and earliest_time.",
            )
        if self.job_uuid is None and (self.query is None or self.earliest_time is None):
            missing = "query" if self.query is None else "earliest_time"
            raise UsageError(f"The argument {missing} is missing.", "Give either job_uuid, or query and earliest_time.")

    def search(self) -> SearchArguments:
        """Return the arguments of the search step."""
        return self._step(SearchArguments)

    def trigger(self, job_uuid: UUID) -> TriggerArguments:
        """Return the arguments of the trigger step."""
        return self._step(TriggerArguments, job_uuid=job_uuid)

    def fetch(self, job_uuid: UUID, task_uuid: UUID | None) -> FetchArguments:
        """Return the arguments of the fetch step."""
        return self._step(FetchArguments, job_uuid=job_uuid, task_uuid=task_uuid)

    def _step(self, model: type[A], **known: Any) -> A:
        own = {name: getattr(self, name) for name in model.model_fields if name in type(self).model_fields}
        return cast("A", model.model_construct(**own | known))
