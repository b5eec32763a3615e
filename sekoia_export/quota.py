"""What exports take of the quota, roughly: the documented limit is 10 GB compressed a month and community.

No document says how many bytes an event takes, so this is a rule of thumb and rather too high than too low: a field's
values repeat and compress to a few bytes (the simulator's events: 2 to 5), the raw event in `message` does not.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

MONTHLY_QUOTA_BYTES = 10_000_000_000
BYTES_PER_FIELD = 8
BYTES_PER_MESSAGE = 64


def estimated_bytes(events: int, fields: Sequence[str]) -> int:
    """Return the compressed bytes that an export of `events` with `fields` may have."""
    return events * sum(BYTES_PER_MESSAGE if field == "message" else BYTES_PER_FIELD for field in fields)


def quota_percent(size_bytes: int) -> float:
    """Return the share of the monthly quota, in percent."""
    return round(100 * size_bytes / MONTHLY_QUOTA_BYTES, 2)
