"""A file of a bucket while it is written from its start to its end: a multipart upload with parts in flight."""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import TYPE_CHECKING

from sekoia_export.transfer.data_storage import Landing
from sekoia_export.transfer.s3_body import s3_body
from sekoia_export.transfer.s3_failures import s3_failures
from sekoia_export.transfer.s3_multipart import MEBIBYTE, PARTS_LIMIT, Multipart

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

PART_SIZE_BYTES = 8 * MEBIBYTE
PARTS_OF_A_SIZE = 2_500  # of a file of unknown size: 20 GiB in parts of 8 MiB, 40 in parts of 16, 240 GiB with 64
IN_FLIGHT = 3


class Buffers:
    """Memory for parts, which botocore reads like files; what is given back is used again.

    Mappings of their own: botocore copies a bytearray before it sends it, and the allocator keeps what one of many
    threads freed. A fetch to S3 peaks at 144 MiB with them, and at 185 without.
    """

    def __init__(self) -> None:
        self._spare: list[mmap] = []

    def take(self, size_bytes: int) -> mmap:
        """Return a buffer of so many bytes, of any content."""
        while self._spare:
            buffer = self._spare.pop()
            if len(buffer) == size_bytes:
                return buffer
        return mmap(-1, size_bytes, flags=MAP_PRIVATE | MAP_ANONYMOUS)

    def give_back(self, buffer: mmap) -> None:
        """Take a buffer that nobody reads or writes any more."""
        buffer.seek(0)
        self._spare.append(buffer)


class S3Upload(Landing):
    """A multipart upload of parts of one size, or one PUT when the file stays under that size.

    Args:
        client: boto3's client of S3.
        key: the object's key in `bucket`.
        name: the file's name in the data storage, for texts.
        size_bytes: the file's size, None where it is not known.
    """

    def __init__(self, client: S3Client, *, bucket: str, key: str, name: str, size_bytes: int | None) -> None:
        super().__init__()
        self._client = client
        self._bucket = bucket
        self._key = key
        self._name = name
        self._size_bytes = size_bytes
        self._buffers = Buffers()
        self._buffer: mmap | None = None
        self._filled_bytes = 0
        self._parts: Multipart | None = None
        self._parts_count = 0
        self._in_flight: list[Future[None]] = []
        self._pool: ThreadPoolExecutor | None = None

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            if self._buffer is None:
                self._buffer, self._filled_bytes = self._buffers.take(self._part_size()), 0
            taken = view[: len(self._buffer) - self._filled_bytes]
            self._buffer[self._filled_bytes : self._filled_bytes + len(taken)] = taken
            self._filled_bytes += len(taken)
            view = view[len(taken) :]
            if self._filled_bytes == len(self._buffer):
                whole, self._buffer = self._buffer, None
                self._send(whole)

    def _send(self, part: bytes | mmap) -> None:
        """Send the next part, waiting while three are in flight."""
        if self._parts is None or self._pool is None:
            self._parts = Multipart(self._client, bucket=self._bucket, key=self._key, name=self._name)
            self._pool = ThreadPoolExecutor(IN_FLIGHT, "upload")
        while len(self._in_flight) >= IN_FLIGHT:
            self._in_flight.pop(0).result()
        self._parts_count += 1
        self._in_flight.append(self._pool.submit(self._send_now, self._parts, self._parts_count, part))

    def _send_now(self, parts: Multipart, number: int, part: bytes | mmap) -> None:
        parts.send(number, part)
        if isinstance(part, mmap):
            self._buffers.give_back(part)

    def _rest(self) -> bytes:
        """Return what was written and is no whole part; it is let go of."""
        buffer, self._buffer = self._buffer, None
        return b"" if buffer is None else buffer[: self._filled_bytes]

    def _part_size(self) -> int:
        if self._size_bytes is None:
            return PART_SIZE_BYTES << ((self._parts_count + 1) // PARTS_OF_A_SIZE)
        least = -(-self._size_bytes // (PARTS_LIMIT - 1))
        return max(PART_SIZE_BYTES, -(-least // MEBIBYTE) * MEBIBYTE)

    def _publish(self) -> None:
        if self._parts is None:
            with s3_failures(f"writing {self._name}"):
                self._client.put_object(Bucket=self._bucket, Key=self._key, **s3_body(self._rest()))
            return
        if rest := self._rest():
            self._send(rest)
        while self._in_flight:
            self._in_flight.pop(0).result()
        self._parts.complete()
        self._end_pool()

    def _abandon(self) -> None:
        self._end_pool()
        self._buffer = None
        if self._parts is not None:
            self._parts.abort()

    def _end_pool(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
