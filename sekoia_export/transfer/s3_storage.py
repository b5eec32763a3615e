"""The data storage as a bucket of S3 (`FILE_BACKEND=S3` of the playbook engine)."""

from __future__ import annotations

import contextlib
import io
from typing import TYPE_CHECKING, BinaryIO

from sekoia_export.errors import DataStorageError
from sekoia_export.transfer.data_storage import (
    PARTS_FOLDER,
    Landing,
    Leftover,
    inner_name,
    is_stem,
    parts_stem,
    safe_name,
)
from sekoia_export.transfer.journal import Identity
from sekoia_export.transfer.s3_body import s3_body
from sekoia_export.transfer.s3_chunks import KeptChunks
from sekoia_export.transfer.s3_failures import client_error, s3_failures
from sekoia_export.transfer.s3_hold import S3Hold, chunk_bytes_of
from sekoia_export.transfer.s3_upload import S3Upload

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from _typeshed import WriteableBuffer
    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import ObjectIdentifierTypeDef

    from sekoia_export.transfer.hold import Hold

READ_SIZE_BYTES = 1024 * 1024
DELETED_AT_ONCE = 1000  # of S3


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

    def check_name(self, name: str, *, argument: str = "file_name", folder_too: bool = False) -> str:  # noqa: ARG002
        return safe_name(name, argument=argument)

    def place(self, name: str) -> str:
        return f"s3://{self._bucket}/{self._key(name)}"

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
            self._client.put_object(Bucket=self._bucket, Key=self._key(name), **s3_body(data))

    def delete(self, name: str) -> None:
        with s3_failures(f"deleting {name}"):
            self._client.delete_object(Bucket=self._bucket, Key=self._key(name))

    def delete_all(self, names: Sequence[str]) -> None:
        """Remove many files, a thousand with each request; one by one where the server knows no such request."""
        for start in range(0, len(names), DELETED_AT_ONCE):
            keys: list[ObjectIdentifierTypeDef] = [
                {"Key": self._key(name)} for name in names[start : start + DELETED_AT_ONCE]
            ]
            try:
                with s3_failures(f"deleting {names[start]}"):
                    answer = self._client.delete_objects(Bucket=self._bucket, Delete={"Objects": keys, "Quiet": True})
                remaining = [str(refused.get("Key")) for refused in answer.get("Errors", [])]
            except DataStorageError:
                remaining = [str(key["Key"]) for key in keys]
            for key in remaining:
                self.delete(key.removeprefix(self._prefix))

    def names(self, folder: str) -> list[str]:
        return sorted(self.etags(folder))

    def etags(self, folder: str) -> dict[str, str]:
        """Return the ETags of the files in a folder, without those in folders below it, by their names there."""
        prefix = f"{self._key(folder)}/"
        with s3_failures(f"listing {folder}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(
                Bucket=self._bucket, Prefix=prefix, Delimiter="/"
            )
            entries = [entry for page in pages for entry in page.get("Contents", [])]
        return {entry["Key"].removeprefix(prefix): entry["ETag"] for entry in entries if entry["Key"] != prefix}

    def names_below(self, folder: str) -> list[str]:
        prefix = f"{self._key(folder)}/"
        with s3_failures(f"listing {folder}"):
            pages = self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            keys = [entry["Key"] for page in pages for entry in page.get("Contents", [])]
        return sorted(key.removeprefix(self._prefix) for key in keys if not key.endswith("/"))

    def local_path(self, name: str) -> Path | None:  # noqa: ARG002 - never on this machine
        return None

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
        return S3Upload(self._client, bucket=self._bucket, key=self._key(name), name=name, size_bytes=size_bytes)

    def hold(self, name: str, *, etag: str | None, size_bytes: int | None, start_clean: bool = False) -> Hold:
        folder = f"{PARTS_FOLDER}/{parts_stem(name)}"
        kept = KeptChunks(
            self,
            self._client,
            bucket=self._bucket,
            folder=folder,
            folder_key=self._key(folder),
            name=name,
            identity=None if etag is None or size_bytes is None else Identity(etag, size_bytes),
            chunk_bytes=chunk_bytes_of(size_bytes),
            start_clean=start_clean,
        )
        return S3Hold(
            self._client, bucket=self._bucket, key=self._key(name), name=name, kept=kept, size_bytes=size_bytes
        )

    def open(self, name: str) -> BinaryIO:
        with s3_failures(f"reading {name}"):
            body = self._client.get_object(Bucket=self._bucket, Key=self._key(name))["Body"]
        return io.BufferedReader(_ObjectReader(body, name), READ_SIZE_BYTES)

    def leftovers(self) -> list[Leftover]:
        prefix = f"{self._key(PARTS_FOLDER)}/"
        kept: dict[str, Leftover] = {}
        with s3_failures("looking at what unfinished fetches keep"):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix):
                for entry in page.get("Contents", []):
                    stem = entry["Key"].removeprefix(prefix).partition("/")[0]
                    if is_stem(stem):
                        last = kept.get(stem, Leftover(stem, 0, entry["LastModified"]))
                        size_bytes = last.size_bytes + entry["Size"]
                        kept[stem] = Leftover(stem, size_bytes, max(last.changed_at, entry["LastModified"]))
        return list(kept.values())

    def drop_leftover(self, stem: str) -> bool:
        # The state comes last: while it is there, the chunks that are left can be taken up.
        for name in self.names(f"{PARTS_FOLDER}/{stem}"):
            self.delete(f"{PARTS_FOLDER}/{stem}/{name}")
        return True

    def _key(self, name: str) -> str:
        return self._prefix + inner_name(name)


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
