"""The data storage as a bucket of S3 (`FILE_BACKEND=S3` of the playbook engine)."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, Any, BinaryIO

from sekoia_export.errors import DataStorageError, DiskFull
from sekoia_export.transfer.data_storage import Landing, inner_name, safe_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from _typeshed import WriteableBuffer
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

MEBIBYTE = 1024 * 1024
PART_SIZE_BYTES = 8 * MEBIBYTE
PARTS_LIMIT = 10_000  # of S3
PARTS_OF_A_SIZE = 2_500  # of a file of unknown size: 20 GiB in parts of 8 MiB, 40 in parts of 16, 240 GiB with 64
READ_SIZE_BYTES = MEBIBYTE


@contextlib.contextmanager
def s3_failures(doing: str) -> Iterator[None]:
    """Turn boto3's exceptions into DiskFull or DataStorageError; `doing` completes "while ..."."""
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        code, status = client_error(error)
        if status == 507 or "quota" in code.lower() or "storagefull" in code.lower():
            raise DiskFull(f"The data storage's bucket became full while {doing} ({code}).") from error
        raise DataStorageError(f"The data storage's bucket refused while {doing}: {status} {code}.") from error
    except (BotoCoreError, HTTPError, OSError) as error:
        raise DataStorageError(
            f"The data storage's bucket could not be reached while {doing}: {type(error).__name__}."
        ) from error


def client_error(error: Exception) -> tuple[str, int]:
    """Return the code and the HTTP status of a ClientError of botocore."""
    response: dict[str, Any] = getattr(error, "response", {})
    code = str(response.get("Error", {}).get("Code", ""))
    return code, int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


class S3DataStorage:
    """A bucket, or a prefix in one, see DataStorage. S3 writes an object whole or not at all.

    Args:
        client: boto3's client of S3.
        bucket: the bucket's name.
        prefix: what every object's key begins with, "" for nothing.
    """

    def __init__(self, client: S3Client, bucket: str, prefix: str = "") -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def check_name(self, name: str, *, argument: str = "file_name") -> str:
        return safe_name(name, argument=argument)

    def read(self, name: str) -> bytes | None:
        with s3_failures(f"reading {name}"):
            try:
                answer = self._client.get_object(Bucket=self._bucket, Key=self._key(name))
            except self._client.exceptions.NoSuchKey:
                return None
            with contextlib.closing(answer["Body"]) as body:
                return body.read()

    def write(self, name: str, data: bytes) -> None:
        with s3_failures(f"writing {name}"):
            self._client.put_object(Bucket=self._bucket, Key=self._key(name), Body=data)

    def delete(self, name: str) -> None:
        with s3_failures(f"deleting {name}"):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(name))

    def names(self, folder: str) -> list[str]:
        prefix = f"{self._key(folder)}/"
        with s3_failures(f"listing {folder}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix, Delimiter="/"
            )
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return sorted(key.removeprefix(prefix) for key in keys if key != prefix)

    def size(self, name: str) -> int | None:
        from botocore.exceptions import ClientError

        with s3_failures(f"looking at {name}"):
            try:
                return self._client.head_object(Bucket=self._bucket, Key=self._key(name))["ContentLength"]
            except ClientError as error:
                if client_error(error)[1] == 404:
                    return None
                raise

    def create(self, name: str, *, size_bytes: int | None) -> Landing:
        return _MultipartLanding(
            self._client, bucket=self._bucket, key=self._key(name), name=name, size_bytes=size_bytes
        )

    def open(self, name: str) -> BinaryIO:
        with s3_failures(f"reading {name}"):
            body = self._client.get_object(Bucket=self._bucket, Key=self._key(name))["Body"]
        return io.BufferedReader(_ObjectReader(body, name), READ_SIZE_BYTES)

    def _key(self, name: str) -> str:
        return self._prefix + inner_name(name)


class _MultipartLanding(Landing):
    """A multipart upload of parts of one size, or one PUT when the file stays under that size."""

    def __init__(self, client: S3Client, *, bucket: str, key: str, name: str, size_bytes: int | None) -> None:
        super().__init__()
        self._client = client
        self._bucket = bucket
        self._key = key
        self._name = name
        self._size_bytes = size_bytes
        self._buffer = bytearray()
        self._upload_id: str | None = None
        self._etags: list[str] = []

    def write(self, data: bytes) -> None:
        self._buffer += data
        size = self._part_size()
        while len(self._buffer) >= size:
            part = bytes(memoryview(self._buffer)[:size])
            del self._buffer[:size]
            self._upload(part)
            size = self._part_size()

    def _part_size(self) -> int:
        if self._size_bytes is None:
            return PART_SIZE_BYTES << (len(self._etags) // PARTS_OF_A_SIZE)
        least = -(-self._size_bytes // (PARTS_LIMIT - 1))
        return max(PART_SIZE_BYTES, -(-least // MEBIBYTE) * MEBIBYTE)

    def _upload(self, part: bytes) -> None:
        with s3_failures(f"writing {self._name}"):
            if self._upload_id is None:
                answer = self._client.create_multipart_upload(Bucket=self._bucket, Key=self._key)
                self._upload_id = answer["UploadId"]
            uploaded = self._client.upload_part(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._upload_id,
                PartNumber=len(self._etags) + 1,
                Body=part,
            )
            self._etags.append(uploaded["ETag"])

    def _publish(self) -> None:
        if self._upload_id is None:
            with s3_failures(f"writing {self._name}"):
                self._client.put_object(Bucket=self._bucket, Key=self._key, Body=bytes(self._buffer))
            return
        if self._buffer:
            self._upload(bytes(self._buffer))
            self._buffer.clear()
        with s3_failures(f"writing {self._name}"):
            self._client.complete_multipart_upload(
                Bucket=self._bucket,
                Key=self._key,
                UploadId=self._upload_id,
                MultipartUpload={
                    "Parts": [{"ETag": etag, "PartNumber": number} for number, etag in enumerate(self._etags, 1)]
                },
            )

    def _abandon(self) -> None:
        self._buffer.clear()
        if self._upload_id is not None:
            # What made it abandon is the error to tell; an upload that stays is removed by the bucket's lifecycle.
            with contextlib.suppress(DataStorageError), s3_failures(f"dropping {self._name}"):
                self._client.abort_multipart_upload(Bucket=self._bucket, Key=self._key, UploadId=self._upload_id)


class _ObjectReader(io.RawIOBase):
    """An object's body as a raw stream whose failures are this project's errors."""

    def __init__(self, body: StreamingBody, name: str) -> None:
        super().__init__()
        self._body = body
        self._name = name

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        view = memoryview(buffer).cast("B")
        with s3_failures(f"reading {self._name}"):
            data = self._body.read(len(view))
        view[: len(data)] = data
        return len(data)

    def close(self) -> None:
        if not self.closed:
            self._body.close()
        super().close()
