"""S3's refusals, read from status and XML body, as this project's errors: one table for presigned and signed requests.

Servers differ (AWS as documented; Ceph RGW 16 and SeaweedFS 4 as measured), and a 403 alone says nothing: an expired
URL, a wrong key and a missing permission all carry it. Only the `Code` of an answer is ever shown: its other elements
repeat the request, whose headers hold the key.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from sekoia_export.errors import (
    KeyRefused,
    LinkExpired,
    ObjectChanged,
    ObjectMissing,
    SignatureRefused,
    StorageError,
    TransferFailed,
)

if TYPE_CHECKING:
    from datetime import datetime

    from sekoia_export.encryption import SseKey

BODY_LIMIT_BYTES = 64 * 1024
_CLOCK_SKEW = timedelta(minutes=5)
_LONGEST_RETRY_AFTER_S = 60.0
_RETRYABLE = {408, 425, 429}
_CODES_OF_EXPIRY = {"ExpiredToken", "RequestExpired", "TokenRefreshRequired"}
_CODES_OF_SIGNATURE = {"SignatureDoesNotMatch", "AuthorizationQueryParametersError", "InvalidAccessKeyId"}
# Which of them is said depends on the server: no key, a wrong key, or a key where none applies.
_CODES_OF_KEY = {"InvalidRequest", "InvalidArgument", "InvalidEncryptionAlgorithmError", "BadRequest", "AccessDenied"}
_UNSIGNED_HEADERS = "headers present in the request which were not signed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refusal:
    """What S3 answered instead of an object.

    Args:
        host: the storage's host, for the text.
        status: the HTTP status.
        code: the XML body's `Code`; "" when the body is none of S3's.
        message: the XML body's `Message`.
        is_xml: whether the answer was S3's own, and not a page of something in between.
        key: the SSE-C key that was sent, if any.
        link_ends: when the presigned URL says it ends; None when it is not known or not one.
        now: the time of the answer, the server's where it said it.
        retry_after_s: what the server asked to wait.
    """

    host: str
    status: int
    code: str = ""
    message: str = ""
    is_xml: bool = True
    key: SseKey | None = None
    link_ends: datetime | None = None
    now: datetime | None = None
    retry_after_s: float | None = None

    def error(self) -> StorageError:
        """Return the error that it means."""
        what = f"{self.status} {self.code}".strip()
        where = f"The storage ({self.host})"
        if self.status in _RETRYABLE or self.status >= 500 or self.code in {"SlowDown", "RequestTimeout"}:
            busy = self.status in {429, 503} or self.code == "SlowDown"
            return TransferFailed(f"{where} answered {what}.", retry_after_s=self.retry_after_s, busy=busy)
        if 300 <= self.status < 400:
            return StorageError(
                f"{where} answered with a redirect ({what}), which is not followed.",
                "Check the bucket's region and endpoint, or the proxy in between, then run the step again.",
            )
        if self.status == 412:
            return ObjectChanged(f"{where} holds another object than the one that was begun.")
        if self.status in {404, 410}:
            return ObjectMissing(f"{where} does not have the export's file ({what}).")
        if not self.is_xml:
            return TransferFailed(
                f"Something between here and the storage ({self.host}) answered {self.status} with a page of its own.",
                "Check the proxy and the firewall, then run the step again.",
            )
        if self._is_expired():
            return LinkExpired(f"The export's download link has expired ({what}).")
        if self.code in _CODES_OF_SIGNATURE or _UNSIGNED_HEADERS in self.message:
            return SignatureRefused(f"{where} did not accept the download link's signature ({what}).")
        if self.status in {400, 403} and self.code in _CODES_OF_KEY:
            if self.key is not None:
                return KeyRefused(f"{where} did not accept the {self.key.origin} key ({what}).")
            if self.status == 400:
                return KeyRefused(f"The export is encrypted with a customer key and none was sent ({what}).")
        if self.status in {401, 403}:
            return StorageError(
                f"{where} refuses access to the export's file ({what}).",
                "Check the bucket's policy and the credentials; for the platform's bucket, trigger a new export.",
            )
        return StorageError(f"{where} answered {what}.")

    def _is_expired(self) -> bool:
        if "expired" in self.message.lower() or self.code in _CODES_OF_EXPIRY:
            return self.status in {400, 401, 403}
        # Ceph says AccessDenied without a word of why; a wrong key would have been 400 there.
        if self.status != 403 or self.code != "AccessDenied" or self.message:
            return False
        return self.link_ends is not None and self.now is not None and self.now >= self.link_ends - _CLOCK_SKEW


def read_xml(body: bytes) -> tuple[bool, str, str]:
    """Return whether an answer's body is S3's XML, its `Code` and its `Message` ("" when not there)."""
    if b"<Error" not in body and b"<Code>" not in body:
        return False, "", ""
    code = _element(body, b"Code")
    return True, code if re.fullmatch(r"[A-Za-z0-9.]{1,64}", code) else "", _element(body, b"Message")


def read_retry_after(value: str | None) -> float | None:
    """Return a Retry-After header's seconds, at most a minute; None when it gives none."""
    try:
        seconds = float(value or "")
    except ValueError:
        return None
    return min(seconds, _LONGEST_RETRY_AFTER_S) if seconds >= 0 else None


def actual_object_size(body: bytes) -> int | None:
    """Return the object's size as a 416's XML body tells it."""
    size = _element(body, b"ActualObjectSize")
    return int(size) if size.isdecimal() else None


def _element(body: bytes, name: bytes) -> str:
    found = re.search(rb"<%s>([^<]*)</%s>" % (name, name), body)
    return html.unescape(found[1].decode("utf-8", "replace")).strip() if found else ""
