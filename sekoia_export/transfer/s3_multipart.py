"""A multipart upload of S3: parts by their numbers, sent in any order and by several threads, then completed."""

from __future__ import annotations

import contextlib
import logging
from typing import TYPE_CHECKING, Any

from sekoia_export.errors import DataStorageError
from sekoia_export.transfer.s3_body import s3_body
from sekoia_export.transfer.s3_failures import s3_failures

if TYPE_CHECKING:
    from mmap import mmap

    from mypy_boto3_s3 import S3Client
    from mypy_boto3_s3.type_defs import CompletedPartTypeDef, CopySourceTypeDef

MEBIBYTE = 1024 * 1024
SMALLEST_PART_BYTES = 5 * MEBIBYTE  # of S3, for all parts but the last
PARTS_LIMIT = 10_000  # of S3

log = logging.getLogger(__name__)


def abort_orphans(client: S3Client, *, bucket: str, key: str, but: str | None = None) -> None:
    """Abort the multipart uploads to `key` that an earlier process left when it was killed: their parts cost storage.

    Whoever writes that object now begins its own upload after this, or goes on with the one called `but`. Where the
    bucket's policy does not let uploads be listed or aborted they stay, for the bucket's lifecycle to remove.
    """
    with contextlib.suppress(DataStorageError), s3_failures(f"looking for unfinished uploads of {key}"):
        listed = client.list_multipart_uploads(Bucket=bucket, Prefix=key)
        for upload in listed.get("Uploads", []):
            if upload.get("Key") == key and upload["UploadId"] != but:
                client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload["UploadId"])
                log.info("An unfinished upload that an earlier run left in the data storage was removed.")


def abort_upload(client: S3Client, *, bucket: str, key: str, name: str, upload_id: str) -> None:
    """Abort an upload. Where S3 does not do it, what led here is the error to tell; the next run aborts it."""
    with contextlib.suppress(DataStorageError), s3_failures(f"dropping {name}"):
        client.abort_multipart_upload(Bucket=bucket, Key=key, UploadId=upload_id)


class Multipart:
    """An upload to one key.

    Args:
        client: boto3's client of S3.
        bucket: the bucket.
        key: the object's key.
        name: the file's name in the data storage, for texts.
        upload_id: of an upload that an earlier process began; where it cannot be gone on with, another is begun.

    Attributes:
        upload_id: of the upload, which may be written down.

    Raises:
        DataStorageError: the bucket refused, or could not be reached; so do all methods but `abort`.
    """

    def __init__(self, client: S3Client, *, bucket: str, key: str, name: str, upload_id: str | None = None) -> None:
        self._client = client
        self._name = name
        self._etags: dict[int, str] = {}  # of the parts that make the object
        self._there: dict[int, str] = {}  # of the parts that S3 has
        self._upload: dict[str, Any] = {"Bucket": bucket, "Key": key}
        if upload_id is not None and self._take_up(upload_id):
            self.upload_id = upload_id
        else:
            if upload_id is not None:
                abort_upload(client, bucket=bucket, key=key, name=name, upload_id=upload_id)
            with s3_failures(f"writing {name}"):
                self.upload_id = client.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]
        self._upload["UploadId"] = self.upload_id

    def send(self, number: int, part: bytes | mmap) -> None:
        """Upload a part, in the place of an earlier one with its number."""
        with s3_failures(f"writing {self._name}"):
            etag = self._client.upload_part(**self._upload, PartNumber=number, **s3_body(part))["ETag"]
        self._there[number] = self._etags[number] = etag

    def copy(self, number: int, key: str, etag: str) -> None:
        """Have S3 take an object of the same bucket as a part; nothing is done when it is that part already.

        Refused where the object has another ETag by now, except by Ceph, which does not look.

        An ETag is the content's MD5 at AWS and Ceph, unless the bucket encrypts with keys of KMS; SeaweedFS gives the
        copy of more than 4 MiB another. Where they differ the part is copied again.
        """
        if etag != self._there.get(number):
            source: CopySourceTypeDef = {"Bucket": self._upload["Bucket"], "Key": key}
            with s3_failures(f"writing {self._name}"):
                answer = self._client.upload_part_copy(
                    **self._upload, PartNumber=number, CopySource=source, CopySourceIfMatch=etag
                )
            self._there[number] = answer["CopyPartResult"]["ETag"]
        self._etags[number] = self._there[number]

    def complete(self) -> None:
        """Make the object of all parts that were sent or copied, in the order of their numbers."""
        parts: list[CompletedPartTypeDef] = [
            {"ETag": etag, "PartNumber": number} for number, etag in sorted(self._etags.items())
        ]
        with s3_failures(f"writing {self._name}"):
            self._client.complete_multipart_upload(**self._upload, MultipartUpload={"Parts": parts})

    def abort(self) -> None:
        """Drop the upload, see `abort_upload`."""
        abort_upload(
            self._client,
            bucket=self._upload["Bucket"],
            key=self._upload["Key"],
            name=self._name,
            upload_id=self.upload_id,
        )

    def _take_up(self, upload_id: str) -> bool:
        """Learn which parts an earlier process sent; False where there is no such upload, or it may not be listed."""
        with contextlib.suppress(DataStorageError), s3_failures(f"taking up the upload of {self._name}"):
            pages = self._client.get_paginator("list_parts").paginate(**self._upload, UploadId=upload_id)
            self._there = {part["PartNumber"]: part["ETag"] for page in pages for part in page.get("Parts", [])}
            return True
        return False
