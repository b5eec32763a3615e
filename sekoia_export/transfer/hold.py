"""What holds an object's raw bytes while it is fetched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from sekoia_export.transfer.ranges import RangeSet, Span


class Hold(Protocol):
    """An object's raw bytes, at their offsets, written by several threads and read in order by one.

    What was written can be taken up by a later process (`LocalHold` and `S3Hold` say how). Methods raise
    DataStorageError, or DiskFull.
    """

    window_bytes: int | None
    """How far beyond what was released may be written; None for no such limit."""

    def present(self) -> RangeSet:
        """Return what is there, from earlier runs too, checked."""

    def write(self, offset: int, pieces: list[bytes]) -> None:
        """Keep `pieces`, one after the other, from `offset` on."""

    def read(self, offset: int, size_bytes: int) -> bytes:
        """Return what was written there; at least one byte and at most `size_bytes`."""

    def release(self, offset: int, *, as_it_comes: bool) -> None:
        """Take note that everything before `offset` was read, and will not be before the next pass.

        Args:
            offset: up to where it was read.
            as_it_comes: the raw bytes are what will be published: it can be prepared.
        """

    def forget(self, span: Span) -> list[Span]:
        """Have these bytes fetched again, as they proved wrong; return all that is to be, which may be more."""

    def publish(self) -> None:
        """Make the file of the raw bytes, under its final name; nothing is written afterwards."""

    def keep(self) -> None:
        """Let go of it, so that a later process can take it up. Does nothing once published or dropped."""

    def drop(self) -> None:
        """Let go of it and remove what it holds. Does nothing once published, kept or dropped."""
