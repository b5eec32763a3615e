"""What the server answers, asked plainly: the ground that the other tests stand on."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
import requests

from sekoia_export.transfer.refusals import read_xml
from tests.real_storage.server import BUCKET
from tests.transfer.shelf import sse_key

if TYPE_CHECKING:
    from tests.real_storage.place import Place

KEY, OTHER = sse_key(b"k"), sse_key(b"o")
RANGE = {"Range": "bytes=0-0"}


@pytest.fixture
def plain(place: Place) -> Place:
    """Give a place with an object that is not encrypted and one that is."""
    place.put(b"0123456789")
    place.put(b"0123456789", key=KEY, name="sealed")
    return place


def answer(url: str, headers: dict[str, str], method: str = "GET") -> tuple[int, str]:
    with requests.request(method, url, headers=headers, timeout=10) as response:
        return response.status_code, read_xml(response.content)[1]


def test_customer_keys(plain: Place) -> None:
    told, unsigned = plain.server.answers, plain.url(name="sealed").get_secret_value()
    signed = plain.url(name="sealed", signed=KEY).get_secret_value()
    wrong = plain.url(name="sealed", signed=OTHER).get_secret_value()
    needless = plain.url(signed=KEY).get_secret_value()
    assert answer(signed, KEY.storage_headers()) == (200, "")
    assert answer(unsigned, {}) == told.no_key
    assert answer(wrong, OTHER.storage_headers()) == told.wrong_key
    assert answer(needless, KEY.storage_headers()) == told.needless_key
    assert answer(unsigned, KEY.storage_headers()) == told.unsigned_key
    assert answer(signed, OTHER.storage_headers()) == (403, "SignatureDoesNotMatch")


def test_ranges_and_conditions(plain: Place) -> None:
    url = plain.url().get_secret_value()
    assert answer(url, RANGE) == (206, "")
    assert answer(url, {"Range": "bytes=10-"}) == (416, "InvalidRange")
    assert answer(url, {**RANGE, "If-Match": '"another"'}) == (412, "PreconditionFailed")
    assert answer(url, {**RANGE, "If-Range": '"another"'}) == plain.server.answers.wrong_if_range


def test_urls(plain: Place) -> None:
    expired = plain.url(age=timedelta(hours=1)).get_secret_value()
    assert answer(expired, {}) == (403, "AccessDenied")
    assert answer(plain.url().get_secret_value(), {}, "HEAD")[0] == 403
    assert answer(plain.url(name="none").get_secret_value(), {}) == (404, "NoSuchKey")
    tampered = plain.url().get_secret_value().replace(f"{plain.prefix}/object", f"{plain.prefix}/sealed")
    assert answer(tampered, KEY.storage_headers()) == (403, "SignatureDoesNotMatch")


def test_copies(place: Place) -> None:
    place.put(bytes(5 * 1024 * 1024))
    named: Any = {"Bucket": BUCKET, "Key": f"{place.prefix}/copied"}
    upload = place.client.create_multipart_upload(**named)["UploadId"]
    source: Any = {"Bucket": BUCKET, "Key": f"{place.prefix}/object"}
    place.client.upload_part_copy(**named, UploadId=upload, PartNumber=1, CopySource=source)
    (part,) = place.client.list_parts(**named, UploadId=upload)["Parts"]
    kept = part["ETag"] == place.client.head_object(**source)["ETag"]
    assert kept == place.server.answers.copies_keep_etags
    place.client.abort_multipart_upload(**named, UploadId=upload)
