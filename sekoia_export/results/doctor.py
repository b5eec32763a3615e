"""The results of the doctor: what was looked at, what was found, and what to do about it."""

from __future__ import annotations

from enum import StrEnum

from pydantic import Field

from sekoia_export.results.base import Results


class Verdict(StrEnum):
    """What a check found."""

    GOOD = "good"
    WARNING = "warning"
    """It works, and something about it may surprise."""
    BAD = "bad"
    """An export would fail."""
    UNKNOWN = "unknown"
    """It cannot be told without starting an export, or because an earlier check was bad."""


class Check(Results):
    """One thing that was looked at."""

    name: str = Field(description="What was looked at")
    verdict: Verdict = Field(description="good, warning, bad or unknown")
    found: str = Field(description="What was found, in one sentence")
    remedy: str | None = Field(default=None, description="What to do about it; null where there is nothing to do")
    to_configure: bool = Field(
        default=False,
        description="Whether what is bad is to be mended in the configuration, or with the API key's role",
    )


class DoctorResults(Results):
    """What the doctor found."""

    base_url: str = Field(description="Address of the region, as it is configured")
    checks: list[Check] = Field(description="What was looked at, in order")

    @property
    def bad(self) -> list[Check]:
        return [check for check in self.checks if check.verdict == Verdict.BAD]
