from __future__ import annotations

import gzip
from contextlib import ExitStack, closing
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from sekoia_export.simulator import Bucket, Settings, Simulator
from tests.clock import ManualClock
from tests.simulator.client import KEY, OTHER_KEY, SSE_C, Client, encoded, refused, sse_c, sse_c_fields

if TYPE_CHECKING:
    from tests.simulator.conftest import S3, Connect, Tls


def target(bucket: Bucket, url: str) -> dict[str, str]:
    return {
        "bucket_name": bucket.name,
        "access_key_id": bucket.access_key_id,
        "secret_access_key": bucket.secret_access_key,
        "region_name": "eu-west-3",
        "endpoint_url": url,
        "prefix": "exports/",
    }


def test_objects_come_back(client: Client, s3: S3) -> None:
    bucket = client.simulator.buckets.create("mine")
    api = s3(bucket)
    api.head_bucket(Bucket="mine")
    api.put_object(Bucket="mine", Key="folder/a b+ü.txt", Body=b"hello", ContentType="text/plain")
    got = api.get_object(Bucket="mine", Key="folder/a b+ü.txt", Range="bytes=1-3")
    assert (got["Body"].read(), got["ContentRange"], got["ContentType"]) == (b"ell", "bytes 1-3/5", "text/plain")
    assert api.head_object(Bucket="mine", Key="folder/a b+ü.txt")["ContentLength"] == 5
    api.delete_object(Bucket="mine", Key="folder/a b+ü.txt")
    assert refused(api.get_object, Bucket="mine", Key="folder/a b+ü.txt") == (404, "NoSuchKey")
    assert refused(api.head_object, Bucket="mine", Key="folder/a b+ü.txt")[0] == 404


def test_sse_c_is_enforced(client: Client, s3: S3) -> None:
    bucket = client.simulator.buckets.create("mine")
    api = s3(bucket)
    api.put_object(Bucket="mine", Key="secret", Body=b"hello", **SSE_C)  # type: ignore[arg-type]  # three texts
    assert api.get_object(Bucket="mine", Key="secret", **SSE_C)["Body"].read() == b"hello"  # type: ignore[arg-type]  # three texts
    assert refused(api.get_object, Bucket="mine", Key="secret") == (400, "InvalidRequest")
    other = {**SSE_C, "SSECustomerKey": encoded(OTHER_KEY)[0], "SSECustomerKeyMD5": encoded(OTHER_KEY)[1]}
    assert refused(api.get_object, Bucket="mine", Key="secret", **other) == (403, "AccessDenied")


def test_listing_goes_on_where_it_stopped(client: Client, s3: S3) -> None:
    api = s3(client.simulator.buckets.create("mine"))
    for number in range(5):
        api.put_object(Bucket="mine", Key=f"a/{number}", Body=b"")
    api.put_object(Bucket="mine", Key="b", Body=b"")
    pages = list(
        api.get_paginator("list_objects_v2").paginate(Bucket="mine", Prefix="a/", PaginationConfig={"PageSize": 2})
    )
    assert [[item["Key"] for item in page["Contents"]] for page in pages] == [["a/0", "a/1"], ["a/2", "a/3"], ["a/4"]]
    top = api.list_objects_v2(Bucket="mine", Delimiter="/")
    assert [item["Key"] for item in top["Contents"]] == ["b"]
    assert [item["Prefix"] for item in top["CommonPrefixes"]] == ["a/"]


def test_who_is_not_allowed_is_told_why(client: Client, s3: S3) -> None:
    buckets = client.simulator.buckets
    mine, other = buckets.create("mine"), buckets.create("other")
    assert refused(s3(mine, secret="wrong").get_object, Bucket="mine", Key="x") == (403, "SignatureDoesNotMatch")
    assert refused(s3(Bucket("mine")).get_object, Bucket="mine", Key="x") == (403, "InvalidAccessKeyId")
    assert refused(s3(mine).get_object, Bucket="other", Key="x") == (403, "AccessDenied")
    assert refused(s3(mine).get_object, Bucket="none", Key="x") == (404, "NoSuchBucket")
    assert refused(s3(mine).create_bucket, Bucket="mine") == (405, "MethodNotAllowed")
    other.writable = False
    assert refused(s3(other).put_object, Bucket="other", Key="x", Body=b"") == (403, "AccessDenied")
    strict = buckets.create("strict", allows_sse_c=False)
    assert refused(s3(strict).put_object, Bucket="strict", Key="x", Body=b"", **SSE_C) == (403, "AccessDenied")
    s3(strict).put_object(Bucket="strict", Key="x", Body=b"")
    malformed = client.fetch(f"{client.simulator.storage_url}/mine/x", {"Authorization": "AWS4-HMAC-SHA256 nonsense"})
    assert malformed.status_code == 400


def test_a_body_that_is_not_the_signed_one_is_refused(client: Client, s3: S3) -> None:
    api = s3(client.simulator.buckets.create("mine"))

    def tamper(request: Any, **_: object) -> None:
        request.body = b"other"

    api.meta.events.register("before-send.s3.PutObject", tamper)
    assert refused(api.put_object, Bucket="mine", Key="x", Body=b"hello") == (400, "XAmzContentSHA256Mismatch")


def test_a_body_in_aws_chunks_is_unwrapped(tls: Tls) -> None:
    """Over TLS boto3 sends a body in chunks with a checksum behind it, and signs neither."""
    with Simulator(Settings(tls_certificate=tls.certificate, tls_key=tls.key)) as simulator:
        bucket = simulator.buckets.create("mine")
        api = boto3.client(
            "s3",
            endpoint_url=simulator.storage_url,
            region_name="eu-west-3",
            aws_access_key_id=bucket.access_key_id,
            aws_secret_access_key=bucket.secret_access_key,
            verify=str(tls.authority),
        )
        with closing(api):
            api.put_object(Bucket="mine", Key="x", Body=b"hello world" * 1_000)
            got = api.get_object(Bucket="mine", Key="x")["Body"].read()
        put = next(request for request in simulator.requests if request.method == "PUT")
    assert got == b"hello world" * 1_000
    assert put.headers["x-amz-content-sha256"] == "STREAMING-UNSIGNED-PAYLOAD-TRAILER"


@pytest.mark.parametrize("key", [None, KEY], ids=["no key", "key"])
@pytest.mark.parametrize("url_given", [True, False])
def test_an_export_goes_to_an_own_bucket(connect: Connect, s3: S3, key: bytes | None, url_given: bool) -> None:
    client = connect(own_bucket_url=url_given, platform_key="encryption_key")
    bucket = client.simulator.buckets.create("mine")
    wanted = {**target(bucket, client.simulator.storage_url), **(sse_c_fields(key) if key else {})}
    task_uuid = client.trigger(client.search(), s3=wanted).json()["task_uuid"]
    client.clock.advance(10)
    export = client.simulator.exports[task_uuid]
    assert ("download_url" in client.task(task_uuid)["attributes"]) is url_given
    assert list(bucket.objects) == [f"exports/{export.job.uuid}/{task_uuid}.jsonl.gz"] == [export.key]
    api = s3(bucket, client.simulator.storage_url)
    got = api.get_object(Bucket="mine", Key=export.key, **(SSE_C if key else {}))  # type: ignore[arg-type]  # three texts
    assert len(gzip.decompress(got["Body"].read()).splitlines()) == 1_000


@pytest.mark.parametrize("outside", [True, False])
@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"bucket_name": "none"}, "NoSuchBucket"),
        ({"access_key_id": "AKIAWRONG"}, "InvalidAccessKeyId"),
        ({"secret_access_key": "wrong"}, "SignatureDoesNotMatch"),
        ({"bucket_name": "closed"}, "AccessDenied"),
    ],
)
def test_an_export_that_may_not_be_written_fails(
    client: Client, change: dict[str, str], told: str, outside: bool
) -> None:
    with ExitStack() as stack:
        storage = stack.enter_context(Simulator(Settings())) if outside else client.simulator
        bucket = storage.buckets.create("mine")
        closed = storage.buckets.create("closed", writable=False)
        given = target(closed if change.get("bucket_name") == "closed" else bucket, storage.storage_url)
        task_uuid = client.trigger(client.search(), s3={**given, **change}).json()["task_uuid"]
        client.clock.advance(10)
        task = client.task(task_uuid)
        assert task["status"] == "FAILED"
        assert told in task["attributes"]["error"]


@pytest.mark.parametrize("key", [None, KEY], ids=["no key", "key"])
@pytest.mark.parametrize("url_given", [True, False])
def test_an_export_can_go_to_another_storage(connect: Connect, key: bytes | None, url_given: bool) -> None:
    client = connect(own_bucket_url=url_given)
    with Simulator(Settings(), ManualClock()) as elsewhere:
        bucket = elsewhere.buckets.create("mine")
        wanted = {**target(bucket, elsewhere.storage_url), **(sse_c_fields(key) if key else {})}
        task_uuid = client.trigger(client.search(), s3=wanted).json()["task_uuid"]
        client.clock.advance(10)
        assert client.task(task_uuid)["status"] == "FINISHED"
        url = client.task(task_uuid)["attributes"].get("download_url")
        assert (url is not None) is url_given
        if url is not None:
            fetched = client.fetch(url, sse_c(key) if key else None)
            assert len(gzip.decompress(fetched.content).splitlines()) == 1_000
        stored = bucket.objects[client.simulator.exports[task_uuid].key]
        assert (stored.seal is not None) == (key is not None)
        content = b"".join(stored.read(0, stored.size_bytes, key))
    assert len(gzip.decompress(content).splitlines()) == 1_000
