"""Numbers, moments and durations as the report's reader has them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from sekoia_export.times import absolute_moment

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_UNITS = (("day", 86_400_000), ("hour", 3_600_000), ("minute", 60_000), ("second", 1_000))


def moment_of(ms: int) -> datetime:
    """Return the moment that is so many milliseconds after the start of 1970."""
    return _EPOCH + timedelta(milliseconds=ms)


def moment_in_words(ms: int) -> str:
    """Return `2026-01-31 08:00:00 UTC`, with milliseconds where there are any."""
    text = moment_of(ms).strftime("%Y-%m-%d %H:%M:%S")
    return f"{text}.{ms % 1_000:03d} UTC" if ms % 1_000 else f"{text} UTC"


def time_in_words(text: str) -> str:
    """Return an absolute time as `moment_in_words` has it; any other text as it is."""
    moment = absolute_moment(text)
    return text if moment is None else moment_in_words((moment - _EPOCH) // timedelta(milliseconds=1))


def span_in_words(length_ms: int) -> str:
    """Return a duration in its two largest units: `2 days 3 hours`, `45 seconds`, `less than a second`."""
    parts = []
    rest = length_ms
    for name, unit_ms in _UNITS:
        number, rest = divmod(rest, unit_ms)
        if number:
            parts.append(counted(number, name))
        elif parts:
            break
        if len(parts) == 2:
            break
    return " ".join(parts) or "less than a second"


def each_in_words(length_ms: int) -> str:
    """Return a duration as it follows "each": `hour`, `2 hours`."""
    return span_in_words(length_ms).removeprefix("1 ")


def counted(number: int, name: str) -> str:
    """Return `1 event`, `1,200 events`."""
    return f"{number:,} {name}{'' if number == 1 else 's'}"
