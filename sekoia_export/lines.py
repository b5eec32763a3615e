"""The lines of an export: split where they are needed, counted where their number is enough, the first and last kept.

A line that is empty, or a carriage return alone, is no event. The last line needs no newline.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson

from sekoia_export.errors import DamagedExport

if TYPE_CHECKING:
    from collections.abc import Callable

LINE_LIMIT_BYTES = 16 * 1024 * 1024
PREVIEW_LIMIT_BYTES = 1024 * 1024
COUNT_FROM_BYTES = 64 * 1024 * 1024
TIMESTAMP_FIELD = "@timestamp"


class LineSplitter:
    """Splits inflated pieces into whole lines that are not empty; holds no more than one unfinished line.

    The lines have no newline at their end. A line of a carriage return alone is empty.
    """

    def __init__(self) -> None:
        self._unfinished: list[bytes] = []
        self._unfinished_size_bytes = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the lines that end in `piece`.

        Raises:
            DamagedExport: a line is longer than any event can be.
        """
        lines = piece.split(b"\n")
        last = lines.pop()
        if lines and self._unfinished:
            lines[0] = b"".join([*self._unfinished, lines[0]])
            self._unfinished.clear()
            self._unfinished_size_bytes = 0
        if last:
            self._unfinished.append(last)
            self._unfinished_size_bytes += len(last)
            if self._unfinished_size_bytes > LINE_LIMIT_BYTES:
                raise DamagedExport(f"The export has a line of more than {LINE_LIMIT_BYTES} bytes.")
        return _without_empty(lines)

    def finish(self) -> list[bytes]:
        """Return the last line when it had no newline."""
        last = b"".join(self._unfinished)
        self._unfinished.clear()
        return _without_empty([last])


class LineFacts:
    """Counts lines and keeps what is needed to describe them: the first few and the last.

    Args:
        preview_count: how many of the first lines are kept.

    Attributes:
        events_count: lines seen so far.
    """

    def __init__(self, preview_count: int) -> None:
        self.events_count = 0
        self._preview_left = preview_count
        self._preview_room_bytes = PREVIEW_LIMIT_BYTES
        self._preview: list[bytes] = []
        self._first = b""
        self._last = b""

    def feed(self, lines: list[bytes]) -> None:
        """Take the next lines.

        Raises:
            DamagedExport: the first line is not a JSON object's: a proxy's page, or another format.
        """
        if not lines:
            return
        if not self.events_count:
            self._first = lines[0]
            if not self._first.lstrip().startswith(b"{"):
                raise DamagedExport("The export is not JSON Lines: its first line is not a JSON object.")
        for line in lines[: self._preview_left]:
            self._preview_room_bytes -= len(line)
            if self._preview_room_bytes < 0:
                self._preview_left = 0
                break
            self._preview.append(line)
            self._preview_left -= 1
        self.events_count += len(lines)
        self._last = lines[-1]

    def feed_number(self, count: int, last: bytes) -> None:
        """Take the next `count` lines, of which only the last is given; for when `needs_lines` is false."""
        self.events_count += count
        self._last = last

    @property
    def needs_lines(self) -> bool:
        """Whether the next lines themselves are wanted, and not only their number."""
        return not self.events_count or self._preview_left > 0

    def preview(self) -> list[dict[str, Any]]:
        """Return the first events; a line that is not a JSON object is left out."""
        return [event for event in map(_event, self._preview) if event is not None]

    def timestamps(self) -> tuple[str | None, str | None]:
        """Return the `@timestamp` of the first and of the last line, None where there is none."""
        return _timestamp(self._first), _timestamp(self._last)

    def ends_with_an_event(self) -> bool:
        """Return whether the last line, if there is one, is a whole JSON object."""
        return not self.events_count or _event(self._last) is not None


class LineReader:
    """Takes the lines of inflated pieces for their facts, as splitting them all would, but faster.

    Args:
        preview_count: see LineFacts.
        count_from_bytes: size from which lines are counted and not split; what counts them takes time to load.

    Attributes:
        facts: of the lines so far.
    """

    def __init__(self, preview_count: int, *, count_from_bytes: int = COUNT_FROM_BYTES) -> None:
        self.facts = LineFacts(preview_count)
        self._splitter = LineSplitter()
        self._until_counting_bytes = count_from_bytes
        self._count: Callable[[bytes], int | None] | None = None

    def split(self, piece: bytes) -> list[bytes]:
        """Return the lines that end in `piece`, taken.

        Raises:
            DamagedExport: a line is longer than any event can be, or the first is none.
        """
        lines = self._splitter.feed(piece)
        self.facts.feed(lines)
        return lines

    def count(self, piece: bytes) -> None:
        """Take the lines that end in `piece`; raises as `split` does."""
        if self._count is None:
            self._until_counting_bytes -= len(piece)
            if self._until_counting_bytes <= 0:
                self._count = counter_of_full_lines()
        newlines = None if self._count is None or self.facts.needs_lines else self._count(piece)
        if not newlines:
            self.split(piece)
            return
        first_end = piece.find(b"\n") + 1
        self.split(piece[:first_end])
        if newlines > 1:
            last_end = piece.rfind(b"\n")
            self.facts.feed_number(newlines - 1, piece[piece.rfind(b"\n", 0, last_end) + 1 : last_end])
            first_end = last_end + 1
        self.split(piece[first_end:])

    def finish(self) -> list[bytes]:
        """Return the last line, taken, when it had no newline."""
        lines = self._splitter.finish()
        self.facts.feed(lines)
        return lines


def counter_of_full_lines() -> Callable[[bytes], int | None]:
    """Return what counts the newlines of a piece, or tells with None that some of its lines may be empty.

    With numpy, which the extra `analysis` brings, it takes an eighth of what splitting takes, and other threads run
    meanwhile. Without it there is nothing faster than splitting: bytes.count() looks at one byte at a time.
    """
    try:
        import numpy as np
    except ImportError:
        return lambda _piece: None

    def count(piece: bytes) -> int | None:
        newlines = np.frombuffer(piece, np.uint8) == ord("\n")
        if b"\r" in piece or (newlines[1:] & newlines[:-1]).any():
            return None
        return int(np.count_nonzero(newlines))

    return count


def _without_empty(lines: list[bytes]) -> list[bytes]:
    # Two counts in C cost little; looking at each of a hundred million lines in Python would cost more than inflating.
    if lines.count(b"") or lines.count(b"\r"):
        return [line for line in lines if line not in {b"", b"\r"}]
    return lines


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None


def _timestamp(line: bytes) -> str | None:
    event = _event(line)
    value = None if event is None else event.get(TIMESTAMP_FIELD)
    return None if value is None else str(value)
