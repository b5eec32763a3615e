"""What of this machine's environment tests must not see."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest

_NAMES = (
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "ALL_PROXY",
    "NO_PROXY",
    "REQUESTS_CA_BUNDLE",
    "CURL_CA_BUNDLE",
    "NETRC",
    "AWS_CA_BUNDLE",
    "AWS_PROFILE",
)


def forget_connections(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep a test from the proxies, authorities, passwords and AWS settings of the machine it runs on."""
    for name in _NAMES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
