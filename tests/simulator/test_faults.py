from __future__ import annotations

import json
import threading
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from sekoia_export.simulator import Fault, Kind, Recorded
from tests.simulator.client import JOBS, SEARCH, Client

if TYPE_CHECKING:
    from collections.abc import Callable

EXPORT = "/export$"
SHORT_S = 0.3


@pytest.fixture
def url(client: Client) -> str:
    return client.url(client.export())


def whole(client: Client, url: str) -> bytes:
    return client.fetch(url).content


def lost(call: Callable[[], object]) -> None:
    with pytest.raises((requests.ConnectionError, requests.exceptions.ChunkedEncodingError, requests.ReadTimeout)):
        call()


def test_a_status_is_answered_instead(client: Client) -> None:
    page = b"<html><h1>502 Bad Gateway</h1></html>"
    headers = {"Retry-After": "7"}
    client.simulator.faults.add(
        Fault(Kind.STATUS, path=JOBS, status=502, body=page, headers=headers, content_type="text/html")
    )
    answer = client.ask("POST", JOBS, json=SEARCH)
    assert (answer.status_code, answer.content, answer.headers["Retry-After"]) == (502, page, "7")
    assert answer.headers["Content-Type"] == "text/html"
    assert not client.simulator.jobs
    assert client.simulator.requests[0].status == 502
    assert client.simulator.requests[0].fault is not None
    assert client.ask("POST", JOBS, json=SEARCH).status_code == 200


def test_a_status_is_answered_although_it_was_carried_out(client: Client) -> None:
    client.simulator.faults.add(Fault(Kind.STATUS, carried_out=True))
    assert client.ask("POST", JOBS, json=SEARCH).status_code == 500
    assert len(client.simulator.jobs) == 1


def test_a_redirect(client: Client) -> None:
    client.simulator.faults.add(
        Fault(Kind.REDIRECT, location="https://elsewhere.example/v1"),
        Fault(Kind.REDIRECT, location="/v1/me", status=307),
    )
    first = client.ask("GET", "/v1/me", allow_redirects=False)
    assert (first.status_code, first.headers["Location"]) == (302, "https://elsewhere.example/v1")
    assert client.ask("GET", "/v1/elsewhere").json()["name"] == "simulated key"


def test_garbage(client: Client) -> None:
    client.simulator.faults.add(Fault(Kind.GARBAGE), Fault(Kind.GARBAGE, body=b"null"))
    answer = client.ask("POST", JOBS, json=SEARCH)
    assert (answer.status_code, answer.headers["Content-Type"]) == (200, "application/json")
    with pytest.raises(requests.JSONDecodeError):
        answer.json()
    assert len(client.simulator.jobs) == 1
    assert client.ask("GET", "/v1/me").json() is None


@pytest.mark.parametrize(
    ("kind", "carried_out"), [(Kind.RESET_BEFORE, 0), (Kind.SWALLOW, 0), (Kind.RESET_AFTER, 1), (Kind.STALL, 1)]
)
def test_answers_are_lost_before_and_after(client: Client, kind: Kind, carried_out: int) -> None:
    client.simulator.faults.add(Fault(kind, method="POST"))
    with requests.Session() as http:
        auth = {"Authorization": f"Bearer {client.simulator.api_key}"}
        url = client.simulator.base_url + JOBS
        lost(lambda: http.post(url, json=SEARCH, headers=auth, timeout=SHORT_S).content)
    assert len(client.simulator.jobs) == carried_out
    assert client.simulator.requests[0].status == (200 if kind is Kind.STALL else 0)
    assert client.ask("POST", JOBS, json=SEARCH).status_code == 200


def test_a_reset_is_a_reset_and_a_close_is_a_close(client: Client) -> None:
    client.simulator.faults.add(Fault(Kind.RESET_BEFORE), Fault(Kind.SWALLOW))
    with pytest.raises(requests.ConnectionError, match="Connection reset"):
        client.ask("GET", "/v1/me")
    with pytest.raises(requests.ConnectionError, match="closed connection without response"):
        client.ask("GET", "/v1/me")


def test_a_late_request_is_carried_out_when_nobody_waits_any_more(client: Client) -> None:
    client.simulator.faults.add(Fault(Kind.LATE, method="POST"))
    headers = {"Authorization": f"Bearer {client.simulator.api_key}", "Content-Type": "application/json"}
    there = urlsplit(client.simulator.base_url)
    with closing(HTTPConnection(str(there.hostname), there.port, timeout=SHORT_S)) as http:
        http.request("POST", there.path + JOBS, json.dumps(SEARCH), headers)
        with pytest.raises(TimeoutError):
            http.getresponse()
        assert not client.simulator.jobs  # its connection is still there
    client.simulator.stop()  # waits for what is under way
    assert len(client.simulator.jobs) == 1


def test_a_stop_does_not_wait_for_clients_that_hang(client: Client, url: str) -> None:
    arrived = threading.Semaphore(0)

    def arrives(_: Recorded) -> bool:
        arrived.release()
        return True

    client.simulator.faults.add(
        Fault(Kind.STALL, server="storage", when=arrives),
        Fault(Kind.DELAY, server="storage", seconds=1_000, when=arrives),
        Fault(Kind.SLOW, server="storage", bytes_per_second=1, when=arrives),
    )
    failures: list[Exception] = []

    def hang() -> None:
        with requests.Session() as http:
            try:
                http.get(url, timeout=60)
            except requests.RequestException as error:
                failures.append(error)

    threads = [threading.Thread(target=hang) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in threads:
        arrived.acquire()
    client.simulator.stop()
    for thread in threads:
        thread.join(30)
    assert len(failures) == 3


@pytest.mark.parametrize("kind", [Kind.RESET_BODY, Kind.TRUNCATE_BODY, Kind.STALL])
@pytest.mark.parametrize("after_bytes", [0, 1_000])
def test_a_body_breaks_off(client: Client, url: str, kind: Kind, after_bytes: int) -> None:
    content = whole(client, url)
    client.simulator.faults.add(Fault(kind, server="storage", after_bytes=after_bytes))
    with requests.Session() as http:
        answer = http.get(url, stream=True, timeout=SHORT_S)
        assert answer.headers["Content-Length"] == str(len(content))
        received = b""

        def read() -> None:
            nonlocal received
            for chunk in answer.iter_content(100):
                received += chunk

        lost(read)
        answer.close()
    assert content.startswith(received)
    if kind is not Kind.RESET_BODY:  # a reset may overtake the bytes before it
        assert len(received) == after_bytes
    assert whole(client, url) == content


def test_a_short_body_says_that_it_is_short(client: Client, url: str) -> None:
    content = whole(client, url)
    client.simulator.faults.add(
        Fault(Kind.SHORT_BODY, server="storage", after_bytes=100, when=lambda r: "range" in r.headers)
    )
    answer = client.fetch(url, {"Range": "bytes=50-"})
    assert answer.content == content[50:150]
    assert answer.headers["Content-Length"] == "100"
    assert answer.headers["Content-Range"] == f"bytes 50-{len(content) - 1}/{len(content)}"
    client.simulator.faults.add(Fault(Kind.SHORT_BODY, server="storage", after_bytes=0))
    assert client.fetch(url).content == b""


def test_a_byte_is_another(client: Client, url: str) -> None:
    content = whole(client, url)
    client.simulator.faults.add(Fault(Kind.FLIP, server="storage", offset=1_234))
    flipped = whole(client, url)
    assert [at for at in range(len(content)) if content[at] != flipped[at]] == [1_234]


def test_a_byte_far_into_the_body_is_another(client: Client) -> None:
    client.simulator.publish(bytes(1_000_000), name="zeros")
    client.simulator.faults.add(Fault(Kind.FLIP, server="storage", offset=654_321))
    flipped = whole(client, client.simulator.presign("zeros"))
    assert (flipped.index(1), flipped.count(1), len(flipped)) == (654_321, 1, 1_000_000)


def test_a_slow_body_is_whole(client: Client, url: str) -> None:
    content = whole(client, url)
    client.simulator.faults.add(Fault(Kind.SLOW, server="storage", bytes_per_second=len(content) * 20))
    assert whole(client, url) == content


def test_a_delay(client: Client) -> None:
    client.simulator.faults.add(Fault(Kind.DELAY, seconds=0.01))
    assert client.ask("GET", "/v1/me").status_code == 200


def test_ranges_that_are_wrong(client: Client, url: str) -> None:
    content = whole(client, url)
    size = len(content)
    client.simulator.faults.add(
        Fault(Kind.WRONG_RANGE, server="storage"),
        Fault(Kind.WRONG_RANGE, server="storage", content_range="bytes 0-9/*"),
        Fault(Kind.NO_RANGE, server="storage"),
        Fault(Kind.OTHER_ETAG, server="storage"),
        Fault(Kind.NO_LENGTH, server="storage"),
        Fault(Kind.WRONG_RANGE, server="storage"),
    )
    first, second, third, fourth, fifth = (client.fetch(url, {"Range": "bytes=10-19"}) for _ in range(5))
    assert (first.content, first.headers["Content-Range"]) == (content[10:20], f"bytes 11-20/{size}")
    assert second.headers["Content-Range"] == "bytes 0-9/*"
    assert (third.status_code, third.content) == (200, content)
    assert (fourth.status_code, fourth.headers["ETag"]) == (206, '"another-object"')
    assert (fifth.status_code, fifth.content, fifth.headers["Connection"]) == (200, content, "close")
    assert "Content-Length" not in fifth.headers
    assert client.fetch(url).headers["Content-Range"] == "bytes 1-1/1"


def test_faults_stand_in_line(client: Client) -> None:
    faults = client.simulator.faults
    second = Fault(Kind.STATUS, status=503)
    later = Fault(Kind.STATUS, status=504, method="GET", path="^/v1/me$", nth=2, times=2)
    never = Fault(Kind.STATUS, server="storage")
    faults.add(Fault(Kind.STATUS, status=502), second, later, never)
    assert [client.ask("GET", "/v1/me").status_code for _ in range(6)] == [502, 503, 200, 504, 504, 200]
    assert faults.unused() == [never]
    faults.clear()
    assert faults.unused() == []


def test_a_fault_for_ever(client: Client) -> None:
    endless = Fault(Kind.STATUS, status=503, times=None, when=lambda request: request.method == "GET")
    client.simulator.faults.add(endless)
    assert client.simulator.faults.unused() == [endless]
    assert [client.ask("GET", "/v1/me").status_code for _ in range(3)] == [503] * 3
    assert client.simulator.faults.unused() == []
    assert client.ask("POST", JOBS, json=SEARCH).status_code == 200
