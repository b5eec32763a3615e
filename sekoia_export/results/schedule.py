"""What the trigger `scheduled_export` hands to each playbook run."""

from __future__ import annotations

from pydantic import Field

from sekoia_export.results.base import Results
from sekoia_export.schedule import Every


class ScheduledWindow(Results):
    """A window whose events are to be exported."""

    window_id: str = Field(
        description="Uuid of the window: the same when it is sent again after a crash; another for another trigger, "
        "query, community, set of fields or period"
    )
    query: str = Field(description="Query to search for")
    earliest_time: str = Field(description="Start of the window, ISO 8601 in UTC")
    latest_time: str = Field(description="End of the window, which is the next one's start")
    fields: list[str] = Field(description="Fields to export, those of the field set included")
    community_uuids: list[str] = Field(description="Communities to search in; empty for the API key's own")
    every: Every = Field(description="Length of the windows: hour, day or week")
    due_at: str = Field(description="When the window was due: its end and the seconds for late events")
