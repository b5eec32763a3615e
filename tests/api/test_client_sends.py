"""Requests that change something: sent again only where it is certain that nothing was carried out."""

from __future__ import annotations

from typing import Any

import pytest

from sekoia_export.clock import Deadline
from sekoia_export.errors import AnswerLost, DeadlineExceeded, ExportBusy, NetworkError, QuotaExceeded
from sekoia_export.simulator import Kind, Settings
from tests.api.bench import SEARCH, Bench, Tls
from tests.api.conftest import Connect

PAGE = b"<html>403 Forbidden</html>"
MAYBE_CARRIED_OUT: list[tuple[Kind, dict[str, Any]]] = [
    (Kind.STATUS, {"status": 500, "carried_out": True}),
    (Kind.STATUS, {"status": 502, "body": PAGE, "carried_out": True}),
    (Kind.STATUS, {"status": 503, "headers": {"Retry-After": "1"}}),
    (Kind.STATUS, {"status": 504}),
    (Kind.STATUS, {"status": 408, "body": PAGE}),
    (Kind.STATUS, {"status": 200, "body": PAGE}),
    (Kind.REDIRECT, {"status": 303, "location": "/v1/me", "carried_out": True}),
    (Kind.RESET_BEFORE, {}),
    (Kind.RESET_AFTER, {}),
    (Kind.SWALLOW, {}),
    (Kind.RESET_BODY, {"after_bytes": 5}),
    (Kind.TRUNCATE_BODY, {"after_bytes": 5}),
    (Kind.SHORT_BODY, {"after_bytes": 5}),
    (Kind.GARBAGE, {}),
    (Kind.LATE, {}),
    (Kind.STALL, {}),
]
NAMES = [f"{kind.value} {details.get('status', '')}" for kind, details in MAYBE_CARRIED_OUT]
NOT_CARRIED_OUT: list[dict[str, Any]] = [
    {"status": 429},
    {"status": 429, "body": b'{"message": "Too many concurrent requests"}'},
    {"status": 403, "body": PAGE},
    {"status": 403},
]


def impatient(bench: Bench, kind: Kind) -> Bench:
    if kind in {Kind.LATE, Kind.STALL}:
        bench.client = bench.client.within(Deadline(bench.clock, 0.3))
    return bench


@pytest.mark.parametrize(("kind", "details"), MAYBE_CARRIED_OUT, ids=NAMES)
def test_what_may_have_been_carried_out_is_sent_once(connect: Connect, kind: Kind, details: dict[str, Any]) -> None:
    bench = impatient(connect(), kind)
    bench.fault(kind, **details)
    with pytest.raises(AnswerLost, match="The answer was lost while starting the search: "):
        bench.platform.create_search_job(SEARCH)
    bench.simulator.stop()  # waits for what is under way
    assert len(bench.asked("POST")) == 1
    assert len(bench.simulator.jobs) <= 1


@pytest.mark.parametrize("kind", [Kind.RESET_BEFORE, Kind.RESET_AFTER, Kind.SWALLOW, Kind.LATE])
def test_what_may_have_been_carried_out_is_sent_once_over_tls(
    connect: Connect, tls: Tls, monkeypatch: pytest.MonkeyPatch, kind: Kind
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.authority))
    bench = impatient(connect(Settings(tls_certificate=tls.certificate, tls_key=tls.key)), kind)
    bench.fault(kind)
    with pytest.raises(AnswerLost):
        bench.platform.create_search_job(SEARCH)
    bench.simulator.stop()
    assert len(bench.asked("POST")) == 1


@pytest.mark.parametrize("details", NOT_CARRIED_OUT, ids=lambda details: f"{details}")
def test_what_was_certainly_not_carried_out_is_sent_again(connect: Connect, details: dict[str, Any]) -> None:
    bench = connect()
    bench.fault(Kind.STATUS, **details)
    assert bench.platform.create_search_job(SEARCH).uuid
    assert len(bench.asked("POST")) == 2
    assert len(bench.simulator.jobs) == 1


def test_a_firewall_that_stays_shut_is_no_lost_answer(connect: Connect) -> None:
    bench = connect()
    bench.fault(Kind.STATUS, status=403, body=PAGE, times=None)
    with pytest.raises(NetworkError, match="from a firewall or proxy") as raised:
        bench.platform.create_search_job(SEARCH)
    assert not isinstance(raised.value, AnswerLost)


def test_a_platform_that_is_not_reached_is_no_lost_answer(connect: Connect) -> None:
    bench = connect()
    bench.simulator.stop()
    with pytest.raises(NetworkError, match="could not be reached") as raised:
        bench.platform.create_search_job(SEARCH)
    assert not isinstance(raised.value, AnswerLost)


def test_a_request_that_could_not_be_sent_in_time_is_said_to_be(connect: Connect) -> None:
    bench = connect(timeout_s=5)
    bench.fault(Kind.STATUS, status=429, headers={"Retry-After": "9"})
    with pytest.raises(DeadlineExceeded, match="status 429"):
        bench.platform.create_search_job(SEARCH)
    assert len(bench.asked()) == 1


@pytest.mark.parametrize("style", [409, 400, 429])
def test_a_running_export_is_told_at_once(connect: Connect, style: Any) -> None:
    bench = connect(Settings(busy_style=style, export_duration_s=3600))
    job_uuid = bench.search()
    bench.platform.start_export(job_uuid, fields=["message"], s3={})
    with pytest.raises(ExportBusy):
        bench.platform.start_export(job_uuid, fields=["message"], s3={})
    assert len(bench.asked("POST")) == 3


@pytest.mark.parametrize("style", [400, 403, 429])
def test_a_used_up_quota_is_told_at_once(connect: Connect, style: Any) -> None:
    bench = connect(Settings(quota_status=style, max_exports_of_a_job=0))
    job_uuid = bench.search()
    with pytest.raises(QuotaExceeded):
        bench.platform.start_export(job_uuid, fields=["message"], s3={})
    assert len(bench.asked("POST")) == 2


def test_another_request_that_is_refused_with_these_words_is_only_retried(connect: Connect) -> None:
    bench = connect()
    bench.answer(b'{"message": "quota of requests, another export is running"}', status=429)
    assert bench.platform.create_search_job(SEARCH).uuid


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"null", b'{"task_uuid": null}', b'{"task_uuid": "../../me"}'])
def test_an_accepted_export_without_a_task_is_a_lost_answer(connect: Connect, body: bytes) -> None:
    bench = connect()
    job_uuid = bench.search()
    bench.answer(body, status=202, carried_out=True)
    with pytest.raises(AnswerLost, match="its answer names no task"):
        bench.platform.start_export(job_uuid, fields=["message"], s3={})
    assert len(bench.simulator.exports) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"uuid": "../../me"}', b'{"uuid": 7}'])
def test_an_accepted_search_without_a_job_is_a_lost_answer(connect: Connect, body: bytes) -> None:
    bench = connect()
    bench.answer(body)
    with pytest.raises(AnswerLost, match="its answer is not understood"):
        bench.platform.create_search_job(SEARCH)


def test_an_answer_without_a_body_is_enough_where_nothing_is_read(connect: Connect) -> None:
    bench = connect()
    job_uuid = bench.search()
    bench.answer(b"", status=204)
    bench.platform.keep_search_job(job_uuid, results_ttl_s=60)
