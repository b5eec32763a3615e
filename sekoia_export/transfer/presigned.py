"""An object behind a presigned URL, asked for over requests.

The session knows no API key, reads no netrc, follows no redirect and keeps no cookie; proxies and REQUESTS_CA_BUNDLE of
the environment are honoured.
"""

from __future__ import annotations

import contextlib
import http.client
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
import urllib3

from sekoia_export.clock import Clock, SystemClock
from sekoia_export.errors import StorageError, TransferFailed
from sekoia_export.hosts import is_loopback
from sekoia_export.transfer.refusals import (
    BODY_LIMIT_BYTES,
    Refusal,
    actual_object_size,
    read_retry_after,
    read_xml,
)
from sekoia_export.transfer.source import (
    AnswerHead,
    NoBody,
    ObjectAnswer,
    expiry_of,
    range_header,
    strong_etag,
    unsatisfiable_total,
)

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic import SecretStr

    from sekoia_export.encryption import SseKey

CONNECTIONS = 16
_BROKEN_ANSWER = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError)
_NETWORK_REMEDY = "Check the network, the proxy and the firewall between here and the storage, then run the step again."


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long a request may be silent, in seconds: while connecting, and between two reads."""

    connect_s: float = 10.0
    read_s: float = 20.0


class _NoCredentials(requests.auth.AuthBase):
    """Adds nothing, and by being there keeps requests from a netrc file and from credentials in the URL."""

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        return request


def storage_session(*, connections: int = CONNECTIONS) -> requests.Session:
    """Return a session for PresignedObject, to be closed by the caller; `connections` are kept open at most."""
    session = requests.Session()
    session.auth = _NoCredentials()
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.headers.clear()
    session.headers.update({"Accept-Encoding": "identity", "User-Agent": "sekoia-event-export"})
    adapter = requests.adapters.HTTPAdapter(pool_connections=4, pool_maxsize=connections, pool_block=False)
    for scheme in ("https://", "http://"):
        session.mount(scheme, adapter)
    return session


class PresignedObject:
    """An object behind a presigned URL, see ObjectSource.

    Args:
        url: the URL; all of its query is secret.
        session: from `storage_session`; shared by whoever asks the same storage.
        key: the SSE-C key to send, None for none.
        timeouts: see Timeouts.
        clock: tells whether the URL has ended, where the server does not say the time.

    Raises:
        StorageError: the URL is none, or plain http and not on loopback.
    """

    def __init__(
        self,
        url: SecretStr,
        *,
        session: requests.Session,
        key: SseKey | None = None,
        timeouts: Timeouts | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._host = _checked_host(url)
        self._url = url
        self._session = session
        self._key = key
        self._timeouts = timeouts or Timeouts()
        self._clock = clock or SystemClock()

    @property
    def key(self) -> SseKey | None:
        return self._key

    def get(self, *, first: int | None = None, last: int | None = None, etag: str | None = None) -> ObjectAnswer:
        etag = strong_etag(etag)
        response = self._send(first, last, etag)
        try:
            return self._answer(response, first=first, last=last, etag=etag)
        except BaseException:
            response.close()
            raise

    def _send(self, first: int | None, last: int | None, etag: str | None) -> requests.Response:
        headers = self._key.storage_headers() if self._key is not None else {}
        if (wanted := range_header(first, last)) is not None:
            headers["Range"] = wanted
        if etag is not None:
            headers["If-Match"] = etag
        try:
            return self._session.get(
                self._url.get_secret_value(),
                headers=headers,
                stream=True,
                allow_redirects=False,
                timeout=(self._timeouts.connect_s, self._timeouts.read_s),
            )
        except _BROKEN_ANSWER as error:
            failure = _failure(self._host, error)
        # Raised out here so that it has no context: the exception of requests carries the whole URL.
        raise failure

    def _answer(
        self, response: requests.Response, *, first: int | None, last: int | None, etag: str | None
    ) -> ObjectAnswer:
        status, headers = response.status_code, response.headers
        page = "text/html" in headers.get("Content-Type", "")
        if status in {200, 206} and not (page and "ETag" not in headers):
            length = headers.get("Content-Length", "")
            head = AnswerHead(
                status=status,
                content_length=int(length) if length.isdecimal() else None,
                content_range=headers.get("Content-Range"),
                etag=headers.get("ETag"),
            )
            return head.answer(_ResponseBody(response, self._host), first=first, last=last, etag=etag)
        body = self._bounded_body(response)
        response.close()
        if status == 416 and first is not None:
            total = unsatisfiable_total(headers.get("Content-Range"))
            return ObjectAnswer(
                status=416,
                total_bytes=actual_object_size(body) if total is None else total,
                first=first,
                length=0,
                etag=headers.get("ETag"),
                body=NoBody(),
            )
        is_xml, code, message = read_xml(body)
        raise Refusal(
            host=self._host,
            status=status,
            code=code,
            message=message,
            is_xml=is_xml,
            key=self._key,
            link_ends=expiry_of(self._url),
            now=_date_of(headers) or self._clock.now(),
            retry_after_s=read_retry_after(headers.get("Retry-After")),
        ).error()

    def _bounded_body(self, response: requests.Response) -> bytes:
        """Return the start of a refusal's body, b"" when it broke off: its status then says enough."""
        try:
            return response.raw.read(BODY_LIMIT_BYTES, decode_content=True) or b""
        except _BROKEN_ANSWER:
            return b""


class _ResponseBody:
    """A response's bytes as they came over the wire, never decoded."""

    def __init__(self, response: requests.Response, host: str) -> None:
        self._response = response
        self._host = host

    def read(self, limit_bytes: int) -> bytes:
        try:
            # One read of the socket: what came before a break is then never lost with what did not.
            return self._response.raw.read1(limit_bytes, decode_content=False)
        except _BROKEN_ANSWER as error:
            failure = _failure(self._host, error)
        raise failure

    def cut(self) -> None:
        # An answer that was read to its end in the meantime has no connection any more.
        with contextlib.suppress(ValueError, RuntimeError, OSError):
            self._response.raw.shutdown()

    def close(self) -> None:
        self._response.close()


def _checked_host(url: SecretStr) -> str:
    remedy = "Trigger a new export; when its link is of the same kind, report it to Sekoia.io's support."
    try:
        parts = urlsplit(url.get_secret_value())
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or parts.scheme not in {"https", "http"}:
        raise StorageError("The export's download link is not an http(s) URL.", remedy)
    if parts.scheme == "http" and not is_loopback(host):
        raise StorageError(
            f"The export's download link (of {host}) is plain http, which would show the key and the events.", remedy
        )
    return host


def _failure(host: str, error: BaseException) -> StorageError:
    """Return what a transport's exception means, in words of our own: its own text holds the URL."""
    causes = _causes(error)
    names = " ".join(type(cause).__name__ for cause in causes)
    if "CERTIFICATE_VERIFY_FAILED" in "".join(str(cause) for cause in causes):
        return StorageError(
            f"The certificate of the storage ({host}) is not trusted here.",
            "Set REQUESTS_CA_BUNDLE to your authority's certificates when a proxy inspects traffic, then run it again.",
        )
    if "NameResolutionError" in names or "gaierror" in names:
        return TransferFailed(f"The name of the storage ({host}) could not be resolved.", _NETWORK_REMEDY)
    if "ProxyError" in names:
        return TransferFailed(f"The proxy on the way to the storage ({host}) refused or failed.", _NETWORK_REMEDY)
    if "ConnectTimeout" in names or "NewConnectionError" in names:
        return TransferFailed(f"No connection to the storage ({host}) could be made.", _NETWORK_REMEDY)
    if "Timeout" in names:
        return TransferFailed(f"The storage ({host}) fell silent.", _NETWORK_REMEDY)
    if isinstance(error, requests.exceptions.InvalidURL | requests.exceptions.InvalidSchema):
        return StorageError("The export's download link, or the proxy's address, is not a usable URL.")
    return TransferFailed(f"The connection to the storage ({host}) broke ({type(error).__name__}).", _NETWORK_REMEDY)


def _causes(error: BaseException) -> list[BaseException]:
    """Return `error` and what it was made of: its arguments, reasons and contexts, each once."""
    found: list[BaseException] = []
    todo: list[object] = [error]
    while todo:
        candidate = todo.pop()
        if isinstance(candidate, BaseException) and not any(candidate is one for one in found):
            found.append(candidate)
            todo += [*candidate.args, getattr(candidate, "reason", None), candidate.__cause__, candidate.__context__]
    return found


def _date_of(headers: Mapping[str, str]) -> datetime | None:
    try:
        date = parsedate_to_datetime(headers["Date"])
    except (KeyError, ValueError):
        return None
    return date if date.tzinfo is not None else date.replace(tzinfo=UTC)
