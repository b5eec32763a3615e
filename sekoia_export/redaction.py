"""Text without secrets: applied where a text is made, so that no printer, log or result has to remember to."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

HIDDEN = "***"

# What ends a URL in running text. A single quote and a closing parenthesis may stand in a query, so they do not.
_END = r"\s\"<>"
# Scheme, host and path of a URL are kept; user info, query, fragment and what a semicolon begins (Spark Connect's way:
# sc://host:15002/;token=...) are where signatures and passwords live.
_URL = re.compile(
    rf"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*:/{{2,}})(?P<user>[^/?#{_END}]*@)?(?P<rest>[^?#;{_END}]*)(?P<query>[?#][^{_END}]*|;[^{_END}]+)?"
)
_QUERY_OF_PATH = re.compile(rf"(?P<path>/[^?{_END}]*)\?[^{_END}]*=[^{_END}]*")


def strip_url(url: str) -> str:
    """Return one whole URL, usable or not, without user info, query and fragment."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    place = re.split(r"[?#;]", rest, maxsplit=1)[0]
    slashes = len(place) - len(place.lstrip("/"))
    authority, slash, path = place[slashes:].partition("/")
    return f"{scheme}{separator}{place[:slashes]}{authority.rpartition('@')[2]}{slash}{path}"


def redact(text: str) -> str:
    """Return `text` with every URL, and every path with a query, stripped of what can hold a secret.

    Exceptions of requests and urllib3 carry the whole URL, or its path and query, in their text.
    """
    stripped = _URL.sub(lambda found: f"{found['scheme']}{found['rest']}{_closing(found, found['query'])}", text)
    return _QUERY_OF_PATH.sub(lambda found: f"{found['path']}{_closing(found, found[0])}", stripped)


def _closing(found: re.Match[str], hidden: str | None) -> str:
    """Return the quote that ends what is hidden, where one stands before the whole: as a shell's argument has it."""
    return "'" if (hidden or "").endswith("'") and found.string[: found.start()].endswith("'") else ""


def hide(text: str, secrets: Iterable[str]) -> str:
    """Return `text` with every occurrence of a secret, as it is or as JSON writes it, replaced by `***`."""
    for secret in secrets:
        for form in {secret, json.dumps(secret)[1:-1], json.dumps(secret, ensure_ascii=False)[1:-1]} - {""}:
            text = text.replace(form, HIDDEN)
    return text
