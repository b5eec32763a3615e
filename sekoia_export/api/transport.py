"""One exchange with the platform: an answer with the whole of its body, or `NoAnswer`. It retries nothing.

The API key goes to the root's own host only, over https or within this machine. What requests and urllib3 raise ends
here, and with it the URLs in its text.
"""

from __future__ import annotations

import http.client
import json
import re
import ssl
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, urljoin, urlsplit

import requests
import urllib3

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pydantic import SecretStr

    from sekoia_export.clock import Deadline

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
ANSWER_TIMEOUT_S = 60.0
"""How long the body of an answer may take in all: one that drips in would outlast every deadline."""
ANSWER_LIMIT_BYTES = 64 * 1024 * 1024
_SHORTEST_TIMEOUT_S = 0.001  # 0 is not a timeout to urllib3
_CHUNK_BYTES = 65536
_MOST_REDIRECTS = 3
_USER_AGENT = "sekoia-event-export"
_BROKEN = (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, UnicodeError)
_CERTIFICATE = re.compile(r"CERTIFICATE_VERIFY_FAILED\]?(?: certificate verify failed:? ?)?([^(\"']*)")


@dataclass(eq=False)
class NoAnswer(Exception):
    """One try without a usable answer.

    Args:
        cause: what happened, without anything secret, to follow a colon in a sentence.
        sent: whether the request may have been carried out.
        after_s: how long the platform asked to wait, None when it did not.
        remedy: what to do, where trying again cannot help; None where it can.
    """

    cause: str
    sent: bool
    after_s: float | None = None
    remedy: str | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer that came whole.

    Attributes:
        retry_after: the header of that name, "" without one.
    """

    status: int
    body: bytes
    retry_after: str

    def json(self) -> Any:
        """Return the body as JSON.

        Raises:
            ValueError: it is none, or nested deeper than can be read.
        """
        try:
            return json.loads(self.body)
        except RecursionError:
            raise ValueError("nested too deeply") from None


@dataclass(frozen=True, slots=True)
class Greeting:
    """How an address answers that is asked without an API key.

    Attributes:
        status: the HTTP status.
        date: when it answered, by its own clock, to the second; None when it did not say.
        tls: the version of TLS, such as TLSv1.3; None for plain http.
        certificate_ends: until when its certificate is valid; None where that cannot be seen.
    """

    status: int
    date: datetime | None
    tls: str | None
    certificate_ends: datetime | None


class _Body:
    """The body of a request, which knows whether it was begun to be sent: before that, nothing was carried out."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.begun = False

    def __len__(self) -> int:
        return len(self._content)

    def __iter__(self) -> Iterator[bytes]:
        self.begun = True
        yield self._content


class _BearerAuth(requests.auth.AuthBase):
    """The API key as a header. As `auth` it also keeps requests from reading a netrc file, which would replace it."""

    def __init__(self, api_key: SecretStr) -> None:
        self._api_key = api_key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._api_key.get_secret_value()}"
        return request


class _Session(requests.Session):
    """A session that looks at no redirect: requests reads their bodies and trips over their URLs, followed or not."""

    def get_redirect_target(self, resp: requests.Response) -> None:  # noqa: ARG002 - requests' form
        return None


class Transport:
    """HTTP with one platform.

    Args:
        root: the API's root, as `regions.api_root` makes it.
        api_key: sent to the root's own host only.
    """

    def __init__(self, *, root: str, api_key: SecretStr) -> None:
        self._root = root
        self._session = _Session()
        self._session.auth = _BearerAuth(api_key)
        self._session.headers.update({"Accept": "application/json", "User-Agent": _USER_AGENT})
        # Plain http is spoken within this machine only, and a proxy is elsewhere.
        self._proxies = {"http": ""} if root.startswith("http:") else None

    def close(self) -> None:
        self._session.close()

    def exchange(
        self,
        method: str,
        path: str,
        *,
        deadline: Deadline,
        before_each: Callable[[], None],
        parameters: Mapping[str, str | int] | None = None,
        body: Any = None,
    ) -> Answer:
        """Return the answer to one request; a GET follows redirects within the host.

        Args:
            method: GET, POST or PUT.
            path: under the root, starting with a slash.
            deadline: bounds the timeouts.
            before_each: called before each request, a redirect's too.
            parameters: the query.
            body: what is sent as JSON, where the method has a body.

        Raises:
            NoAnswer: none came, or none that is the platform's.
        """
        url = f"{self._root}{path}"
        for _ in range(1 + _MOST_REDIRECTS):
            before_each()
            answer, target = self._request(method, url, deadline=deadline, parameters=parameters, body=body)
            if target is None:
                return answer
            url, parameters = _allowed(target, method=method, status=answer.status, url=url), None
        raise NoAnswer(
            f"{urlsplit(url).netloc} redirects in circles", sent=False, remedy="Check base_url, or try again later."
        )

    def greet(self, path: str, *, deadline: Deadline) -> Greeting:
        """Ask for a path, without the API key and without looking at the body.

        Raises:
            NoAnswer: none came.
        """
        url = f"{self._root}{path}"
        left_s = max(_SHORTEST_TIMEOUT_S, deadline.remaining_s())
        try:
            with self._session.get(
                url,
                auth=_unauthorised,
                timeout=(min(CONNECT_TIMEOUT_S, left_s), min(READ_TIMEOUT_S, left_s)),
                allow_redirects=False,
                proxies=self._proxies,
                stream=True,
            ) as response:
                tls, ends = _security(response)
                return Greeting(response.status_code, _date(response.headers.get("Date")), tls, ends)
        except _BROKEN as failure:
            raise _no_answer(failure, host=urlsplit(url).netloc, begun=True) from failure

    def _request(
        self, method: str, url: str, *, deadline: Deadline, parameters: Mapping[str, str | int] | None, body: Any
    ) -> tuple[Answer, str | None]:
        """Return an answer, and where it redirects to."""
        host = urlsplit(url).netloc
        content = None if method == "GET" else _Body(json.dumps(body).encode())
        left_s = max(_SHORTEST_TIMEOUT_S, deadline.remaining_s())
        try:
            with self._session.request(
                method,
                url,
                params=parameters,
                data=content,
                headers={"Content-Type": "application/json"} if content else None,
                timeout=(min(CONNECT_TIMEOUT_S, left_s), min(READ_TIMEOUT_S, left_s)),
                allow_redirects=False,
                proxies=self._proxies,
                stream=True,
            ) as response:
                target = response.headers["Location"] if response.is_redirect else None
                whole = b"" if target is not None else _read_body(response, host=host, deadline=deadline)
                return Answer(response.status_code, whole, response.headers.get("Retry-After", "")), target
        except _BROKEN as failure:
            raise _no_answer(failure, host=host, begun=content is None or content.begun) from failure


def _unauthorised(request: requests.PreparedRequest) -> requests.PreparedRequest:
    # Given as `auth`, it also keeps requests from reading a netrc file.
    return request


def _security(response: requests.Response) -> tuple[str | None, datetime | None]:
    """Return the version of TLS and the end of the certificate of an answer whose body was not read yet."""
    sock = getattr(response.raw.connection, "sock", None)
    if not isinstance(sock, ssl.SSLSocket):
        return None, None
    ends = (sock.getpeercert() or {}).get("notAfter")
    seconds = ssl.cert_time_to_seconds(ends) if isinstance(ends, str) else None
    return sock.version(), None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _date(text: str | None) -> datetime | None:
    try:
        date = parsedate_to_datetime(text or "")
    except ValueError:
        return None
    return date if date.tzinfo is not None else None


def _read_body(response: requests.Response, *, host: str, deadline: Deadline) -> bytes:
    limit = deadline.within(ANSWER_TIMEOUT_S)
    whole = bytearray()
    while data := response.raw.read1(_CHUNK_BYTES, decode_content=True):
        whole += data
        if len(whole) > ANSWER_LIMIT_BYTES:
            raise NoAnswer(f"the answer of {host} is larger than any of the platform's", sent=True)
        if limit.passed():
            raise NoAnswer(f"the answer of {host} did not end in time", sent=True)
    return bytes(whole)


def _allowed(target: str, *, method: str, status: int, url: str) -> str:
    """Return where a redirect of `url` leads to, when the API key may go there.

    Raises:
        NoAnswer: it leads to another host, or it is not followed because of its method.
    """
    try:
        absolute = urljoin(url, target)
        same = _origin(urlsplit(absolute)) == _origin(urlsplit(url))
        place = urlsplit(absolute).hostname or "nowhere"
    except ValueError:
        same, place = False, "what is no URL"
    if same and method == "GET":
        return absolute
    raise NoAnswer(
        f"the platform's address redirects to {place}, and the API key is not sent along",
        # Of these two the standard says that the request was not carried out.
        sent=method != "GET" and status not in {307, 308},
        remedy="Set base_url to the address of the region's API itself.",
    )


def _origin(parts: SplitResult) -> tuple[str, str | None, int | None]:
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _no_answer(failure: Exception, *, host: str, begun: bool) -> NoAnswer:
    """Return what a transport failure means; its own text holds URLs and is not used."""
    exceptions = requests.exceptions
    cause, remedy = f"the request to {host} failed ({type(failure).__name__})", None
    match failure:
        case exceptions.InvalidProxyURL() | exceptions.InvalidSchema():
            cause, remedy = f"the proxy for {host} cannot be used", "Correct HTTPS_PROXY: it takes http://host:port."
        case exceptions.ProxyError():
            cause = f"the proxy did not connect to {host}"
        case exceptions.SSLError() if found := _CERTIFICATE.search(str(failure)):
            reason = found[1].strip()
            cause = f"the TLS certificate of {host} is not trusted here{f' ({reason})' if reason else ''}"
            remedy = "Set REQUESTS_CA_BUNDLE to a file with your own authority's certificate, or check base_url."
        case exceptions.SSLError():
            cause = f"the TLS connection to {host} failed"
        case exceptions.ConnectTimeout():
            cause = f"{host} did not accept a connection in time"
        case exceptions.ReadTimeout() | urllib3.exceptions.ReadTimeoutError():
            cause = f"{host} did not answer in time"
        case exceptions.ConnectionError() if _never_connected(failure):
            return NoAnswer(f"{host} could not be reached", sent=False)
        case exceptions.ConnectionError() | urllib3.exceptions.ProtocolError():
            cause = f"the connection to {host} broke"
        case urllib3.exceptions.DecodeError():
            cause = f"the answer of {host} is garbled"
        case exceptions.InvalidURL() | urllib3.exceptions.LocationValueError() | UnicodeError():
            cause, remedy = f"{host} is no name that a host can have", "Correct base_url or HTTPS_PROXY."
        case OSError() if "CA certificate bundle" in str(failure):
            cause = "the file with the trusted authorities is not there"
            remedy = "Set REQUESTS_CA_BUNDLE to a file with certificates, or unset it."
    never = isinstance(failure, exceptions.ProxyError | exceptions.ConnectTimeout)
    return NoAnswer(cause, sent=begun and not never, remedy=remedy)


def _never_connected(failure: BaseException) -> bool:
    """Return whether no connection came about (refused, no such host)."""
    inner = failure.args[0] if failure.args else None
    reason = inner.reason if isinstance(inner, urllib3.exceptions.MaxRetryError) else inner
    return isinstance(reason, urllib3.exceptions.NewConnectionError)
