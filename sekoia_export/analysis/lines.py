"""The lines of a gzip export as a named pipe that DuckDB reads while they are inflated.

DuckDB's own reader of gzip inflates on one thread with a slower library (2.5 times, measured) and looks at no checksum.
Here isal inflates on a thread of its own, every member's checksum and length is verified, and the limits against gzip
bombs hold.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import threading
from typing import TYPE_CHECKING, Self

from sekoia_export.errors import DamagedExport
from sekoia_export.gzip_reader import GZIP_MAGIC, GzipReader, InflateLimits
from sekoia_export.transfer.local_files import local_failures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import FileIO
    from pathlib import Path
    from types import TracebackType

_READ_SIZE_BYTES = 1024 * 1024
_START_READ_SIZE_BYTES = 64 * 1024
_PIPE_SIZE_BYTES = 1024 * 1024
_WAIT_S = 0.002
_SET_PIPE_SIZE = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux has it


class InflatedPipe:
    """A named pipe that one reader can read an inflated file from, once.

    As a context manager it inflates from entering on, and at leaving raises what went wrong.

    Args:
        sources: the gzip files, one after the other; files of lines that are not compressed pass as they are.
        pipe: where the pipe is made; in a private folder, it is gone afterwards.
    """

    def __init__(self, sources: Sequence[Path], pipe: Path) -> None:
        self._sources = sources
        self._pipe = pipe
        self._left = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._inflate, name="inflate", daemon=True)

    def __enter__(self) -> Self:
        os.mkfifo(self._pipe, 0o600)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        self._thread.join()
        self._pipe.unlink(missing_ok=True)
        # A reader that was told of an end too early has failed for it: the end's cause is the one to tell.
        if self._failure is not None and (error is None or isinstance(error, Exception)):
            raise self._failure from None

    def _inflate(self) -> None:
        try:
            descriptor = self._open()
            if descriptor is None:
                return
            with os.fdopen(descriptor, "wb", buffering=0) as pipe, contextlib.suppress(BrokenPipeError):
                for source in self._sources:
                    last = b"\n"
                    for piece in _inflated(source):
                        _write(pipe, piece)
                        last = piece[-1:]
                    if last != b"\n":
                        _write(pipe, b"\n")
        except Exception as failure:  # noqa: BLE001 - told by the thread that reads
            self._failure = failure

    def _open(self) -> int | None:
        """Return the pipe's end to write to once there is a reader, None when the reader gave up."""
        while not self._left.is_set():
            try:
                descriptor = os.open(self._pipe, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                if error.errno != errno.ENXIO:  # no reader yet
                    raise
                self._left.wait(_WAIT_S)
                continue
            os.set_blocking(descriptor, True)
            if _SET_PIPE_SIZE is not None:
                with contextlib.suppress(OSError):  # a limit of the machine: the pipe is smaller then
                    fcntl.fcntl(descriptor, _SET_PIPE_SIZE, _PIPE_SIZE_BYTES)
            return descriptor
        return None


def _write(pipe: FileIO, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[pipe.write(rest) :]


def inflated_start(source: Path, size_bytes: int) -> bytes:
    """Return about the first `size_bytes` of what a gzip file inflates to, less where it is damaged."""
    pieces: list[bytes] = []
    missing_bytes = size_bytes
    with contextlib.suppress(DamagedExport):
        for piece in _inflated(source, read_size_bytes=_START_READ_SIZE_BYTES):
            pieces.append(piece)
            missing_bytes -= len(piece)
            if missing_bytes <= 0:
                break
    return b"".join(pieces)


def _inflated(source: Path, *, read_size_bytes: int = _READ_SIZE_BYTES) -> Iterator[bytes]:
    with local_failures("reading the export"), source.open("rb") as file:
        raw = file.read(read_size_bytes)
        if not raw.startswith(GZIP_MAGIC):
            while raw:
                yield raw
                raw = file.read(read_size_bytes)
            return
        reader = GzipReader(InflateLimits())
        while raw:
            yield from reader.feed(raw)
            raw = file.read(read_size_bytes)
    reader.finish()
