"""The configuration of the trigger `scheduled_export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, field_validator

from sekoia_export.arguments.base import LONGEST_TIMEOUT_S, Arguments, ListOfUuids
from sekoia_export.arguments.chain import FieldChoices
from sekoia_export.schedule import Every
from sekoia_export.times import read_moment

if TYPE_CHECKING:
    from datetime import datetime


class _When(Arguments):
    query: str = Field(description="Query of the searches, as in the search bar of the platform", min_length=1)
    every: Every = Field(
        default=Every.DAY, description="Length of a window, and how often one is due: hour, day or week, in UTC"
    )
    start_at: str | None = Field(
        default=None,
        description="Start of the first window, ISO 8601, also in the past: then all windows since are made up for; "
        "by default the start of the running hour, day or week",
    )
    settle: int = Field(
        default=900, ge=0, le=LONGEST_TIMEOUT_S, description="Seconds to wait for late events after a window's end"
    )
    max_catch_up: int = Field(
        default=3, ge=1, le=100, description="Number of windows that are started at once when several are due"
    )
    catch_up_pause: int = Field(
        default=900,
        ge=0,
        le=LONGEST_TIMEOUT_S,
        description="Seconds before the next windows are started when more than max_catch_up are due; a community "
        "has one export at a time",
    )
    community_uuids: ListOfUuids | None = Field(
        default=None, description="Uuids of the communities to search in; an export can hold one community"
    )


class ScheduleArguments(FieldChoices, _When):
    """What to export, and how often."""

    @field_validator("start_at")
    @classmethod
    def _absolute(cls, value: str | None) -> str | None:
        if value is None:
            return None
        moment = read_moment(value)
        if moment.absolute is None:
            raise ValueError("must be an absolute time such as 2026-01-31T08:00:00Z")
        return moment.text

    @property
    def start(self) -> datetime | None:
        """Return `start_at` in UTC."""
        return None if self.start_at is None else read_moment(self.start_at).absolute
