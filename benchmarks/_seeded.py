"""Exports of seeded events: what benchmarks ask, hunt in and convert."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FIELDS = [
    "@timestamp",
    "message",
    "user.name",
    "source.ip",
    "destination.ip",
    "destination.port",
    "event.action",
    "event.outcome",
    "host.name",
]
PER_MEMBER = 100_000


def make_export(path: str, count: str, fields: Sequence[str]) -> None:
    """Write an export of so many events of a week."""
    from sekoia_export.simulator.content import members
    from sekoia_export.simulator.events import Events, Period

    period = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 8, tzinfo=UTC))
    with Path(path).open("wb") as file:
        file.writelines(members(Events(seed=1, total=int(count), period=period), list(fields), per_member=PER_MEMBER))
