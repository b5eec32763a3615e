"""The results of a report."""

from __future__ import annotations

from pydantic import Field

from sekoia_export.results.base import BadLines, Results, StepDuration


class ReportResults(Results):
    """The report."""

    file_path: str = Field(description="Path of the HTML page, relative to the data storage")
    file_size: int = Field(description="Size of the page in bytes")
    timeline_path: str | None = Field(
        description="Path of the timeline as a PNG, relative to the data storage; null without an event that has a time"
    )
    markdown: str = Field(description="The report in short, as Markdown that is ready to be a comment")
    events_count: int = Field(description="Number of events")
    first_event: str | None = Field(description="Time of the first event, ISO 8601 in UTC; null where none has a time")
    last_event: str | None = Field(description="Time of the last event")
    gaps_count: int = Field(description="Number of gaps in the timeline")
    complete: bool | None = Field(
        description="Whether there are as many events as the platform exported; null where that is not known"
    )
    unchanged: bool | None = Field(
        description="Whether the files' SHA-256 is the one recorded at their fetch; null where that is not known"
    )
    bad_lines: BadLines
    duration_seconds: StepDuration
