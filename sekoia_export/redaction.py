"""Text without secrets: applied where a text is made, so that no printer, log or result has to remember to."""

from __future__ import annotations

import re

# The scheme, host and path of a URL are kept; user info, query and fragment are where signatures and passwords live.
_URL = re.compile(
    r"(?P<scheme>[a-zA-Z][a-zA-Z0-9+.-]*://)(?P<user>[^\s/?#@'\"<>]*@)?(?P<rest>[^\s?#'\"<>]*)(?P<query>[?#][^\s'\"<>)]*)?"
)
_QUERY_OF_PATH = re.compile(r"(?P<path>/[^\s?'\"<>]*)\?[^\s'\"<>)]*=[^\s'\"<>)]*")


def strip_url(url: str) -> str:
    """Return `url` without user info, query and fragment."""
    return _URL.sub(lambda found: f"{found['scheme']}{found['rest']}", url)


def redact(text: str) -> str:
    """Return `text` with every URL, and every path with a query, stripped of what can hold a secret.

    Exceptions of requests and urllib3 carry the whole URL, or its path and query, in their text.
    """
    return _QUERY_OF_PATH.sub(lambda found: found["path"], strip_url(text))
