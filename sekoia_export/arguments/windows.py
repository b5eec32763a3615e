"""The arguments of `plan_windows`: a period to split into windows that can each be exported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from sekoia_export.api.platform import MOST_EVENTS
from sekoia_export.arguments.base import LONGEST_TIMEOUT_S, Arguments, ListOfUuids
from sekoia_export.arguments.chain import FieldChoices, SearchArguments
from sekoia_export.times import format_moment, read_moment

if TYPE_CHECKING:
    from datetime import datetime

DEFAULT_MOST_EVENTS = 50_000_000
"""Half of what an export holds: totals are estimates, and late events are exported too."""


class _Range(Arguments):
    query: str = Field(description="Query of the search, as in the search bar of the platform", min_length=1)
    earliest_time: str = Field(description="Start of the period: ISO 8601, or relative to now such as -90d")
    latest_time: str = Field(
        default="now", description="End of the period: ISO 8601, or relative to now such as -1h, or now"
    )
    max_events: int = Field(
        default=DEFAULT_MOST_EVENTS, ge=1, le=MOST_EVENTS, description="Number of events that a window holds at most"
    )
    community_uuids: ListOfUuids | None = Field(
        default=None, description="Uuids of the communities to search in; an export can hold one community"
    )

    @field_validator("earliest_time", "latest_time")
    @classmethod
    def _as_the_platform_takes_it(cls, value: str) -> str:
        return read_moment(value).text


class PlanArguments(FieldChoices, _Range):
    """What to plan."""

    timeout: int = Field(
        default=3600, ge=1, le=LONGEST_TIMEOUT_S, description="Seconds for all searches of the plan together"
    )

    def period(self, now: datetime) -> tuple[datetime, datetime]:
        """Return start and end of the period in UTC, to the millisecond, seen from `now`.

        Raises:
            UsageError: it ends before it starts.
        """
        self._search(self.earliest_time, self.latest_time).check_period(now)
        start, end = (read_moment(text).at(now) for text in (self.earliest_time, self.latest_time))
        return to_the_millisecond(start), to_the_millisecond(end)

    def search(self, start: datetime, end: datetime) -> SearchArguments:
        """Return the arguments of the search for a part of the period."""
        return self._search(format_moment(start), format_moment(end))

    def _search(self, earliest_time: str, latest_time: str) -> SearchArguments:
        return SearchArguments(
            query=self.query,
            earliest_time=earliest_time,
            latest_time=latest_time,
            community_uuids=self.community_uuids,
            timeout=self.timeout,
        )


def to_the_millisecond(moment: datetime) -> datetime:
    """Return `moment` without what is finer than the search API takes."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
