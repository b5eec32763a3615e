"""Where requests may go: redirects, proxies, authorities, and who the API key is shown to."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from pydantic import SecretStr

from sekoia_export.api.client import Client
from sekoia_export.api.regions import api_root
from sekoia_export.clock import Deadline
from sekoia_export.errors import AnswerLost, NetworkError
from sekoia_export.simulator import Kind, Settings, Simulator
from tests.api.bench import SEARCH, Bench, Tls
from tests.api.conftest import Connect
from tests.clock import ManualClock
from tests.proxy import Proxy


@contextlib.contextmanager
def garbling_server(tls: Tls) -> Iterator[tuple[str, list[bytes]]]:
    """Give the URL of a server that answers requests with bytes that are no TLS, and the requests' first bytes."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(tls.certificate, tls.key)
    received: list[bytes] = []
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection = context.wrap_socket(listener.accept()[0], server_side=True)
                with connection:
                    received.append(b"")
                    # What is left unread would reset the connection.
                    while not received[-1].endswith(b"{}") and (data := connection.recv(4096)):
                        received[-1] += data
                    socket.socket.sendall(connection, b"garbage" * 10)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}", received
    finally:
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)
        thread.join()
        listener.close()


@contextlib.contextmanager
def client_of(base_url: str, clock: ManualClock) -> Iterator[Client]:
    client = Client(root=api_root(base_url), api_key=SecretStr("key"), deadline=Deadline(clock, 3600), patience_s=1)
    try:
        yield client
    finally:
        client.close()


def failure_of(base_url: str, clock: ManualClock) -> NetworkError:
    with client_of(base_url, clock) as client, pytest.raises(NetworkError) as raised:
        client.read("/me", what="reading")
    return raised.value


# Redirects


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_to_another_host_is_not_followed(connect: Connect, clock: ManualClock, status: int) -> None:
    bench = connect()
    with Simulator(clock=clock) as other:
        bench.fault(Kind.REDIRECT, status=status, location=f"{other.base_url}/v1/me?token=secret")
        with pytest.raises(NetworkError, match=r"redirects to 127\.0\.0\.1, and the API key is not sent along") as told:
            bench.read_me()
        assert other.requests == []
    assert "base_url" in told.value.remedy
    assert "secret" not in str(told.value)
    assert len(bench.asked()) == 1


@pytest.mark.parametrize(
    "location",
    ["//elsewhere.example/v1", "https://{place}/v1/me", "http://[", "http://{host}:x/", "ftp:me"],
)
def test_a_redirect_to_another_scheme_or_to_nowhere_is_not_followed(connect: Connect, location: str) -> None:
    bench = connect()
    parts = urlsplit(bench.simulator.base_url)
    bench.fault(Kind.REDIRECT, location=location.format(place=parts.netloc, host=parts.hostname))
    with pytest.raises(NetworkError, match="redirects to"):
        bench.read_me()
    assert len(bench.asked()) == 1


def test_a_redirect_within_the_host_is_followed_at_the_same_pace(connect: Connect) -> None:
    bench = connect()
    bench.fault(Kind.REDIRECT, location="/v1/me", path="/elsewhere")
    assert bench.client.read("/elsewhere", what="looking", parameters={"a": 1})["name"] == "simulated key"
    first, second = bench.asked()
    assert second.at_s - first.at_s == pytest.approx(0.25)
    assert second.query == {}


def test_redirects_in_circles_are_given_up(connect: Connect) -> None:
    bench = connect()
    bench.fault(Kind.REDIRECT, location="/v1/me", times=None)
    with pytest.raises(NetworkError, match="redirects in circles"):
        bench.read_me()
    assert len(bench.asked()) == 4


@pytest.mark.parametrize(("status", "lost"), [(301, True), (302, True), (303, True), (307, False), (308, False)])
def test_a_post_is_never_redirected(connect: Connect, status: int, *, lost: bool) -> None:
    bench = connect()
    bench.fault(Kind.REDIRECT, status=status, location="/v1/me")
    with pytest.raises(NetworkError, match="redirects to") as raised:
        bench.platform.create_search_job(SEARCH)
    assert isinstance(raised.value, AnswerLost) is lost
    assert "base_url" in raised.value.remedy
    assert len(bench.asked()) == 1


# The API key


def test_a_netrc_file_does_not_replace_the_api_key(
    connect: Connect, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login someone password else\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    bench = connect()
    bench.read_me()
    assert bench.asked()[0].headers["authorization"] == f"Bearer {bench.simulator.api_key}"


# Proxies and authorities


@pytest.fixture
def trusted(connect: Connect, tls: Tls, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Give a platform over TLS whose authority is trusted."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.authority))
    return connect(Settings(tls_certificate=tls.certificate, tls_key=tls.key))


def test_an_authority_of_requests_ca_bundle_is_trusted(trusted: Bench) -> None:
    assert trusted.client.root.startswith("https://")
    assert trusted.read_me()


def test_an_unknown_authority_is_told_at_once(trusted: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REQUESTS_CA_BUNDLE")
    with pytest.raises(NetworkError, match=r"certificate of 127\.0\.0\.1:\d+ is not trusted here \(.+\)\.") as raised:
        trusted.read_me()
    assert "REQUESTS_CA_BUNDLE" in raised.value.remedy
    assert trusted.asked() == []
    assert trusted.clock.slept == []


def test_a_certificate_for_another_name_says_so(trusted: Bench, clock: ManualClock) -> None:
    port = urlsplit(trusted.simulator.base_url).port
    assert "Hostname mismatch" in failure_of(f"https://localhost:{port}", clock).cause


def test_a_bundle_that_is_not_there_is_named(trusted: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "nowhere.pem"))
    with pytest.raises(NetworkError, match="the file with the trusted authorities is not there") as raised:
        trusted.read_me()
    assert "REQUESTS_CA_BUNDLE" in raised.value.remedy


def test_a_bundle_that_holds_no_certificate_is_a_network_error(
    trusted: Bench, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "empty.pem").write_text("nothing")
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "empty.pem"))
    with pytest.raises(NetworkError):
        trusted.read_me()


def test_the_proxy_of_the_environment_is_used(trusted: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    place = urlsplit(trusted.simulator.base_url)
    with Proxy(place.port or 0) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        assert trusted.read_me()
        trusted.client.close()
        assert proxy.asked == [place.netloc]


def test_plain_http_within_this_machine_goes_past_the_proxy(connect: Connect, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = connect()
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    assert bench.read_me()


@pytest.mark.parametrize(
    ("proxy", "told"),
    [
        ("http://127.0.0.1:1", "the proxy did not connect to api.example"),
        ("http://", "the proxy for api.example cannot be used"),
        ("socks5://127.0.0.1:1", "the proxy for api.example cannot be used"),
        ("http://user:canary-proxy-password@127.0.0.1:1", "the proxy did not connect to api.example"),
    ],
)
def test_a_proxy_that_does_not_work_is_told(
    clock: ManualClock, monkeypatch: pytest.MonkeyPatch, proxy: str, told: str
) -> None:
    monkeypatch.setenv("HTTPS_PROXY", proxy)
    failure = failure_of("https://api.example", clock)
    assert told in failure.cause
    assert "canary" not in str(failure)


def test_a_proxy_that_refuses_is_told(connect: Connect, clock: ManualClock, monkeypatch: pytest.MonkeyPatch) -> None:
    bench = connect()  # answers 501 to CONNECT
    monkeypatch.setenv("HTTPS_PROXY", bench.simulator.base_url)
    assert "the proxy did not connect to api.example" in failure_of("https://api.example", clock).cause


@pytest.mark.parametrize("host", ["a" * 70 + ".example", "a..b"])
def test_a_host_that_cannot_be_one_is_told_at_once(clock: ManualClock, host: str) -> None:
    with contextlib.ExitStack() as stack:
        client = Client(root=f"https://{host}/v1", api_key=SecretStr("key"), deadline=Deadline(clock, 60))
        stack.callback(client.close)
        with pytest.raises(NetworkError, match="is no name that a host can have"):
            client.read("/me", what="reading")
    assert clock.slept == []


def test_a_tls_failure_after_the_request_was_sent_is_a_lost_answer(
    tls: Tls, clock: ManualClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tls.authority))
    with garbling_server(tls) as (url, received), client_of(url, clock) as client:
        with pytest.raises(AnswerLost, match="the TLS connection to 127"):
            client.send("POST", "/jobs", {}, what="starting")
        assert [request[:4] for request in received] == [b"POST"]


@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.read("/me", what="reading"),
        lambda client: client.send("POST", "/jobs", {}, what="starting"),
    ],
    ids=["read", "send"],
)
def test_a_host_that_accepts_no_connection_is_told(clock: ManualClock, ask: Callable[[Client], Any]) -> None:
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.create_server(("127.0.0.1", 0), backlog=0))
        stack.enter_context(socket.create_connection(listener.getsockname()))  # the one that waits to be accepted
        client = stack.enter_context(client_of("http://{}:{}".format(*listener.getsockname()), clock))
        impatient = client.within(Deadline(clock, 0.2))
        with pytest.raises(NetworkError, match="did not accept a connection in time") as raised:
            ask(impatient)
        assert not isinstance(raised.value, AnswerLost)


def test_a_server_that_speaks_no_tls_is_a_network_error(connect: Connect, clock: ManualClock) -> None:
    bench = connect()
    failure = failure_of(bench.simulator.base_url.replace("http:", "https:"), clock)
    assert "the TLS connection to 127.0.0.1" in failure.cause
