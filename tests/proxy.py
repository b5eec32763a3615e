"""A proxy on loopback that leads every CONNECT, whatever host it names, to one server."""

from __future__ import annotations

import contextlib
import socket
import threading
from dataclasses import dataclass, field
from typing import Self


@dataclass
class Proxy:
    """An HTTP proxy that knows CONNECT only.

    Attributes:
        port: of the server that all connections are led to.
        asked: what CONNECT named, in order.
    """

    port: int
    asked: list[str] = field(default_factory=list)

    def __enter__(self) -> Self:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._threads: list[threading.Thread] = []
        self._sockets: list[socket.socket] = []
        self._run(self._accept)
        return self

    def __exit__(self, *_: object) -> None:
        # shutdown wakes the threads that wait in accept and recv; close alone does not
        for known in (self._listener, *self._sockets):
            with contextlib.suppress(OSError):
                known.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join()
        for known in (self._listener, *self._sockets):
            known.close()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._listener.getsockname()[1]}"

    def _run(self, work: object, *arguments: object) -> None:
        thread = threading.Thread(target=work, args=arguments)  # type: ignore[arg-type]  # callables of this class
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                client, _ = self._listener.accept()
                self._sockets.append(client)
                self._run(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        with contextlib.suppress(OSError):
            head = b""
            while b"\r\n\r\n" not in head:
                head += client.recv(4096)
            self.asked.append(head.split()[1].decode())
            server = socket.create_connection(("127.0.0.1", self.port))
            self._sockets.append(server)
            client.sendall(b"HTTP/1.1 200 Connection established\r\n\r\n")
            self._run(self._pump, server, client)
            self._pump(client, server)

    @staticmethod
    def _pump(source: socket.socket, sink: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)
