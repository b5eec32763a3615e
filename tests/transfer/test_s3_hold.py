"""An object that is large enough for its chunks to be parts of the file's upload: copied, sent straight, taken up."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from sekoia_export.errors import DataStorageError
from sekoia_export.simulator import Fault, Kind
from sekoia_export.transfer.ranges import Span
from sekoia_export.transfer.s3_hold import UPLOADS
from sekoia_export.transfer.s3_multipart import Multipart
from sekoia_export.transfer.s3_storage import S3DataStorage

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from sekoia_export.transfer.hold import Hold
    from tests.transfer.clients import ClientFor
    from tests.transfer.shelf import Shelf

MEBIBYTE = 1024 * 1024
CHUNK_BYTES = 5 * MEBIBYTE
CHUNKS = 33
SIZE_BYTES = CHUNKS * CHUNK_BYTES - 7
NAME = "large"


@pytest.fixture
def client(shelf: Shelf, client_for: ClientFor) -> S3Client:
    return client_for(shelf)


@pytest.fixture
def storage(client: S3Client) -> S3DataStorage:
    return S3DataStorage(client, "shelf", "data")


def held(storage: S3DataStorage, *, etag: str | None = '"e"') -> Hold:
    return storage.hold(NAME, etag=etag, size_bytes=SIZE_BYTES)


def chunk(index: int) -> bytes:
    size = min(CHUNK_BYTES, SIZE_BYTES - index * CHUNK_BYTES)
    return index.to_bytes(8, "big") + bytes(size - 8)


def fill(hold: Hold, *indices: int) -> None:
    for index in indices:
        hold.write(index * CHUNK_BYTES, [chunk(index)])


def read_up_to(hold: Hold, end: int, *, start: int = 0) -> None:
    """Read chunks as the verifier does."""
    for index in range(start, end):
        assert hold.read(index * CHUNK_BYTES, 8) == index.to_bytes(8, "big")
        hold.release(min(SIZE_BYTES, (index + 1) * CHUNK_BYTES), as_it_comes=True)


def write_in_order(hold: Hold, indices: range) -> None:
    for index in indices:
        fill(hold, index)
        read_up_to(hold, index + 1, start=index)


def is_right(storage: S3DataStorage) -> bool:
    with storage.open(NAME) as file:
        return all(file.read(CHUNK_BYTES)[:8] == index.to_bytes(8, "big") for index in range(CHUNKS)) and (
            storage.size(NAME) == SIZE_BYTES
        )


def copies(shelf: Shelf) -> int:
    return sum("x-amz-copy-source" in request.headers for request in shelf.simulator.requests)


class Gate:
    """Keeps what is sent to S3 waiting, from when it is shut until it is opened."""

    def __init__(self, client: S3Client) -> None:
        self._open = threading.Event()
        self._open.set()
        self.waiting = threading.Semaphore(0)
        for operation in ("PutObject", "UploadPart"):
            client.meta.events.register(f"before-send.s3.{operation}", self._pass)

    def _pass(self, **_: Any) -> None:
        if not self._open.is_set():
            self.waiting.release()
        assert self._open.wait(30)

    def shut(self) -> None:
        self._open.clear()

    def open(self) -> None:
        self._open.set()


def test_chunks_are_copied_by_the_server(storage: S3DataStorage, shelf: Shelf) -> None:
    hold = held(storage)
    write_in_order(hold, range(CHUNKS))
    hold.publish()
    assert copies(shelf) == CHUNKS
    assert is_right(storage)
    assert [name for name in shelf.bucket.objects if "parts" in name] == []
    assert shelf.bucket.uploads == {}


STRAIGHT = range(24, 27)


def with_straight_chunks(storage: S3DataStorage, client: S3Client) -> tuple[Hold, list[int]]:
    """Return a hold that everything was written to, some of it while the bucket took nothing, and what went straight.

    These are STRAIGHT, and of the two before them those that came while the sending of earlier ones was not over.
    """
    gate, hold = Gate(client), held(storage)
    early = STRAIGHT.start - UPLOADS
    write_in_order(hold, range(early))
    gate.shut()
    fill(hold, *range(early, STRAIGHT.start))
    for _ in range(UPLOADS):
        assert gate.waiting.acquire(timeout=30)
    fill(hold, *STRAIGHT)  # all threads have something to send, and these wait
    gate.open()
    read_up_to(hold, STRAIGHT.stop, start=early)
    write_in_order(hold, range(STRAIGHT.stop, CHUNKS))
    gaps = held(storage).present().gaps(SIZE_BYTES)
    missing = [index for gap in gaps for index in range(gap.start // CHUNK_BYTES, -(-gap.end // CHUNK_BYTES))]
    straight = [index for index in missing if index < CHUNKS - 3]  # the last three may be on their way
    assert set(STRAIGHT) <= set(straight) <= set(range(STRAIGHT.start - 2, STRAIGHT.stop))
    return hold, straight


def test_chunks_go_straight_into_the_upload_while_the_bucket_is_behind(
    storage: S3DataStorage, shelf: Shelf, client: S3Client
) -> None:
    hold, straight = with_straight_chunks(storage, client)
    hold.publish()
    assert is_right(storage)
    assert copies(shelf) == CHUNKS - len(straight)
    assert shelf.bucket.uploads == {}


def test_a_kill_never_costs_more_than_half_of_what_came(storage: S3DataStorage, client: S3Client) -> None:
    gate, hold = Gate(client), held(storage)
    write_in_order(hold, range(2))
    gate.shut()
    fill(hold, *range(2, CHUNKS))
    gate.open()
    hold.keep()
    assert held(storage).present().size_bytes > SIZE_BYTES // 2


def test_bytes_that_prove_wrong_are_fetched_again_with_those_that_cannot_be_read_again(
    storage: S3DataStorage, shelf: Shelf, client: S3Client
) -> None:
    hold, straight = with_straight_chunks(storage, client)
    again = hold.forget(Span(3 * CHUNK_BYTES + 5, 3 * CHUNK_BYTES + 9))
    assert [span.start // CHUNK_BYTES for span in again] == [3, *straight]
    fill(hold, 3, *straight)
    read_up_to(hold, CHUNKS)
    hold.publish()
    assert is_right(storage)
    assert shelf.bucket.uploads == {}


def half_fetched(storage: S3DataStorage, shelf: Shelf) -> int:
    """Leave a fetch at its half, with its upload, as a kill does; return how many chunks it had."""
    hold = held(storage)
    write_in_order(hold, range(CHUNKS // 2))
    shelf.simulator.faults.add(Fault(Kind.STATUS, server="storage", method="DELETE", status=403))
    hold.keep()
    assert len(shelf.bucket.uploads) == 1
    return CHUNKS // 2


def finish(hold: Hold, begun: int) -> None:
    assert hold.present().prefix_end() == begun * CHUNK_BYTES
    read_up_to(hold, begun)
    write_in_order(hold, range(begun, CHUNKS))
    hold.publish()


def test_a_killed_upload_goes_on_with_its_own_parts(storage: S3DataStorage, shelf: Shelf) -> None:
    begun = half_fetched(storage, shelf)
    finish(held(storage), begun)
    assert is_right(storage)
    assert copies(shelf) == CHUNKS
    assert (
        sum(request.query.get("uploads") == "" for request in shelf.simulator.requests if request.method == "POST") == 1
    )
    assert shelf.bucket.uploads == {}


def test_an_upload_that_was_removed_meanwhile_is_made_anew(storage: S3DataStorage, shelf: Shelf) -> None:
    begun = half_fetched(storage, shelf)
    shelf.bucket.uploads.clear()
    finish(held(storage), begun)
    assert is_right(storage)
    assert copies(shelf) > CHUNKS


def test_another_object_does_not_go_on_with_it(storage: S3DataStorage, shelf: Shelf) -> None:
    half_fetched(storage, shelf)
    other = held(storage, etag='"other"')
    assert other.present().size_bytes == 0
    assert shelf.bucket.uploads == {}
    other.drop()


def test_what_fails_is_aborted_and_goes_on_from_what_was_kept(storage: S3DataStorage, shelf: Shelf) -> None:
    hold = held(storage)
    write_in_order(hold, range(CHUNKS // 2))
    hold.keep()
    assert shelf.bucket.uploads == {}
    finish(held(storage), CHUNKS // 2)
    assert is_right(storage)


def test_an_object_that_cannot_be_told_later_is_kept_by_nobody(storage: S3DataStorage, shelf: Shelf) -> None:
    hold = held(storage, etag=None)
    fill(hold, 0, 1)
    read_up_to(hold, 1)
    hold.keep()
    assert [name for name in shelf.bucket.objects if "parts" in name] == []
    assert shelf.bucket.uploads == {}


def test_an_object_of_unknown_size_ends_with_a_short_part(storage: S3DataStorage, shelf: Shelf) -> None:
    hold = storage.hold(NAME, etag=None, size_bytes=None)
    hold.write(0, [bytes(CHUNK_BYTES), b"the end"])
    assert hold.read(0, 1) == b"\0"
    hold.release(CHUNK_BYTES, as_it_comes=True)
    hold.publish()
    assert storage.read(NAME) == bytes(CHUNK_BYTES) + b"the end"


def test_a_copy_that_is_refused_is_told(storage: S3DataStorage, shelf: Shelf) -> None:
    hold = held(storage)
    fill(hold, 0)
    body = b"<Error><Code>AccessDenied</Code></Error>"
    refusal = Fault(Kind.STATUS, server="storage", method="PUT", path=f"/{NAME}$", status=403, body=body)
    refusal.content_type = "application/xml"
    shelf.simulator.faults.add(refusal)
    read_up_to(hold, 1)
    with pytest.raises(DataStorageError, match="403 AccessDenied"):
        hold.publish()
    hold.keep()
    assert shelf.bucket.uploads == {}


def test_an_upload_that_is_not_gone_on_with_is_aborted(storage: S3DataStorage, shelf: Shelf) -> None:
    half_fetched(storage, shelf)
    hold = held(storage)
    hold.drop()
    assert shelf.bucket.uploads == {}


def test_an_upload_whose_parts_may_not_be_listed_is_aborted(storage: S3DataStorage, shelf: Shelf) -> None:
    begun = half_fetched(storage, shelf)
    hold = held(storage)
    refusal = Fault(Kind.STATUS, server="storage", method="GET", path=f"/{NAME}$", status=403)
    shelf.simulator.faults.add(refusal)
    finish(hold, begun)
    assert is_right(storage)
    assert shelf.bucket.uploads == {}


def test_a_chunk_that_proves_wrong_while_it_waits_to_be_copied(
    storage: S3DataStorage, shelf: Shelf, client: S3Client
) -> None:
    gate, hold = Gate(client), held(storage)
    fill(hold, *range(2))
    hold.keep()
    hold = held(storage)
    read_up_to(hold, 1)
    gate.shut()
    fill(hold, *range(2, 2 + UPLOADS))
    for _ in range(UPLOADS):
        assert gate.waiting.acquire(timeout=30)
    read_up_to(hold, 2, start=1)  # all threads have something to send: its copy waits
    hold.forget(Span(CHUNK_BYTES, CHUNK_BYTES + 1))
    gate.open()
    fill(hold, 1)
    read_up_to(hold, 2 + UPLOADS)
    write_in_order(hold, range(2 + UPLOADS, CHUNKS))
    hold.publish()
    assert is_right(storage)


def test_one_stream_that_comes_over_what_is_kept_leaves_it_as_it_is(storage: S3DataStorage) -> None:
    hold, content = held(storage), b"x" * CHUNK_BYTES
    hold.write(CHUNK_BYTES, [content])
    hold.keep()
    hold = held(storage)
    fill(hold, 0)
    hold.write(CHUNK_BYTES, [content[:100_000]])
    assert hold.read(CHUNK_BYTES, CHUNK_BYTES) == content
    hold.drop()


def test_a_part_that_was_replaced_meanwhile_is_copied(storage: S3DataStorage, client: S3Client) -> None:
    etag = client.put_object(Bucket="shelf", Key="right", Body=b"right")["ETag"]
    begun = Multipart(client, bucket="shelf", key="data/a", name="a")
    begun.copy(1, "right", etag)
    again = Multipart(client, bucket="shelf", key="data/a", name="a", upload_id=begun.upload_id)
    again.send(1, b"wrong")
    again.copy(1, "right", etag)
    again.complete()
    assert storage.read("a") == b"right"


def test_a_copy_that_is_refused_is_told_before_the_object_is_whole(storage: S3DataStorage, shelf: Shelf) -> None:
    hold = held(storage)
    refusal = Fault(Kind.STATUS, server="storage", method="PUT", path=f"/{NAME}$", status=403, times=None)
    shelf.simulator.faults.add(refusal)
    with pytest.raises(DataStorageError, match="403"):
        write_in_order(hold, range(CHUNKS))
    hold.keep()
    assert held(storage).present().size_bytes


def test_nothing_goes_straight_before_as_much_is_kept_as_a_kill_would_cost(
    storage: S3DataStorage, client: S3Client
) -> None:
    gate, hold = Gate(client), held(storage)
    fill(hold, *range(6))
    hold.keep()
    hold = held(storage)
    read_up_to(hold, 6)
    gate.shut()
    fill(hold, 6, 8, 9, 10)
    for _ in range(UPLOADS):
        assert gate.waiting.acquire(timeout=30)
    read_up_to(hold, 7, start=6)
    fill(hold, 7)  # all threads have something to send, and 6 of these 11 chunks are kept
    gate.open()
    read_up_to(hold, 11, start=7)
    hold.keep()
    assert held(storage).present().gaps(11 * CHUNK_BYTES) == []


def test_a_kept_chunk_that_somebody_changed_is_not_copied(
    storage: S3DataStorage, shelf: Shelf, client: S3Client
) -> None:
    hold = held(storage)
    fill(hold, *range(4))
    read_up_to(hold, 1)
    hold.keep()
    hold = held(storage)
    (changed,) = (key for key in shelf.bucket.objects if key.endswith("/000002"))
    client.put_object(Bucket="shelf", Key=changed, Body=chunk(9))
    read_up_to(hold, 1)
    with pytest.raises(DataStorageError, match="412 PreconditionFailed"):
        hold.publish()
    hold.drop()
    assert shelf.bucket.uploads == {}
