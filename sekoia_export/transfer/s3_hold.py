"""An object's raw bytes on their way into a bucket: a window of memory, then objects of one chunk each.

::

    <data storage>/.sekoia-export/parts/<hash of the name>/
    ├── state.json    {"version": 1, "etag": "...", "size_bytes": 1073741824, "chunk_bytes": 5242880}
    ├── 000000        bytes 0 to 5242879
    ├── 000001        ...
    └── ...           each written whole, in one PUT, as soon as it is there

The parts of a multipart upload cannot be read before it is completed, under the name it was begun for; so what is kept
for a later process, which has to read it again to prove it, lies in objects of its own. Meanwhile the file's own
multipart upload is made of what was read and inflated: S3 copies chunks into it itself (UploadPartCopy), where they are
as large as its parts must be; smaller ones are sent from memory. It is completed when all is verified, and aborted
otherwise, by the next run if this one is killed. A chunk that is there is whole; whether its bytes are right is proved
as for all others, by the object's own checksums. No secret and no URL is in the state.
"""

from __future__ import annotations

import contextlib
import json
import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import IO, TYPE_CHECKING, cast

from sekoia_export.errors import DataStorageError, StateCorrupt
from sekoia_export.transfer.ranges import RangeSet, Span
from sekoia_export.transfer.s3_failures import s3_failures
from sekoia_export.transfer.s3_upload import S3Upload, buffer_of

if TYPE_CHECKING:
    from mmap import mmap

    from mypy_boto3_s3 import S3Client

    from sekoia_export.transfer.journal import Identity
    from sekoia_export.transfer.s3_storage import S3DataStorage

VERSION = 1
MEBIBYTE = 1024 * 1024
SMALLEST_CHUNK_BYTES = 64 * 1024
CHUNKS_OF_AN_OBJECT = 64  # a kill loses the chunks that were not whole, or on their way
SMALLEST_PART_BYTES = 5 * MEBIBYTE  # of S3, for all parts of an upload but the last; larger ones hold more memory
COPIED_FROM_BYTES = 32 * SMALLEST_PART_BYTES  # size of the object from which its chunks can be parts
LARGEST_WINDOW_BYTES, SMALLEST_WINDOW_BYTES = 32 * MEBIBYTE, 512 * 1024
CHUNKS_LIMIT = 10_000
UPLOADS = 4
_UNSENT_CHUNKS = 2
_STATE = "state.json"


@dataclass(slots=True)
class _Chunk:
    buffer: mmap
    filled: RangeSet = field(default_factory=RangeSet)
    sent: Future[None] | None = None


class S3Hold:
    """See Hold.

    Args:
        storage: for the state, and for the names of what is there.
        client: boto3's client of S3.
        bucket: the bucket of the data storage.
        key: the final object's key.
        folder: where the chunks lie, as a name in the data storage.
        folder_key: the same as the start of their keys.
        name: the file's name in the data storage, for texts.
        identity: which object it is, None where that cannot be told later: then nothing is kept for a later process.
        size_bytes: the object's size, None where it is not known.
        start_clean: do not use what is there, and do not read its state.

    Raises:
        StateCorrupt: the state cannot be read.
        DataStorageError: the bucket cannot.
    """

    def __init__(
        self,
        storage: S3DataStorage,
        client: S3Client,
        *,
        bucket: str,
        key: str,
        folder: str,
        folder_key: str,
        name: str,
        identity: Identity | None,
        size_bytes: int | None,
        start_clean: bool,
    ) -> None:
        self._storage = storage
        self._client = client
        self._bucket = bucket
        self._key = key
        self._folder = folder
        self._folder_key = folder_key
        self._name = name
        self._identity = identity
        self._size_bytes = size_bytes
        size = COPIED_FROM_BYTES if size_bytes is None else size_bytes
        self._chunk_bytes = max(
            SMALLEST_CHUNK_BYTES,
            SMALLEST_PART_BYTES if size >= COPIED_FROM_BYTES else 0,
            min(SMALLEST_PART_BYTES, size // CHUNKS_OF_AN_OBJECT),
            -(-size // (CHUNKS_LIMIT - 1)),
        )
        self.window_bytes: int | None = max(
            SMALLEST_WINDOW_BYTES, min(LARGEST_WINDOW_BYTES, size // 8), 4 * self._chunk_bytes
        )
        self._lock = threading.Lock()
        self._chunks: dict[int, _Chunk] = {}
        self._upload: S3Upload | None = None
        self._released = 0  # chunks that were read, and are in the upload where there is one
        self._read_back: tuple[int, bytes] = (-1, b"")
        self._settled = False
        self._kept = set() if start_clean else self._taken_up()
        if not self._kept:
            self._clear()
            self._write_state()
        self._pool = ThreadPoolExecutor(UPLOADS, "upload")

    def present(self) -> RangeSet:
        spans = RangeSet()
        for index in self._kept:
            spans.add(Span(index * self._chunk_bytes, index * self._chunk_bytes + self._size_of(index)))
        return spans

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
        with self._lock:
            chunk = self._chunks.get(index)
            if chunk is not None:
                return chunk.buffer[at : at + size_bytes]
        if self._read_back[0] != index:
            self._read_back = index, self._fetch(index)
        return self._read_back[1][at : at + size_bytes]

    def release(self, offset: int, *, as_it_comes: bool) -> None:
        """Let go of the memory before `offset`, waiting while too much of it was not sent yet."""
        behind = offset // self._chunk_bytes
        for index in range(self._released, behind):
            sent = self._sent(index)
            if sent is not None and not sent.done() and behind - index <= _UNSENT_CHUNKS:
                return
            self._settle_chunk(index, sent, as_it_comes=as_it_comes)

    def forget(self, span: Span) -> Span:
        self._abandon_upload()
        self._released = 0
        first, last = span.start // self._chunk_bytes, -(-span.end // self._chunk_bytes)
        for index in range(first, last):
            chunk = self._chunks.pop(index, None)
            if chunk is not None and chunk.sent is not None:
                chunk.sent.result()
            self._kept.discard(index)
        self._storage.delete_all([self._chunk_name(index) for index in range(first, last)])
        self._read_back = (-1, b"")
        end = last * self._chunk_bytes
        return Span(first * self._chunk_bytes, end if self._size_bytes is None else min(end, self._size_bytes))

    def publish(self) -> None:
        for index in sorted({*self._kept, *self._chunks}):
            if index >= self._released:
                self._settle_chunk(index, self._sent(index), as_it_comes=True)
        upload, self._upload = self._upload or self._new_upload(), None
        with upload:
            upload.publish()
        self.drop()

    def keep(self) -> None:
        if self._identity is None:
            self.drop()
        elif not self._settled:
            self._settled = True
            self._pool.shutdown()
            self._chunks.clear()
            self._abandon_upload()

    def drop(self) -> None:
        if not self._settled:
            self._settled = True
            self._pool.shutdown(cancel_futures=True)
            self._chunks.clear()
            self._abandon_upload()
            # What led here, an error or a published file, counts more than what is left behind.
            with contextlib.suppress(DataStorageError):
                self._clear()

    def _sent(self, index: int) -> Future[None] | None:
        """Return when a chunk is in the bucket; None when it is already, or is the last of an unknown size."""
        with self._lock:
            chunk = self._chunks.get(index)
            return None if chunk is None else chunk.sent

    def _settle_chunk(self, index: int, sent: Future[None] | None, *, as_it_comes: bool) -> None:
        """Put the next chunk into the upload where its bytes are what is published, and let go of its memory."""
        if sent is not None:
            sent.result()
        with self._lock:
            chunk = self._chunks.get(index)
        if as_it_comes:
            self._upload = self._upload or self._new_upload()
            if self._chunk_bytes >= SMALLEST_PART_BYTES and (chunk is None or sent is not None):
                self._upload.add_copy(f"{self._folder_key}/{index:06}")
            elif chunk is not None:
                self._upload.write(chunk.buffer[: chunk.filled.prefix_end()])
            else:
                self._upload.write(self._read_back[1] if self._read_back[0] == index else self._fetch(index))
        with self._lock:
            if sent is not None:
                self._kept.add(index)
            self._chunks.pop(index, None)
        self._released = index + 1

    def _new_upload(self) -> S3Upload:
        return S3Upload(self._client, bucket=self._bucket, key=self._key, name=self._name, size_bytes=self._size_bytes)

    def _abandon_upload(self) -> None:
        if self._upload is not None:
            self._upload.abandon()
            self._upload = None

    def _fill(self, index: int, at: int, data: memoryview) -> None:
        with self._lock:
            chunk = self._chunks.get(index)
            if chunk is None:
                chunk = self._chunks[index] = _Chunk(buffer_of(self._size_of(index)))
        chunk.buffer[at : at + len(data)] = data
        with self._lock:
            chunk.filled.add(Span(at, at + len(data)))
            if chunk.sent is None and chunk.filled.prefix_end() == self._size_of(index):
                chunk.sent = self._pool.submit(self._send, index, chunk)

    def _send(self, index: int, chunk: _Chunk) -> None:
        with s3_failures(f"writing {self._name}"):
            self._client.put_object(
                Bucket=self._bucket,
                Key=f"{self._folder_key}/{index:06}",
                Body=cast("IO[bytes]", chunk.buffer),
            )

    def _fetch(self, index: int) -> bytes:
        data = self._storage.read(self._chunk_name(index))
        if data is None or len(data) != self._size_of(index):
            raise DataStorageError(f"What was kept of {self._name} has been removed while it was read.")
        return data

    def _size_of(self, index: int) -> int:
        """Return a chunk's size: all are as large but the last."""
        if self._size_bytes is None:
            return self._chunk_bytes
        return min(self._chunk_bytes, self._size_bytes - index * self._chunk_bytes)

    def _chunk_name(self, index: int) -> str:
        return f"{self._folder}/{index:06}"

    def _taken_up(self) -> set[int]:
        """Return the chunks that an earlier run left of the same object."""
        data = self._storage.read(f"{self._folder}/{_STATE}")
        if data is None:
            return set()
        try:
            state = json.loads(data)
            version, found = state["version"], (state["etag"], state["size_bytes"], state["chunk_bytes"])
        except (ValueError, KeyError, TypeError):
            version = None
        if version != VERSION:
            raise StateCorrupt(
                f"The state {self._folder}/{_STATE} of an unfinished fetch is damaged or of another version.",
                "Delete it in the data storage to have the file fetched from its start, and run the step again.",
            )
        same = found == (*(self._identity or ("", 0)), self._chunk_bytes)
        return {int(name) for name in self._storage.names(self._folder) if name.isdecimal()} if same else set()

    def _write_state(self) -> None:
        if self._identity is not None:
            state = {"version": VERSION, **self._identity._asdict(), "chunk_bytes": self._chunk_bytes}
            self._storage.write(f"{self._folder}/{_STATE}", json.dumps(state).encode())

    def _clear(self) -> None:
        # The state last: a kill in between leaves no chunk of which nobody knows what it is of.
        names = sorted(self._storage.names(self._folder), key=lambda name: name == _STATE)
        self._storage.delete_all([f"{self._folder}/{name}" for name in names])
