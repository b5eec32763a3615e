"""How far a transfer is, told to an observer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sekoia_export.clock import Clock

_INTERVAL_S = 0.25
_SMOOTHING_S = 5.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TransferProgress:
    """A moment of a transfer.

    Args:
        done_bytes: bytes that came and are kept; goes back when some have to be fetched again.
        total_bytes: the object's size, None where it is not known.
        rate_bytes_per_s: the smoothed rate, None at first.
        remaining_s: the seconds left at that rate, None where it cannot be told.
        parts: connections that are bringing a part at the moment.
        retries: failures that were retried so far.
    """

    done_bytes: int
    total_bytes: int | None
    rate_bytes_per_s: float | None
    remaining_s: float | None
    parts: int
    retries: int


Observer = Callable[[TransferProgress], None]


def silent(progress: TransferProgress) -> None:
    """Observe nothing."""


class ProgressMeter:
    """Smooths the rate and tells an observer, four times a second at most.

    Args:
        clock: where the time comes from.
        total_bytes: the object's size, None where it is not known.
        observer: who is told.
    """

    def __init__(self, clock: Clock, total_bytes: int | None, observer: Observer) -> None:
        self._clock = clock
        self._total_bytes = total_bytes
        self._observer = observer
        self._rate: float | None = None
        self._last_at = clock.monotonic()
        self._last_bytes = 0

    def at(self, done_bytes: int, *, parts: int, retries: int, now: bool = False) -> None:
        """Tell that `done_bytes` are there; `now` tells it whatever the interval."""
        passed_s = self._clock.monotonic() - self._last_at
        if passed_s < _INTERVAL_S and not now and done_bytes >= self._last_bytes:
            return
        gained = done_bytes - self._last_bytes
        if passed_s > 0 and gained >= 0:
            rate = gained / passed_s
            weight = min(1.0, passed_s / _SMOOTHING_S)
            self._rate = rate if self._rate is None else self._rate + weight * (rate - self._rate)
        self._last_at += passed_s
        self._last_bytes = done_bytes
        remaining_s = None
        if self._rate and self._total_bytes is not None:
            remaining_s = max(0, self._total_bytes - done_bytes) / self._rate
        self._observer(
            TransferProgress(
                done_bytes=done_bytes,
                total_bytes=self._total_bytes,
                rate_bytes_per_s=self._rate,
                remaining_s=remaining_s,
                parts=parts,
                retries=retries,
            )
        )
