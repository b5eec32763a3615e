"""Moments as the search API takes them, and durations as a person reads them.

A moment is ISO 8601 with milliseconds at most, relative such as `-7d`, or `now`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

_RELATIVE = re.compile(r"([+-])([0-9]{1,9})([smhdw])")
_FURTHEST = timedelta(days=366_000)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


@dataclass(frozen=True, slots=True)
class Moment:
    """A moment, absolute or relative to now.

    Args:
        text: as it is sent to the platform.
        absolute: the moment in UTC; None when it is relative.
        offset: how far from now; None when it is absolute.
    """

    text: str
    absolute: datetime | None
    offset: timedelta | None

    def at(self, now: datetime) -> datetime:
        """Return the moment in UTC, seen from `now`."""
        return self.absolute or now + (self.offset or timedelta())

    def moved(self, by: timedelta) -> Moment:
        """Return the moment later, or earlier when `by` is negative; a time before the year 1 is the year 1's start."""
        if self.absolute is not None:
            limit = datetime.min.replace(tzinfo=UTC) if by < timedelta() else datetime.max.replace(tzinfo=UTC)
            room = abs(limit - self.absolute)
            moment = limit if abs(by) > room else self.absolute + by
            return Moment(format_moment(moment), moment, None)
        offset = (self.offset or timedelta()) + by
        if not by:
            return self
        return Moment(f"{offset.total_seconds():+.0f}s" if offset else "now", None, offset)


def format_moment(moment: datetime) -> str:
    """Return ISO 8601 in UTC with milliseconds: the most that the search API takes."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def read_moment(text: str) -> Moment:
    """Return the moment that `text` names. A time without a zone is UTC; what is finer than milliseconds is cut off.

    Raises:
        ValueError: it is none of the three forms; the text says which there are.
    """
    stripped = text.strip()
    if stripped.lower() == "now":
        return Moment("now", None, timedelta())
    if found := _RELATIVE.fullmatch(stripped):
        sign, number, unit = found.groups()
        try:
            offset = timedelta(**{_UNITS[unit]: int(f"{sign}{number}")})
        except OverflowError:
            offset = timedelta.max
        if abs(offset) > _FURTHEST:
            raise ValueError("must not reach further than a thousand years")
        return Moment(stripped, None, offset)
    try:
        parsed = datetime.fromisoformat(stripped)
        moment = (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise ValueError(
            "must be a time such as 2026-01-31T08:00:00Z, relative to now such as -7d (s, m, h, d or w), or now"
        ) from None
    moment = moment.replace(microsecond=moment.microsecond // 1000 * 1000)
    return Moment(format_moment(moment), moment, None)


def absolute_moment(text: str | None) -> datetime | None:
    """Return the moment in UTC when `text` is an absolute time; None when it is relative, missing or not understood."""
    if text is None:
        return None
    try:
        return read_moment(text).absolute
    except ValueError:
        return None


def in_words(seconds: float) -> str:
    """Return a duration as a person would say it: "4 s", "12 min", "1 h 5 min"."""
    whole = max(0, round(seconds))
    if whole < 120:
        return f"{whole} s"
    hours, minutes = divmod(round(whole / 60), 60)
    return " ".join([*([f"{hours} h"] if hours else []), *([f"{minutes} min"] if minutes else [])])
