"""What is fetched: one object in S3, behind one way of asking for it and one answer.

`PresignedObject` (a URL, in `presigned.py`) and `BucketObject` (boto3 and credentials, in `bucket.py`) are the two
sources. Neither lets an exception of its transport escape: they carry the URL with its signature.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Protocol, Self
from urllib.parse import parse_qs, urlsplit

from sekoia_export.errors import ObjectChanged, StorageError, TransferFailed

if TYPE_CHECKING:
    from pydantic import SecretStr

    from sekoia_export.encryption import SseKey

_CONTENT_RANGE = re.compile(r"bytes (?:(\d+)-(\d+)|\*)/(\d+|\*)")


class Body(Protocol):
    """The bytes of an answer, as they come from the socket."""

    def read(self, limit_bytes: int) -> bytes:
        """Return what has come, at most `limit_bytes`, waiting for the first of it; nothing at the end.

        Raises:
            TransferFailed: the connection broke.
        """

    def cut(self) -> None:
        """Make a `read` that waits in another thread fail now."""

    def close(self) -> None:
        """Give the connection up, or back."""


class ObjectSource(Protocol):
    """An object that can be asked for, whole or in ranges, from several threads at once."""

    @property
    def key(self) -> SseKey | None:
        """The customer key that every request carries."""

    def get(self, *, first: int | None = None, last: int | None = None, etag: str | None = None) -> ObjectAnswer:
        """Ask for the object's bytes.

        Args:
            first: offset of the first byte wanted; None for the whole object.
            last: offset of the last byte wanted; None for up to the end.
            etag: the object is to be this one still (If-Match).

        Returns:
            an answer of status 200 (the whole object, also where the server knows no ranges), 206 (the range that was
            asked for, checked), or 416 (there is nothing at `first`). To be closed.

        Raises:
            StorageError: or one of its kinds, as the table in `refusals.py` says.
        """


class ObjectAnswer:
    """An answer, with its body still to be read.

    Args:
        status: 200, 206 or 416.
        total_bytes: size of the whole object, None when the server did not tell.
        first: offset of the body's first byte.
        length: the body's size, None when the server did not tell.
        etag: the object's ETag with its quotes, None when there is none.
        body: what is read.
    """

    def __init__(
        self, *, status: int, total_bytes: int | None, first: int, length: int | None, etag: str | None, body: Body
    ) -> None:
        self.status = status
        self.total_bytes = total_bytes
        self.first = first
        self.length = length
        self.etag = etag
        self._body = body
        self._read_bytes = 0

    def read(self, limit_bytes: int) -> bytes:
        """Return what has come, at most `limit_bytes`, waiting for the first of it; nothing only at the announced end.

        Raises:
            TransferFailed: the connection broke, or the body is shorter or longer than announced.
        """
        data = self._body.read(limit_bytes)
        self._read_bytes += len(data)
        if self.length is not None and (
            self._read_bytes > self.length or (not data and self._read_bytes < self.length)
        ):
            raise TransferFailed(f"The storage sent {self._read_bytes} bytes where it had announced {self.length}.")
        return data

    def cut(self) -> None:
        """Make a `read` that waits in another thread fail now; `close` is still to be called."""
        self._body.cut()

    def close(self) -> None:
        self._body.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerHead:
    """Status and headers of an answer, checked against what was asked.

    Args:
        status: the HTTP status.
        content_length: the header's value, None when absent.
        content_range: the header's value, None when absent.
        etag: the header's value, None when absent.
    """

    status: int
    content_length: int | None
    content_range: str | None
    etag: str | None

    def answer(self, body: Body, *, first: int | None, last: int | None, etag: str | None) -> ObjectAnswer:
        """Return the answer to what was asked with `first`, `last` and `etag`.

        Raises:
            ObjectChanged: the ETag is another.
            TransferFailed: the range is not the one that was asked for, or the headers contradict each other.
        """
        if etag is not None and self.etag is not None and self.etag != etag:
            raise ObjectChanged("The storage holds another object than the one that was begun.")
        if self.status == 200:
            return ObjectAnswer(
                status=200,
                total_bytes=self.content_length,
                first=0,
                length=self.content_length,
                etag=self.etag,
                body=body,
            )
        if first is None:
            raise StorageError(f"The storage answered {self.status} where the whole object was asked for.")
        found = _CONTENT_RANGE.fullmatch(self.content_range or "")
        if found is None or found[1] is None or found[3] == "*":
            raise TransferFailed("The storage answered a part without saying which part of what.")
        start, end, total = int(found[1]), int(found[2]), int(found[3])
        wanted_end = total - 1 if last is None else min(last, total - 1)
        length = end - start + 1
        if start != first or end != wanted_end or self.content_length not in {None, length}:
            raise TransferFailed(
                f"The storage answered bytes {start} to {end} of {total} where {first} to {wanted_end} were asked for."
            )
        return ObjectAnswer(status=206, total_bytes=total, first=start, length=length, etag=self.etag, body=body)


def expiry_of(url: SecretStr) -> datetime | None:
    """Return when a presigned URL says it ends (X-Amz-Date + X-Amz-Expires, or Expires), None when it does not."""
    query = {name.lower(): values[0] for name, values in parse_qs(urlsplit(url.get_secret_value()).query).items()}
    with contextlib.suppress(ValueError, OverflowError, KeyError):
        signed_at = datetime.strptime(query["x-amz-date"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        return signed_at + timedelta(seconds=int(query["x-amz-expires"]))
    with contextlib.suppress(ValueError, OverflowError, OSError, KeyError):
        return datetime.fromtimestamp(int(query["expires"]), UTC)
    return None


def unsatisfiable_total(content_range: str | None) -> int | None:
    """Return the whole object's size as a 416's Content-Range tells it: `bytes */0`."""
    found = _CONTENT_RANGE.fullmatch(content_range or "")
    return int(found[3]) if found and found[3] != "*" else None


def range_header(first: int | None, last: int | None) -> str | None:
    """Return the value of the header Range, None for the whole object."""
    return None if first is None else f"bytes={first}-{'' if last is None else last}"


def strong_etag(etag: str | None) -> str | None:
    """Return `etag` where If-Match can be asked with it: a weak one (`W/...`) never matches."""
    return None if etag is None or etag.startswith("W/") else etag


class NoBody:
    """The body of an answer that has none."""

    def read(self, limit_bytes: int) -> bytes:  # noqa: ARG002  the protocol's
        return b""

    def cut(self) -> None:
        """Do nothing: nobody waits for nothing."""

    def close(self) -> None:
        """Do nothing: there is no connection."""
