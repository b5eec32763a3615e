"""How fast requests may follow each other: the platform's web firewall blocks an address that asks too much.

Documented: a shared egress counts as one user; stay under 5 requests a second, and pause after two errors in ten
seconds, or the firewall blocks the address for 30 seconds to 10 minutes.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sekoia_export.clock import Clock

REQUESTS_PER_SECOND = 4
ERROR_WINDOW_S = 10.0
FIRST_PAUSE_S = 3.0
LONGEST_PAUSE_S = 30.0


class Pacer:
    """Spaces requests evenly and pauses while errors go on.

    Even spacing, not a bucket: a bucket lets a burst through, and the firewall counts bursts.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._next_at = clock.monotonic()
        self._last_error_at: float | None = None
        self._pause_s = 0.0

    def delay_s(self) -> float:
        """Return the seconds until the next request may be sent, without reserving it."""
        return max(0.0, self._next_at - self._clock.monotonic())

    def wait(self) -> None:
        """Return when the next request may be sent."""
        with self._lock:
            delay = self._next_at - self._clock.monotonic()
            if delay > 0:
                self._clock.sleep(delay)
            self._next_at = self._clock.monotonic() + 1 / REQUESTS_PER_SECOND

    def succeeded(self) -> None:
        """Note an answer that was no error."""
        with self._lock:
            self._pause_s = 0.0

    def failed(self) -> None:
        """Note an error: an answer of 400 or more, or none at all."""
        with self._lock:
            now = self._clock.monotonic()
            # The pause itself must not make the next error look like a lone one.
            close = self._last_error_at is not None and now - self._last_error_at <= ERROR_WINDOW_S + self._pause_s
            self._last_error_at = now
            if not close:
                self._pause_s = 0.0
                return
            self._pause_s = min(LONGEST_PAUSE_S, self._pause_s * 2 or FIRST_PAUSE_S)
            self._next_at = max(self._next_at, now + self._pause_s)
