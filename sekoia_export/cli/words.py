"""Sizes, rates and durations as a person reads them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.filesize import decimal

from sekoia_export.times import in_words

if TYPE_CHECKING:
    from sekoia_export.transfer.progress import TransferProgress
    from sekoia_export.waiting import Progress


def size_in_words(size_bytes: float) -> str:
    """Return a size: "812 bytes", "1.2 GB" (powers of 1000)."""
    return decimal(round(size_bytes))


def events_in_words(progress: Progress, *, remaining_s: float | None) -> str:
    """Return "751,000 of 1,204,332 events, 5,200 a second, about 2 min left", as far as it is known.

    Args:
        progress: of a search or an export.
        remaining_s: the estimate as of now; the progress may be some seconds old.
    """
    total = "" if progress.total is None else f" of {progress.total:,}"
    parts = [f"{progress.done:,}{total} events"]
    if progress.rate_per_s:
        rate = progress.rate_per_s
        parts.append(f"{rate:,.0f} a second" if rate >= 10 else f"{rate:.1f} a second")
    if remaining_s is not None:
        parts.append(f"about {in_words(remaining_s)} left")
    return ", ".join(parts)


def transfer_in_words(progress: TransferProgress) -> str:
    """Return "412.0 MB of 1.2 GB, 85.1 MB/s, about 9 s left, 2 retries", as far as it is known."""
    total = "" if progress.total_bytes is None else f" of {size_in_words(progress.total_bytes)}"
    parts = [f"{size_in_words(progress.done_bytes)}{total}"]
    if progress.rate_bytes_per_s:
        parts.append(f"{size_in_words(progress.rate_bytes_per_s)}/s")
    if progress.remaining_s:
        parts.append(f"about {in_words(progress.remaining_s)} left")
    if progress.retries:
        parts.append(f"{progress.retries} retr{'y' if progress.retries == 1 else 'ies'}")
    return ", ".join(parts)
