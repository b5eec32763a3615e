"""S3 as the data storage and as an own bucket, through boto3: the simulator's storage for what it knows of S3."""

from __future__ import annotations

import gzip
import hashlib
from typing import TYPE_CHECKING, Any

import pytest

from sekoia_export.errors import (
    DataStorageError,
    DiskFull,
    KeyRefused,
    ObjectChanged,
    ObjectMissing,
    StorageError,
    TransferFailed,
    UsageError,
)
from sekoia_export.simulator import Fault, Kind
from sekoia_export.transfer.bucket import BucketObject
from sekoia_export.transfer.probing import probe
from sekoia_export.transfer.s3_storage import S3DataStorage
from tests.transfer.shelf import COUNT, EVENTS, EXPORT, NAME, fault, sse_key
from tests.transfer.test_resume import export_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from mypy_boto3_s3 import S3Client

    from tests.transfer.test_resume import export_of
from tests.transfer.shelf import Shelf

MEBIBYTE = 1024 * 1024


@pytest.fixture
def client(shelf: Shelf) -> Iterator[S3Client]:
    import boto3
    from botocore.config import Config

    client = boto3.client(
        "s3",
        endpoint_url=shelf.simulator.storage_url,
        region_name="eu-west-3",
        aws_access_key_id=shelf.bucket.access_key_id,
        aws_secret_access_key=shelf.bucket.secret_access_key,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, read_timeout=5),
    )
    # The simulator's clock stands still in the past; signatures by credentials are of now and it takes them.
    yield client
    client.close()


@pytest.fixture
def storage(client: S3Client) -> S3DataStorage:
    return S3DataStorage(client, "shelf", "/playbook/1/")


def test_small_objects(storage: S3DataStorage, shelf: Shelf) -> None:
    name = ".sekoia-export/exports/a.json"
    assert storage.read(name) is None
    assert storage.size(name) is None
    assert storage.names(".sekoia-export/exports") == []
    storage.write(name, b"state")
    assert storage.read(name) == b"state"
    assert storage.size(name) == 5
    assert storage.names(".sekoia-export/exports") == ["a.json"]
    assert list(shelf.bucket.objects) == ["playbook/1/.sekoia-export/exports/a.json"]
    storage.delete(name)
    assert storage.read(name) is None
    assert storage.check_name("./a") == "a"
    with pytest.raises(UsageError):
        storage.check_name("../a")


def test_a_small_file_is_one_put(storage: S3DataStorage) -> None:
    with storage.create("a", size_bytes=3) as landing:
        landing.write(b"abc")
        assert storage.read("a") is None
        landing.publish()
    with storage.open("a") as file:
        assert file.read(2) == b"ab"
        assert file.read() == b"c"
    with storage.create("a", size_bytes=None) as landing:
        landing.write(b"never")
    assert storage.read("a") == b"abc"


def test_a_fetch_to_s3(storage: S3DataStorage, shelf: Shelf) -> None:
    shelf.put(key=sse_key())
    facts = shelf.fetch(shelf.source(sse_key()), known=shelf.probe([sse_key()]), storage=storage)
    assert facts.sha256 == hashlib.sha256(EXPORT).hexdigest()
    assert storage.read(NAME) == EXPORT


def parts_are_refused(shelf: Shelf, status: int, code: str, *, nth: int = 1) -> None:
    body = f"<Error><Code>{code}</Code></Error>".encode()
    refusal = Fault(Kind.STATUS, server="storage", method="PUT", path="/a$", status=status, body=body, nth=nth)
    refusal.content_type = "application/xml"
    shelf.simulator.faults.add(refusal)


def upload(storage: S3DataStorage, mebibytes: int) -> None:
    with storage.create("a", size_bytes=None) as landing:
        for _ in range(mebibytes):
            landing.write(b"x" * MEBIBYTE)
        landing.publish()


def test_a_large_file_is_uploaded_in_parts(storage: S3DataStorage, shelf: Shelf) -> None:
    with storage.create("a", size_bytes=None) as landing:
        for _ in range(20):
            landing.write(b"x" * MEBIBYTE)
        assert storage.read("a") is None
        landing.publish()
    assert storage.read("a") == b"x" * MEBIBYTE * 20
    assert not shelf.bucket.uploads


@pytest.mark.parametrize(
    ("status", "code", "kind"), [(507, "QuotaExceeded", DiskFull), (403, "AccessDenied", DataStorageError)]
)
def test_a_part_that_is_refused_aborts_the_upload(
    storage: S3DataStorage, shelf: Shelf, status: int, code: str, kind: type[DataStorageError]
) -> None:
    parts_are_refused(shelf, status, code, nth=2)
    with pytest.raises(kind):
        upload(storage, 20)
    assert not shelf.bucket.uploads
    assert storage.read("a") is None


def test_an_upload_that_cannot_be_aborted_tells_what_made_it(storage: S3DataStorage, shelf: Shelf) -> None:
    parts_are_refused(shelf, 403, "AccessDenied")
    shelf.simulator.faults.add(Fault(Kind.STATUS, server="storage", method="DELETE", status=500))
    with pytest.raises(DataStorageError, match="403 AccessDenied"):
        upload(storage, 9)


def test_a_file_of_a_known_size_fits_in_ten_thousand_parts(storage: S3DataStorage, shelf: Shelf) -> None:
    with storage.create("a", size_bytes=120 * 1024 * MEBIBYTE) as landing:
        landing.write(b"x" * (13 * MEBIBYTE))
        landing.abandon()
    (sent,) = (request for request in shelf.simulator.requests if "partNumber" in request.query)
    assert len(sent.body) >= 13 * MEBIBYTE


def test_what_the_bucket_refuses_is_told(storage: S3DataStorage, shelf: Shelf, client: S3Client) -> None:
    shelf.bucket.writable = False
    with pytest.raises(DataStorageError, match="403 AccessDenied"):
        storage.write("a", b"x")
    elsewhere = S3DataStorage(client, "nowhere")
    for act in (lambda: elsewhere.names("a"), lambda: elsewhere.open("a")):
        with pytest.raises(DataStorageError):
            act()
    shelf.simulator.faults.add(fault(Kind.RESET_BEFORE, times=None))
    with pytest.raises(DataStorageError, match="could not be reached"):
        storage.read("a")


def test_a_file_that_breaks_while_it_is_read(storage: S3DataStorage, shelf: Shelf) -> None:
    storage.write("a", EVENTS)
    shelf.break_once(Kind.RESET_BODY, after_bytes=10)
    with storage.open("a") as file, pytest.raises(DataStorageError, match="while reading a"):
        file.read()


def test_an_export_in_an_own_bucket(client: S3Client, shelf: Shelf) -> None:
    shelf.put(key=sse_key())

    def source_for(key: Any) -> BucketObject:
        return BucketObject(client, "shelf", "object", key=key)

    known = probe(source_for, [sse_key(b"w"), sse_key()], deadline=shelf.deadline)
    assert known.key == sse_key()
    shelf.break_once(Kind.RESET_BODY, after_bytes=100_000)
    facts = shelf.fetch(source_for(known.key), known=known)
    assert facts.events_count == COUNT
    assert shelf.fetched() == EXPORT


def test_refusals_of_an_own_bucket(client: S3Client, shelf: Shelf) -> None:
    shelf.put(key=sse_key())
    right = BucketObject(client, "shelf", "object", key=sse_key())
    with pytest.raises(KeyRefused):
        BucketObject(client, "shelf", "object").get()
    with pytest.raises(ObjectMissing):
        BucketObject(client, "shelf", "another").get()
    with pytest.raises(ObjectChanged):
        right.get(etag='"other"')
    with right.get(first=len(EXPORT)) as answer:
        assert answer.status == 416
    for kind, details in ((Kind.STATUS, {"status": 500}), (Kind.RESET_BEFORE, {}), (Kind.WRONG_RANGE, {})):
        shelf.break_once(kind, **details)
        with pytest.raises(TransferFailed):
            right.get(first=0, last=9)
    shelf.bucket.objects["object"].seal = None
    shelf.put(gzip.compress(b""), name="plain")
    with pytest.raises(StorageError):
        BucketObject(client, "shelf", "plain", key=sse_key()).get()


def test_an_upload_that_a_killed_run_left_is_aborted_by_the_next(
    storage: S3DataStorage, shelf: Shelf, client: S3Client
) -> None:
    shelf.put()
    others = {f"playbook/1/{NAME}.other", f"another/1/{NAME}"}
    for key in (f"playbook/1/{NAME}", f"playbook/1/{NAME}", *others):
        client.create_multipart_upload(Bucket="shelf", Key=key)
    shelf.fetch(storage=storage)
    assert {upload.key for upload in shelf.bucket.uploads.values()} == others
    assert storage.read(NAME) == EXPORT


def test_uploads_that_may_not_be_listed_are_left(storage: S3DataStorage, shelf: Shelf, client: S3Client) -> None:
    shelf.put()
    client.create_multipart_upload(Bucket="shelf", Key=f"playbook/1/{NAME}")
    known, source = shelf.probe(), shelf.source()
    # The second listing: the first is of what was kept.
    shelf.simulator.faults.add(Fault(Kind.STATUS, server="storage", method="GET", path="/shelf$", status=403, nth=2))
    shelf.fetch(source, known=known, storage=storage)
    assert storage.read(NAME) == EXPORT


def test_what_was_kept_is_removed_with_one_request(storage: S3DataStorage, shelf: Shelf) -> None:
    shelf.put(EXPORT)
    shelf.fetch(storage=storage)
    assert len([request for request in shelf.simulator.requests if "delete" in request.query]) == 1
    assert not [request for request in shelf.simulator.requests if request.method == "DELETE"]
    assert [name for name in shelf.bucket.objects if "parts" in name] == []


def test_a_server_without_that_request_has_them_removed_one_by_one(storage: S3DataStorage, shelf: Shelf) -> None:
    storage.write("folder/a", b"x")
    storage.write("folder/b&c", b"x")
    shelf.simulator.faults.add(Fault(Kind.STATUS, server="storage", method="POST", status=501))
    storage.delete_all(["folder/a", "folder/b&c"])
    assert storage.names("folder") == []


@pytest.mark.parametrize("path", ["/parts/[0-9a-f]+/00000[13]$", "one.jsonl.gz$"], ids=["chunk", "part"])
def test_a_refused_part_ends_it_and_what_came_is_kept(storage: S3DataStorage, shelf: Shelf, path: str) -> None:
    _, export = export_of(12 * MEBIBYTE)
    shelf.put(export)
    known, source = shelf.probe(), shelf.source()
    body = b"<Error><Code>AccessDenied</Code></Error>"
    refusal = Fault(Kind.STATUS, server="storage", method="PUT", path=path, status=403, body=body)
    refusal.content_type = "application/xml"
    shelf.simulator.faults.add(refusal)
    with pytest.raises(DataStorageError, match="403 AccessDenied"):
        shelf.fetch(source, known=known, storage=storage)
    assert storage.read(NAME) is None
    assert shelf.bucket.uploads == {}
    assert [name for name in shelf.bucket.objects if "parts" in name]
    shelf.fetch(storage=storage)
    assert storage.read(NAME) == export
