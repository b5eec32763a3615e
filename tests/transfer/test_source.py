"""Asking for an object: what is sent, what is believed, and which error each refusal is."""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from sekoia_export.encryption import Encryption
from sekoia_export.errors import (
    KeyRefused,
    LinkExpired,
    ObjectChanged,
    ObjectMissing,
    SignatureRefused,
    StorageError,
    TransferFailed,
)
from sekoia_export.simulator import Kind, Settings, Simulator
from sekoia_export.transfer.presigned import PresignedObject, Timeouts
from sekoia_export.transfer.refusals import Refusal, actual_object_size, read_retry_after, read_xml
from sekoia_export.transfer.source import AnswerHead, NoBody, expiry_of, unsatisfiable_total
from tests.transfer.shelf import EXPORT, fault, sse_key

if TYPE_CHECKING:
    from pathlib import Path

    import requests

    from sekoia_export.transfer.source import ObjectAnswer
    from tests.transfer.shelf import Shelf

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def body_of(answer: ObjectAnswer) -> bytes:
    read = bytearray()
    with answer:
        while piece := answer.read(7_000):
            read += piece
    return bytes(read)


def test_the_whole_and_a_range(shelf: Shelf) -> None:
    stored = shelf.put()
    whole = shelf.source().get()
    assert (whole.status, whole.total_bytes, whole.etag) == (200, len(EXPORT), stored.etag)
    assert body_of(whole) == EXPORT
    part = shelf.source().get(first=10, last=9_999, etag=stored.etag)
    assert (part.status, part.first, part.length, part.total_bytes) == (206, 10, 9_990, len(EXPORT))
    assert body_of(part) == EXPORT[10:10_000]
    assert body_of(shelf.source().get(first=len(EXPORT) - 5)) == EXPORT[-5:]
    assert body_of(shelf.source().get(first=len(EXPORT) - 5, last=len(EXPORT) + 5)) == EXPORT[-5:]


def test_nothing_but_what_is_needed_is_sent(shelf: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "netrc").write_text("default login canary password canary\n")
    monkeypatch.setenv("NETRC", str(tmp_path / "netrc"))
    shelf.put()
    body_of(shelf.source().get(first=0, last=1))
    headers = shelf.simulator.requests[-1].headers
    assert {name for name, value in headers.items() if value} <= {"host", "accept-encoding", "user-agent", "range"}
    assert headers["accept-encoding"] == "identity"


def test_a_body_that_says_it_is_compressed_comes_as_it_is(shelf: Shelf) -> None:
    shelf.put().content_encoding = "gzip"
    assert body_of(shelf.source().get()) == EXPORT


@pytest.mark.parametrize("style", ["aws", "ceph", "seaweedfs"])
def test_keys_as_three_servers_answer_them(shelf: Shelf, style: str) -> None:
    shelf.simulator.settings = replace(shelf.simulator.settings, storage_style=style)  # type: ignore[arg-type]  # a Literal
    shelf.put(key=sse_key())
    assert body_of(shelf.source(sse_key()).get()) == EXPORT
    with pytest.raises(KeyRefused, match="none was sent"):
        shelf.source().get()
    with pytest.raises(KeyRefused, match="provided key"):
        shelf.source(sse_key(b"w", Encryption.PROVIDED)).get()
    url = shelf.url(expires_s=60)
    shelf.clock.advance(61)
    with pytest.raises(LinkExpired):
        shelf.source(sse_key(), url=url).get()
    with pytest.raises(SignatureRefused):
        shelf.source(sse_key(), url=SecretStr(f"{shelf.url().get_secret_value()[:-4]}0000")).get()
    with pytest.raises(ObjectMissing):
        shelf.source(sse_key(), url=shelf.url("another")).get()
    with pytest.raises(ObjectChanged):
        shelf.source(sse_key()).get(first=0, etag='"other"')


def test_a_weak_etag_is_not_asked_for(shelf: Shelf) -> None:
    shelf.put()
    assert body_of(shelf.source().get(first=0, last=3, etag='W/"weak"')) == EXPORT[:4]


def test_past_the_end(shelf: Shelf) -> None:
    shelf.put()
    with shelf.source().get(first=len(EXPORT)) as answer:
        assert (answer.status, answer.total_bytes) == (416, len(EXPORT))


def test_no_redirect_is_followed(shelf: Shelf) -> None:
    shelf.put()
    shelf.simulator.faults.add(fault(Kind.REDIRECT, location=f"{shelf.simulator.base_url}/elsewhere"))
    with pytest.raises(StorageError, match="redirect"):
        shelf.source().get()
    assert len(shelf.simulator.requests) == 1


@pytest.mark.parametrize(
    ("kind", "details", "text"),
    [
        (Kind.STATUS, {"status": 503, "body": b"<Error><Code>SlowDown</Code></Error>"}, "503 SlowDown"),
        (Kind.STATUS, {"status": 429, "headers": {"Retry-After": "7"}}, "429"),
        (Kind.STATUS, {"status": 403, "body": b"<html>blocked"}, "page of its own"),
        (Kind.STATUS, {"status": 200, "body": b"<html>log in", "content_type": "text/html"}, "page of its own"),
        (Kind.RESET_BEFORE, {}, "broke"),
        (Kind.SWALLOW, {}, "broke"),
        (Kind.WRONG_RANGE, {}, "were asked for"),
        (Kind.WRONG_RANGE, {"content_range": "bytes 0-99/*"}, "without saying"),
        (Kind.WRONG_RANGE, {"content_range": "pages 1"}, "without saying"),
        (Kind.SHORT_BODY, {"after_bytes": 50}, "were asked for"),
        (Kind.RESET_BODY, {"after_bytes": 50}, "broke"),
        (Kind.TRUNCATE_BODY, {"after_bytes": 50}, "broke"),
    ],
)
def test_what_may_go_away_by_itself_is_a_transfer_that_failed(
    shelf: Shelf, kind: Kind, details: dict[str, object], text: str
) -> None:
    shelf.put()
    shelf.break_once(kind, **details)
    with pytest.raises(TransferFailed, match=text) as caught:
        body_of(shelf.source().get(first=0, last=99))
    assert caught.value.__context__ is None
    assert "Amz" not in str(caught.value)
    assert caught.value.retry_after_s == (7.0 if details.get("status") == 429 else None)


def test_a_server_that_falls_silent(shelf: Shelf) -> None:
    shelf.put()
    shelf.timeouts = Timeouts(connect_s=5, read_s=0.2)
    shelf.break_once(Kind.STALL, after_bytes=50)
    with pytest.raises(TransferFailed, match="silent"):
        body_of(shelf.source().get())


def test_another_etag_in_the_answer_is_another_object(shelf: Shelf) -> None:
    stored = shelf.put()
    shelf.break_once(Kind.OTHER_ETAG)
    with pytest.raises(ObjectChanged):
        shelf.source().get(etag=stored.etag)


@pytest.mark.parametrize(
    "url", ["http://storage.example/o?X-Amz-Signature=canary", "ftp://s/o?canary", "canary", "http://["]
)
def test_a_url_that_would_show_the_key_or_is_none_is_refused(session: requests.Session, url: str) -> None:
    with pytest.raises(StorageError) as caught:
        PresignedObject(SecretStr(url), session=session)
    assert "canary" not in str(caught.value)


def test_a_host_that_is_gone(session: requests.Session) -> None:
    source = PresignedObject(SecretStr("https://storage.invalid/o?X-Amz-Signature=canary"), session=session)
    with pytest.raises(TransferFailed, match="could not be resolved") as caught:
        source.get()
    assert "canary" not in str(caught.value)


def test_a_private_authority(
    shelf: Shelf, session: requests.Session, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority = trustme.CA()
    certificate = authority.issue_cert("127.0.0.1", "localhost")
    authority.cert_pem.write_to_path(str(tmp_path / "ca.pem"))
    certificate.private_key_pem.write_to_path(str(tmp_path / "key.pem"))
    certificate.cert_chain_pems[0].write_to_path(str(tmp_path / "certificate.pem"))
    tls = Settings(tls_certificate=tmp_path / "certificate.pem", tls_key=tmp_path / "key.pem")
    with Simulator(tls, clock=shelf.clock) as simulator:
        source = PresignedObject(SecretStr(f"{simulator.storage_url}/o?canary=1"), session=session)
        with pytest.raises(StorageError, match="certificate") as caught:
            source.get()
        assert not isinstance(caught.value, TransferFailed)
        assert "REQUESTS_CA_BUNDLE" in str(caught.value)
        assert "canary" not in str(caught.value)
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "ca.pem"))
        with pytest.raises(StorageError, match="403 AccessDenied"):
            source.get()


def test_a_proxy_that_refuses(session: requests.Session, shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", shelf.simulator.storage_url)
    with pytest.raises(TransferFailed, match="The proxy on the way"):
        PresignedObject(SecretStr("https://storage.invalid/o?canary"), session=session).get()


def test_a_port_where_nobody_listens(session: requests.Session) -> None:
    with socket.socket() as bound:
        bound.bind(("127.0.0.1", 0))
        source = PresignedObject(SecretStr(f"http://127.0.0.1:{bound.getsockname()[1]}/o"), session=session)
        with pytest.raises(TransferFailed, match="No connection"):
            source.get()


@pytest.mark.parametrize(
    ("refusal", "kind"),
    [
        (Refusal(host="s", status=403, code="AccessDenied", message="Request has expired"), LinkExpired),
        (Refusal(host="s", status=400, code="ExpiredToken", message="The provided token has expired."), LinkExpired),
        (Refusal(host="s", status=403, code="AccessDenied", link_ends=NOW, now=NOW), LinkExpired),
        (Refusal(host="s", status=403, code="AccessDenied", link_ends=NOW, now=NOW - timedelta(hours=1)), StorageError),
        (Refusal(host="s", status=403, code="AccessDenied"), StorageError),
        (Refusal(host="s", status=403, code="AccessDenied", key=sse_key()), KeyRefused),
        (Refusal(host="s", status=400, code="InvalidRequest"), KeyRefused),
        (Refusal(host="s", status=400, code="InvalidArgument", key=sse_key()), KeyRefused),
        (Refusal(host="s", status=400, code="KeyTooLongError"), StorageError),
        (
            Refusal(
                host="s",
                status=403,
                code="AccessDenied",
                message="There were headers present in the request which were not signed",
                key=sse_key(),
            ),
            SignatureRefused,
        ),
        (Refusal(host="s", status=403, code="SignatureDoesNotMatch"), SignatureRefused),
        (Refusal(host="s", status=404, code="NoSuchKey"), ObjectMissing),
        (Refusal(host="s", status=412, code="PreconditionFailed"), ObjectChanged),
        (Refusal(host="s", status=301, code="PermanentRedirect"), StorageError),
        (Refusal(host="s", status=500, code="InternalError"), TransferFailed),
        (Refusal(host="s", status=400, code="RequestTimeout"), TransferFailed),
        (Refusal(host="s", status=403, is_xml=False), TransferFailed),
        (Refusal(host="s", status=418, code="Teapot"), StorageError),
    ],
)
def test_the_table_of_refusals(refusal: Refusal, kind: type[StorageError]) -> None:
    assert type(refusal.error()) is kind


def test_what_is_read_of_a_refusal() -> None:
    assert read_xml(b"<Error><Code>A1</Code><Message>x &amp; y</Message></Error>") == (True, "A1", "x & y")
    assert read_xml(b"<Error><Code>not a code</Code></Error>") == (True, "", "")
    assert read_xml(b"<html>") == (False, "", "")
    assert read_retry_after("3.5") == 3.5
    assert read_retry_after("3600") == 60
    assert [read_retry_after(text) for text in (None, "soon", "-1", "nan")] == [None] * 4
    assert actual_object_size(b"<ActualObjectSize>12</ActualObjectSize>") == 12
    assert actual_object_size(b"") is None
    assert (unsatisfiable_total("bytes */0"), unsatisfiable_total("bytes */*"), unsatisfiable_total(None)) == (
        0,
        None,
        None,
    )


def test_when_a_link_ends() -> None:
    ends = expiry_of(SecretStr("https://s/o?X-Amz-Date=20260101T000000Z&X-Amz-Expires=3600&X-Amz-Signature=x"))
    assert ends == NOW + timedelta(hours=1)
    assert expiry_of(SecretStr(f"https://s/o?Expires={int(NOW.timestamp())}&Signature=x")) == NOW
    for query in ("", "X-Amz-Date=yesterday&X-Amz-Expires=1", "X-Amz-Date=20260101T000000Z", "Expires=later"):
        assert expiry_of(SecretStr(f"https://s/o?{query}")) is None


@given(
    first=st.integers(0, 50),
    last=st.none() | st.integers(0, 80),
    start=st.integers(0, 50),
    end=st.integers(0, 80),
    total=st.integers(1, 60),
    length=st.none() | st.integers(0, 60),
)
def test_only_the_range_that_was_asked_for_is_believed(
    first: int, last: int | None, start: int, end: int, total: int, length: int | None
) -> None:
    head = AnswerHead(status=206, content_length=length, content_range=f"bytes {start}-{end}/{total}", etag=None)
    wanted_end = total - 1 if last is None else min(last, total - 1)
    right = start == first and end == wanted_end and length in {None, end - start + 1}
    try:
        answer = head.answer(NoBody(), first=first, last=last, etag=None)
    except TransferFailed:
        assert not right
    else:
        assert right
        assert (answer.first, answer.length, answer.total_bytes) == (first, end - start + 1, total)
