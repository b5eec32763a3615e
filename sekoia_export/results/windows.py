"""The results of `plan_windows`."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from sekoia_export.results.base import Results


class PlanMethod(StrEnum):
    """How the number of events in each window was learned."""

    ONE_SEARCH = "one_search"
    HISTOGRAM = "histogram"
    BISECTION = "bisection"


class PlannedWindow(Results):
    """A part of the period, from its start up to, without, its end."""

    index: int = Field(description="Number of the window, from 1")
    earliest_time: str = Field(description="Start of the window, ISO 8601 in UTC")
    latest_time: str = Field(description="End of the window, which is the next one's start")
    estimated_events: int = Field(description="Number of events in it, as the platform estimates it")
    estimated_bytes: int = Field(description="Compressed bytes that its export takes of the quota, a rough estimate")


class PlanResults(Results):
    """The windows, in the order of time."""

    windows: list[PlannedWindow] = Field(
        description="Windows for a foreach, one after the other without gap or overlap; each has index (from 1), "
        "earliest_time, latest_time, estimated_events and estimated_bytes"
    )
    count: int = Field(description="Number of windows")
    exports: int = Field(description="Number of windows with events in them, which is the number of exports")
    total: int | None = Field(description="Number of events in the whole period, as the platform estimates it")
    earliest_time: str = Field(description="Start of the period, absolute")
    latest_time: str = Field(description="End of the period, absolute")
    planned_until: str = Field(
        description="Where the windows end: latest_time of a complete plan; of one that broke off, the earliest_time "
        "to go on from"
    )
    method: PlanMethod = Field(
        description="How the events were counted: one_search (all fit into one window), histogram (the search job's), "
        "or bisection (searches of ever smaller parts)"
    )
    searches: int = Field(description="Number of searches that the plan took")
    estimated_bytes: int = Field(
        description="Compressed bytes that all exports take of the quota: a rough estimate by the number of fields"
    )
    estimated_quota_percent: float = Field(
        description="Share that this is of a community's monthly quota of 10 GB, in percent"
    )
