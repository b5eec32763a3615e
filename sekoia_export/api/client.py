"""Requests to the platform: paced, timed, retried where that is safe, and never a raw transport exception.

Two kinds of request, and the difference matters:

- `read` changes nothing at the platform, so it is retried on 429, 5xx, resets, truncated and non-JSON answers, with
  jitter, while the step's one deadline and the client's patience last.
- `send` may change something, so it is sent again only where it is certain that nothing was carried out (no connection,
  or 429); when its answer is lost, `AnswerLost` says so and the caller decides.
"""

from __future__ import annotations

import copy
import logging
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urljoin, urlsplit

import requests
import tenacity

from sekoia_export.api.pacing import Pacer
from sekoia_export.api.refusals import is_quota, read_refusal, refusal
from sekoia_export.errors import AnswerLost, DeadlineExceeded, NetworkError
from sekoia_export.redaction import redact, strip_url

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pydantic import SecretStr

    from sekoia_export.clock import Clock, Deadline

log = logging.getLogger(__name__)

CONNECT_TIMEOUT_S = 5.0
READ_TIMEOUT_S = 30.0
FIRST_CONTACT_PATIENCE_S = 30.0
PATIENCE_S = 60.0
LONG_PATIENCE_S = 660.0
"""How long a step that waits anyway rides out errors: the web firewall blocks an address for up to ten minutes."""
_LONGEST_RETRY_DELAY_S = 20.0
_MOST_REDIRECTS = 3
_USER_AGENT = "sekoia-event-export"


@dataclass
class _Attempt(Exception):
    """One attempt without a usable answer.

    Args:
        cause: a sentence about it, without anything secret.
        sent: whether the request may have reached the platform.
        after_s: how long the platform asked to wait, None when it did not.
        remedy: what to do, where trying again cannot help; None where it can.
    """

    cause: str
    sent: bool
    after_s: float | None = None
    remedy: str | None = None


class _BearerAuth(requests.auth.AuthBase):
    """The API key as a header. As `auth` it also keeps requests from reading a netrc file, which would replace it."""

    def __init__(self, api_key: SecretStr) -> None:
        self._api_key = api_key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self._api_key.get_secret_value()}"
        return request


class Client:
    """JSON requests to one platform with one API key, inside one deadline.

    Args:
        root: the API's root, as `regions.api_root` makes it.
        api_key: sent to the root's own host only.
        deadline: the step's; its clock is the client's.
        patience_s: how long reads are retried while nothing but errors comes.
    """

    def __init__(self, *, root: str, api_key: SecretStr, deadline: Deadline, patience_s: float = PATIENCE_S) -> None:
        self.root = root
        self.deadline = deadline
        self.patience_s = patience_s
        self._api_key = api_key
        self._pacer = Pacer(deadline.clock)
        self._contact = [False]  # a list, so that copies made by `within` share it
        self._session = requests.Session()
        self._session.auth = _BearerAuth(api_key)
        self._session.headers.update({"Accept": "application/json", "User-Agent": _USER_AGENT})

    @property
    def clock(self) -> Clock:
        return self.deadline.clock

    def within(self, deadline: Deadline, *, patience_s: float | None = None) -> Client:
        """Return this client under another deadline; connections and pacing are shared."""
        other = copy.copy(self)
        other.deadline = deadline
        other.patience_s = self.patience_s if patience_s is None else patience_s
        return other

    def close(self) -> None:
        self._session.close()

    def read(self, path: str, *, what: str, parameters: Mapping[str, str | int] | None = None) -> Any:
        """Return the JSON of a GET.

        Args:
            path: under the root, starting with a slash.
            what: what is read, in plain words, for errors.
            parameters: the query.

        Raises:
            PlatformError: the platform refused.
            NetworkError: no usable answer while the patience lasted.
            DeadlineExceeded: the deadline came first; its cause is the last failure.
        """
        return self._retry(lambda: self._once("GET", path, what=what, parameters=parameters), what, repeat_sent=True)

    def send(
        self, method: str, path: str, body: Any, *, what: str, secrets: Iterable[str] = (), starts_export: bool = False
    ) -> Any:
        """Return the JSON of a request that may change something; an empty object when the answer has no body.

        Args:
            method: POST or PUT.
            path: under the root, starting with a slash.
            body: what is sent as JSON.
            what: what is done, in plain words, for errors.
            secrets: values in the body that must not come back in an error's text.
            starts_export: whether a refusal may be for a quota or a running export.

        Raises:
            PlatformError: the platform refused.
            AnswerLost: it may have been carried out, and what came back does not tell.
            NetworkError: it was certainly not carried out.
            DeadlineExceeded: the deadline came before it could be sent.
        """

        def attempt() -> Any:
            return self._once(method, path, what=what, body=body, secrets=tuple(secrets), starts_export=starts_export)

        return self._retry(attempt, what, repeat_sent=False)

    def _retry(self, attempt: Callable[[], Any], what: str, *, repeat_sent: bool) -> Any:
        """Return what `attempt` returns, repeating it while that is safe and the patience and the deadline last."""
        started = self.clock.monotonic()
        told_s = next_s = 0.0
        jitter = tenacity.wait_random_exponential(multiplier=0.5, max=_LONGEST_RETRY_DELAY_S, min=0.25)

        def failure_of(state: tenacity.RetryCallState) -> _Attempt | None:
            failure = state.outcome.exception() if state.outcome else None
            return failure if isinstance(failure, _Attempt) else None

        def repeats(state: tenacity.RetryCallState) -> bool:
            failure = failure_of(state)
            return failure is not None and failure.remedy is None and (repeat_sent or not failure.sent)

        def delay_s(state: tenacity.RetryCallState) -> float:
            nonlocal told_s
            failure = failure_of(state)
            told = failure.after_s or 0.0 if failure else 0.0
            told_s += told
            return max(told, jitter(state), self._pacer.delay_s())

        def over(state: tenacity.RetryCallState) -> bool:
            nonlocal next_s
            next_s = state.upcoming_sleep
            patience_s = self.patience_s if self._contact[0] else min(self.patience_s, FIRST_CONTACT_PATIENCE_S)
            spent_s = self.clock.monotonic() - started + next_s - told_s
            return spent_s >= patience_s or next_s >= self.deadline.remaining_s()

        def tell(state: tenacity.RetryCallState) -> None:
            if failure := failure_of(state):
                log.warning(
                    "No usable answer while %s: %s; again in %.1f s.", what, failure.cause, state.upcoming_sleep
                )

        retrying = tenacity.Retrying(
            sleep=self.clock.sleep, retry=repeats, wait=delay_s, stop=over, before_sleep=tell, reraise=True
        )
        try:
            return retrying(attempt)
        except _Attempt as failure:
            if failure.sent and not repeat_sent:
                raise AnswerLost(f"The answer was lost while {what}: {failure.cause}.") from failure
            lost = NetworkError(f"The platform gave no usable answer while {what}: {failure.cause}.", failure.remedy)
            # Where nothing ever answered, more time is not what is missing.
            if self._contact[0] and failure.remedy is None and next_s >= self.deadline.remaining_s():
                lost.__cause__ = failure
                raise DeadlineExceeded(f"The time was up while {what}: {failure.cause}.") from lost
            raise lost from failure

    def _once(
        self,
        method: str,
        path: str,
        *,
        what: str,
        parameters: Mapping[str, str | int] | None = None,
        body: Any = None,
        secrets: tuple[str, ...] = (),
        starts_export: bool = False,
    ) -> Any:
        """Return the answer's JSON, or raise `_Attempt` (no usable answer) or PlatformError (a refusal)."""
        self._pacer.wait()
        self.deadline.check(what[:1].upper() + what[1:])
        try:
            answer = self._answer(method, f"{self.root}{path}", parameters=parameters, body=body)
        except _Attempt:
            self._pacer.failed()
            raise
        self._contact[0] = True
        if answer.status_code >= HTTPStatus.BAD_REQUEST:
            self._pacer.failed()
        else:
            self._pacer.succeeded()
        return self._read(answer, what=what, secrets=(*secrets, self._api_key.get_secret_value()), starts=starts_export)

    def _answer(
        self, method: str, url: str, *, parameters: Mapping[str, str | int] | None, body: Any
    ) -> requests.Response:
        remaining = self.deadline.remaining_s()
        timeout = (min(CONNECT_TIMEOUT_S, remaining), min(READ_TIMEOUT_S, remaining))
        for _ in range(_MOST_REDIRECTS):
            try:
                answer = self._session.request(
                    method, url, params=parameters, json=body, timeout=timeout, allow_redirects=False
                )
            except requests.RequestException as failure:
                raise _Attempt(**_describe(failure, host=urlsplit(url).netloc)) from failure
            if not answer.is_redirect:
                return answer
            target = urljoin(url, answer.headers["Location"])
            if method != "GET" or urlsplit(target)[:2] != urlsplit(url)[:2]:
                raise NetworkError(
                    f"The platform's address redirects to {strip_url(target)}, and the API key is not sent along.",
                    "Set base_url to the address of the region's API itself.",
                )
            url, parameters = target, None
        raise NetworkError(f"The platform's address {strip_url(url)} redirects in circles.")

    def _read(self, answer: requests.Response, *, what: str, secrets: tuple[str, ...], starts: bool) -> Any:
        status = answer.status_code
        try:
            body = answer.json() if answer.content else {}
            readable = True
        except ValueError:
            body, readable = {}, False
        if status >= HTTPStatus.BAD_REQUEST:
            body = _without(body, secrets)
            code, message = read_refusal(body)
            said = f"status {status}{f', {message}' if message else ''}"
            if status == HTTPStatus.TOO_MANY_REQUESTS and not (starts and is_quota(f"{code} {message}")):
                raise _Attempt(said, sent=False, after_s=_retry_after_s(answer, self.clock) or 1.0)
            if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
                raise _Attempt(said, sent=True, after_s=_retry_after_s(answer, self.clock))
            if not readable and status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.GONE}:
                # The platform answers JSON: a page is a firewall's or a proxy's word, and firewalls' blocks end.
                raise _Attempt(
                    f"status {status} with a page that is not the platform's, from a firewall or proxy", sent=False
                )
            raise refusal(status=status, body=body, what=what, starts_export=starts)
        if not readable:
            raise _Attempt(f"status {status} with a body that is not JSON", sent=True)
        return body


def _describe(failure: requests.RequestException, *, host: str) -> dict[str, Any]:
    """Return the fields of an `_Attempt` for a transport failure: its text holds URLs and is not used as it is."""
    match failure:
        case requests.exceptions.ProxyError():
            return {"cause": f"the proxy did not connect to {host}", "sent": False}
        case requests.exceptions.SSLError() if "CERTIFICATE_VERIFY_FAILED" in str(failure):
            return {
                "cause": f"the TLS certificate of {host} is not signed by an authority that is trusted here",
                "sent": False,
                "remedy": "Set REQUESTS_CA_BUNDLE to a file with your own authority's certificate, or check base_url.",
            }
        case requests.exceptions.SSLError():
            return {"cause": f"no TLS connection to {host} came about", "sent": False}
        case requests.exceptions.ConnectTimeout():
            return {"cause": f"{host} did not accept a connection in time", "sent": False}
        case requests.exceptions.ReadTimeout():
            return {"cause": f"{host} did not answer in time", "sent": True}
        case requests.exceptions.ConnectionError() if _never_connected(failure):
            return {"cause": f"{host} could not be reached", "sent": False}
        case requests.exceptions.ConnectionError():
            return {"cause": f"the connection to {host} broke", "sent": True}
        case requests.exceptions.ChunkedEncodingError() | requests.exceptions.ContentDecodingError():
            return {"cause": f"the answer of {host} was cut off or garbled", "sent": True}
    return {"cause": f"the request to {host} failed ({type(failure).__name__})", "sent": True}


def _never_connected(failure: BaseException) -> bool:
    """Return whether no connection came about (refused, no such host): then nothing was sent."""
    from urllib3.exceptions import MaxRetryError, NewConnectionError

    inner = failure.args[0] if failure.args else None
    reason = inner.reason if isinstance(inner, MaxRetryError) else inner
    return isinstance(reason, NewConnectionError)


def _retry_after_s(answer: requests.Response, clock: Clock) -> float | None:
    """Return the seconds that `Retry-After` asks for, whether given as seconds or as a date; None without one."""
    text = answer.headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        return max(0.0, float(text))
    except ValueError:
        pass
    try:
        return max(0.0, (parsedate_to_datetime(text) - clock.now()).total_seconds())
    except (TypeError, ValueError):
        return None


def _without(body: Any, secrets: tuple[str, ...]) -> Any:
    """Return `body` with every occurrence of a secret replaced: a validation error may echo what was sent."""
    match body:
        case str():
            for secret in secrets:
                body = body.replace(secret, "***") if secret else body
            return redact(body)
        case dict():
            return {key: _without(value, secrets) for key, value in body.items()}
        case list():
            return [_without(value, secrets) for value in body]
    return body
