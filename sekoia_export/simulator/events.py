"""Seeded security events of any number, none of them held in memory.

Event i of a search is a function of the seed, i, and the search's period and total. It is one of a few thousand
bodies (made once from the seed), with a time, an id and a source port of its own. The bodies are turned into bytes
once for the fields that are asked for, so that an event of an export costs about a microsecond.
"""

from __future__ import annotations

import functools
import hashlib
import random
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import orjson

from sekoia_export.simulator import catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

BODIES = 2_048
TIMESTAMP, EVENT_ID, SOURCE_PORT = "@timestamp", "event.id", "source.port"
_MASK = (1 << 64) - 1
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Period:
    """The time in which a search's events lie: from `start` up to, without, `end`."""

    start: datetime
    end: datetime

    @property
    def start_ms(self) -> int:
        return (self.start - _EPOCH) // timedelta(milliseconds=1)

    @property
    def span_ms(self) -> int:
        return max(1, (self.end - self.start) // timedelta(milliseconds=1))


@dataclass(frozen=True, slots=True)
class Events:
    """The events that a search finds, in ascending order of time.

    Args:
        seed: other seeds, other events.
        total: how many there are.
        period: where their times lie.
        alert_short_ids: alerts that every one of them belongs to.
    """

    seed: int
    total: int
    period: Period
    alert_short_ids: tuple[str, ...] = ()

    def event(self, index: int) -> dict[str, Any]:
        """Return event `index` (0 to total - 1) with all its fields, under dotted names."""
        mixed = _mix(self.seed, index)
        body = _bodies(self.seed)[mixed % BODIES]
        event: dict[str, Any] = {TIMESTAMP: self._timestamp(index, mixed).decode(), EVENT_ID: _event_id(mixed).decode()}
        event.update(body)
        if SOURCE_PORT in body:
            event[SOURCE_PORT] = _source_port(mixed)
        if self.alert_short_ids:
            event["alert_short_ids"] = list(self.alert_short_ids)
        return event

    def lines(self, start: int, stop: int, fields: Sequence[str]) -> bytes:
        """Return the events from `start` up to, without, `stop` as JSON Lines with exactly `fields`, in that order.

        A field that an event does not have is absent from its line.
        """
        formats = _formats(self.seed, tuple(fields), self.alert_short_ids)
        seed = self.seed
        makers: list[tuple[bytes, Callable[[int], bytes | int]]] = []
        if EVENT_ID in fields:
            makers.append((b"i", _event_id))
        if SOURCE_PORT in fields:
            makers.append((b"p", _source_port))
        timed = TIMESTAMP in fields
        values: dict[bytes, bytes | int] = {}
        lines = []
        for index in range(start, stop):
            mixed = _mix(seed, index)
            if timed:
                values[b"t"] = self._timestamp(index, mixed)
            for name, maker in makers:
                values[name] = maker(mixed)
            lines.append(formats[mixed % BODIES] % values)
        return b"".join(lines)

    def _timestamp(self, index: int, mixed: int) -> bytes:
        # Each event has a slot of its own in the period and lies somewhere in it: ascending, and not regular.
        span_ms = self.period.span_ms
        offset_ms = (span_ms * ((index << 16) + (mixed >> 48))) // (self.total << 16)
        seconds, ms = divmod(self.period.start_ms + offset_ms, 1_000)
        days, second = divmod(seconds, 86_400)
        minutes, second = divmod(second, 60)
        return b"%bT%02d:%02d:%02d.%03dZ" % (_date(days), minutes // 60, minutes % 60, second, ms)


def field_names() -> list[str]:
    """Return every field that an event can have, sorted."""
    return sorted({TIMESTAMP, EVENT_ID}.union(*_bodies(0)))


def _mix(seed: int, index: int) -> int:
    """Return 64 well mixed bits of seed and index (splitmix64)."""
    value = ((index + 1) * 0x9E3779B97F4A7C15 + seed * 0xD1B54A32D192ED03) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


def _event_id(mixed: int) -> bytes:
    return b"%016x%08x" % (mixed, mixed * 0x9E3779B1 & 0xFFFFFFFF)


def _source_port(mixed: int) -> int:
    return 49_152 + (mixed >> 13) % 16_384


@functools.lru_cache(maxsize=4_096)
def _date(days: int) -> bytes:
    return (_EPOCH + timedelta(days=days)).date().isoformat().encode()


@functools.lru_cache(maxsize=8)
def _bodies(seed: int) -> list[dict[str, Any]]:
    digest = hashlib.sha256(b"bodies %d" % seed).digest()
    source = random.Random(digest)
    return [catalogue.body(source) for _ in range(BODIES)]


@functools.lru_cache(maxsize=32)
def _formats(seed: int, fields: tuple[str, ...], alert_short_ids: tuple[str, ...]) -> list[bytes]:
    """Return each body as a line with `fields`, its own time, id and port left to be filled in with %."""
    formats = []
    for body in _bodies(seed):
        event = {**body, TIMESTAMP: "", EVENT_ID: "", "alert_short_ids": list(alert_short_ids)}
        if not alert_short_ids:
            del event["alert_short_ids"]
        holes = {TIMESTAMP: b'"%(t)b"', EVENT_ID: b'"%(i)b"', SOURCE_PORT: b"%(p)d"}
        items = [
            orjson.dumps(name).replace(b"%", b"%%")
            + b":"
            + (holes.get(name) or orjson.dumps(event[name]).replace(b"%", b"%%"))
            for name in dict.fromkeys(fields)
            if name in event
        ]
        formats.append(b"{" + b",".join(items) + b"}\n")
    return formats
