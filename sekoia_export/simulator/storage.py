"""The storage: S3 as far as exports need it, path-style, with S3's statuses and XML errors.

Signatures are checked, SSE-C is enforced, ranges and If-Match mean something. Where AWS, Ceph and SeaweedFS differ,
`Settings.storage_style` says who is played.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, unquote

from sekoia_export.simulator import s3_xml, signing
from sekoia_export.simulator.errors import S3Error
from sekoia_export.simulator.multipart import Upload
from sekoia_export.simulator.objects import StoredObject, store

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

    from sekoia_export.simulator.buckets import Bucket
    from sekoia_export.simulator.state import State

_SSE_C_ALGORITHM, _SSE_C_KEY, _SSE_C_MD5 = signing.SSE_C_HEADERS


@dataclass(slots=True, repr=False)
class _Request:
    method: str
    url: str
    bucket: str
    key: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    @classmethod
    def of(cls, environ: WSGIEnvironment) -> _Request:
        path = environ["PATH_INFO"].encode("latin-1").decode("utf-8", "replace")
        bucket, _, key = path.lstrip("/").partition("/")
        headers = {
            name[5:].lower().replace("_", "-"): value for name, value in environ.items() if name.startswith("HTTP_")
        }
        headers |= {"content-type": environ["CONTENT_TYPE"], "content-length": environ["CONTENT_LENGTH"]}
        return cls(
            method=environ["REQUEST_METHOD"],
            url=f"{environ['wsgi.url_scheme']}://{headers.get('host', '')}{environ['RAW_URI']}",
            bucket=bucket,
            key=key,
            query=dict(parse_qsl(environ["QUERY_STRING"], keep_blank_values=True)),
            headers=headers,
            body=environ["wsgi.input"].read(),
        )


@dataclass(slots=True)
class _Reply:
    status: int
    headers: dict[str, str]
    body: Iterable[bytes]


class Storage:
    """The WSGI application."""

    def __init__(self, state: State) -> None:
        self._state = state

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        request = _Request.of(environ)
        try:
            reply = self._answer(request)
        except S3Error as error:
            body = s3_xml.error(error.code, error.message, f"/{request.bucket}/{request.key}")
            reply = _Reply(error.status, {"Content-Type": "application/xml", **error.headers}, [body])
            reply.headers["Content-Length"] = str(len(body))
        status = f"{reply.status} {HTTPStatus(reply.status).phrase}"
        start_response(status, [("Server", "AmazonS3"), *reply.headers.items()])
        return reply.body

    def _answer(self, request: _Request) -> _Reply:
        bucket = self._admit(request)
        multipart = {"uploads", "uploadId"} & set(request.query)
        match request.method, bool(request.key), bool(multipart):
            case "GET", False, False:
                return _xml(_list(bucket, request.query))
            case "GET", False, True:
                prefix = request.query.get("prefix", "")
                under_way = [upload for upload in bucket.uploads.values() if upload.key.startswith(prefix)]
                return _xml(s3_xml.uploads(bucket.name, under_way))
            case "POST", False, False if "delete" in request.query:
                for key in s3_xml.keys_to_delete(request.body):
                    bucket.objects.pop(key, None)
                return _xml(s3_xml.deleted())
            case "HEAD", False, False:
                return _Reply(200, {"Content-Length": "0"}, [])
            case (("GET" | "HEAD"), True, False):
                return self._get(bucket, request)
            case "PUT", True, False:
                return self._put(bucket, request)
            case "DELETE", True, False:
                bucket.objects.pop(request.key, None)
                return _Reply(204, {}, [])
            case (("GET" | "POST" | "PUT" | "DELETE"), True, True):
                return self._multipart(bucket, request)
            case _:
                raise S3Error(405, "MethodNotAllowed", "The specified method is not allowed against this resource.")

    def _admit(self, request: _Request) -> Bucket:
        """Return the bucket that is asked for, when the request's signature is good for it."""
        presigned = "X-Amz-Algorithm" in request.query
        if presigned and "authorization" in request.headers:
            raise S3Error(
                400,
                "InvalidArgument",
                "Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string "
                "parameter or the Authorization header should be specified",
            )
        if not presigned and "authorization" not in request.headers:
            raise S3Error(403, "AccessDenied", "Access Denied")
        try:
            claim = signing.claim_of_query(request.query) if presigned else signing.claim_of_header(request.headers)
        except ValueError as error:
            raise S3Error(400, "AuthorizationQueryParametersError", f"Malformed: {error}") from None
        if claim.expires_at is not None and self._state.clock.now() >= self._dies_at(claim, claim.expires_at):
            ceph = self._state.settings.storage_style == "ceph"
            raise S3Error(403, "AccessDenied", "" if ceph else "Request has expired")
        owner = self._state.buckets.of_access_key(claim.access_key_id)
        if owner is None:
            raise S3Error(
                403, "InvalidAccessKeyId", "The AWS Access Key Id you provided does not exist in our records."
            )
        if not signing.matches(
            claim, secret=owner.secret_access_key, method=request.method, url=request.url, headers=request.headers
        ):
            raise S3Error(
                403,
                "SignatureDoesNotMatch",
                "The request signature we calculated does not match the signature you provided. "
                "Check your key and signing method.",
            )
        unsigned = presigned and signing.unsigned_sse_c(claim, request.headers)
        if unsigned and self._state.settings.refuses_unsigned_sse_c:
            if self._state.settings.storage_style == "seaweedfs":
                raise S3Error(403, "SignatureDoesNotMatch", "The request signature does not match.")
            raise S3Error(403, "AccessDenied", "There were headers present in the request which were not signed")
        if self._state.buckets.get(request.bucket) is None:
            raise S3Error(404, "NoSuchBucket", "The specified bucket does not exist")
        if owner.name != request.bucket:
            raise S3Error(403, "AccessDenied", "Access Denied")
        return owner

    def _dies_at(self, claim: signing.Claim, stated: datetime) -> datetime:
        dies_after_s = self._state.settings.url_dies_after_s
        return stated if dies_after_s is None else min(stated, claim.signed_at + timedelta(seconds=dies_after_s))

    def _get(self, bucket: Bucket, request: _Request) -> _Reply:
        stored = bucket.objects.get(request.key)
        if stored is None:
            raise S3Error(404, "NoSuchKey", "The specified key does not exist.")
        key = self._key_for(stored, request.headers)
        if request.headers.get("if-match", stored.etag) not in {stored.etag, "*"}:
            raise S3Error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
        headers = {
            "ETag": stored.etag,
            "Last-Modified": format_datetime(stored.last_modified, usegmt=True),
            "Accept-Ranges": "bytes",
            "Content-Type": stored.content_type,
        }
        if stored.content_encoding is not None:
            headers["Content-Encoding"] = stored.content_encoding
        if stored.seal is not None:
            headers |= _echo(request.headers)
        span = self._range(stored, request.headers)
        start, stop = span or (0, stored.size_bytes)
        headers["Content-Length"] = str(stop - start)
        if span is not None:
            headers["Content-Range"] = f"bytes {start}-{stop - 1}/{stored.size_bytes}"
        body = stored.read(start, stop, key) if request.method == "GET" else iter(())
        return _Reply(200 if span is None else 206, headers, body)

    def _key_for(self, stored: StoredObject, headers: Mapping[str, str]) -> bytes | None:
        """Return the customer key of the request, when it is the object's."""
        style = self._state.settings.storage_style
        key = customer_key(headers)
        if stored.seal is None:
            if key is not None and style == "aws":
                message = "The encryption parameters are not applicable to this object."
                raise S3Error(400, "InvalidRequest", message)
            return None
        if key is None:
            raise S3Error(
                400,
                "InvalidRequest" if style == "aws" else "InvalidArgument",
                "The object was stored using a form of Server Side Encryption. "
                "The correct parameters must be provided to retrieve the object.",
            )
        if not stored.seal.opens(key):
            if style == "ceph":
                raise S3Error(400, "InvalidArgument", "The provided encryption key is not the object's.")
            raise S3Error(403, "AccessDenied", "Access Denied")
        return key

    def _range(self, stored: StoredObject, headers: Mapping[str, str]) -> tuple[int, int] | None:
        """Return start and stop of the range that is asked for; None for the whole."""
        other = headers.get("if-range", stored.etag) != stored.etag
        if other and self._state.settings.storage_style == "aws":
            return None
        found = re.fullmatch(r"bytes=(\d*)-(\d*)", headers.get("range", ""))
        if found is None or not (found[1] or found[2]):
            return None
        size = stored.size_bytes
        if found[1]:
            start, last = int(found[1]), int(found[2] or size - 1)
            if found[2] and last < start:
                return None
        else:
            start, last = max(0, size - int(found[2])), size - 1
        if start >= size:
            raise S3Error(
                416, "InvalidRange", "The requested range is not satisfiable", {"Content-Range": f"bytes */{size}"}
            )
        return start, min(last, size - 1) + 1

    def _put(self, bucket: Bucket, request: _Request) -> _Reply:
        stored = self._received(bucket, request)
        stored.content_type = request.headers["content-type"] or stored.content_type
        bucket.objects[request.key] = stored
        return _Reply(200, {"ETag": stored.etag, "Content-Length": "0", **_echo(request.headers)}, [])

    def _received(self, bucket: Bucket, request: _Request) -> StoredObject:
        """Return the request's body as an object."""
        key = _writing_key(bucket, request.headers)
        return store([_payload(request)], self._state.new_path(), key=key, now=self._state.clock.now())

    def _copied(self, bucket: Bucket, request: _Request) -> StoredObject:
        """Return a copy, with its ETag, of the object of the same bucket that the request names; one without a key."""
        name = unquote(request.headers["x-amz-copy-source"]).lstrip("/").removeprefix(f"{bucket.name}/")
        source = bucket.objects.get(name)
        if source is None:
            raise S3Error(404, "NoSuchKey", "The specified key does not exist.")
        if request.headers.get("x-amz-copy-source-if-match", source.etag) != source.etag:
            raise S3Error(412, "PreconditionFailed", "At least one of the pre-conditions you specified did not hold")
        content = source.read(0, source.size_bytes, None)
        copy = store(content, self._state.new_path(), key=None, now=self._state.clock.now())
        copy.etag = source.etag
        return copy

    def _multipart(self, bucket: Bucket, request: _Request) -> _Reply:
        if "uploads" in request.query:
            sealed = _writing_key(bucket, request.headers) is not None
            upload = Upload(request.key, request.headers["content-type"] or "binary/octet-stream", sealed)
            bucket.uploads[upload.upload_id] = upload
            return _xml(s3_xml.begun(bucket.name, upload), _echo(request.headers))
        found = bucket.uploads.get(request.query["uploadId"])
        if found is None or found.key != request.key:
            raise S3Error(404, "NoSuchUpload", "The specified multipart upload does not exist.")
        match request.method:
            case "PUT":
                copied = "x-amz-copy-source" in request.headers
                part = self._copied(bucket, request) if copied else self._received(bucket, request)
                found.add(int(request.query.get("partNumber", "0")), part)
                if copied:
                    return _xml(s3_xml.copied(part))
                return _Reply(200, {"ETag": part.etag, "Content-Length": "0", **_echo(request.headers)}, [])
            case "GET":
                return _xml(s3_xml.parts(bucket.name, found))
            case "DELETE":
                del bucket.uploads[found.upload_id]
                return _Reply(204, {}, [])
        stored = found.complete(
            request.body.decode(),
            min_part_bytes=self._state.settings.min_part_bytes,
            now=self._state.clock.now(),
        )
        bucket.objects[request.key] = stored
        del bucket.uploads[found.upload_id]
        return _xml(s3_xml.completed(bucket.name, request.key, stored))


def _writing_key(bucket: Bucket, headers: Mapping[str, str]) -> bytes | None:
    """Return the key to write with.

    Raises:
        S3Error: the bucket may not be written to, or not with a customer's key.
    """
    key = customer_key(headers)
    if not bucket.writable or (key is not None and not bucket.allows_sse_c):
        raise S3Error(403, "AccessDenied", "Access Denied")
    return key


def _echo(headers: Mapping[str, str]) -> dict[str, str]:
    """Return what an answer repeats of the SSE-C headers."""
    return {name: headers[name] for name in (_SSE_C_ALGORITHM, _SSE_C_MD5) if name in headers}


def _xml(body: bytes, headers: Mapping[str, str] | None = None) -> _Reply:
    head = {"Content-Type": "application/xml", "Content-Length": str(len(body)), **(headers or {})}
    return _Reply(200, head, [body])


def customer_key(headers: Mapping[str, str]) -> bytes | None:
    """Return the 32 bytes of the SSE-C headers (names in lower case); None without them.

    Raises:
        S3Error: they do not fit together.
    """
    given = [name for name in signing.SSE_C_HEADERS if name in headers]
    if not given:
        return None
    if len(given) < len(signing.SSE_C_HEADERS):
        message = (
            "Requests specifying Server Side Encryption with Customer provided keys must provide all three headers."
        )
        raise S3Error(400, "InvalidArgument", message)
    if headers[_SSE_C_ALGORITHM] != "AES256":
        raise S3Error(400, "InvalidEncryptionAlgorithmError", "The Encryption request you specified is not valid.")
    try:
        key = base64.b64decode(headers[_SSE_C_KEY], validate=True)
    except binascii.Error:
        key = b""
    if len(key) != 32:
        raise S3Error(400, "InvalidArgument", "The secret key was invalid for the specified algorithm.")
    if base64.b64encode(hashlib.md5(key, usedforsecurity=False).digest()).decode() != headers[_SSE_C_MD5]:
        message = "The calculated MD5 hash of the key did not match the hash that was provided."
        raise S3Error(400, "InvalidArgument", message)
    return key


def _payload(request: _Request) -> bytes:
    """Return the body of a PUT, out of its aws-chunked wrapping where it has one."""
    digest = request.headers.get("x-amz-content-sha256", "UNSIGNED-PAYLOAD")
    if digest.startswith("STREAMING-"):
        return b"".join(_unchunked(request.body))
    if digest != "UNSIGNED-PAYLOAD" and hashlib.sha256(request.body).hexdigest() != digest:
        message = "The provided 'x-amz-content-sha256' header does not match what was computed."
        raise S3Error(400, "XAmzContentSHA256Mismatch", message)
    return request.body


def _unchunked(body: bytes) -> Iterator[bytes]:
    while body:
        head, _, body = body.partition(b"\r\n")
        size = int(head.split(b";")[0], 16)
        if size == 0:
            return
        yield body[:size]
        body = body[size + 2 :]


def _list(bucket: Bucket, query: Mapping[str, str]) -> bytes:
    prefix, delimiter, after = query.get("prefix", ""), query.get("delimiter", ""), query.get("continuation-token", "")
    limit = int(query.get("max-keys", "1000"))
    keys, prefixes = [], set()
    for key in sorted(key for key in bucket.objects if key.startswith(prefix)):
        head, found, _ = key[len(prefix) :].partition(delimiter) if delimiter else (key, "", "")
        if found:
            prefixes.add(prefix + head + delimiter)
        elif key > after:
            keys.append(key)
    token = keys[limit - 1] if 0 < limit < len(keys) else None
    listed = [(key, bucket.objects[key]) for key in keys[:limit]]
    return s3_xml.listing(bucket.name, prefix, listed, sorted(prefixes), token)
