"""An HTTP server of one file, as S3 serves one: ranges, an ETag, and so many bytes a second over each connection.

    python _serving.py PATTERN TIMES BYTES_PER_S

The file is PATTERN, TIMES times over: an object of any size that takes no room. BYTES_PER_S is what a connection
brings, whatever is asked for over it; 0 for no limit. It prints its port. (nginx's limit_rate lets the first second of
every request go unlimited, so whoever asks for small parts is hardly limited by it at all.)
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import socketserver
import sys
import time

PIECE_BYTES = 256 * 1024


class Handler(socketserver.BaseRequestHandler):
    """A connection: one request after the other, paced together."""

    server: Server

    def handle(self) -> None:
        self.request.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.begun, self.sent = time.monotonic(), 0
        lines = self.request.makefile("rb")
        with contextlib.suppress(ConnectionError):
            while request := lines.readline():
                head = b""
                while (line := lines.readline()) not in {b"\r\n", b""}:
                    head += line
                self._answer(request.startswith(b"HEAD"), head)

    def _answer(self, only_head: bool, head: bytes) -> None:
        size = self.server.size_bytes
        found = re.search(rb"(?im)^range: *bytes=(\d+)-(\d*)", head)
        start, end = (int(found[1]), int(found[2] or size - 1) + 1) if found else (0, size)
        end = min(end, size)
        status = f"206 Partial Content\r\nContent-Range: bytes {start}-{end - 1}/{size}" if found else "200 OK"
        self.request.sendall(
            f'HTTP/1.1 {status}\r\nContent-Length: {end - start}\r\nETag: "{size}"\r\nAccept-Ranges: bytes\r\n'
            "Content-Type: application/octet-stream\r\n\r\n".encode()
        )
        while not only_head and start < end:
            at = start % self.server.pattern_bytes
            piece = min(PIECE_BYTES, end - start, self.server.pattern_bytes - at)
            sent = os.sendfile(self.request.fileno(), self.server.pattern, at, piece)
            start += sent
            self._pace(sent)

    def _pace(self, size_bytes: int) -> None:
        if self.server.bytes_per_s:
            now = time.monotonic()
            # A connection that was idle does not save up for later.
            self.begun = max(self.begun, now - (self.sent / self.server.bytes_per_s) - 0.05)
            self.sent += size_bytes
            time.sleep(max(0.0, self.begun + self.sent / self.server.bytes_per_s - now))


class Server(socketserver.ThreadingTCPServer):
    """The file and the limit."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, path: str, times: int, bytes_per_s: int) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.pattern = os.open(path, os.O_RDONLY)
        self.pattern_bytes = os.fstat(self.pattern).st_size
        self.size_bytes = self.pattern_bytes * times
        self.bytes_per_s = bytes_per_s


if __name__ == "__main__":
    with Server(sys.argv[1], int(sys.argv[2]), int(sys.argv[3])) as server:
        print(server.server_address[1], flush=True)
        server.serve_forever()
