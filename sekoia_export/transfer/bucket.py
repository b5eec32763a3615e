"""An object in a bucket of one's own, asked for with boto3 and the bucket's credentials."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from sekoia_export.errors import TransferFailed
from sekoia_export.transfer.refusals import Refusal
from sekoia_export.transfer.s3_failures import client_error
from sekoia_export.transfer.source import AnswerHead, NoBody, ObjectAnswer, range_header, strong_etag

if TYPE_CHECKING:
    from collections.abc import Callable

    from botocore.response import StreamingBody
    from mypy_boto3_s3 import S3Client

    from sekoia_export.encryption import SseKey

PIECE_SIZE_BYTES = 64 * 1024


class BucketObject:
    """An object in a bucket, see ObjectSource.

    Args:
        client: boto3's client of S3.
        bucket: the bucket's name.
        object_key: the object's key in the bucket.
        key: the SSE-C key to send, None for none.
    """

    def __init__(self, client: S3Client, bucket: str, object_key: str, *, key: SseKey | None = None) -> None:
        self._client = client
        self._bucket = bucket
        self._object_key = object_key
        self._key = key

    @property
    def key(self) -> SseKey | None:
        return self._key

    def get(self, *, first: int | None = None, last: int | None = None, etag: str | None = None) -> ObjectAnswer:
        from botocore.exceptions import BotoCoreError, ClientError
        from urllib3.exceptions import HTTPError

        etag = strong_etag(etag)
        asked: dict[str, Any] = {"Bucket": self._bucket, "Key": self._object_key}
        if (wanted := range_header(first, last)) is not None:
            asked["Range"] = wanted
        if etag is not None:
            asked["IfMatch"] = etag
        if self._key is not None:
            # Raw bytes and no MD5: boto3 then makes base64 and MD5 itself.
            asked |= {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": self._key.raw}
        try:
            answer = self._client.get_object(**asked)
        except ClientError as error:
            code, status = client_error(error)
            if status == 416 and first is not None:
                size = str(error.response.get("Error", {}).get("ActualObjectSize", ""))
                return ObjectAnswer(
                    status=416,
                    total_bytes=int(size) if size.isdecimal() else None,
                    first=first,
                    length=0,
                    etag=None,
                    body=NoBody(),
                )
            message = str(error.response.get("Error", {}).get("Message", ""))
            refusal = Refusal(
                host=f"bucket {self._bucket}",
                status=status,
                # Without an XML body botocore puts the status, or its phrase, where the code would be.
                code="" if code.isdecimal() else code,
                message=message,
                key=self._key,
            ).error()
            raise refusal from None
        except (BotoCoreError, HTTPError, OSError) as error:
            raise self._broken(error) from None
        body = answer["Body"]
        try:
            head = AnswerHead(
                status=answer["ResponseMetadata"]["HTTPStatusCode"],
                content_length=answer.get("ContentLength"),
                content_range=answer.get("ContentRange"),
                etag=answer.get("ETag"),
            )
            return head.answer(_StreamedBody(body, self._broken), first=first, last=last, etag=etag)
        except BaseException:
            body.close()
            raise

    def link(self, *, valid_s: int) -> SecretStr:
        """Return a presigned URL of the object, for whoever sends the same SSE-C headers with it.

        Args:
            valid_s: seconds from now, at most seven days.
        """
        asked: dict[str, Any] = {"Bucket": self._bucket, "Key": self._object_key}
        if self._key is not None:
            asked |= {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": self._key.raw}
        url = self._client.generate_presigned_url("get_object", Params=asked, ExpiresIn=valid_s)
        return SecretStr(url)

    def _broken(self, error: Exception) -> TransferFailed:
        return TransferFailed(f"The connection to the bucket {self._bucket} broke ({type(error).__name__}).")


class _StreamedBody:
    """The bytes of boto3's answer."""

    def __init__(self, body: StreamingBody, broken: Callable[[Exception], TransferFailed]) -> None:
        self._body = body
        self._broken = broken

    def read(self, limit_bytes: int) -> bytes:
        from botocore.exceptions import BotoCoreError
        from urllib3.exceptions import HTTPError

        try:
            # Small pieces: botocore waits for all that is asked for, and loses it when the connection breaks.
            return self._body.read(min(limit_bytes, PIECE_SIZE_BYTES))
        except (BotoCoreError, HTTPError, OSError) as error:
            raise self._broken(error) from None

    def cut(self) -> None:
        # An answer that was read to its end in the meantime has no connection any more.
        with contextlib.suppress(AttributeError, ValueError, RuntimeError, OSError):
            self._body._raw_stream.shutdown()  # type: ignore[attr-defined]  # noqa: SLF001  botocore has no way of its own

    def close(self) -> None:
        self._body.close()
