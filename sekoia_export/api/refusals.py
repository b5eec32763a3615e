"""From a refusing answer to an error: one table of statuses, codes and words, with a remedy each.

The bodies of quota, concurrency and expiry refusals are not documented, so `code` and `message` are both read and both
shown.
"""

from __future__ import annotations

import re
from typing import Any

from sekoia_export.errors import (
    ExportBusy,
    JobExpired,
    KeyRejected,
    NotFound,
    PermissionMissing,
    PlatformError,
    QuotaExceeded,
    SseCUnsupported,
)
from sekoia_export.redaction import redact

SSE_C_UNSUPPORTED = "ES110"
_LONGEST_DETAIL = 300

_QUOTA = re.compile(
    r"quota|monthly|\b(?:10|ten)\b[\w ]*\bexports?\b|exports?\s+(?:per|for (?:this|the|a)|of (?:this|the|a))\s+search"
    r"|volume (?:limit|exceeded)|(?:too many|maximum (?:number )?of) exports\b(?!.*\b(?:concurrent|running|active))",
    re.IGNORECASE,
)
_RUNNING = r"(?:running|active|concurrent|concurrency|ongoing|in[ -]progress|already started)"
# The two words must stand in one clause: "the search job is still running; it cannot be exported" is no busy export.
_BUSY = re.compile(
    rf"\b(?:{_RUNNING}|another)[ _-]+(?:[\w-]+[ _-]+){{0,2}}?exports?|exports?[ _-]+(?:[\w-]+[ _-]+){{0,5}}?{_RUNNING}"
    r"|\bconcurren(?:t|cy)\b",
    re.IGNORECASE,
)

_BY_STATUS: dict[int, tuple[type[PlatformError], str]] = {
    401: (KeyRejected, "The platform refused the API key"),
    403: (PermissionMissing, "The API key may not do this: {what}"),
    404: (NotFound, "The platform did not find what was asked for: {what}"),
    410: (JobExpired, "The platform says it has expired: {what}"),
}


def read_refusal(body: Any) -> tuple[str, str]:
    """Return `code` and `message` of a refusal's body, redacted and bounded; empty where it has none."""
    if not isinstance(body, dict):
        return "", ""
    message = body.get("message") or body.get("error") or body.get("detail") or body.get("description") or ""
    code = body.get("code") or ""
    return redact(str(code))[:80], redact(str(message))[:_LONGEST_DETAIL]


def is_quota(text: str) -> bool:
    """Return whether the words of a refusal speak of a used-up quota or of the ten exports of a search job."""
    return bool(_QUOTA.search(text))


def refusal(*, status: int, body: Any, what: str, starts_export: bool = False) -> PlatformError:
    """Return the error for an answer of 400 or more.

    Args:
        status: the HTTP status.
        body: the parsed JSON body, without anything secret that the request had sent.
        what: what was asked for, in plain words ("reading the search job <uuid>").
        starts_export: whether the request was the one that starts an export: only that one can be refused for a quota
            or for a running export.
    """
    code, message = read_refusal(body)
    said = ": ".join(part for part in (code, message) if part)
    suffix = f" (the platform says: {said})." if said else f" (HTTP status {status}, without a reason)."
    known: dict[str, Any] = {"status": status, "code": code, "detail": message}
    words = f"{code} {message}"
    if starts_export and code.upper() == SSE_C_UNSUPPORTED:
        return SseCUnsupported("This region's own bucket does not support SSE-C" + suffix, **known)
    if starts_export and status not in {401, 404, 410}:
        if is_quota(words):
            return QuotaExceeded("The export is refused because a limit is used up" + suffix, **known)
        if status == 409 or (status < 500 and _BUSY.search(words)):
            return ExportBusy("Another export of the community is running" + suffix, **known)
    if status in _BY_STATUS:
        kind, cause = _BY_STATUS[status]
        return kind(cause.format(what=what) + suffix, **known)
    return PlatformError(f"The platform refused the request: {what}{suffix}", **known)
