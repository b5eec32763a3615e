"""The first byte: which key opens an object, how large it is, and whether its server knows ranges."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sekoia_export.errors import KeyRefused, SignatureRefused, StorageError, TransferFailed
from sekoia_export.transfer.patience import Patience, Tries

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sekoia_export.clock import Deadline
    from sekoia_export.encryption import SseKey
    from sekoia_export.transfer.source import ObjectAnswer, ObjectSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What the first byte told.

    Args:
        key: the key that opens the object, None when it opens without one.
        size_bytes: the object's size, None when the server does not tell.
        etag: the object's ETag, with its quotes, None when it has none.
        ranges: whether parts of it can be asked for.
    """

    key: SseKey | None
    size_bytes: int | None
    etag: str | None
    ranges: bool


def probe(
    source_for: Callable[[SseKey | None], ObjectSource],
    candidates: Sequence[SseKey],
    *,
    deadline: Deadline,
    patience: Patience | None = None,
) -> Probe:
    """Ask for one byte, without a key first (an answer means that none applies), then with each key in turn.

    It is a GET of one byte and no HEAD: a URL presigned for GET is refused to HEAD. Without a key first, because
    servers that ignore a key where none applies would make any key look right.

    Args:
        source_for: makes the source that sends a key, or none.
        candidates: the keys to try, the likeliest first; the same key is tried once.
        deadline: of the step; also the clock.
        patience: with broken connections and 5xx.

    Raises:
        KeyRefused: none of the candidates opens it; the text says where they came from.
        SignatureRefused: the URL's signature is not accepted, with a key or without.
        LinkExpired: the URL has expired: it may be read anew, once, and probed again.
        StorageError: or another of its kinds.
    """
    tries = Tries(patience or Patience(), deadline)
    refused: list[StorageError] = []
    tried: list[SseKey] = []
    for key in (None, *candidates):
        if key in tried:
            continue
        try:
            return _first_byte(source_for(key), tries, deadline)
        except (KeyRefused, SignatureRefused) as error:
            refused.append(error)
        except StorageError as error:
            # An AccessDenied without a key may be a policy that wants one; every other failure is no matter of keys.
            if key is not None or type(error) is not StorageError or not candidates:
                raise
            refused.append(error)
        if key is not None:
            tried.append(key)
    raise _why(refused, tried)


def _why(refused: list[StorageError], tried: list[SseKey]) -> StorageError:
    if all(isinstance(error, SignatureRefused) for error in refused):
        return refused[-1]
    if not tried:
        return KeyRefused("The export is encrypted with a customer key, and there is none to try.")
    origins = ", ".join(dict.fromkeys(str(key.origin) for key in tried))
    return KeyRefused(f"None of the keys at hand opens the export's file; tried: {origins}.")


def _first_byte(source: ObjectSource, tries: Tries, deadline: Deadline) -> Probe:
    while True:
        deadline.check("The transfer")
        try:
            with source.get(first=0, last=0) as answer:
                if answer.status != 416:
                    return _told_by(answer, source.key)
                if answer.total_bytes == 0:
                    return Probe(key=source.key, size_bytes=0, etag=answer.etag, ranges=False)
            # A 416 for the first byte that does not say the size: an empty object, if the whole of it says so too.
            with source.get() as answer:
                return _told_by(answer, source.key)
        except TransferFailed as error:
            tries.wait_after(error)


def _told_by(answer: ObjectAnswer, key: SseKey | None) -> Probe:
    return Probe(key=key, size_bytes=answer.total_bytes, etag=answer.etag, ranges=answer.status == 206)
