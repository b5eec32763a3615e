"""What can go wrong between a client and a server, scripted: which request it hits, and what happens to it.

A request meets the first fault in line that matches it and is due; a request that one fault took is not counted by
the faults behind it. So two faults of the same kind on the same path hit the first and the second request.
"""

from __future__ import annotations

import re
import threading
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Literal, Protocol, assert_never

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

ServerName = Literal["platform", "storage", "engine"]


class Kind(StrEnum):
    """What happens. `after_bytes`, `seconds` and the like are the fields of Fault that it reads."""

    STATUS = "status"
    """Answers `status`, `body`, `headers`, `content_type`; carried out only when `carried_out` is true."""
    RESET_BEFORE = "reset_before"
    """The connection is reset, the request not carried out."""
    RESET_AFTER = "reset_after"
    """The request is carried out, the connection reset before a byte of the answer."""
    SWALLOW = "swallow"
    """The connection is closed in good order without an answer, the request not carried out."""
    LATE = "late"
    """Nothing until the client gives up; then the request is carried out."""
    RESET_BODY = "reset_body"
    """The connection is reset after `after_bytes` of the body."""
    TRUNCATE_BODY = "truncate_body"
    """The connection is closed after `after_bytes` of the body, the whole Content-Length announced."""
    SHORT_BODY = "short_body"
    """The body is `after_bytes` long and Content-Length says so; all else, Content-Range too, speaks of the whole."""
    STALL = "stall"
    """Carried out; after the headers and `after_bytes` of the body nothing more comes until the client gives up."""
    DELAY = "delay"
    """`seconds` (of real time) pass before the request is carried out."""
    SLOW = "slow"
    """The body comes at `bytes_per_second`."""
    GARBAGE = "garbage"
    """Carried out; the answer is 200 with `body` (broken JSON when not given), called JSON."""
    REDIRECT = "redirect"
    """Answers `status` (302 when not given) to `location`."""
    FLIP = "flip"
    """The byte at `offset` of the body is another."""
    WRONG_RANGE = "wrong_range"
    """Content-Range is `content_range` (one byte off when not given)."""
    NO_RANGE = "no_range"
    """The request's Range is not seen: 200 and the whole."""
    NO_LENGTH = "no_length"
    """The same, and nothing tells the size: the answer ends with the connection."""
    OTHER_ETAG = "other_etag"
    """ETag is `etag`."""


@dataclass(slots=True)
class Recorded:
    """A request as it arrived. Its `repr` shows nothing secret.

    Attributes:
        status: of the answer; 0 while, or when, there was none.
        at_s: the simulator's clock, monotonic.
        fault: the fault that it met.
    """

    server: ServerName
    method: str
    path: str
    query: dict[str, str] = field(repr=False)
    headers: dict[str, str] = field(repr=False)
    """Names in lower case."""
    body: bytes = field(repr=False)
    status: int = 0
    at_s: float = 0.0
    fault: Fault | None = field(default=None, repr=False)


@dataclass(slots=True, eq=False)
class Fault:
    """One thing that goes wrong.

    Args:
        kind: what happens.
        server: at which server.
        method: which requests, all methods when None.
        path: a regular expression searched for in the path (without the query).
        when: a further condition on the request.
        nth: from which of the matching requests on, counted from 1.
        times: how often; None for ever.
        carried_out: whether the request is carried out before it is answered (kinds STATUS and REDIRECT: as when a
            proxy answers 502 although the platform did what it was told).
    """

    kind: Kind
    server: ServerName = "platform"
    method: str | None = None
    path: str = ""
    when: Callable[[Recorded], bool] | None = None
    nth: int = 1
    times: int | None = 1
    status: int | None = None
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    content_type: str = "application/json"
    carried_out: bool = False
    after_bytes: int = 0
    seconds: float = 0.0
    bytes_per_second: float = 1_000_000.0
    location: str = ""
    offset: int = 0
    content_range: str | None = None
    etag: str = '"another-object"'
    seen: int = field(default=0, init=False)
    applied: int = field(default=0, init=False)

    def takes(self, request: Recorded) -> bool:
        """Return whether `request` is hit; counts it."""
        if self.times is not None and self.applied >= self.times:
            return False
        if self.server != request.server or (self.method is not None and self.method != request.method):
            return False
        if not re.search(self.path, request.path) or (self.when is not None and not self.when(request)):
            return False
        self.seen += 1
        if self.seen < self.nth:
            return False
        self.applied += 1
        return True


class Faults:
    """The faults of a simulator, in the order in which they were added."""

    def __init__(self) -> None:
        self._faults: list[Fault] = []
        self._lock = threading.Lock()

    def add(self, *faults: Fault) -> None:
        with self._lock:
            self._faults.extend(faults)

    def clear(self) -> None:
        with self._lock:
            self._faults.clear()

    def take(self, request: Recorded) -> Fault | None:
        """Return the fault that `request` meets, if any."""
        with self._lock:
            return next((fault for fault in self._faults if fault.takes(request)), None)

    def unused(self) -> list[Fault]:
        """Return the faults that did not happen as often as they were to (an endless one: never)."""
        with self._lock:
            return [fault for fault in self._faults if fault.applied < (1 if fault.times is None else fault.times)]


@dataclass(slots=True)
class Answer:
    """An HTTP answer on its way out.

    Args:
        close: the answer's body, when it wants to be closed.
    """

    status: int
    headers: list[tuple[str, str]]
    body: Iterable[bytes]
    close: Callable[[], None] | None = None

    def header(self, name: str) -> str | None:
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    def with_header(self, name: str, value: str) -> Answer:
        return replace(self, headers=[*self.without_header(name).headers, (name, value)])

    def without_header(self, name: str) -> Answer:
        return replace(self, headers=[(key, old) for key, old in self.headers if key.lower() != name.lower()])


class Dropped(Exception):
    """The connection ends here.

    Args:
        reset: with a reset (RST), else in good order (FIN).
    """

    def __init__(self, *, reset: bool) -> None:
        super().__init__()
        self.reset = reset


class Line(Protocol):
    """The connection, as far as a fault needs it."""

    def wait(self, seconds: float) -> None:
        """Return after `seconds` of real time; raise Dropped when the server stops."""

    def wait_for_hangup(self) -> None:
        """Return when the client has closed the connection, or the server stops."""


def play(fault: Fault, carry_out: Callable[[], Answer], line: Line) -> Answer:
    """Return what is answered instead of, or made of, what `carry_out` gives.

    Raises:
        Dropped: nothing is answered. Iterating the answer's body raises it as well.
    """
    kind = fault.kind
    match kind:
        case Kind.STATUS:
            return _replaced(fault, carry_out, 500 if fault.status is None else fault.status, fault.headers)
        case Kind.REDIRECT:
            headers = {"Location": fault.location, **fault.headers}
            return _replaced(fault, carry_out, 302 if fault.status is None else fault.status, headers)
        case Kind.GARBAGE:
            _drain(carry_out())
            body = fault.body or b'{"uuid": "'
            return Answer(200, [("Content-Type", fault.content_type), ("Content-Length", str(len(body)))], [body])
        case Kind.RESET_BEFORE:
            raise Dropped(reset=True)
        case Kind.SWALLOW:
            raise Dropped(reset=False)
        case Kind.RESET_AFTER:
            _drain(carry_out())
            raise Dropped(reset=True)
        case Kind.LATE:
            line.wait_for_hangup()
            _drain(carry_out())
            raise Dropped(reset=False)
        case Kind.DELAY:
            line.wait(fault.seconds)
            return carry_out()
        case Kind.WRONG_RANGE:
            answer = carry_out()
            return answer.with_header("Content-Range", fault.content_range or _shifted(answer))
        case Kind.OTHER_ETAG:
            return carry_out().with_header("ETag", fault.etag)
        case Kind.NO_RANGE:
            return carry_out()
        case Kind.NO_LENGTH:
            return carry_out().without_header("Content-Length")
        case Kind.SHORT_BODY:
            answer = carry_out().with_header("Content-Length", str(fault.after_bytes))
            return replace(answer, body=_first(answer.body, fault.after_bytes))
        case Kind.RESET_BODY | Kind.TRUNCATE_BODY | Kind.STALL | Kind.SLOW | Kind.FLIP:
            answer = carry_out()
            return replace(answer, body=_spoiled(fault, answer.body, line))
        case _:
            assert_never(kind)


def _replaced(fault: Fault, carry_out: Callable[[], Answer], status: int, headers: dict[str, str]) -> Answer:
    if fault.carried_out:
        _drain(carry_out())
    head = [("Content-Type", fault.content_type), ("Content-Length", str(len(fault.body))), *headers.items()]
    return Answer(status, head, [fault.body])


def _drain(answer: Answer) -> None:
    if answer.close is not None:
        answer.close()


def _shifted(answer: Answer) -> str:
    found = re.fullmatch(r"bytes (\d+)-(\d+)/(\S+)", answer.header("Content-Range") or "bytes 0-0/1")
    assert found is not None  # noqa: S101 - the storage makes no other form
    return f"bytes {int(found[1]) + 1}-{int(found[2]) + 1}/{found[3]}"


def _first(body: Iterable[bytes], count: int) -> Iterator[bytes]:
    for chunk in body:
        if count <= 0:
            return
        yield chunk[:count]
        count -= len(chunk)


def _spoiled(fault: Fault, body: Iterable[bytes], line: Line) -> Iterator[bytes]:
    if fault.kind is Kind.FLIP:
        yield from _flipped(body, fault.offset)
        return
    if fault.kind is Kind.SLOW:
        yield from _slow(body, fault.bytes_per_second, line)
        return
    yield from _first(body, fault.after_bytes)
    if fault.kind is Kind.STALL:
        line.wait_for_hangup()
    raise Dropped(reset=fault.kind is Kind.RESET_BODY)


def _flipped(body: Iterable[bytes], offset: int) -> Iterator[bytes]:
    for chunk in body:
        if 0 <= offset < len(chunk):
            yield chunk[:offset] + bytes([chunk[offset] ^ 0x01]) + chunk[offset + 1 :]
        else:
            yield chunk
        offset -= len(chunk)


def _slow(body: Iterable[bytes], bytes_per_second: float, line: Line) -> Iterator[bytes]:
    step = max(1, int(bytes_per_second / 50))
    for chunk in body:
        for start in range(0, len(chunk), step):
            piece = chunk[start : start + step]
            line.wait(len(piece) / bytes_per_second)
            yield piece
