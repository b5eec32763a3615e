"""The platform's calls, by name: what goes in and out is typed, and the paths live here and nowhere else."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, ValidationError

from sekoia_export.api.histograms import Bucket, read_histograms
from sekoia_export.api.models import ExportEntry, SearchJob, Task, read_exports, read_mapping, read_text
from sekoia_export.errors import AnswerLost, JobExpired, NetworkError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sekoia_export.api.client import Client
    from sekoia_export.clock import Deadline

M = TypeVar("M", bound=BaseModel)

_JOBS = "/sic/conf/events/search/jobs"
MOST_EVENTS = 100_000_000
"""The documented limit of events in one export."""


class Permission(Enum):
    """The permissions an API key needs, with their uuids; names differ between documents, so the uuid goes first."""

    VIEW_INTAKES = ("2f0da527-2cf1-4a00-8f4c-033bfb43ddeb", "View intakes", "SIC_READ_INTAKES")
    VIEW_EVENTS = ("1cbb91c7-e380-4d9a-98d1-6c850fda8e98", "View events", "SIC_READ_EVENTS")
    MASSIVE_EXPORT = (
        "d146917d-2623-436b-8fcd-5467510cfeca",
        "Massive export of events",
        "SIC_MASSIVE_EXPORT_EVENTS",
    )

    @property
    def label(self) -> str:
        return self.value[1]

    def is_in(self, granted: set[str]) -> bool:
        """Return whether `granted`, uuids and names in lower case, holds this permission."""
        return any(form.lower() in granted for form in self.value)


@dataclass(frozen=True, slots=True, kw_only=True)
class SearchRequest:
    """What a search job is asked to find; times are ISO 8601 or relative, as the API takes them."""

    term: str
    earliest_time: str
    latest_time: str
    max_last_events: int | None = None
    community_uuids: Sequence[str] = field(default_factory=tuple)


class Platform:
    """One platform, through one client.

    Every method raises PlatformError for a refusal, NetworkError when no usable answer came, and DeadlineExceeded when
    the client's deadline came first.
    """

    def __init__(self, client: Client) -> None:
        self.client = client

    @property
    def deadline(self) -> Deadline:
        return self.client.deadline

    def within(self, deadline: Deadline, *, patience_s: float | None = None) -> Platform:
        """Return this platform under another deadline."""
        return Platform(self.client.within(deadline, patience_s=patience_s))

    def create_search_job(self, request: SearchRequest) -> SearchJob:
        """Start a search and return its job.

        A lost answer is not repaired here: a search costs nothing, so the caller may start another.

        Raises:
            AnswerLost: the search may have been started.
        """
        body: dict[str, Any] = {
            "term": request.term,
            "earliest_time": request.earliest_time,
            "latest_time": request.latest_time,
            "visible": False,
            "term_lang": "dork",
        }
        if request.max_last_events is not None:
            body["max_last_events"] = request.max_last_events
        if request.community_uuids:
            body["community_uuids"] = list(request.community_uuids)
        what = "starting the search"
        answer = self.client.send("POST", _JOBS, body, what=what)
        try:
            return SearchJob.model_validate(answer)
        except ValidationError:
            raise AnswerLost("The platform took the search, and its answer is not understood.") from None

    def search_job(self, job_uuid: UUID) -> SearchJob:
        """Return the search job; JobExpired when the platform says that its results are gone."""
        what = f"reading the search job {job_uuid}"
        answer = self.client.read(f"{_JOBS}/{job_uuid}", what=what)
        if isinstance(answer, dict) and "status" in answer:
            answer = {**answer, "uuid": str(job_uuid)}  # whatever the answer calls it: it is the one that was asked for
        job = _parse(SearchJob, answer, what=what)
        if job.expired:
            raise JobExpired(f"The search job {job_uuid} has expired.", status=200)
        return job

    def histograms(self, job_uuid: UUID) -> list[list[Bucket]]:
        """Return the histograms of a search job that can be read out of the answer; none is an empty list."""
        return read_histograms(
            self.client.read(
                f"{_JOBS}/{job_uuid}/histograms", what=f"reading the histogram of the search job {job_uuid}"
            )
        )

    def cancel_search_job(self, job_uuid: UUID) -> None:
        """Stop a pending or running search."""
        self.client.send("POST", f"{_JOBS}/{job_uuid}/cancel", {}, what=f"canceling the search job {job_uuid}")

    def keep_search_job(self, job_uuid: UUID, *, results_ttl_s: int) -> None:
        """Have the platform keep the search job for `results_ttl_s` seconds: an expired one cannot be exported."""
        body = {"results_ttl": results_ttl_s}
        self.client.send("PUT", f"{_JOBS}/{job_uuid}", body, what=f"keeping the search job {job_uuid} alive")

    def start_export(self, job_uuid: UUID, *, fields: Sequence[str], s3: Mapping[str, str]) -> UUID:
        """Start an export and return its task's uuid.

        Args:
            job_uuid: the search job to export.
            fields: exact field names.
            s3: overrides of the storage, SSE-C fields among them; empty for none.

        Raises:
            AnswerLost: the export may have been started.
            ExportBusy, QuotaExceeded, SseCUnsupported: certainly not started, and why.
        """
        body: dict[str, Any] = {"fields": list(fields)}
        if s3:
            body["s3"] = dict(s3)
        hidden = {"access_key_id", "secret_access_key", "sse_customer_key", "sse_customer_key_md5"}
        answer = self.client.send(
            "POST",
            f"{_JOBS}/{job_uuid}/export",
            body,
            what=f"starting the export of the search job {job_uuid}",
            secrets=[value for name, value in s3.items() if name in hidden],
            starts_export=True,
        )
        try:
            return UUID(str(read_mapping(answer).get("task_uuid")))
        except ValueError:
            raise AnswerLost(
                f"The platform accepted the export of the search job {job_uuid}, and its answer names no task."
            ) from None

    def task(self, task_uuid: UUID) -> Task:
        """Return the export task."""
        what = f"reading the export task {task_uuid}"
        return _parse(Task, self.client.read(f"/tasks/{task_uuid}", what=what), what=what)

    def exports(self, job_uuid: UUID) -> list[ExportEntry]:
        """Return the exports of a search job, in the platform's order."""
        what = f"listing the exports of the search job {job_uuid}"
        payload = self.client.read(f"{_JOBS}/{job_uuid}/export-jobs", what=what)
        try:
            return read_exports(payload)
        except ValueError:
            raise _not_understood(what) from None

    def validate_key(self) -> None:
        """Return when the platform accepts the API key; KeyRejected when it does not."""
        self.client.read("/auth/validate", what="checking the API key", may_be_empty=True)

    def permissions(self) -> set[str]:
        """Return uuids and names, in lower case, of the permissions the API key has."""
        what = "reading the API key's permissions"
        payload = self.client.read("/me/permissions", what=what)
        items = payload.get("items") if isinstance(payload, dict) else payload
        if not isinstance(items, list):
            raise _not_understood(what)
        granted: set[str] = set()
        for item in items:
            forms = item.values() if isinstance(item, dict) else [item]
            granted.update(text.lower() for text in map(read_text, forms) if text)
        return granted


def _parse(model: type[M], payload: Any, *, what: str) -> M:
    try:
        return model.model_validate(payload)
    except ValidationError:
        raise _not_understood(what) from None


def _not_understood(what: str) -> NetworkError:
    return NetworkError(
        f"The platform's answer is not understood while {what}.",
        "Check that base_url is the address of the region's API; when it is, report it.",
    )
