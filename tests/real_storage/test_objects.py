"""Objects under SSE-C, asked for at presigned URLs and with the bucket's credentials: keys, ranges, refusals."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

import pytest

from sekoia_export.errors import (
    KeyRefused,
    LinkExpired,
    ObjectChanged,
    ObjectMissing,
    SignatureRefused,
    StorageError,
)
from sekoia_export.transfer.bucket import BucketObject
from sekoia_export.transfer.source import ObjectSource
from tests.real_storage.place import COUNT, LANDED, exported
from tests.real_storage.server import BUCKET, STRANGER
from tests.transfer.shelf import sse_key

if TYPE_CHECKING:
    from sekoia_export.encryption import SseKey
    from tests.real_storage.place import Place

KEY, OTHER = sse_key(b"k"), sse_key(b"o")
CONTENT = bytes(range(256)) * 40

SourceFor = Callable[["SseKey | None"], ObjectSource]


@pytest.fixture(params=["behind a URL", "inside the bucket"])
def source_for(request: pytest.FixtureRequest, place: Place) -> SourceFor:
    """Give what makes a source of the test's object that sends a key; a URL signs the key that is sent."""
    if request.param == "behind a URL":
        return lambda key: place.behind(key=key)
    return lambda key: place.inside(key=key)


def content_of(source: ObjectSource, *, first: int | None = None, last: int | None = None) -> bytes:
    with source.get(first=first, last=last) as answer:
        return b"".join(iter(lambda: answer.read(65_536), b""))


def test_an_object_under_a_key(place: Place, source_for: SourceFor) -> None:
    place.put(CONTENT, key=KEY)
    right = source_for(KEY)
    assert content_of(right) == CONTENT
    assert content_of(right, first=5, last=5_000) == CONTENT[5:5_001]
    assert content_of(right, first=10_000) == CONTENT[10_000:]
    with pytest.raises(KeyRefused):
        source_for(None).get()
    with pytest.raises(KeyRefused):
        source_for(OTHER).get()


def test_the_right_key_is_found(place: Place, source_for: SourceFor) -> None:
    place.put(CONTENT, key=KEY)
    probed = place.probe(source_for, OTHER, KEY)
    assert (probed.key, probed.size_bytes, probed.ranges) == (KEY, len(CONTENT), True)
    assert probed.etag is not None
    with pytest.raises(KeyRefused, match="None of the keys"):
        place.probe(source_for, OTHER)
    with pytest.raises(KeyRefused, match="there is none to try"):
        place.probe(source_for)


def test_no_key_is_taken_where_none_applies(place: Place, source_for: SourceFor) -> None:
    place.put(CONTENT)
    assert place.probe(source_for, KEY).key is None


@pytest.mark.parametrize("key", [None, KEY], ids=["no key", "key"])
def test_an_empty_object(place: Place, source_for: SourceFor, key: SseKey | None) -> None:
    place.put(b"", key=key)
    probed = place.probe(source_for, KEY)
    assert probed.size_bytes == 0  # which SeaweedFS tells without the key
    facts = place.fetch(source_for, [KEY], storage=place.local_storage)
    assert (facts.events_count, facts.compressed_size_bytes) == (0, 0)


def test_nothing_lies_past_the_end(place: Place, source_for: SourceFor) -> None:
    place.put(CONTENT, key=KEY)
    with source_for(KEY).get(first=len(CONTENT)) as answer:
        assert answer.status == 416


def test_another_object_is_noticed(place: Place, source_for: SourceFor) -> None:
    place.put(CONTENT, key=KEY)
    etag = place.probe(source_for, KEY).etag
    with source_for(KEY).get(first=1, last=2, etag=etag) as answer:
        assert answer.status == 206
    place.put(CONTENT[::-1], key=KEY)
    with pytest.raises(ObjectChanged):
        source_for(KEY).get(first=1, last=2, etag=etag)


def test_a_missing_object(source_for: SourceFor) -> None:
    with pytest.raises(ObjectMissing):
        source_for(None).get(first=0, last=0)


@pytest.mark.parametrize("key", [None, KEY], ids=["no key", "key"])
def test_a_url_ends(place: Place, key: SseKey | None) -> None:
    place.put(CONTENT, key=key)
    expired = place.url(signed=key, age=timedelta(hours=1))
    with pytest.raises(LinkExpired):
        place.behind(expired, key=key).get(first=0, last=0)
    with pytest.raises(LinkExpired):
        place.probe(lambda tried: place.behind(place.url(signed=tried, age=timedelta(hours=1)), key=tried), KEY)


def test_a_url_of_another_object(place: Place) -> None:
    place.put(CONTENT)
    tampered = type(url := place.url())(url.get_secret_value().replace("/object?", "/another?"))
    for key in (None, KEY):
        with pytest.raises(SignatureRefused):
            place.behind(tampered, key=key).get(first=0, last=0)
    with pytest.raises(SignatureRefused):
        place.probe(lambda key: place.behind(tampered, key=key), KEY)


def test_a_url_that_did_not_sign_the_key(place: Place) -> None:
    """AWS and SeaweedFS refuse a key that the URL did not sign; the platform's URLs have to sign it there."""
    place.put(CONTENT, key=KEY)
    unsigned, opens = place.url(), place.server.answers.unsigned_key_opens
    with contextlib.nullcontext() if opens else pytest.raises(StorageError, match=r"signature|None of the keys"):
        assert place.probe(lambda key: place.behind(unsigned, key=key), KEY).key == KEY


def test_a_url_that_signed_the_key(place: Place) -> None:
    """The one URL, whatever is sent to it: without the key it is no valid request."""
    place.put(CONTENT, key=KEY)
    signed = place.url(signed=KEY)
    assert place.probe(lambda key: place.behind(signed, key=key), OTHER, KEY).key == KEY


def test_somebody_elses_bucket(place: Place) -> None:
    place.put(CONTENT)
    with place.server.client(STRANGER) as client, pytest.raises(StorageError, match="refuses access"):
        BucketObject(client, BUCKET, f"{place.prefix}/object").get()


@pytest.mark.parametrize("key", [None, KEY], ids=["no key", "key"])
def test_a_fetch(place: Place, source_for: SourceFor, key: SseKey | None) -> None:
    place.put(exported(), key=key)
    facts = place.fetch(source_for, [OTHER, KEY], storage=place.local_storage)
    assert facts.events_count == COUNT
    with place.local_storage.open(LANDED) as file:
        assert file.read() == exported()
