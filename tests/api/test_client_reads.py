"""Reads: what is retried, for how long, and what comes of it."""

from __future__ import annotations

import gzip
from datetime import timedelta
from email.utils import format_datetime
from itertools import pairwise
from typing import Any

import pytest
import requests
import urllib3

from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.errors import DeadlineExceeded, ExportError, KeyRejected, NetworkError, NotFound, PermissionMissing
from sekoia_export.simulator import Kind
from tests.api.bench import JOBS, Bench
from tests.api.conftest import Connect
from tests.clock import ManualClock

PAGE = b"<html><h1>403 Forbidden</h1>Attention required</html>"
UNTIL_ASKED = 0.3  # seconds of real time that a read may be silent
BROKEN: list[tuple[Kind, dict[str, Any]]] = [
    (Kind.STATUS, {"status": 429}),
    (Kind.STATUS, {"status": 500}),
    (Kind.STATUS, {"status": 502, "body": PAGE, "content_type": "text/html"}),
    (Kind.STATUS, {"status": 503, "body": b'{"message": "maintenance"}'}),
    (Kind.STATUS, {"status": 504}),
    (Kind.STATUS, {"status": 408, "body": PAGE}),
    (Kind.STATUS, {"status": 403, "body": PAGE, "content_type": "text/html"}),
    (Kind.STATUS, {"status": 403}),
    (Kind.STATUS, {"status": 400, "body": PAGE}),
    (Kind.STATUS, {"status": 404, "body": PAGE}),
    (Kind.STATUS, {"status": 200, "body": PAGE, "content_type": "text/html"}),
    (Kind.STATUS, {"status": 200}),
    (Kind.STATUS, {"status": 204}),
    (Kind.STATUS, {"status": 302}),
    (Kind.STATUS, {"status": 200, "body": b"[" * 200_000}),
    (Kind.STATUS, {"status": 200, "body": b"9" * 5_000}),
    (Kind.STATUS, {"status": 200, "body": b"\xff\xfe\xff"}),
    (Kind.STATUS, {"status": 200, "body": b"not gzip", "headers": {"Content-Encoding": "gzip"}}),
    (Kind.STATUS, {"status": 200, "headers": {"Content-Length": "5, 6"}}),
    (Kind.RESET_BEFORE, {}),
    (Kind.RESET_AFTER, {}),
    (Kind.SWALLOW, {}),
    (Kind.RESET_BODY, {"after_bytes": 5}),
    (Kind.TRUNCATE_BODY, {"after_bytes": 5}),
    (Kind.SHORT_BODY, {"after_bytes": 5}),
    (Kind.GARBAGE, {}),
    (Kind.LATE, {}),
    (Kind.STALL, {}),
    (Kind.STALL, {"after_bytes": 5}),
]
NAMES = [
    f"{number} {kind.value} {details.get('status', '')} {len(details.get('body', b''))}"
    for number, (kind, details) in enumerate(BROKEN)
]


def patient(bench: Bench, kind: Kind) -> Bench:
    """Let a read give up early where it would wait in real time."""
    if kind in {Kind.LATE, Kind.STALL}:
        bench.client = bench.client.within(Deadline(bench.clock, UNTIL_ASKED))
    return bench


@pytest.mark.parametrize(("kind", "details"), BROKEN, ids=NAMES)
def test_a_read_is_tried_again(connect: Connect, kind: Kind, details: dict[str, Any]) -> None:
    bench = connect()
    bench.fault(kind, **details)
    if kind in {Kind.LATE, Kind.STALL}:
        bench.client = bench.client.within(Deadline(bench.clock, 1.0))
    assert bench.read_me()["name"] == "simulated key"
    assert len(bench.asked()) == 2


@pytest.mark.parametrize(("kind", "details"), BROKEN, ids=NAMES)
def test_no_exception_of_a_library_escapes_a_read(connect: Connect, kind: Kind, details: dict[str, Any]) -> None:
    bench = patient(connect(), kind)
    bench.fault(kind, times=None, **details)
    with pytest.raises((NetworkError, DeadlineExceeded)) as raised:
        bench.read_me()
    assert not isinstance(raised.value, requests.RequestException | urllib3.exceptions.HTTPError | OSError)
    assert "reading who I am" in raised.value.cause
    assert raised.value.cause.endswith(".")
    assert not raised.value.cause.endswith("..")


@pytest.mark.parametrize(
    ("status", "kind"), [(401, KeyRejected), (403, PermissionMissing), (404, NotFound), (400, ExportError)]
)
def test_a_refusal_is_not_tried_again(connect: Connect, status: int, kind: type[ExportError]) -> None:
    bench = connect()
    bench.answer(b'{"message": "No.", "code": "F1"}', status=status)
    with pytest.raises(kind, match="F1: No"):
        bench.read_me()
    assert len(bench.asked()) == 1


@pytest.mark.parametrize("status", [401, 410])
def test_some_refusals_need_no_body_to_be_believed(connect: Connect, status: int) -> None:
    bench = connect()
    bench.answer(PAGE, status=status)
    with pytest.raises(ExportError, match="without a reason"):
        bench.read_me()
    assert len(bench.asked()) == 1


@pytest.mark.parametrize("form", ["seconds", "date"])
def test_retry_after_is_waited_for(connect: Connect, clock: ManualClock, form: str) -> None:
    bench = connect()
    told = "17" if form == "seconds" else format_datetime(clock.now() + timedelta(seconds=17), usegmt=True)
    bench.fault(Kind.STATUS, status=429, headers={"Retry-After": told})
    bench.read_me()
    first, second = bench.asked()
    assert second.at_s - first.at_s == pytest.approx(17, abs=1)


@pytest.mark.parametrize("told", ["", "soon", "-5", "nan", "0", "Thu, 99 Foo 2026 99:99:99 GMT", "1e-9", "\u00b2"])
def test_a_retry_after_that_says_nothing_is_a_second(connect: Connect, told: str) -> None:
    bench = connect()
    bench.fault(Kind.STATUS, status=429, headers={"Retry-After": told})
    bench.read_me()
    first, second = bench.asked()
    assert 0.25 <= second.at_s - first.at_s < 5


def test_retry_after_is_no_patience_spent(connect: Connect) -> None:
    bench = connect(patience_s=10)
    bench.fault(Kind.STATUS, status=429, headers={"Retry-After": "100"}, times=3)
    assert bench.read_me()


@pytest.mark.parametrize("told", ["100000", "1e999"])
def test_a_platform_that_asks_to_wait_for_ever_is_not_waited_for(connect: Connect, told: str) -> None:
    bench = connect(timeout_s=None)
    bench.fault(Kind.STATUS, status=429, headers={"Retry-After": told}, times=None)
    with pytest.raises(NetworkError, match="status 429"):
        bench.read_me()
    assert bench.clock.slept == []


def test_a_platform_that_always_asks_to_wait_ends_the_patience(connect: Connect) -> None:
    bench = connect(timeout_s=None)
    bench.fault(Kind.STATUS, status=429, headers={"Retry-After": "60"}, times=None)
    with pytest.raises(NetworkError, match="status 429"):
        bench.read_me()
    assert 660 <= sum(bench.clock.slept) < 900


def test_a_wait_past_the_deadline_is_not_begun(connect: Connect) -> None:
    bench = connect(timeout_s=60)
    bench.fault(Kind.STATUS, status=429, headers={"Retry-After": "61"}, times=None)
    with pytest.raises(DeadlineExceeded, match=r"The time was up while reading who I am: status 429\.") as raised:
        bench.read_me()
    assert bench.clock.slept == []
    assert isinstance(raised.value.__cause__, NetworkError)
    assert raised.value.__cause__.__cause__ is not None


def test_the_patience_ends_before_the_deadline(connect: Connect) -> None:
    bench = connect(patience_s=60)
    bench.read_me()
    bench.fault(Kind.STATUS, status=500, times=None)
    with pytest.raises(NetworkError, match="status 500"):
        bench.read_me()
    assert 20 < bench.clock.monotonic() - 1000 < 62


def test_a_platform_that_was_never_reached_is_given_up_sooner(connect: Connect) -> None:
    bench = connect(patience_s=600)
    bench.simulator.stop()
    with pytest.raises(NetworkError, match=r"127\.0\.0\.1:\d+ could not be reached"):
        bench.read_me()
    assert sum(bench.clock.slept) < 31


def test_a_step_that_waits_anyway_rides_out_a_block_of_ten_minutes(connect: Connect) -> None:
    bench = connect()
    bench.read_me()
    blocked_at = bench.clock.monotonic()
    bench.fault(
        Kind.STATUS, status=403, body=PAGE, times=None, when=lambda _: bench.clock.monotonic() < blocked_at + 600
    )
    patient_client = bench.client.within(bench.client.deadline, patience_s=660)
    assert patient_client.read("/me", what="reading who I am")


def test_errors_slow_the_retries_down(connect: Connect) -> None:
    bench = connect(patience_s=660)
    bench.read_me()
    bench.fault(Kind.STATUS, status=500, times=6)
    bench.read_me()
    times = [request.at_s for request in bench.asked()][1:]
    gaps = [after - before for before, after in pairwise(times)]
    assert all(gap >= least - 1e-6 for gap, least in zip(gaps[1:], [3, 6, 12, 24, 30], strict=True))


def test_refusals_slow_down_what_follows(connect: Connect) -> None:
    bench = connect()
    for _ in range(3):
        with pytest.raises(NotFound):
            bench.client.read("/nowhere", what="looking")
    assert bench.asked()[2].at_s - bench.asked()[1].at_s == pytest.approx(3)


def test_a_pause_past_the_deadline_is_not_begun(connect: Connect) -> None:
    bench = connect(timeout_s=2)
    for _ in range(2):
        with pytest.raises(NotFound):
            bench.client.read("/nowhere", what="looking")
    slept = list(bench.clock.slept)
    with pytest.raises(DeadlineExceeded, match="There was no time left for looking"):
        bench.client.read("/nowhere", what="looking")
    assert bench.clock.slept == slept


class Drowsy(ManualClock):
    """A clock whose sleeps last a second longer than they should, as on a busy machine."""

    def sleep(self, seconds: float) -> None:
        super().sleep(seconds + 1)


def test_a_deadline_that_was_overslept_has_the_last_failure_as_its_cause(connect: Connect) -> None:
    bench = connect(timeout_s=1, on=Drowsy())
    bench.answer(b"", status=503)
    with pytest.raises(DeadlineExceeded, match="took longer than the 1 seconds") as raised:
        bench.read_me()
    assert isinstance(raised.value.__cause__, NetworkError)
    assert "status 503" in raised.value.__cause__.cause
    assert len(bench.asked()) == 1


def test_an_address_that_never_answered_is_a_network_error_however_late(connect: Connect) -> None:
    for clock in (ManualClock(), Drowsy()):
        bench = connect(timeout_s=1, on=clock)
        bench.simulator.stop()
        with pytest.raises(NetworkError, match="could not be reached"):
            bench.read_me()


def test_nothing_is_asked_after_the_deadline(connect: Connect) -> None:
    bench = connect(timeout_s=5)
    bench.clock.advance(5)
    with pytest.raises(DeadlineExceeded, match="Reading who I am took longer than the 5 seconds it was given"):
        bench.read_me()
    assert bench.asked() == []


def test_a_silent_platform_is_given_up_at_the_deadline(connect: Connect) -> None:
    bench = connect(timeout_s=UNTIL_ASKED, on=SystemClock())
    bench.fault(Kind.LATE, times=None)
    with pytest.raises(DeadlineExceeded, match="did not answer in time"):
        bench.read_me()


def test_an_answer_that_drips_in_is_given_up_at_the_deadline(connect: Connect) -> None:
    bench = connect(timeout_s=UNTIL_ASKED, on=SystemClock())
    bench.fault(Kind.SLOW, bytes_per_second=20, times=None)
    with pytest.raises(DeadlineExceeded, match="did not end in time"):
        bench.read_me()


def test_an_answer_of_any_size_does_not_fill_the_memory(connect: Connect) -> None:
    bench = connect(patience_s=0)
    bomb = gzip.compress(b" " * (64 * 1024 * 1024 + 1), 1)
    bench.answer(bomb, headers={"Content-Encoding": "gzip"})
    with pytest.raises(NetworkError, match=r"larger than any of the platform's"):
        bench.read_me()


def test_a_read_that_may_be_empty_is_an_empty_object(connect: Connect) -> None:
    bench = connect()
    for status in (200, 204):
        bench.answer(b"", status=status)
        bench.platform.validate_key()
    assert len(bench.asked()) == 2


def test_a_query_is_sent(connect: Connect) -> None:
    bench = connect()
    job_uuid = bench.search()
    bench.client.read(f"{JOBS}/{job_uuid}/events", what="reading events", parameters={"limit": 2, "offset": 3})
    assert bench.asked()[-1].query == {"limit": "2", "offset": "3"}


def test_connections_are_kept(connect: Connect) -> None:
    bench = connect()
    ports = set()
    for _ in range(3):
        bench.read_me()
        ports.add(bench.asked()[-1].headers.get("connection"))
    assert ports == {"keep-alive"}


def test_each_failure_is_told_with_the_time_to_the_next_try(connect: Connect, caplog: pytest.LogCaptureFixture) -> None:
    bench = connect()
    bench.answer(b'{"message": "come back later"}', status=503)
    bench.read_me()
    (record,) = [record for record in caplog.records if record.name.startswith("sekoia_export.api")]
    assert "No usable answer while reading who I am: status 503, come back later; again in" in record.getMessage()
