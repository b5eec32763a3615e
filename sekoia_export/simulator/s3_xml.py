"""S3's answers in XML."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, unescape

from sekoia_export.simulator.jobs import iso

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sekoia_export.simulator.multipart import Upload
    from sekoia_export.simulator.objects import StoredObject

_KEY = re.compile(r"<Key>(.*?)</Key>", re.DOTALL)
_HEAD = '<?xml version="1.0" encoding="UTF-8"?>\n'
_NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"


def error(code: str, message: str, resource: str) -> bytes:
    """Return the body of an error."""
    text = (
        f"{_HEAD}<Error><Code>{code}</Code><Message>{escape(message)}</Message><Resource>{escape(resource)}</Resource>"
    )
    return f"{text}<RequestId>4442587FB7D0A2F9</RequestId><HostId>simulator</HostId></Error>".encode()


def listing(
    bucket: str, prefix: str, objects: Iterable[tuple[str, StoredObject]], prefixes: Iterable[str], token: str | None
) -> bytes:
    """Return the body of ListObjectsV2; `token` continues a truncated one."""
    items = "".join(
        f"<Contents><Key>{escape(key)}</Key><LastModified>{iso(stored.last_modified)}</LastModified>"
        f"<ETag>{escape(stored.etag)}</ETag><Size>{stored.size_bytes}</Size><StorageClass>STANDARD</StorageClass></Contents>"
        for key, stored in objects
    )
    common = "".join(f"<CommonPrefixes><Prefix>{escape(name)}</Prefix></CommonPrefixes>" for name in prefixes)
    more = f"<NextContinuationToken>{escape(token)}</NextContinuationToken>" if token else ""
    count = items.count("<Contents>") + common.count("<CommonPrefixes>")
    return (
        f'{_HEAD}<ListBucketResult xmlns="{_NAMESPACE}"><Name>{escape(bucket)}</Name><Prefix>{escape(prefix)}</Prefix>'
        f"<KeyCount>{count}</KeyCount><MaxKeys>1000</MaxKeys><IsTruncated>{str(bool(token)).lower()}</IsTruncated>"
        f"{more}{items}{common}</ListBucketResult>"
    ).encode()


def begun(bucket: str, upload: Upload) -> bytes:
    """Return the body of CreateMultipartUpload."""
    return _result("InitiateMultipartUploadResult", bucket, upload.key, f"<UploadId>{upload.upload_id}</UploadId>")


def completed(bucket: str, key: str, stored: StoredObject) -> bytes:
    """Return the body of CompleteMultipartUpload."""
    return _result("CompleteMultipartUploadResult", bucket, key, f"<ETag>{escape(stored.etag)}</ETag>")


def copied(part: StoredObject) -> bytes:
    """Return the body of UploadPartCopy."""
    return (
        f'{_HEAD}<CopyPartResult xmlns="{_NAMESPACE}"><LastModified>{iso(part.last_modified)}</LastModified>'
        f"<ETag>{escape(part.etag)}</ETag></CopyPartResult>"
    ).encode()


def parts(bucket: str, upload: Upload) -> bytes:
    """Return the body of ListParts."""
    items = "".join(
        f"<Part><PartNumber>{number}</PartNumber><LastModified>{iso(part.last_modified)}</LastModified>"
        f"<ETag>{escape(part.etag)}</ETag><Size>{part.size_bytes}</Size></Part>"
        for number, part in sorted(upload.parts.items())
    )
    more = f"<UploadId>{upload.upload_id}</UploadId><IsTruncated>false</IsTruncated>{items}"
    return _result("ListPartsResult", bucket, upload.key, more)


def uploads(bucket: str, under_way: Iterable[Upload]) -> bytes:
    """Return the body of ListMultipartUploads."""
    items = "".join(
        f"<Upload><Key>{escape(upload.key)}</Key><UploadId>{upload.upload_id}</UploadId></Upload>"
        for upload in under_way
    )
    return _result("ListMultipartUploadsResult", bucket, None, f"<IsTruncated>false</IsTruncated>{items}")


def keys_to_delete(body: bytes) -> list[str]:
    """Return the keys that the body of DeleteObjects names."""
    return [unescape(key) for key in _KEY.findall(body.decode())]


def deleted() -> bytes:
    """Return the body of a quiet DeleteObjects that deleted all."""
    return f'{_HEAD}<DeleteResult xmlns="{_NAMESPACE}"></DeleteResult>'.encode()


def _result(name: str, bucket: str, key: str | None, rest: str) -> bytes:
    of_key = "" if key is None else f"<Key>{escape(key)}</Key>"
    return f'{_HEAD}<{name} xmlns="{_NAMESPACE}"><Bucket>{escape(bucket)}</Bucket>{of_key}{rest}</{name}>'.encode()
