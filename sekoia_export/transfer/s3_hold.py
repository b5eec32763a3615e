"""An object's raw bytes on their way into a bucket: a window of memory, kept chunks, and the file's own upload.

::

                          ┌─ kept ──> an object (`s3_chunks.py`) ──copied by S3, once verified──┐
    chunk, when whole ────┤                                                                     ├──> part of the upload
                          └─ straight ──────────────────────────────────────────────────────────┘

The parts of a multipart upload cannot be read before it is completed, under the name it was begun for; so what is kept
for a later process, which has to read it again to prove it, lies in objects of its own, and S3 copies them into the
file's upload. That is work for S3: while chunks wait for the bucket, some go straight into the upload, never more than
let a kill cost half of what came. From 160 MiB on a chunk is a part, with the same number; chunks of smaller objects
are smaller than S3 lets parts be, are all kept, and are sent a second time from memory.

The upload is completed when all is verified, and aborted on any failure. After a kill the next run goes on with it: a
kept chunk that is a part of it already, by its ETag, is not copied again. A chunk that is there is whole; whether its
bytes are right is proved as for all others, by the object's own checksums.
"""

from __future__ import annotations

import contextlib
import threading
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sekoia_export.errors import DataStorageError
from sekoia_export.transfer.ranges import RangeSet, Span
from sekoia_export.transfer.s3_multipart import (
    MEBIBYTE,
    PARTS_LIMIT,
    SMALLEST_PART_BYTES,
    Multipart,
    abort_orphans,
    abort_upload,
)
from sekoia_export.transfer.s3_upload import Buffers, S3Upload

if TYPE_CHECKING:
    from collections.abc import Callable
    from mmap import mmap

    from mypy_boto3_s3 import S3Client

    from sekoia_export.transfer.s3_chunks import KeptChunks

SMALLEST_CHUNK_BYTES = 64 * 1024
CHUNKS_OF_AN_OBJECT = 64  # a kill loses the chunks that were not whole, or on their way
PARTS_FROM_BYTES = 32 * SMALLEST_PART_BYTES  # size of the object from which its chunks are parts
LARGEST_WINDOW_BYTES, SMALLEST_WINDOW_BYTES = 32 * MEBIBYTE, 512 * 1024
UPLOADS = 4
_UNSENT_CHUNKS = 2


def chunk_bytes_of(size_bytes: int | None) -> int:
    """Return the size of the chunks of an object; larger parts than S3 asks for would only hold more memory."""
    size = PARTS_FROM_BYTES if size_bytes is None else size_bytes
    return max(
        SMALLEST_CHUNK_BYTES,
        SMALLEST_PART_BYTES if size >= PARTS_FROM_BYTES else 0,
        min(SMALLEST_PART_BYTES, size // CHUNKS_OF_AN_OBJECT),
        -(-size // (PARTS_LIMIT - 1)),
    )


@dataclass(slots=True)
class _Chunk:
    buffer: mmap
    filled: RangeSet = field(default_factory=RangeSet)
    sent: Future[None] | None = None


class S3Hold:
    """See Hold.

    Args:
        client: boto3's client of S3.
        bucket: the bucket of the data storage.
        key: the final object's key.
        name: the file's name in the data storage, for texts.
        kept: its chunks, in sizes of `chunk_bytes_of`.
        size_bytes: the object's size, None where it is not known.

    Raises:
        DataStorageError: the bucket cannot.
    """

    def __init__(
        self, client: S3Client, *, bucket: str, key: str, name: str, kept: KeptChunks, size_bytes: int | None
    ) -> None:
        self._client = client
        self._bucket = bucket
        self._key = key
        self._name = name
        self._kept = kept
        self._size_bytes = size_bytes
        self._chunk_bytes = chunk_bytes_of(size_bytes)
        size = PARTS_FROM_BYTES if size_bytes is None else size_bytes
        self._window_bytes = max(SMALLEST_WINDOW_BYTES, min(LARGEST_WINDOW_BYTES, size // 8), 4 * self._chunk_bytes)
        self.window_bytes: int | None = self._window_bytes
        abort_orphans(client, bucket=bucket, key=key, but=kept.upload_id)
        self._lock = threading.Lock()
        self._buffers = Buffers()
        self._chunks: dict[int, _Chunk] = {}
        self._straight: set[int] = set()
        self._unsent = 0
        self._parts: Multipart | None = None  # where chunks are parts, and the object is what is published
        self._landing: S3Upload | None = None  # the same, of smaller objects
        self._copies: dict[int, Future[None]] = {}  # that are not known to have ended well, by the chunk's number
        self._released = 0  # chunks that were read, and are in the file where there is one
        self._read_back: tuple[int, bytes] = (-1, b"")
        self._settled = False
        self._pool = ThreadPoolExecutor(UPLOADS, "upload")

    def present(self) -> RangeSet:
        return RangeSet(self._span(index) for index in self._kept.etags)

    def write(self, offset: int, pieces: list[bytes]) -> None:
        for piece in pieces:
            view = memoryview(piece)
            while view:
                index, at = divmod(offset, self._chunk_bytes)
                taken = view[: self._chunk_bytes - at]
                self._fill(index, at, taken)
                offset, view = offset + len(taken), view[len(taken) :]

    def read(self, offset: int, size_bytes: int) -> bytes:
        index, at = divmod(offset, self._chunk_bytes)
        chunk = self._in_memory(index)
        if chunk is not None:
            return chunk.buffer[at : at + size_bytes]
        return self._fetched(index)[at : at + size_bytes]

    def release(self, offset: int, *, as_it_comes: bool) -> None:
        """Let go of the memory before `offset`, waiting while too much of it was not sent yet."""
        if as_it_comes and self._chunk_bytes >= SMALLEST_PART_BYTES and self._parts is None:
            self._parts = self._begun()
        behind = offset // self._chunk_bytes
        for index in range(self._released, behind):
            chunk = self._in_memory(index)
            is_sent = chunk is None or chunk.sent is None or chunk.sent.done()
            if not is_sent and behind - index <= _UNSENT_CHUNKS:
                return
            self._settle_chunk(index, chunk, as_it_comes=as_it_comes)

    def forget(self, span: Span) -> list[Span]:
        """See Hold: chunks that went straight and are no more in memory cannot be read again, and are fetched again."""
        self._abandon_landing()
        self._released = 0
        wrong = set(range(span.start // self._chunk_bytes, -(-span.end // self._chunk_bytes)))
        gone = self._straight - set(self._chunks)
        for index in wrong:
            chunk = self._chunks.pop(index, None)
            if chunk is not None and chunk.sent is not None:
                chunk.sent.result()
            copy = self._copies.pop(index, None)
            if copy is not None and not copy.cancel():
                wait([copy])
        self._kept.remove(wrong & set(self._kept.etags))
        self._straight -= wrong | gone
        self._read_back = (-1, b"")
        return [self._span(index) for index in sorted(wrong | gone)]

    def publish(self) -> None:
        for index in sorted({*self._kept.etags, *self._chunks}):
            if index >= self._released:
                self._settle_chunk(index, self._in_memory(index), as_it_comes=True)
        if self._parts is not None:
            for copy in self._copies.values():
                copy.result()
            self._parts.complete()
            self._parts = self._kept.upload_id = None
        else:
            landing, self._landing = self._landing or self._new_landing(), None
            with landing:
                landing.publish()
        self.drop()

    def keep(self) -> None:
        if not self._kept.outlive_the_process:
            self.drop()
        elif not self._settled:
            self._settled = True
            for copy in self._copies.values():
                copy.cancel()
            self._pool.shutdown()
            self._end()

    def drop(self) -> None:
        if not self._settled:
            self._settled = True
            self._pool.shutdown(cancel_futures=True)
            self._end()
            if self._kept.upload_id is not None:  # an earlier run's, which this one had no use for
                abort_upload(
                    self._client, bucket=self._bucket, key=self._key, name=self._name, upload_id=self._kept.upload_id
                )
            # What led here, an error or a published file, counts more than what is left behind.
            with contextlib.suppress(DataStorageError):
                self._kept.clear()

    def _end(self) -> None:
        self._chunks.clear()
        self._abandon_landing()
        if self._parts is not None:
            self._parts.abort()
            self._parts = self._kept.upload_id = None

    def _begun(self) -> Multipart:
        parts = Multipart(
            self._client, bucket=self._bucket, key=self._key, name=self._name, upload_id=self._kept.upload_id
        )
        self._kept.note_upload(parts.upload_id)
        return parts

    def _new_landing(self) -> S3Upload:
        return S3Upload(self._client, bucket=self._bucket, key=self._key, name=self._name, size_bytes=self._size_bytes)

    def _abandon_landing(self) -> None:
        if self._landing is not None:
            self._landing.abandon()
            self._landing = None

    def _settle_chunk(self, index: int, chunk: _Chunk | None, *, as_it_comes: bool) -> None:
        """Have the next chunk in the file where its bytes are what is published, and let go of its memory."""
        if chunk is not None and chunk.sent is not None:
            chunk.sent.result()
        if self._parts is not None:
            self._have_in_parts(self._parts, index, chunk)
        elif as_it_comes:
            self._landing = self._landing or self._new_landing()
            self._landing.write(self._fetched(index) if chunk is None else chunk.buffer[: chunk.filled.prefix_end()])
        if chunk is not None:
            with self._lock:
                del self._chunks[index]
            self._buffers.give_back(chunk.buffer)
        self._released = index + 1

    def _have_in_parts(self, parts: Multipart, index: int, chunk: _Chunk | None) -> None:
        for ended in [number for number, copy in self._copies.items() if copy.done()]:
            self._copies.pop(ended).result()
        etag = self._kept.etags.get(index)
        if etag is not None and index not in self._copies:
            self._copies[index] = self._pool.submit(parts.copy, index + 1, self._kept.key(index), etag)
        elif chunk is not None and chunk.sent is None:  # the last one of an object of unknown size
            parts.send(index + 1, chunk.buffer[: chunk.filled.prefix_end()])

    def _fill(self, index: int, at: int, data: memoryview) -> None:
        """Take bytes of a chunk in; one that is there already stays as it is: one stream comes over it once more."""
        with self._lock:
            chunk = self._chunks.get(index)
            if chunk is None:
                if index in self._kept.etags or index in self._straight:
                    return
                chunk = self._chunks[index] = _Chunk(self._buffers.take(self._span(index).size_bytes))
            if chunk.sent is not None:
                return
            # Within the lock: what comes late must not be written into memory that is another chunk's by then.
            chunk.buffer[at : at + len(data)] = data
            chunk.filled.add(Span(at, at + len(data)))
            if chunk.filled.prefix_end() == len(chunk.buffer):
                chunk.sent = self._pool.submit(self._way_of(index), index, chunk.buffer)

    def _way_of(self, index: int) -> Callable[[int, mmap], None]:
        """Decide how a chunk that is whole goes into the bucket; the lock is held.

        A kill costs what went straight and what is in memory, which is a window and the chunks that may be unsent
        behind it at most. That is half of what came as long as as much is kept.
        """
        self._unsent += 1
        in_memory_bytes = self._window_bytes + (_UNSENT_CHUNKS + 1) * self._chunk_bytes
        at_risk_bytes = (len(self._straight) + 1) * self._chunk_bytes + in_memory_bytes
        affordable = at_risk_bytes <= len(self._kept.etags) * self._chunk_bytes or not self._kept.outlive_the_process
        if self._parts is not None and self._unsent > UPLOADS and affordable:
            self._straight.add(index)
            return self._send_straight
        return self._keep_chunk

    def _keep_chunk(self, index: int, chunk: mmap) -> None:
        self._kept.put(index, chunk)
        with self._lock:
            self._unsent -= 1

    def _send_straight(self, index: int, chunk: mmap) -> None:
        parts = self._parts
        if parts is None or self._settled:  # what waits when the fetch ends early is of more use kept
            self._kept.put(index, chunk)
        else:
            parts.send(index + 1, chunk)
        with self._lock:
            self._unsent -= 1

    def _in_memory(self, index: int) -> _Chunk | None:
        with self._lock:
            return self._chunks.get(index)

    def _fetched(self, index: int) -> bytes:
        """Return a chunk that is kept; the last one is remembered."""
        if self._read_back[0] != index:
            self._read_back = index, self._kept.read(index, self._span(index).size_bytes)
        return self._read_back[1]

    def _span(self, index: int) -> Span:
        """Return the bytes of a chunk: all chunks are as large but the last."""
        start = index * self._chunk_bytes
        end = start + self._chunk_bytes
        return Span(start, end if self._size_bytes is None else min(end, self._size_bytes))
