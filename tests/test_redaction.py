from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekoia_export.redaction import hide, redact, strip_url

CANARY = "canary-signature"
PRESIGNED = f"https://storage.example/bucket/object?X-Amz-Expires=3600&X-Amz-Sig={CANARY}"


@pytest.mark.parametrize(
    ("text", "redacted"),
    [
        (f"GET {PRESIGNED} failed", "GET https://storage.example/bucket/object failed"),
        (f"({PRESIGNED})", "(https://storage.example/bucket/object"),
        (f'"{PRESIGNED}"', '"https://storage.example/bucket/object"'),
        (f"<Url>{PRESIGNED}</Url>", "<Url>https://storage.example/bucket/object</Url>"),
        (f"https://a.example/?a=b)c='{CANARY}'", "https://a.example/"),
        (f"curl '{PRESIGNED}' )", "curl 'https://storage.example/bucket/object' )"),
        (f"curl '/bucket/object?X-Amz-Sig={CANARY}'", "curl '/bucket/object'"),
        (f"curl '{PRESIGNED}'{CANARY} '", "curl 'https://storage.example/bucket/object '"),
        (f"https://a.example/#{CANARY}", "https://a.example/"),
        (f"https://user:{CANARY}@a.example/x", "https://a.example/x"),
        (f"https://user:{CANARY}@{CANARY}@a.example/x", "https://a.example/x"),
        (f"HTTPS://{CANARY}@a.example", "HTTPS://a.example"),
        (f"s3+https://{CANARY}@a.example", "s3+https://a.example"),
        (f"exceeded with url: /bucket/object?X-Amz-Sig={CANARY}", "exceeded with url: /bucket/object"),
        (f"http://a/?{CANARY} and http://b/?{CANARY}", "http://a/ and http://b/"),
        (f"asked sc://a.example:15002/;use_ssl=true;token={CANARY} for it", "asked sc://a.example:15002/ for it"),
        (f"sc://a.example;token={CANARY}", "sc://a.example"),
        ("https://a.example/path; then", "https://a.example/path; then"),
        ("is /bucket/object there? yes = no", "is /bucket/object there? yes = no"),
        ("https://a.example/path stays", "https://a.example/path stays"),
        ("mail someone@a.example about a/b", "mail someone@a.example about a/b"),
        ("", ""),
    ],
)
def test_urls_in_text_lose_what_can_hold_a_secret(text: str, redacted: str) -> None:
    assert redact(text) == redacted


@pytest.mark.parametrize(
    ("url", "stripped"),
    [
        (PRESIGNED, "https://storage.example/bucket/object"),
        (f"https://user:{CANARY}@a.example:8443/x?y#z", "https://a.example:8443/x"),
        (f"https://user:{CANARY} with a space@a.example/x", "https://a.example/x"),
        (f"https:////user:{CANARY}@a.example", "https:////a.example"),
        (f"user:{CANARY}@a.example", "a.example"),
        (f"sc://a.example:15002/;token={CANARY}", "sc://a.example:15002/"),
        ("https://a.example/user@x", "https://a.example/user@x"),
        ("not a url", "not a url"),
        ("", ""),
    ],
)
def test_a_whole_url_loses_what_can_hold_a_secret(url: str, stripped: str) -> None:
    assert strip_url(url) == stripped


SAFE = st.text(st.sampled_from("abz019-._~%"), max_size=8)


@given(user=SAFE, path=SAFE, query=st.text(st.sampled_from("abz019-._~%&=+/?:@!$'()*,;[]"), max_size=20))
def test_no_form_of_a_url_keeps_its_password_or_its_query(user: str, path: str, query: str) -> None:
    url = f"https://{user}:{CANARY}@a.example/{path}?{query}{CANARY}"
    for text in (redact(f"before {url} after"), redact(url), strip_url(url)):
        assert CANARY not in text
        assert f"https://a.example/{path}" in text


@given(text=st.text())
def test_redacting_again_changes_nothing(text: str) -> None:
    assert redact(redact(text)) == redact(text)


def test_secrets_are_hidden_wherever_they_stand() -> None:
    assert hide("key=abc, again abc", ("abc", "")) == "key=***, again ***"
    assert hide("nothing here", ()) == "nothing here"


def test_a_secret_is_hidden_as_json_writes_it_too() -> None:
    assert hide('{"key": "a\\"b\\u00e9"} {"key": "a\\"bé"}', ('a"bé',)) == '{"key": "***"} {"key": "***"}'
