from __future__ import annotations

import gzip
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from hypothesis import given, settings
from hypothesis import strategies as st

from sekoia_export.simulator import Damage, Settings, Simulator
from tests.clock import ManualClock
from tests.simulator.client import KEY, OTHER_KEY, Client, sse_c

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.simulator.conftest import Connect


def told(answer: requests.Response) -> tuple[int, str, str]:
    """Return status, code and message of an error."""
    assert answer.headers["Content-Type"] == "application/xml"
    code, message = re.search("<Code>(.*)</Code>", answer.text), re.search("<Message>(.*)</Message>", answer.text)
    assert code is not None
    assert message is not None
    return answer.status_code, code[1], message[1]


@pytest.mark.parametrize(
    ("style", "missing", "wrong", "needless"),
    [
        ("aws", (400, "InvalidRequest"), (403, "AccessDenied"), 400),
        ("ceph", (400, "InvalidArgument"), (400, "InvalidArgument"), 200),
        ("seaweedfs", (400, "InvalidArgument"), (403, "AccessDenied"), 200),
    ],
)
def test_keys_are_judged_as_each_server_does(
    connect: Connect, style: str, missing: tuple[int, str], wrong: tuple[int, str], needless: int
) -> None:
    client = connect(storage_style=style)
    url = client.url(client.export(key=KEY))
    assert told(client.fetch(url))[:2] == missing
    assert told(client.fetch(url, sse_c(OTHER_KEY)))[:2] == wrong
    whole = client.fetch(url, sse_c())
    assert whole.status_code == 200
    assert len(gzip.decompress(whole.content).splitlines()) == 1_000
    plain = client.url(client.export())
    assert client.fetch(plain, sse_c()).status_code == needless
    assert client.fetch(plain).status_code == 200


@pytest.mark.parametrize(
    ("name", "value", "code"),
    [
        ("algorithm", "AES128", "InvalidEncryptionAlgorithmError"),
        ("algorithm", None, "InvalidArgument"),
        ("key", "c2hvcnQ=", "InvalidArgument"),
        ("key", "not base64", "InvalidArgument"),
        ("key-MD5", "AAAAAAAAAAAAAAAAAAAAAA==", "InvalidArgument"),
    ],
)
def test_headers_of_a_key_have_to_fit_together(client: Client, name: str, value: str | None, code: str) -> None:
    url = client.url(client.export(key=KEY))
    headers = sse_c()
    del headers[f"x-amz-server-side-encryption-customer-{name}"]
    if value is not None:
        headers[f"x-amz-server-side-encryption-customer-{name}"] = value
    assert told(client.fetch(url, headers))[:2] == (400, code)


@pytest.mark.parametrize(
    ("style", "message"), [("aws", "Request has expired"), ("ceph", ""), ("seaweedfs", "Request has expired")]
)
def test_a_url_expires(connect: Connect, style: str, message: str) -> None:
    client = connect(storage_style=style, url_ttl_s=600)
    task_uuid = client.export()
    url = client.url(task_uuid)
    client.clock.advance(598)
    assert client.fetch(url).status_code == 200
    client.clock.advance(2)
    assert told(client.fetch(url)) == (403, "AccessDenied", message)
    assert client.fetch(client.url(task_uuid)).status_code == 200


def test_after_the_window_every_url_has_expired(connect: Connect) -> None:
    client = connect(url_ttl_s=3_600, download_window_s=7_200)
    task_uuid = client.export()
    client.clock.advance(7_000)
    last = client.url(task_uuid)
    assert client.fetch(last).status_code == 200
    client.clock.advance(200)
    assert told(client.fetch(last))[2] == "Request has expired"
    assert told(client.fetch(client.url(task_uuid)))[2] == "Request has expired"


def test_a_url_may_stay_the_same_and_die(connect: Connect) -> None:
    client = connect(url_ttl_s=600, url_renewed=False)
    task_uuid = client.export()
    url = client.url(task_uuid)
    client.clock.advance(600)
    assert client.url(task_uuid) == url
    assert client.fetch(url).status_code == 403


def test_a_url_is_good_for_its_own_request_only(client: Client) -> None:
    url = client.url(client.export())
    bucket = f"{client.simulator.storage_url}/sekoia-event-exports/other"
    assert told(client.fetch(f"{url}0"))[:2] == (403, "SignatureDoesNotMatch")
    assert told(client.fetch(url.replace("X-Amz-Expires=3600", "X-Amz-Expires=99999")))[1] == "SignatureDoesNotMatch"
    assert told(client.fetch(f"{bucket}?{urlsplit(url).query}"))[1] == "SignatureDoesNotMatch"
    assert client.fetch(url, method="HEAD").status_code == 403
    assert client.fetch(url, method="PUT").status_code == 403
    authorized = client.fetch(url, {"Authorization": f"Bearer {client.simulator.api_key}"})
    assert told(authorized)[:2] == (400, "InvalidArgument")
    assert told(client.fetch(urlsplit(url)._replace(query="").geturl()))[:2] == (403, "AccessDenied")
    assert told(client.fetch(re.sub("X-Amz-Date=[^&]*&", "", url)))[0] == 400
    assert told(client.fetch(re.sub("AKIA[0-9A-F]*", "AKIAUNKNOWN", url)))[1] == "InvalidAccessKeyId"


def test_a_url_may_die_before_its_time(connect: Connect) -> None:
    client = connect(url_dies_after_s=60)
    task_uuid = client.export()
    url = client.url(task_uuid)
    client.clock.advance(59)
    assert client.fetch(url).status_code == 200
    client.clock.advance(1)
    assert told(client.fetch(url))[2] == "Request has expired"
    assert client.fetch(client.url(task_uuid)).status_code == 200


def test_any_bytes_can_be_published_and_replaced(client: Client) -> None:
    first = client.simulator.publish(b"hello", name="a b/ü.gz", key=KEY)
    url = client.simulator.presign("a b/ü.gz", ttl_s=10)
    assert client.fetch(url, sse_c()).content == b"hello"
    assert client.fetch(url).status_code == 400
    second = client.simulator.publish(b"other", name="a b/ü.gz")
    assert first.etag != second.etag
    assert client.fetch(url).content == b"other"
    client.clock.advance(10)
    assert client.fetch(url).status_code == 403
    with pytest.raises(ValueError, match="key"):
        first.read(0, 1, OTHER_KEY)


def test_an_object_can_vanish(client: Client) -> None:
    url = client.url(client.export())
    client.simulator.buckets["sekoia-event-exports"].objects.clear()
    assert told(client.fetch(url))[:2] == (404, "NoSuchKey")


def test_a_url_can_sign_the_key(connect: Connect) -> None:
    client = connect(url_signs_sse_c=True)
    url = client.url(client.export(key=KEY))
    assert "x-amz-server-side-encryption-customer-key" in parse_qs(urlsplit(url).query)["X-Amz-SignedHeaders"][0]
    assert client.fetch(url, sse_c()).status_code == 200
    assert told(client.fetch(url, sse_c(OTHER_KEY)))[:2] == (403, "SignatureDoesNotMatch")
    assert told(client.fetch(url))[:2] == (403, "SignatureDoesNotMatch")
    assert client.fetch(client.url(client.export())).status_code == 200


@pytest.mark.parametrize(
    ("style", "code"), [("aws", "AccessDenied"), ("ceph", "AccessDenied"), ("seaweedfs", "SignatureDoesNotMatch")]
)
def test_headers_that_are_not_signed_can_be_refused(connect: Connect, style: str, code: str) -> None:
    client = connect(storage_style=style, refuses_unsigned_sse_c=True)
    url = client.url(client.export(key=KEY))
    assert told(client.fetch(url, sse_c()))[:2] == (403, code)


def test_conditions_and_headers(connect: Connect) -> None:
    client = connect(content_encoding_gzip=True)
    url = client.url(client.export())
    whole = client.http.get(url, stream=True, timeout=10)
    raw = whole.raw.read(decode_content=False)
    assert whole.headers["Content-Length"] == str(len(raw))
    assert whole.headers["Accept-Ranges"] == "bytes"
    assert whole.headers["Content-Encoding"] == "gzip"
    assert whole.headers["Last-Modified"] == "Thu, 15 Jan 2026 12:00:00 GMT"
    etag = whole.headers["ETag"]
    assert re.fullmatch(r'"[0-9a-f]{32}-\d+"', etag)
    for match, status in ((etag, 200), ("*", 200), ('"other"', 412)):
        assert client.fetch(url, {"If-Match": match}).status_code == status
    assert told(client.fetch(url, {"If-Match": '"other"'}))[1] == "PreconditionFailed"


@pytest.mark.parametrize(("style", "status"), [("aws", 200), ("ceph", 206), ("seaweedfs", 206)])
def test_another_if_range_is_the_whole_or_ignored(connect: Connect, style: str, status: int) -> None:
    client = connect(storage_style=style)
    url = client.url(client.export())
    etag = client.fetch(url).headers["ETag"]
    assert client.fetch(url, {"Range": "bytes=0-9", "If-Range": '"other"'}).status_code == status
    assert client.fetch(url, {"Range": "bytes=0-9", "If-Range": etag}).status_code == 206


@dataclass
class Sample:
    url: str
    content: bytes
    http: requests.Session


@pytest.fixture(scope="module")
def sample() -> Iterator[Sample]:
    clock = ManualClock()
    with Simulator(Settings(), clock) as simulator, requests.Session() as http:
        client = Client(simulator, clock, http)
        url = client.url(client.export(key=KEY))
        yield Sample(url, client.fetch(url, sse_c()).content, http)


@given(data=st.data())
@settings(max_examples=150, deadline=None)
def test_every_range_is_the_slice_it_names(sample: Sample, data: st.DataObject) -> None:
    size = len(sample.content)
    first = data.draw(st.none() | st.integers(0, size + 5))
    last = data.draw(st.none() | st.integers(0, size + 5))
    text = f"bytes={'' if first is None else first}-{'' if last is None else last}"
    answer = sample.http.get(sample.url, headers={**sse_c(), "Range": text}, timeout=10)
    if first is None and last is None:
        expected, status = range(size), 200
    elif first is None:
        assert last is not None
        expected, status = range(max(0, size - last), size), 206 if last else 416
    elif last is not None and last < first:
        expected, status = range(size), 200
    else:
        expected = range(first, size if last is None else min(last + 1, size))
        status = 206 if first < size else 416
    assert answer.status_code == status
    if status == 416:
        assert answer.headers["Content-Range"] == f"bytes */{size}"
        assert "<Code>InvalidRange</Code>" in answer.text
        return
    assert answer.content == sample.content[expected.start : expected.stop]
    if status == 206:
        assert answer.headers["Content-Range"] == f"bytes {expected.start}-{expected.stop - 1}/{size}"


@pytest.mark.parametrize("text", ["bytes=a-b", "bytes=0-1,5-6", "lines=0-1", "bytes"])
def test_a_range_that_means_nothing_is_ignored(sample: Sample, text: str) -> None:
    answer = sample.http.get(sample.url, headers={**sse_c(), "Range": text}, timeout=10)
    assert (answer.status_code, answer.content) == (200, sample.content)


@pytest.mark.parametrize("damage", list(Damage))
@pytest.mark.parametrize("key", [None, KEY], ids=["no key", "key"])
def test_content_can_be_damaged(connect: Connect, damage: Damage, key: bytes | None) -> None:
    client = connect()
    job = client.search()
    sound = client.fetch(client.url(client.export(job_uuid=job, key=key)), sse_c() if key else None).content
    client.simulator.settings = replace(client.simulator.settings, damage=damage)
    bad = client.fetch(client.url(client.export(job_uuid=job, key=key)), sse_c() if key else None).content
    match damage:
        case Damage.FLIPPED:
            assert len(bad) == len(sound)
            assert bad != sound
        case Damage.TRUNCATED:
            assert len(bad) == len(sound) * 2 // 3
        case Damage.TRAILING:
            assert len(bad) > len(sound)
            assert bad.endswith(b"garbage after the end")
        case Damage.NOT_GZIP:
            assert len(bad.splitlines()) == 1_000
            assert bad.startswith(b'{"@timestamp":')


def test_one_gzip_member_or_many(connect: Connect) -> None:
    client = connect(events_per_member=100)
    many = client.fetch(client.url(client.export())).content
    client.simulator.settings = replace(client.simulator.settings, one_gzip_member=True)
    one = client.fetch(client.url(client.export())).content
    assert len(gzip.decompress(one).splitlines()) == len(gzip.decompress(many).splitlines()) == 1_000
    assert many.count(b"\x1f\x8b\x08") >= 10
    assert len(one) < len(many)


def test_what_lies_at_rest_cannot_be_read(client: Client) -> None:
    task_uuid = client.export(key=KEY, fields=["@timestamp", "message"])
    content = client.fetch(client.url(task_uuid), sse_c()).content
    at_rest = [path.read_bytes() for path in client.simulator.folder.iterdir()]
    assert [len(data) for data in at_rest] == [len(content)]
    assert at_rest[0] != content
    assert not any(at_rest[0][at : at + 16] in content for at in range(0, len(content) - 16, 16))
    assert KEY not in at_rest[0]
    assert repr(KEY) not in repr(client.simulator.exports)
    # Twice the same events under the same key are two different ciphertexts.
    client.export(key=KEY)
    assert len({path.read_bytes() for path in client.simulator.folder.iterdir()}) == 2


def test_an_empty_export_is_an_empty_gzip(connect: Connect) -> None:
    client = connect(total_events=0)
    content = client.fetch(client.url(client.export())).content
    assert gzip.decompress(content) == b""
    client.simulator.settings = replace(client.simulator.settings, damage=Damage.NOT_GZIP)
    url = client.url(client.export())
    assert client.fetch(url).content == b""
    assert client.fetch(url, {"Range": "bytes=0-0"}).status_code == 416
