"""Each form in which a base URL comes, and those that are refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekoia_export.api.regions import DEFAULT_BASE_URL, REGIONS, api_root
from sekoia_export.errors import ConfigurationError

FORMS = [
    ("https://api.sekoia.io", "https://api.sekoia.io/v1"),
    ("https://api.sekoia.io/", "https://api.sekoia.io/v1"),
    ("https://api.sekoia.io//", "https://api.sekoia.io/v1"),
    ("  https://api.sekoia.io  ", "https://api.sekoia.io/v1"),
    ("api.sekoia.io", "https://api.sekoia.io/v1"),
    ("API.Sekoia.IO", "https://api.sekoia.io/v1"),
    ("HTTPS://api.sekoia.io", "https://api.sekoia.io/v1"),
    ("https://api.sekoia.io/v1", "https://api.sekoia.io/v1"),
    ("https://api.sekoia.io/v1/", "https://api.sekoia.io/v1"),
    ("https://app.sekoia.io", "https://app.sekoia.io/api/v1"),
    ("https://app.sekoia.io/", "https://app.sekoia.io/api/v1"),
    ("app.sekoia.io", "https://app.sekoia.io/api/v1"),
    ("https://app.sekoia.io/api", "https://app.sekoia.io/api/v1"),
    ("https://app.sekoia.io/api/v1/", "https://app.sekoia.io/api/v1"),
    ("https://app.fra2.sekoia.io/api", "https://app.fra2.sekoia.io/api/v1"),
    ("https://app.fra2.sekoia.io", "https://app.fra2.sekoia.io/api/v1"),
    ("https://api.fra2.sekoia.io/api/", "https://api.fra2.sekoia.io/api/v1"),
    ("api.fra2.sekoia.io", "https://api.fra2.sekoia.io/api/v1"),
    ("https://app.mco1.sekoia.io/api", "https://app.mco1.sekoia.io/api/v1"),
    ("api.mco1.sekoia.io", "https://api.mco1.sekoia.io/api/v1"),
    ("https://app.uae1.sekoia.io/api", "https://app.uae1.sekoia.io/api/v1"),
    ("api.uae1.sekoia.io", "https://api.uae1.sekoia.io/api/v1"),
    ("https://api.usa1.sekoia.io", "https://api.usa1.sekoia.io/v1"),
    ("api.sgp1.sekoia.io", "https://api.sgp1.sekoia.io/v1"),
    ("https://sekoia.example/behind/a/proxy/", "https://sekoia.example/behind/a/proxy/v1"),
    ("https://sekoia.example:8443", "https://sekoia.example:8443/v1"),
    ("sekoia.example:8443/api", "https://sekoia.example:8443/api/v1"),
    ("https://192.0.2.1", "https://192.0.2.1/v1"),
    ("https://[2001:db8::1]:8443/api", "https://[2001:db8::1]:8443/api/v1"),
    ("https://münchen.example", "https://münchen.example/v1"),
    ("http://127.0.0.1:8080", "http://127.0.0.1:8080/v1"),
    ("http://127.8.9.10", "http://127.8.9.10/v1"),
    ("http://localhost:8080/api", "http://localhost:8080/api/v1"),
    ("http://[::1]:8080", "http://[::1]:8080/v1"),
]


@pytest.mark.parametrize(("given_url", "root"), FORMS)
def test_each_form_leads_to_the_root(given_url: str, root: str) -> None:
    assert api_root(given_url) == root
    assert api_root(root) == root


@pytest.mark.parametrize("region", REGIONS)
def test_each_region_has_a_root(region: str) -> None:
    assert api_root(REGIONS[region]) == f"{REGIONS[region]}/v1"
    assert REGIONS["FRA1"] == DEFAULT_BASE_URL


@pytest.mark.parametrize(
    "url",
    [
        "http://api.sekoia.io",
        "http://192.0.2.1",
        "http://127.0.0.1.evil.example",
        "http://localhost.evil.example",
        "http://[2001:db8::1]",
        "http://2130706433",
        "http://0.0.0.0",
    ],
)
def test_plain_http_is_refused_except_on_loopback(url: str) -> None:
    with pytest.raises(ConfigurationError, match="plain http") as raised:
        api_root(url)
    assert "https" in raised.value.remedy


@pytest.mark.parametrize(
    "url",
    [
        "https://user:canary-password@api.sekoia.io",
        "user:canary-password@api.sekoia.io",
        "https://user:canary-password@",
        "https://user:12/canary-password@api.sekoia.io",
        "//user:canary-password@api.sekoia.io",
        "https://api.sekoia.io\\@canary-password.example",
        "https://api.sekoia.io?key=canary-password",
        "https://api.sekoia.io/#canary-password",
        "ftp://user:canary password@host",
    ],
)
def test_credentials_a_query_and_a_fragment_are_refused_and_not_shown(url: str) -> None:
    with pytest.raises(ConfigurationError, match="carries credentials, a query or a fragment") as raised:
        api_root(url)
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize(
    "url",
    [
        "",
        "https://",
        "ftp://api.sekoia.io",
        "file:///etc/passwd",
        "https://api sekoia.io",
        "https://api.sekoia.io\n.evil.example",
        "https://api.sekoia.io\x00",
        "https://api.sekoia.io/\u202e",
        "https://evil.example\\.sekoia.io",
        "https://api..sekoia.io",
        "https://.sekoia.io",
        "https://-",
        "https://[::1",
        "https://[not-an-address]",
        "https://api.sekoia.io:port",
        "https://api.sekoia.io:99999",
        "http:api.sekoia.io",
    ],
)
def test_what_is_no_url_is_refused(url: str) -> None:
    with pytest.raises(ConfigurationError, match="is not a") as raised:
        api_root(url)
    assert DEFAULT_BASE_URL in raised.value.remedy


@given(
    url=st.text() | st.builds("".join, st.lists(st.sampled_from(["https://", "http", "[", "]", ":", "/", "@", "a"])))
)
def test_any_text_is_a_root_or_a_configuration_error(url: str) -> None:
    try:
        root = api_root(url)
    except ConfigurationError:
        return
    assert root.startswith(("https://", "http://"))
    assert root.endswith("/v1")
    assert "@" not in root
