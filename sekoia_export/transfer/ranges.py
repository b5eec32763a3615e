"""Which bytes of an object are there: a set of offsets, kept as ranges that do not touch."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


@dataclass(frozen=True, slots=True, order=True)
class Span:
    """The bytes from `start` up to, without, `end`."""

    start: int
    end: int

    @property
    def size_bytes(self) -> int:
        return max(0, self.end - self.start)


class RangeSet:
    """A set of byte offsets.

    Args:
        spans: what it holds at first, in any order.
    """

    def __init__(self, spans: Iterable[Span] = ()) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for span in spans:
            self.add(span)

    def add(self, span: Span) -> None:
        """Take the bytes of `span` in; those that are in already stay."""
        if not span.size_bytes:
            return
        first = bisect_left(self._ends, span.start)  # the first range that touches it
        last = bisect_right(self._starts, span.end)
        start, end = span.start, span.end
        if first < last:
            start, end = min(start, self._starts[first]), max(end, self._ends[last - 1])
        self._starts[first:last] = [start]
        self._ends[first:last] = [end]

    def remove(self, span: Span) -> None:
        """Take the bytes of `span` out."""
        if not span.size_bytes:
            return
        kept = [
            piece
            for held in self
            for piece in (Span(held.start, min(held.end, span.start)), Span(max(held.start, span.end), held.end))
            if piece.size_bytes
        ]
        self._starts = [piece.start for piece in kept]
        self._ends = [piece.end for piece in kept]

    def prefix_end(self) -> int:
        """Return how many bytes from offset 0 on are there without a gap."""
        return self._ends[0] if self._starts and self._starts[0] == 0 else 0

    def gaps(self, size_bytes: int) -> list[Span]:
        """Return what is missing of an object of `size_bytes`, in order."""
        starts = [0, *self._ends]
        ends = [*self._starts, size_bytes]
        return [Span(start, end) for start, end in zip(starts, ends, strict=True) if start < end]

    @property
    def size_bytes(self) -> int:
        return sum(self._ends) - sum(self._starts)

    def __iter__(self) -> Iterator[Span]:
        return map(Span, self._starts, self._ends)
