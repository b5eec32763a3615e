"""From a refusing answer to an error: one table of statuses, codes and words, with a remedy each.

The bodies of quota, concurrency and expiry refusals are not documented, so `code` and `message` are both read and both
shown.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

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
from sekoia_export.redaction import hide, redact

if TYPE_CHECKING:
    from collections.abc import Iterable

SSE_C_UNSUPPORTED = "ES110"
_LONGEST_CODE = 80
_LONGEST_DETAIL = 300

# Codes come as TOO_MANY_EXPORTS, too-many-exports or TooManyExports: all are words.
_WORD_BOUNDARY = re.compile(r"[_-]+|(?<=[a-z])(?=[A-Z])")

# "10 exports", and not "10 minutes, an export ..." or the one concurrent export.
_TEN = r"\b(?:10|ten) (?!s\b|sec|min|hour|day)(?:(?!concurrent|active|running)\w+ ){0,2}?exports?\b"
_QUOTA = re.compile(
    r"(?<!concurrent )(?<!concurrency )(?<!concurrent export )(?<!concurrent exports )\bquota|\bmonthly\b|\bper month\b"
    rf"|\bvolume (?:limit|exceeded)|{_TEN}",
    re.IGNORECASE,
)
# A limit of exports is one of their number, unless it is said to be of those that run.
_LIMIT = re.compile(
    r"\b(?:too many|max(?:imum)?(?: number)?(?: of)?|limit of) exports?\b|\bexports? (?:count )?limit\b"
    r"|\bexports? (?:per|(?:for|of) (?:this|the|a|each)) search\b",
    re.IGNORECASE,
)
_WORD = r"[^\s.,;:!?]+"
_RUNNING_WORD = r"(?:running|active|ongoing|concurrent|concurrency|in progress|already started)"
_RUNNING = re.compile(rf"\b{_RUNNING_WORD}\b", re.IGNORECASE)
# Both words stand in one clause ("the search job is still running; it cannot be exported" is no busy export), and
# "export" is the noun ("cannot export a running search job" is none either).
_BUSY = re.compile(
    rf"\b(?:{_RUNNING_WORD}|another) (?:(?!(?:for|to|of|on|in|the|be|search|job)\b){_WORD} ){{0,2}}?exports?\b"
    rf"|\bexports? (?!(?:an?|the|this|that|search)\b)(?:{_WORD} ){{0,8}}?{_RUNNING_WORD}\b"
    r"|\bconcurren(?:t|cy)\b(?! (?:request|call|connection|quer|search|user))",
    re.IGNORECASE,
)

_BY_STATUS: dict[int, tuple[type[PlatformError], str]] = {
    401: (KeyRejected, "The platform refused the API key"),
    403: (PermissionMissing, "The API key may not do this: {what}"),
    404: (NotFound, "The platform did not find what was asked for: {what}"),
    410: (JobExpired, "The platform says it has expired: {what}"),
}


def read_refusal(body: Any, *, secrets: Iterable[str] = ()) -> tuple[str, str]:
    """Return `code` and `message` of a refusal's body, redacted and bounded; empty where it has none.

    Args:
        body: the parsed JSON, whatever it is.
        secrets: what the request had sent and must not come back: a validation error may echo it.
    """
    if not isinstance(body, dict):
        return "", ""
    message = next((body[name] for name in ("message", "error", "detail", "description") if body.get(name)), "")
    secrets = tuple(secrets)
    code, message = (redact(hide(_text(value), secrets)).strip() for value in (body.get("code") or "", message))
    return code[:_LONGEST_CODE], message[:_LONGEST_DETAIL].rstrip(". ")


def _text(value: Any) -> str:
    if isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False)
    except RecursionError:
        return ""


def _words(code: str, message: str) -> str:
    return _WORD_BOUNDARY.sub(" ", f"{code} {message}")


def is_quota(code: str, message: str) -> bool:
    """Return whether a refusal speaks of a used-up quota or of the ten exports of a search job."""
    words = _words(code, message)
    return bool(_QUOTA.search(words) or (_LIMIT.search(words) and not _RUNNING.search(words)))


def is_busy(code: str, message: str) -> bool:
    """Return whether a refusal speaks of a running, active or concurrent export."""
    return bool(_BUSY.search(_words(code, message)))


def refusal(*, status: int, code: str, message: str, what: str, starts_export: bool = False) -> PlatformError:
    """Return the error for an answer of 400 or more.

    Args:
        status: the HTTP status.
        code: the answer's `code`, as `read_refusal` returns it.
        message: the answer's words, as `read_refusal` returns them.
        what: what was asked for, in plain words ("reading the search job <uuid>").
        starts_export: whether the request was the one that starts an export: only that one can be refused for a quota
            or for a running export.
    """
    said = ": ".join(part for part in (code, message) if part)
    suffix = f" (the platform says: {said})." if said else f" (HTTP status {status}, without a reason)."
    known: dict[str, Any] = {"status": status, "code": code, "detail": message}
    if starts_export and re.search(rf"\b{SSE_C_UNSUPPORTED}\b", f"{code} {message}", re.IGNORECASE):
        return SseCUnsupported("This region's own bucket does not support SSE-C" + suffix, **known)
    if starts_export and status not in {401, 404, 410}:
        if is_quota(code, message):
            return QuotaExceeded("The export is refused because a limit is used up" + suffix, **known)
        if status == 409 or is_busy(code, message):
            return ExportBusy("Another export of the community is running" + suffix, **known)
    if status in _BY_STATUS:
        kind, cause = _BY_STATUS[status]
        return kind(cause.format(what=what) + suffix, **known)
    return PlatformError(f"The platform refused the request: {what}{suffix}", **known)
