"""A file of a bucket while it is written from its start to its end: a multipart upload with parts in flight."""

from __future__ import annotations

import contextlib
import logging
from concurrent.futures import Future, ThreadPoolExecutor
from mmap import MAP_ANONYMOUS, MAP_PRIVATE, mmap
from typing import IO, TYPE_CHECKING, cast

from sekoia_export.errors import DataStorageError
from sekoia_export.transfer.data_storage import Landing
from sekoia_export.transfer.s3_failures import s3_failures

if TYPE_CHECKING:
    from collections.abc import Callable

    from mypy_boto3_s3 import S3Client

MEBIBYTE = 1024 * 1024
PART_SIZE_BYTES = 8 * MEBIBYTE
PARTS_LIMIT = 10_000  # of S3
PARTS_OF_A_SIZE = 2_500  # of a file of unknown size: 20 GiB in parts of 8 MiB, 40 in parts of 16, 240 GiB with 64
IN_FLIGHT = 3

log = logging.getLogger(__name__)


def abort_orphans(client: S3Client, *, bucket: str, key: str) -> None:
    """Abort the multipart uploads to `key` that an earlier process left when it was killed: their parts cost storage.

    Whoever writes that object now begins its own upload after this. Where the bucket's policy does not let uploads be
    listed or aborted they stay, for the bucket's lifecycle to remove.
    """
    with contextlib.suppress(DataStorageError), s3_failures(f"looking for unfinished uploads of {key}"):
        listed = client.list_multipart_uploads(Bucket=bucket, Prefix=key)
        for upload in listed.get("Uploads", []):
            if upload.get("Key") == key:
                client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload["UploadId"])
                log.info("An unfinished upload that an earlier run left in the data storage was removed.")


def buffer_of(size_bytes: int) -> mmap:
    """Return memory for so many bytes, which botocore reads like a file.

    A mapping of its own: botocore copies a bytearray before it sends it, and the allocator keeps what one of many
    threads freed. A fetch to S3 peaks at 144 MiB with it, and at 185 without.
    """
    return mmap(-1, size_bytes, flags=MAP_PRIVATE | MAP_ANONYMOUS)


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
        self._buffer: mmap | None = None
        self._filled_bytes = 0
        self._upload_id: str | None = None
        self._etags: list[str] = []
        self._in_flight: list[Future[str]] = []
        self._pool: ThreadPoolExecutor | None = None

    def write(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            if self._buffer is None:
                self._buffer, self._filled_bytes = buffer_of(self._part_size()), 0
            taken = view[: len(self._buffer) - self._filled_bytes]
            self._buffer[self._filled_bytes : self._filled_bytes + len(taken)] = taken
            self._filled_bytes += len(taken)
            view = view[len(taken) :]
            if self._filled_bytes == len(self._buffer):
                whole, self._buffer = self._buffer, None
                self._add(cast("IO[bytes]", whole))

    def _add(self, part: bytes | IO[bytes]) -> None:
        """Send the next part, waiting while three are in flight."""
        upload_id, number = self._begun(), self._number()
        self._submit(lambda: self._send(upload_id, number, part))

    def add_copy(self, key: str) -> None:
        """Have S3 take an object of the same bucket as the next part."""
        upload_id, number = self._begun(), self._number()
        self._submit(lambda: self._copy(upload_id, number, key))

    def _rest(self) -> bytes:
        """Return what was written and is no whole part; it is let go of."""
        buffer, self._buffer = self._buffer, None
        return b"" if buffer is None else buffer[: self._filled_bytes]

    def _part_size(self) -> int:
        if self._size_bytes is None:
            return PART_SIZE_BYTES << (self._number() // PARTS_OF_A_SIZE)
        least = -(-self._size_bytes // (PARTS_LIMIT - 1))
        return max(PART_SIZE_BYTES, -(-least // MEBIBYTE) * MEBIBYTE)

    def _number(self) -> int:
        return len(self._etags) + len(self._in_flight) + 1

    def _begun(self) -> str:
        if self._upload_id is None:
            with s3_failures(f"writing {self._name}"):
                answer = self._client.create_multipart_upload(Bucket=self._bucket, Key=self._key)
            self._upload_id = answer["UploadId"]
        return self._upload_id

    def _submit(self, send: Callable[[], str]) -> None:
        if self._pool is None:
            self._pool = ThreadPoolExecutor(IN_FLIGHT, "upload")
        while len(self._in_flight) >= IN_FLIGHT:
            self._etags.append(self._in_flight.pop(0).result())
        self._in_flight.append(self._pool.submit(send))

    def _send(self, upload_id: str, number: int, part: bytes | IO[bytes]) -> str:
        with s3_failures(f"writing {self._name}"):
            return self._client.upload_part(
                Bucket=self._bucket, Key=self._key, UploadId=upload_id, PartNumber=number, Body=part
            )["ETag"]

    def _copy(self, upload_id: str, number: int, key: str) -> str:
        with s3_failures(f"writing {self._name}"):
            return self._client.upload_part_copy(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=upload_id,
                PartNumber=number,
                CopySource={"Bucket": self._bucket, "Key": key},
            )["CopyPartResult"]["ETag"]

    def _publish(self) -> None:
        if self._upload_id is None:
            with s3_failures(f"writing {self._name}"):
                self._client.put_object(Bucket=self._bucket, Key=self._key, Body=self._rest())
            return
        if rest := self._rest():
            self._add(rest)
        self._etags += [sent.result() for sent in self._in_flight]
        self._in_flight.clear()
        with s3_failures(f"writing {self._name}"):
            self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._upload_id,
                MultipartUpload={
                    "Parts": [{"ETag": etag, "PartNumber": number} for number, etag in enumerate(self._etags, 1)]
                },
            )
        self._end_pool()

    def _abandon(self) -> None:
        self._end_pool()
        self._buffer = None
        if self._upload_id is not None:
            # What made it abandon is the error to tell; an upload that stays is aborted by the next run.
            with contextlib.suppress(DataStorageError), s3_failures(f"dropping {self._name}"):
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._upload_id)

    def _end_pool(self) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)
