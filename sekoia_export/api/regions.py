"""The platform's regions and the forms in which a base URL comes.

The platform's own module is configured with app URLs and calls `/api/v1` under them; the API's documentation names API
hosts; the official exporter takes bare hosts. All of them are understood here and turned into one root.
"""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from sekoia_export.errors import ConfigurationError
from sekoia_export.hosts import is_loopback
from sekoia_export.redaction import strip_url

REGIONS: dict[str, str] = {
    "FRA1": "https://api.sekoia.io",
    "FRA2": "https://app.fra2.sekoia.io/api",
    "MCO1": "https://app.mco1.sekoia.io/api",
    "UAE1": "https://app.uae1.sekoia.io/api",
    "USA1": "https://api.usa1.sekoia.io",
    "SGP1": "https://api.sgp1.sekoia.io",
}
DEFAULT_BASE_URL = REGIONS["FRA1"]

# These API hosts serve the API under /api, as their app.* twins do.
_HOSTS_WITH_API_PATH = {"api.fra2.sekoia.io", "api.mco1.sekoia.io", "api.uae1.sekoia.io"}
# A name, an IPv4 address or, without its brackets, an IPv6 address.
_HOST = re.compile(r"\w([\w-]*\w)?(\.\w([\w-]*\w)?)*\.?|[0-9A-Fa-f:.]+")
_REMEDY = f"Set base_url to the region's address, for instance {DEFAULT_BASE_URL}."


def api_root(base_url: str) -> str:
    """Return the root under which the platform's paths start, without a trailing slash: `https://api.sekoia.io/v1`.

    Args:
        base_url: a URL or a bare host, with or without a path or a trailing slash; `app.*` without a path means `/api`.

    Raises:
        ConfigurationError: it is no http(s) URL, carries credentials, a query or a fragment, or is plain http and not
            on loopback.
    """
    text = base_url.strip()
    url = text if "://" in text else f"https://{text}"
    if "@" in url or "?" in url or "#" in url:
        # Not shown: where the credentials in it begin and end is a guess.
        raise ConfigurationError(
            "The base URL in the configuration carries credentials, a query or a fragment.", _REMEDY
        )
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise ConfigurationError("The base URL in the configuration is not a URL.", _REMEDY) from None
    shown = strip_url(url)
    strange = not url.isprintable() or " " in url or "\\" in url
    if strange or parts.scheme not in {"http", "https"} or not host or not _HOST.fullmatch(host):
        raise ConfigurationError(f"The base URL in the configuration, {shown}, is not an http(s) URL.", _REMEDY)
    if parts.scheme == "http" and not is_loopback(host):
        raise ConfigurationError(
            f"The base URL in the configuration, {shown}, is plain http, which would show the API key to the network.",
            "Set base_url to the same address with https.",
        )
    path = parts.path.rstrip("/").removesuffix("/v1")
    if not path and (host.startswith("app.") or host in _HOSTS_WITH_API_PATH):
        path = "/api"
    place = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{place}{f':{port}' if port else ''}{path}/v1"
