from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, cast

import pytest
from boto3.s3.transfer import TransferConfig

from sekoia_export.simulator import Fault, Kind
from tests.simulator.client import KEY, SSE_C, refused

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from sekoia_export.simulator import Bucket
    from tests.simulator.client import Client
    from tests.simulator.conftest import S3, Connect

MIB = 1024 * 1024


@pytest.fixture
def client(connect: Connect) -> Client:
    """Give a client of a simulator that takes small parts."""
    return connect(min_part_bytes=4)


@pytest.fixture
def bucket(client: Client) -> Bucket:
    return client.simulator.buckets.create("mine")


@pytest.fixture
def api(s3: S3, bucket: Bucket) -> S3Client:
    return s3(bucket)


def begin(api: S3Client, **more: Any) -> dict[str, str]:
    """Begin an upload and return what names it."""
    upload = api.create_multipart_upload(Bucket="mine", Key="big", **more)
    return {"Bucket": "mine", "Key": "big", "UploadId": upload["UploadId"]}


def send(api: S3Client, named: dict[str, str], number: int, body: bytes, **more: Any) -> dict[str, Any]:
    part = api.upload_part(**named, PartNumber=number, Body=body, **more)  # type: ignore[arg-type]  # three texts
    return {"PartNumber": number, "ETag": part["ETag"]}


@pytest.mark.parametrize("sse_c", [{}, SSE_C], ids=["no key", "key"])
def test_parts_become_an_object(api: S3Client, bucket: Bucket, sse_c: dict[str, Any]) -> None:
    named = begin(api, ContentType="application/gzip", **sse_c)
    parts = [send(api, named, number, body, **sse_c) for number, body in ((3, b"last"), (1, b"first"), (2, b"old"))]
    parts.append(send(api, named, 2, b"middle", **sse_c))
    listed = api.list_parts(**named)["Parts"]  # type: ignore[arg-type]  # three texts
    assert [(part["PartNumber"], part["Size"]) for part in listed] == [(1, 5), (2, 6), (3, 4)]
    assert [upload["UploadId"] for upload in api.list_multipart_uploads(Bucket="mine")["Uploads"]] == [
        named["UploadId"]
    ]
    chosen = [parts[1], parts[3], parts[0]]
    done: Any = cast(Any, api).complete_multipart_upload(**named, MultipartUpload={"Parts": chosen})
    assert done["ETag"].endswith('-3"')
    got = api.get_object(Bucket="mine", Key="big", Range="bytes=3-12", **sse_c)
    assert got["Body"].read() == b"firstmiddlelast"[3:13]
    assert (got["ContentType"], got["ETag"]) == ("application/gzip", done["ETag"])
    assert not bucket.uploads
    if sse_c:
        assert refused(api.get_object, Bucket="mine", Key="big") == (400, "InvalidRequest")
        assert b"".join(bucket.objects["big"].read(4, 6, KEY)) == b"tm"


def test_an_upload_can_be_aborted(api: S3Client, bucket: Bucket) -> None:
    named = begin(api)
    send(api, named, 1, b"first")
    api.abort_multipart_upload(**named)  # type: ignore[arg-type]  # three texts
    assert not bucket.uploads
    assert not bucket.objects
    assert refused(api.list_parts, **named) == (404, "NoSuchUpload")


def test_parts_that_do_not_fit_are_refused(api: S3Client, bucket: Bucket) -> None:
    named = begin(api)
    parts = [send(api, named, 1, b"xxx"), send(api, named, 2, b"xxxx")]

    def complete(*parts: dict[str, Any]) -> tuple[int, str]:
        return refused(api.complete_multipart_upload, **named, MultipartUpload={"Parts": list(parts)})

    assert complete(*parts) == (400, "EntityTooSmall")
    assert complete(parts[1], parts[0]) == (400, "InvalidPartOrder")
    assert complete({**parts[0], "ETag": '"other"'}) == (400, "InvalidPart")
    assert complete({"PartNumber": 9, "ETag": "x"}) == (400, "InvalidPart")
    assert complete({"PartNumber": 1}) == (400, "MalformedXML")
    assert complete() == (400, "MalformedXML")
    assert refused(api.upload_part, **named, PartNumber=10_001, Body=b"") == (400, "InvalidArgument")
    assert refused(api.upload_part, **named, PartNumber=1, Body=b"", **SSE_C) == (400, "InvalidRequest")
    assert refused(api.upload_part, **{**named, "Key": "other"}, PartNumber=1, Body=b"") == (404, "NoSuchUpload")
    bucket.writable = False
    assert refused(api.upload_part, **named, PartNumber=1, Body=b"") == (403, "AccessDenied")
    assert refused(api.create_multipart_upload, Bucket="mine", Key="x") == (403, "AccessDenied")


def test_boto_uploads_in_parts_and_tries_a_lost_one_again(client: Client, s3: S3, bucket: Bucket) -> None:
    content = bytes(range(256)) * 4096 * 11
    client.simulator.faults.add(Fault(Kind.RESET_AFTER, server="storage", method="PUT", nth=2))
    api = s3(bucket, attempts=3)
    api.upload_fileobj(
        io.BytesIO(content), "mine", "big", Config=TransferConfig(multipart_chunksize=5 * MIB, use_threads=False)
    )
    assert client.simulator.faults.unused() == []
    assert bucket.objects["big"].size_bytes == len(content)
    assert b"".join(bucket.objects["big"].read(0, len(content))) == content
