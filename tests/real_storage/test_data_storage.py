"""S3 as the data storage: small files, files in parts, and nothing left of what was given up."""

from __future__ import annotations

import hashlib
import threading
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from sekoia_export.archive import ArchiveFacts, ArchiveFormat
from sekoia_export.errors import DamagedExport, DataStorageError, UsageError
from sekoia_export.transfer.s3_storage import S3DataStorage
from tests.real_storage.place import COUNT, LANDED, events, exported
from tests.real_storage.server import BUCKET, STRANGER
from tests.transfer.shelf import sse_key

if TYPE_CHECKING:
    from sekoia_export.transfer.hold import Hold
    from tests.real_storage.place import Place

KEY = sse_key()
MEBIBYTE = 1024 * 1024


def test_small_files(place: Place) -> None:
    storage, name = place.s3_storage, ".sekoia-export/exports/a b+ü.json"
    assert (storage.read(name), storage.size(name)) == (None, None)
    assert storage.names(".sekoia-export/exports") == []
    storage.delete(name)
    storage.write(name, b"state")
    storage.write(name, b"newer")
    storage.write(".sekoia-export/exports/deeper/b.json", b"")
    assert (storage.read(name), storage.size(name)) == (b"newer", 5)
    assert storage.names(".sekoia-export/exports") == ["a b+ü.json"]
    assert place.objects() == [f"data/{name}", "data/.sekoia-export/exports/deeper/b.json"]
    storage.delete(name)
    assert storage.read(name) is None
    with pytest.raises(UsageError):
        storage.read("../elsewhere")
    with pytest.raises(DataStorageError):
        storage.open(name)


@pytest.mark.parametrize("size_bytes", [3, None])
def test_a_small_landing(place: Place, size_bytes: int | None) -> None:
    storage = place.s3_storage
    with storage.create("a", size_bytes=size_bytes) as landing:
        landing.write(b"abc")
        assert storage.read("a") is None
        landing.publish()
    assert (storage.read("a"), place.uploads()) == (b"abc", [])


def test_a_landing_that_is_given_up(place: Place) -> None:
    storage = place.s3_storage
    storage.write("a", b"as it was")
    with storage.create("a", size_bytes=None) as landing:
        for _ in range(17):
            landing.write(bytes(MEBIBYTE))
    assert (storage.read("a"), place.uploads()) == (b"as it was", [])


@pytest.mark.parametrize("output", ArchiveFormat)
def test_a_large_fetch(place: Place, output: ArchiveFormat) -> None:
    place.put(exported(), key=KEY)
    storage = place.s3_storage
    facts = place.fetch(lambda key: place.behind(key=key), [KEY], storage=storage, output=output)
    with storage.open(LANDED) as file:
        written = file.read()
    assert (facts.events_count, facts.written_size_bytes) == (
        COUNT,
        len(written) == storage.size(LANDED) and len(written),
    )
    assert facts.sha256 == hashlib.sha256(written).hexdigest()
    if output is ArchiveFormat.JSONL_GZ:
        assert written == exported()
    elif output is ArchiveFormat.JSONL:
        assert written == events()
    else:
        assert len(orjson.loads(written)) == COUNT
    etag = place.client.head_object(Bucket=BUCKET, Key=f"{place.prefix}/data/{LANDED}")["ETag"]
    assert "-" in etag, "it was written in one piece"
    assert place.uploads() == []


def test_a_fetch_that_is_not_published(place: Place) -> None:
    place.put(exported())

    def refuse(_: ArchiveFacts) -> None:
        raise UsageError("Not so.")

    with pytest.raises(UsageError, match="Not so"):
        place.fetch(lambda key: place.behind(key=key), storage=place.s3_storage, before_publish=refuse)
    assert (place.s3_storage.size(LANDED), place.uploads()) == (None, [])


@pytest.mark.parametrize("output", [ArchiveFormat.JSONL_GZ, ArchiveFormat.JSONL])
def test_a_damaged_export(place: Place, output: ArchiveFormat) -> None:
    place.put(exported()[:-8] + bytes(8))
    place.s3_storage.write(LANDED, b"as it was")
    with pytest.raises(DamagedExport):
        place.fetch(lambda key: place.behind(key=key), storage=place.s3_storage, output=output)
    assert (place.s3_storage.read(LANDED), place.uploads()) == (b"as it was", [])


CHUNK_BYTES, CHUNKS = 5 * MEBIBYTE, 33


class _Copies:
    """Counts what a client had the server copy."""

    def __init__(self, place: Place) -> None:
        self.done = threading.Semaphore(0)
        self.count = 0
        place.client.meta.events.register("after-call.s3.UploadPartCopy", self._copied)

    def _copied(self, **_: Any) -> None:
        self.count += 1
        self.done.release()


def _write_in_order(hold: Hold, indices: range) -> None:
    for index in indices:
        hold.write(index * CHUNK_BYTES, [index.to_bytes(8, "big"), bytes(CHUNK_BYTES - 8)])
        _read_in_order(hold, range(index, index + 1))


def _read_in_order(hold: Hold, indices: range) -> None:
    for index in indices:
        assert hold.read(index * CHUNK_BYTES, 8) == index.to_bytes(8, "big")
        hold.release((index + 1) * CHUNK_BYTES, as_it_comes=True)


def test_an_upload_that_was_left_goes_on_with_its_own_parts(place: Place) -> None:
    copies, half = _Copies(place), CHUNKS // 2
    left = place.s3_storage.hold(LANDED, etag='"e"', size_bytes=CHUNKS * CHUNK_BYTES)
    _write_in_order(left, range(half))
    for _ in range(half - 2):  # the last two may be on their way to be kept
        assert copies.done.acquire(timeout=30)
    begun = place.uploads()
    hold = place.s3_storage.hold(LANDED, etag='"e"', size_bytes=CHUNKS * CHUNK_BYTES)
    kept = hold.present().prefix_end() // CHUNK_BYTES
    assert half - 2 <= kept <= half
    _read_in_order(hold, range(kept))
    assert place.uploads() == begun
    _write_in_order(hold, range(kept, CHUNKS))
    hold.publish()
    assert copies.count <= CHUNKS + (0 if place.server.answers.copies_keep_etags else kept)
    with place.s3_storage.open(LANDED) as file:
        assert all(file.read(CHUNK_BYTES)[:8] == index.to_bytes(8, "big") for index in range(CHUNKS))
    assert (place.uploads(), place.objects()) == ([], [f"data/{LANDED}"])


def test_a_bucket_of_somebody_else(place: Place) -> None:
    with place.server.client(STRANGER) as client:
        storage = S3DataStorage(client, BUCKET, f"{place.prefix}/data")
        for act in (lambda: storage.write("a", b""), lambda: storage.names("a"), lambda: storage.read("a")):
            with pytest.raises(DataStorageError, match="403 AccessDenied"):
                act()
    with pytest.raises(DataStorageError, match="404 NoSuchBucket"):
        S3DataStorage(place.client, "there-is-no-such-bucket").write("a", b"")
