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
import math
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING, Any

import tenacity

from sekoia_export.api.pacing import Pacer
from sekoia_export.api.refusals import is_busy, is_quota, read_refusal, refusal
from sekoia_export.api.transport import Answer, NoAnswer, Transport
from sekoia_export.errors import AnswerLost, DeadlineExceeded, NetworkError, PlatformError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from pydantic import SecretStr

    from sekoia_export.clock import Clock, Deadline

log = logging.getLogger(__name__)

FIRST_CONTACT_PATIENCE_S = 30.0
PATIENCE_S = 60.0
LONG_PATIENCE_S = 660.0
"""How long a step that waits anyway rides out errors: the web firewall blocks an address for up to ten minutes."""
_LONGEST_TOLD_S = 660.0  # what the platform asks to wait (Retry-After) is no patience spent, up to this
_UNTOLD_429_S = 1.0
_LONGEST_RETRY_DELAY_S = 20.0


class Client:
    """JSON requests to one platform with one API key, inside one deadline.

    Args:
        root: the API's root, as `regions.api_root` makes it.
        api_key: sent to the root's own host only.
        deadline: the step's; its clock is the client's.
        patience_s: how long a request is retried while nothing but errors comes.
    """

    def __init__(self, *, root: str, api_key: SecretStr, deadline: Deadline, patience_s: float = PATIENCE_S) -> None:
        self.root = root
        self.deadline = deadline
        self.patience_s = patience_s
        self._api_key = api_key
        self._pacer = Pacer(deadline.clock)
        self._contact = [False]  # a list, so that copies made by `within` share it
        self._transport = Transport(root=root, api_key=api_key)

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
        self._transport.close()

    def read(
        self,
        path: str,
        *,
        what: str,
        parameters: Mapping[str, str | int] | None = None,
        may_be_empty: bool = False,
    ) -> Any:
        """Return the JSON of a GET.

        Args:
            path: under the root, starting with a slash.
            what: what is read, in plain words, for errors.
            parameters: the query.
            may_be_empty: whether an answer without a body says enough, and is an empty object; else it was cut off.

        Raises:
            PlatformError: the platform refused.
            NetworkError: no usable answer while the patience lasted.
            DeadlineExceeded: the deadline came first; its cause is the last failure.
        """

        def attempt() -> Any:
            return self._once("GET", path, what=what, parameters=parameters, may_be_empty=may_be_empty)

        return self._retry(attempt, what, repeat_sent=True)

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
        hidden = tuple(secrets)

        def attempt() -> Any:
            return self._once(method, path, what=what, body=body, secrets=hidden, starts_export=starts_export)

        return self._retry(attempt, what, repeat_sent=False)

    def _retry(self, attempt: Callable[[], Any], what: str, *, repeat_sent: bool) -> Any:
        """Return what `attempt` returns, repeating it while that is safe and the patience and the deadline last."""
        started = self.clock.monotonic()
        told_s = 0.0
        in_time = True
        last: NoAnswer | None = None
        jitter = tenacity.wait_random_exponential(multiplier=0.5, max=_LONGEST_RETRY_DELAY_S, min=0.25)

        def repeats(failure: BaseException) -> bool:
            nonlocal last
            last = failure if isinstance(failure, NoAnswer) else last
            return isinstance(failure, NoAnswer) and failure.remedy is None and (repeat_sent or not failure.sent)

        def delay_s(state: tenacity.RetryCallState) -> float:
            nonlocal told_s
            told = (last.after_s if last else None) or 0.0
            told_s += told
            return max(told, jitter(state), self._pacer.delay_s())

        def over(state: tenacity.RetryCallState) -> bool:
            nonlocal in_time
            left_s = self.deadline.remaining_s()
            in_time = state.upcoming_sleep < left_s or math.isinf(left_s)
            patience_s = self.patience_s if self._contact[0] else min(self.patience_s, FIRST_CONTACT_PATIENCE_S)
            spent_s = self.clock.monotonic() - started + state.upcoming_sleep - min(told_s, _LONGEST_TOLD_S)
            return spent_s >= patience_s or not in_time

        def tell(state: tenacity.RetryCallState) -> None:
            cause = last.cause if last else ""
            log.warning("No usable answer while %s: %s; again in %.1f s.", what, cause, state.upcoming_sleep)

        retrying = tenacity.Retrying(
            sleep=self.clock.sleep,
            retry=tenacity.retry_if_exception(repeats),
            wait=delay_s,
            stop=over,
            before_sleep=tell,
            reraise=True,
        )
        try:
            return retrying(attempt)
        except NoAnswer as failure:
            if failure.sent and not repeat_sent:
                raise AnswerLost(f"The answer was lost while {what}: {failure.cause}.", failure.remedy) from failure
            # Where no connection ever came about, more time is not what is missing.
            if not in_time and (self._contact[0] or failure.sent):
                raise DeadlineExceeded(f"The time was up while {what}: {failure.cause}.") from _lost(failure, what)
            raise _lost(failure, what) from failure
        except DeadlineExceeded as exceeded:
            if last is None:
                raise
            lost = _lost(last, what)
            if not self._contact[0] and not last.sent:
                raise lost from last
            raise exceeded from lost

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
        may_be_empty: bool = True,
    ) -> Any:
        """Return the answer's JSON, or raise `NoAnswer` (no usable answer) or PlatformError (a refusal)."""
        try:
            answer = self._transport.exchange(
                method,
                path,
                deadline=self.deadline,
                before_each=lambda: self._wait_for_turn(what),
                parameters=parameters,
                body=body,
            )
            self._contact[0] = True
            if answer.status >= HTTPStatus.BAD_REQUEST:
                hidden = (*secrets, self._api_key.get_secret_value())
                raise self._refused(answer, what=what, secrets=hidden, starts_export=starts_export)
            result = _understood(answer, may_be_empty=may_be_empty)
        except (NoAnswer, PlatformError):
            self._pacer.failed()
            raise
        self._pacer.succeeded()
        return result

    def _wait_for_turn(self, what: str) -> None:
        """Return when the next request may be sent; raise DeadlineExceeded when that is too late."""
        told = what[:1].upper() + what[1:]
        self.deadline.check(told)
        if self._pacer.delay_s() >= self.deadline.remaining_s():
            raise DeadlineExceeded(
                f"There was no time left for {what}: the platform must not be asked again that soon."
            )
        self._pacer.wait()
        self.deadline.check(told)

    def _refused(
        self, answer: Answer, *, what: str, secrets: tuple[str, ...], starts_export: bool
    ) -> PlatformError | NoAnswer:
        """Return what an answer of 400 or more means."""
        status = answer.status
        try:
            body = answer.json()
        except ValueError:
            body = None
        code, message = read_refusal(body, secrets=secrets)
        after_s = _after_s(answer.retry_after, self.clock)
        said = f"status {status}{f', {message}' if message else ''}"
        if status == HTTPStatus.TOO_MANY_REQUESTS and not (
            starts_export and (is_quota(code, message) or is_busy(code, message))
        ):
            return NoAnswer(said, sent=False, after_s=after_s or _UNTOLD_429_S)
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.REQUEST_TIMEOUT:
            return NoAnswer(said, sent=True, after_s=after_s)
        # The platform answers JSON. A page is a firewall's or a proxy's word, and firewalls' blocks end. Two statuses
        # say the same whoever gives them.
        elsewhere = not isinstance(body, dict) and (answer.body or status == HTTPStatus.FORBIDDEN)
        if elsewhere and status not in {HTTPStatus.UNAUTHORIZED, HTTPStatus.GONE}:
            page = f"status {status} with a page that is not the platform's, from a firewall or proxy"
            return NoAnswer(page, sent=False)
        return refusal(status=status, code=code, message=message, what=what, starts_export=starts_export)


def _lost(failure: NoAnswer, what: str) -> NetworkError:
    lost = NetworkError(f"The platform gave no usable answer while {what}: {failure.cause}.", failure.remedy)
    lost.__cause__ = failure
    return lost


def _understood(answer: Answer, *, may_be_empty: bool) -> Any:
    """Return the JSON of an answer that is no refusal."""
    if answer.status >= HTTPStatus.MULTIPLE_CHOICES:
        raise NoAnswer(f"status {answer.status}, which leads nowhere", sent=True)
    if not answer.body and may_be_empty:
        return {}
    try:
        return answer.json()
    except ValueError:
        kind = "a body that is not JSON" if answer.body else "no body"
        raise NoAnswer(f"status {answer.status} with {kind}", sent=True) from None


def _after_s(retry_after: str, clock: Clock) -> float | None:
    """Return the seconds that `Retry-After` asks for, whether given as seconds or as a date; None without one."""
    try:
        seconds = float(retry_after)
    except ValueError:
        try:
            seconds = (parsedate_to_datetime(retry_after) - clock.now()).total_seconds()
        except (TypeError, ValueError, IndexError, OverflowError):
            return None
    return None if math.isnan(seconds) else max(0.0, seconds)
