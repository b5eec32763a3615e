"""A WSGI server on loopback: threads, HTTP/1.1 with connections kept alive, TLS where asked for, faults by script.

Werkzeug's and wsgiref's servers close every connection after one answer, and neither lets an answer break off on
purpose; a client's connection pool and its retries can only be tested against one that does both.
"""

from __future__ import annotations

import contextlib
import http.client
import io
import socket
import socketserver
import ssl
import struct
import sys
import threading
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import parse_qsl, unquote_to_bytes, urlsplit

from sekoia_export.simulator.faults import Answer, Dropped, Fault, Faults, Kind, Recorded, ServerName, play

if TYPE_CHECKING:
    from pathlib import Path
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

    from sekoia_export.clock import Clock

HOST = "127.0.0.1"
_RESET = struct.pack("ii", 1, 0)  # SO_LINGER on, 0 s: close() sends RST


class Server(socketserver.ThreadingMixIn, socketserver.TCPServer):
    """Serves `app` until stopped, every connection in a thread of its own.

    Args:
        name: what faults and records call it.
        app: the WSGI application.
        port: 0 for a free one.
        requests: takes what arrives, in the order of arrival.
        tls: certificate and key (PEM files); plain HTTP when None.
    """

    allow_reuse_address = True
    daemon_threads = False
    request_queue_size = 128

    def __init__(
        self,
        name: ServerName,
        app: WSGIApplication,
        *,
        faults: Faults,
        requests: list[Recorded],
        clock: Clock,
        port: int = 0,
        tls: tuple[Path, Path] | None = None,
    ) -> None:
        self.name: ServerName = name
        self.app = app
        self.faults = faults
        self.requests = requests
        self.clock = clock
        self.stopping = threading.Event()
        self._connections: set[socket.socket] = set()
        self._lock = threading.Lock()
        self._tls = None if tls is None else _tls_context(*tls)
        self.scheme = "http" if tls is None else "https"
        super().__init__((HOST, port), _Handler)
        self.port = int(self.server_address[1])
        self.url = f"{self.scheme}://{HOST}:{self.port}"
        self._thread = threading.Thread(target=self._accept, name=f"simulator-{name}")

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Close every connection and return when no thread is left. Can be called again."""
        if self.stopping.is_set():
            return
        self.stopping.set()
        # accept() cannot be woken portably; a connection does it.
        with contextlib.suppress(OSError), socket.create_connection((HOST, self.port), timeout=5):
            self._thread.join()
        with self._lock:
            connections = list(self._connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                socket.socket.shutdown(connection, socket.SHUT_RDWR)
        self.server_close()

    def get_request(self) -> tuple[socket.socket, Any]:
        connection, address = super().get_request()
        if self._tls is not None:
            # The handshake is left to the connection's own thread: a silent client must not hold up the others.
            connection = self._tls.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
        with self._lock:
            self._connections.add(connection)
        return connection, address

    def verify_request(self, request: Any, client_address: Any) -> bool:  # noqa: ARG002 - socketserver's form
        return not self.stopping.is_set()

    def shutdown_request(self, request: Any) -> None:
        with self._lock:
            self._connections.discard(request)
        if request.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, len(_RESET)) == _RESET:
            self.close_request(request)  # a FIN first would make a good end of it
        else:
            super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Tell of a bug in an application; a client that went away is none."""
        if not isinstance(sys.exc_info()[1], OSError):
            super().handle_error(request, client_address)

    def _accept(self) -> None:
        while not self.stopping.is_set():
            self.handle_request()


def _tls_context(certificate: Path, key: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


class _Handler(BaseHTTPRequestHandler):
    """Carries a connection's requests to the application and its answers back."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: Server

    def setup(self) -> None:
        if isinstance(self.request, ssl.SSLSocket):
            self.request.do_handshake()
        super().setup()

    def wait(self, seconds: float) -> None:
        if self.server.stopping.wait(seconds):
            raise Dropped(reset=False)

    def wait_for_hangup(self) -> None:
        # The raw socket also under TLS: a close_notify or an end, either way the client is done.
        with contextlib.suppress(OSError):
            socket.socket.recv(self.connection, 1, socket.MSG_PEEK)

    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class's name
        """Say nothing."""

    def _serve(self) -> None:
        body = self._read_body()
        parts = urlsplit(self.path)
        recorded = Recorded(
            server=self.server.name,
            method=self.command,
            path=parts.path,
            query=dict(parse_qsl(parts.query, keep_blank_values=True)),
            headers={name.lower(): value for name, value in self.headers.items()},
            body=body,
            at_s=self.server.clock.monotonic(),
        )
        self.server.requests.append(recorded)
        fault = self.server.faults.take(recorded)
        recorded.fault = fault
        try:
            if fault is None:
                answer = self._carry_out(body, None)
            else:
                answer = play(fault, lambda: self._carry_out(body, fault), self)
            recorded.status = answer.status
            self._send(answer)
        except Dropped as dropped:
            self.close_connection = True
            if dropped.reset:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        except ConnectionError:
            self.close_connection = True

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815 - http.server's names

    def _read_body(self) -> bytes:
        if "chunked" in self.headers.get("Transfer-Encoding", "").lower():
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _carry_out(self, body: bytes, fault: Fault | None) -> Answer:
        environ = self._environ(body)
        if fault is not None and fault.kind in {Kind.NO_RANGE, Kind.NO_LENGTH}:
            environ.pop("HTTP_RANGE", None)
        started: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], exc_info: Any = None) -> Any:  # noqa: ARG001 - WSGI's form
            started.append((status, headers))

        result = self.server.app(environ, cast("StartResponse", start_response))
        status, headers = started[-1]
        answer = Answer(int(status.split()[0]), headers, result, getattr(result, "close", None))
        if answer.header("Content-Length") is None and answer.status != 204:
            whole = b"".join(result)
            answer.body = [whole]
            answer = answer.with_header("Content-Length", str(len(whole)))
        return answer

    def _environ(self, body: bytes) -> WSGIEnvironment:
        parts = urlsplit(self.path)
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(parts.path).decode("latin-1"),
            "QUERY_STRING": parts.query,
            "RAW_URI": self.path,
            "SERVER_NAME": HOST,
            "SERVER_PORT": str(self.server.port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": self.server.scheme,
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
        }
        for name, value in self.headers.items():
            if name.lower() not in {"content-type", "content-length", "transfer-encoding"}:
                environ[f"HTTP_{name.upper().replace('-', '_')}"] = value
        return environ

    def _send(self, answer: Answer) -> None:
        if answer.header("Content-Length") is None and answer.status != 204:
            self.close_connection = True  # nothing else tells where it ends
        try:
            self.send_response_only(answer.status, http.client.responses.get(answer.status, "Unknown"))
            for name, value in answer.headers:
                self.send_header(name, value)
            if answer.header("Date") is None:
                self.send_header("Date", format_datetime(self.server.clock.now(), usegmt=True))
            if self.close_connection:
                self.send_header("Connection", "close")
            self.end_headers()
            if self.command != "HEAD":
                for chunk in answer.body:
                    self.wfile.write(chunk)
        finally:
            if answer.close is not None:
                answer.close()
