"""What an export holds: gzip of JSON Lines, in members, of any size.

A usual export is made member by member, once, on its way into the object. From `Settings.pattern_from_events` on it
is a pattern: a few dozen members of which one follows the other round and round. Where each lies is arithmetic, so
10 GB can be read at any place and only the few dozen are held.
"""

from __future__ import annotations

import zlib
from bisect import bisect_right
from dataclasses import dataclass, field
from itertools import accumulate
from typing import TYPE_CHECKING

from isal import igzip

from sekoia_export.simulator.events import Events

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

GZIP_LEVEL = 2


def members(events: Events, fields: Sequence[str], *, per_member: int) -> Iterator[bytes]:
    """Yield the gzip members of `events`, one empty one when there are none."""
    for start in range(0, max(1, events.total), per_member):
        lines = events.lines(start, min(start + per_member, events.total), fields)
        yield igzip.compress(lines, GZIP_LEVEL, mtime=0)


def one_member(events: Events, fields: Sequence[str], *, per_block: int) -> Iterator[bytes]:
    """Yield pieces of one single gzip member of all `events`."""
    packer = zlib.compressobj(GZIP_LEVEL, zlib.DEFLATED, 31)
    for lines in plain(events, fields, per_block=per_block):
        yield packer.compress(lines)
    yield packer.flush()


def plain(events: Events, fields: Sequence[str], *, per_block: int) -> Iterator[bytes]:
    """Yield `events` as JSON Lines that are not compressed."""
    for start in range(0, events.total, per_block):
        yield events.lines(start, min(start + per_block, events.total), fields)


@dataclass(frozen=True, slots=True)
class Pattern:
    """An export of any size: `pattern` over and over, then `tail`.

    Attributes:
        size_bytes: of the whole.
    """

    pattern: tuple[bytes, ...]
    repeats: int
    tail: tuple[bytes, ...]
    _starts: tuple[int, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_starts", (0, *accumulate(len(member) for member in self.pattern)))

    @property
    def size_bytes(self) -> int:
        return self.repeats * self._starts[-1] + sum(len(member) for member in self.tail)

    def read(self, start: int, stop: int) -> Iterator[bytes]:
        """Yield the bytes from `start` up to, without, `stop`."""
        cycle_bytes = self._starts[-1]
        while start < min(stop, self.repeats * cycle_bytes):
            offset = start % cycle_bytes
            number = bisect_right(self._starts, offset) - 1
            piece = self.pattern[number][offset - self._starts[number] :][: stop - start]
            yield piece
            start += len(piece)
        skip = start - self.repeats * cycle_bytes
        for member in self.tail:
            if start < stop and skip < len(member):
                piece = member[skip:][: stop - start]
                yield piece
                start += len(piece)
            skip = max(0, skip - len(member))


def pattern(events: Events, fields: Sequence[str], *, per_member: int, distinct: int) -> Pattern:
    """Return `events.total` events as a Pattern of `distinct` members.

    The pattern's members are spread over the whole period, so first and last timestamps are the period's; in between
    the times start over with every repetition.
    """
    whole, rest = divmod(events.total - 1, per_member)
    distinct = max(1, min(distinct, whole))
    repeats, odd = divmod(whole, distinct)
    sample = Events(events.seed, distinct * per_member, events.period, events.alert_short_ids)
    packed = tuple(members(sample, fields, per_member=per_member))
    last = sample.lines(sample.total - rest - 1, sample.total, fields)
    return Pattern(packed, repeats, (*packed[:odd], igzip.compress(last, GZIP_LEVEL, mtime=0)))
