from __future__ import annotations

import http.client
import socket
import threading
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import pytest
import requests

from sekoia_export.simulator import Settings, Simulator
from sekoia_export.simulator.faults import Faults
from sekoia_export.simulator.server import Server
from tests.clock import ManualClock
from tests.simulator.client import JOBS, SEARCH, Client

if TYPE_CHECKING:
    from tests.simulator.conftest import Tls


def sockets_and_threads() -> int:
    return sum(thread.name.startswith("simulator-") for thread in threading.enumerate())


def test_a_connection_carries_many_requests(client: Client) -> None:
    address = urlsplit(client.simulator.base_url).netloc
    connection = http.client.HTTPConnection(address, timeout=10)
    connection.connect()
    first = connection.sock
    for _ in range(3):
        connection.request("GET", "/v1/me", headers={"Authorization": f"Bearer {client.simulator.api_key}"})
        assert connection.getresponse().read()
        assert connection.sock is first
    connection.request("GET", "/v1/me", headers={"Connection": "close"})
    answer = connection.getresponse()
    assert (answer.status, answer.getheader("Connection")) == (401, "close")
    answer.read()
    assert connection.sock is None


def test_a_stop_ends_connections_that_idle_and_can_be_repeated() -> None:
    simulator = Simulator(clock=ManualClock()).start()
    folder = simulator.folder
    connection = http.client.HTTPConnection(urlsplit(simulator.base_url).netloc, timeout=10)
    connection.request("GET", "/v1/me")
    assert connection.getresponse().read()
    assert connection.sock is not None
    simulator.stop()
    simulator.stop()
    assert connection.sock.recv(1) == b""
    connection.close()
    assert sockets_and_threads() == 0
    assert not folder.exists()
    with pytest.raises(requests.ConnectionError):
        requests.get(simulator.base_url, timeout=10)


def test_ports_can_be_chosen_and_used_again() -> None:
    with Simulator(api_key="mine") as first:
        port, storage_port = urlsplit(first.base_url).port, urlsplit(first.storage_url).port
    assert port is not None
    assert storage_port is not None
    with Simulator(port=port, storage_port=storage_port, api_key="mine") as second:
        assert (second.base_url, second.storage_url) == (first.base_url, first.storage_url)
        answer = requests.get(f"{second.base_url}/v1/me", headers={"Authorization": "Bearer mine"}, timeout=10)
        assert answer.status_code == 200


def test_requests_are_recorded_as_they_came(client: Client) -> None:
    job = client.ask("POST", f"/api{JOBS}", json=SEARCH, headers={"X-Test": "1"}).json()["uuid"]
    client.clock.advance(5)
    client.ask("GET", f"{JOBS}/{job}/events?limit=3&offset=&limit=4")
    client.fetch(f"{client.simulator.storage_url}/bucket/a%20key?x=1")
    first, second, third = client.simulator.requests
    assert (first.server, first.method, first.path, first.status) == ("platform", "POST", f"/api{JOBS}", 200)
    assert first.headers["x-test"] == "1"
    assert b'"term"' in first.body
    assert (second.query, second.status, second.at_s - first.at_s) == ({"limit": "4", "offset": ""}, 400, 5.0)
    assert (third.server, third.path, third.query, third.status) == ("storage", "/bucket/a%20key", {"x": "1"}, 403)
    assert client.simulator.api_key not in repr(client.simulator.requests)


def test_a_body_may_come_in_chunks(client: Client) -> None:
    body = b'{"term": "*", "earliest_time": "-1h", "latest_time": "now"}'
    answer = client.ask("POST", JOBS, data=iter([body[:10], body[10:]]), headers={"Content-Type": "application/json"})
    assert answer.status_code == 200
    assert client.simulator.requests[0].body == body


def test_tls(tls: Tls) -> None:
    settings = Settings(tls_certificate=tls.certificate, tls_key=tls.key)
    with Simulator(settings) as simulator, requests.Session() as http:
        assert simulator.base_url.startswith("https://127.0.0.1:")
        assert simulator.storage_url.startswith("https://127.0.0.1:")
        assert http.get(f"{simulator.base_url}/v1/me", verify=str(tls.authority), timeout=10).status_code == 401
        with pytest.raises(requests.exceptions.SSLError):
            requests.get(f"{simulator.base_url}/v1/me", timeout=10)
        # Neither plain HTTP nor silence holds up the others, nor the end.
        with pytest.raises(requests.ConnectionError):
            requests.get(simulator.base_url.replace("https", "http"), timeout=10)
        silent = socket.create_connection((urlsplit(simulator.base_url).hostname, urlsplit(simulator.base_url).port))
        with silent:
            assert http.get(f"{simulator.base_url}/v1/me", verify=str(tls.authority), timeout=10).status_code == 401
            simulator.stop()


def test_a_bug_in_an_application_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    def broken(environ: object, start_response: object) -> list[bytes]:
        raise KeyError("a bug")

    server = Server("platform", broken, faults=Faults(), requests=[], clock=ManualClock())
    server.start()
    with pytest.raises(requests.ConnectionError):
        requests.get(server.url, timeout=10)
    server.stop()
    assert "KeyError: 'a bug'" in capsys.readouterr().err


def test_an_answer_without_a_length_gets_one() -> None:
    def terse(environ: object, start_response: Callable[..., object]) -> list[bytes]:
        start_response("200 OK", [])
        return [b"a", b"b"]

    server = Server("platform", terse, faults=Faults(), requests=[], clock=ManualClock())
    server.start()
    with requests.Session() as http:
        answer = http.get(server.url, timeout=10)
    server.stop()
    assert (answer.content, answer.headers["Content-Length"]) == (b"ab", "2")


def test_a_client_may_leave_in_the_middle(client: Client, capsys: pytest.CaptureFixture[str]) -> None:
    client.simulator.publish(bytes(20_000_000), name="big")
    with requests.Session() as http:
        answer = http.get(client.simulator.presign("big"), stream=True, timeout=10)
        assert len(next(answer.iter_content(1_000))) == 1_000
        answer.close()
    client.simulator.stop()
    assert capsys.readouterr().err == ""


def test_settings_can_be_exchanged_while_it_runs(client: Client) -> None:
    client.simulator.settings = replace(client.simulator.settings, total_events=7)
    assert client.get(f"{JOBS}/{client.search()}")["total"] == 7
