"""Search jobs: what was asked, and what has become of it by now."""

from __future__ import annotations

import re
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import IntEnum
from typing import TYPE_CHECKING, Any

from sekoia_export.simulator.events import Events, Period

if TYPE_CHECKING:
    from collections.abc import Callable

    from sekoia_export.simulator.settings import Settings

_RELATIVE = re.compile(r"([+-])(\d+)([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}
_ALERT = re.compile(r"\bAL[0-9A-Za-z]{6,}\b")


class JobStatus(IntEnum):
    """A search job's status as the platform counts it."""

    NOT_STARTED = 0
    IN_PROGRESS = 1
    DONE = 2
    CANCELED = 3
    FAILED = 4


@dataclass(slots=True)
class SearchJob:
    """A search job. Tests read and change it as they like; what depends on time is asked with `now`.

    Attributes:
        body: the request as it came.
        total: the events that it finds.
        outcome: what it becomes when `duration_s` have passed.
        events_between: how many events lie from a moment up to another; None when they are spread evenly.
    """

    body: dict[str, Any]
    period: Period
    created_at: datetime
    pending_s: float
    duration_s: float
    total: int
    results_ttl_s: float
    community_uuids: list[str]
    seed: int
    outcome: JobStatus = JobStatus.DONE
    events_between: Callable[[datetime, datetime], int] | None = None
    canceled_at: datetime | None = None
    kept_until: datetime | None = None
    uuid: str = field(default_factory=lambda: str(uuid.uuid4()))

    @property
    def term(self) -> str:
        return str(self.body["term"])

    @property
    def started_at(self) -> datetime:
        return self.created_at + timedelta(seconds=self.pending_s)

    @property
    def ended_at(self) -> datetime:
        return self.canceled_at or self.started_at + timedelta(seconds=self.duration_s)

    @property
    def expires_at(self) -> datetime:
        return self.kept_until or self.ended_at + timedelta(seconds=self.results_ttl_s)

    @property
    def events(self) -> Events:
        """Return the events that the search found."""
        return self.events_with(0)

    def events_with(self, late: int) -> Events:
        """Return the events that the search finds when it is run again after `late` more have arrived."""
        alerts = tuple(dict.fromkeys(_ALERT.findall(self.term)))
        return Events(self.seed, self.total + late, self.period, alerts)

    def between(self, start: datetime, end: datetime) -> int:
        """Return how many events lie in a part of the period."""
        if self.events_between is not None:
            return self.events_between(start, end)
        before, until = (
            self.total * ((moment - self.period.start) // timedelta(milliseconds=1)) // self.period.span_ms
            for moment in (start, end)
        )
        return until - before

    def keep(self, ttl_s: int, now: datetime | None) -> None:
        """Keep the results for `ttl_s` seconds from `now`, from the search's end when it is None."""
        self.results_ttl_s = ttl_s
        self.kept_until = None if now is None else now + timedelta(seconds=ttl_s)

    def status(self, now: datetime) -> JobStatus:
        if self.canceled_at is not None:
            return JobStatus.CANCELED
        if now < self.started_at:
            return JobStatus.NOT_STARTED
        return JobStatus.IN_PROGRESS if now < self.ended_at else self.outcome

    def expired(self, now: datetime) -> bool:
        return now >= self.expires_at

    def found(self, now: datetime) -> int:
        """Return how many events the search has found so far."""
        if self.outcome is JobStatus.FAILED and self.status(now) is JobStatus.FAILED:
            return 0
        passed_s = (min(now, self.ended_at) - self.started_at).total_seconds()
        share = 1.0 if self.duration_s <= 0 else max(0.0, min(1.0, passed_s / self.duration_s))
        return int(self.total * share)

    def as_json(self, now: datetime, settings: Settings) -> dict[str, Any]:
        """Return the job as the platform shows it."""
        status, found = self.status(now), self.found(now)
        ended = status > JobStatus.IN_PROGRESS or (settings.ended_at_early and status is JobStatus.IN_PROGRESS)
        numbers = {
            "status": int(status),
            "total": found,
            "retrieved": found,
            "results_ttl": int(self.results_ttl_s),
            "max_last_events": self.body.get("max_last_events"),
        }
        job: dict[str, Any] = {
            "uuid": self.uuid,
            **numbers,
            "term": self.term,
            "term_lang": self.body.get("term_lang", "dork"),
            "earliest_time": self.body["earliest_time"],
            "latest_time": self.body["latest_time"],
            "visible": self.body.get("visible", True),
            "filters": self.body.get("filters", []),
            "community_uuids": self.community_uuids,
            "created_at": iso(self.created_at),
            "started_at": iso(self.started_at) if status > JobStatus.NOT_STARTED else None,
            "ended_at": iso(self.ended_at) if ended else None,
            "expiration_date": iso(self.expires_at) if ended else None,
            "expired": self.expired(now),
            "short_histogram": None,
        }
        if settings.status_style == "str":
            job |= {name: None if value is None else str(value) for name, value in numbers.items()}
        elif settings.status_style == "name":
            job["status"] = status.name
        return job


def parse_time(text: str, now: datetime) -> datetime:
    """Return the moment that `text` means: ISO 8601, `now`, or relative to it.

    Raises:
        ValueError: it is none of them.
    """
    if text == "now":
        return now
    if found := _RELATIVE.fullmatch(text):
        distance = timedelta(**{_UNITS[found[3]]: int(found[2])})
        return now + distance if found[1] == "+" else now - distance
    if re.search(r"\.\d{4,}", text):
        raise ValueError("more than milliseconds")
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def iso(moment: datetime) -> str:
    """Return `moment` as the platform writes times: UTC, milliseconds, Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
