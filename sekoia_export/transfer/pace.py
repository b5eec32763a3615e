"""How large the next part is and how many connections are open: from the object's size and from what was observed."""

from __future__ import annotations

import math

MEBIBYTE = 1024 * 1024
CONNECTIONS = 16
SMALLEST_PART_BYTES = MEBIBYTE
FIRST_PART_BYTES = 2 * MEBIBYTE
LARGEST_PART_BYTES = 64 * MEBIBYTE
PART_S = 1.5
FIRST_CONNECTIONS = 4
FAST_BYTES_PER_S = 100_000_000
"""What one connection to S3 does not reach: where each brings more, the link or this machine is the limit."""
LOOK_EVERY_S = 0.05
_SMOOTHING = 0.3


class Pace:
    """Sizes the parts of one object.

    A part takes about 1.5 s: long enough that the time until a request's first byte does not count, short enough that
    the start of the object, which verification waits for, is soon there. Towards the end parts become smaller, so that
    all connections end at about the same time.

    At first four connections are open, and more when they turn out to bring less than 100 MB/s each: as many as would
    bring what four fast ones do. On a link where four bring more than 400 MB/s together, more of them only stand in
    each other's way. They are judged together, every 50 ms: on a busy machine one of them often has to wait for a core,
    which says nothing of the link.

    Where there is a window, the parts on their way share it, and connections become fewer again while it stays full.

    Args:
        connections: how many may be open at most.
        window_bytes: how far beyond what was verified may be fetched; None for no such limit.

    Attributes:
        connections: how many may be open at the moment: fewer when the storage says that it is asked too much.
        rate_bytes_per_s: what one connection brings, smoothed; None before the first part's end.
    """

    def __init__(self, *, connections: int = CONNECTIONS, window_bytes: int | None = None) -> None:
        self._wanted = min(FIRST_CONNECTIONS, connections)
        self._allowed = connections
        self.rate_bytes_per_s: float | None = None
        self._most_connections = connections
        self._window_bytes = window_bytes
        self._looked_at: float | None = None
        self._since_bytes = 0

    @property
    def connections(self) -> int:
        return min(self._wanted, self._allowed)

    def part_bytes(self, missing_bytes: int) -> int:
        """Return the size of the next part when `missing_bytes` are still to be asked for."""
        wanted = FIRST_PART_BYTES if self.rate_bytes_per_s is None else int(self.rate_bytes_per_s * PART_S)
        fair = missing_bytes // (2 * self.connections)
        share = LARGEST_PART_BYTES if self._window_bytes is None else self._window_bytes // self.connections
        return max(SMALLEST_PART_BYTES, min(wanted, fair, share, LARGEST_PART_BYTES))

    def part_came(self, size_bytes: int, seconds: float) -> None:
        """Learn from a part that came whole."""
        if seconds > 0:
            rate = size_bytes / seconds
            known = self.rate_bytes_per_s
            self.rate_bytes_per_s = rate if known is None else known + _SMOOTHING * (rate - known)
        self._allowed = min(self._most_connections, self._allowed + 1)

    def bytes_came(self, size_bytes: int, *, now: float) -> bool:
        """Learn from some bytes, of any part; return whether more connections may be open than before.

        Args:
            size_bytes: how many; none when an answer has begun.
            now: the clock's seconds.
        """
        if self._looked_at is None:
            self._looked_at, self._since_bytes = now, 0
            return False
        self._since_bytes += size_bytes
        seconds = now - self._looked_at
        if seconds < LOOK_EVERY_S:
            return False
        before = self.connections
        each_bytes_per_s = self._since_bytes / seconds / before
        if each_bytes_per_s < FAST_BYTES_PER_S:
            wanted = FIRST_CONNECTIONS * FAST_BYTES_PER_S / max(1.0, each_bytes_per_s)
            self._wanted = max(self._wanted, min(self._most_connections, math.ceil(wanted)))
        self._looked_at, self._since_bytes = now, 0
        return self.connections > before

    def held_back(self) -> None:
        """Take note that the window is full, or half of it waits to be read: fewer connections would do as well."""
        self._wanted = max(min(FIRST_CONNECTIONS, self._most_connections), self._wanted - 1)
        self._looked_at = None

    def storage_is_busy(self) -> None:
        """Open fewer connections; they become more again with every part that comes whole."""
        self._allowed = max(1, self.connections // 2)
