"""The lines of gzip exports as named pipes that DuckDB reads while they are inflated.

DuckDB's own reader of gzip inflates on one thread with a slower library (2.5 times, measured) and looks at no checksum.
Here isal inflates on a thread of its own, every member's checksum and length is verified, and the limits against gzip
bombs hold. There are several pipes, because DuckDB keeps all of a pipe in memory until it has read its end, and a pipe
is one thread's work: each takes some 8 MiB of whole lines, and they are read in order. With 32 MiB converting took 12 %
longer on two cores: one had nothing left to do at the end.

DuckDB ends a query that has failed, of too little memory for one, only when all its threads have ended, and one of them
may wait for the next pipe to be opened, which comes after the one that nobody reads any more. So a pipe that takes
nothing for a minute is given up, and with it all others.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import select
import threading
from typing import TYPE_CHECKING, Self

from sekoia_export.errors import DamagedExport, DeadlineExceeded
from sekoia_export.gzip_reader import GZIP_MAGIC, GzipReader, InflateLimits
from sekoia_export.transfer.local_files import local_failures

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from io import FileIO
    from pathlib import Path
    from types import TracebackType

PIPE_BYTES = 8 * 1024 * 1024
MOST_PIPES = 4_096
_READ_SIZE_BYTES = 512 * 1024
_START_READ_SIZE_BYTES = 64 * 1024
_PIPE_BUFFER_BYTES = 1024 * 1024
_WAIT_S = 0.002
STALL_S = 60.0
_SET_PIPE_SIZE = getattr(fcntl, "F_SETPIPE_SZ", None)  # Linux has it


class InflatedPipes:
    """Named pipes that one reader can read inflated files from, once, each to its end and in their order.

    As a context manager it inflates from entering on, and at leaving raises what went wrong.

    Args:
        sources: the gzip files, one after the other; files of lines that are not compressed pass as they are.
        folder: where the pipes are made, private; they are gone afterwards.
        pipe_bytes: what a pipe takes, about: its share of the compressed bytes, at the rate of the first file's start.
        stall_s: how long a reader may take nothing.

    Attributes:
        paths: of the pipes.
    """

    def __init__(
        self, sources: Sequence[Path], folder: Path, *, pipe_bytes: int = PIPE_BYTES, stall_s: float = STALL_S
    ) -> None:
        self._sources = sources
        self._stall_s = stall_s
        self._size_bytes = max(1, sum(source.stat().st_size for source in sources))
        start = len(inflated_start(sources[0], _START_READ_SIZE_BYTES))
        rate = max(1.0, start / min(_START_READ_SIZE_BYTES, self._size_bytes)) if start else 1.0
        count = min(MOST_PIPES, 1 + int(self._size_bytes * rate / pipe_bytes))
        self.paths = [folder / f"pipe-{number}" for number in range(count)]
        self._left = threading.Event()
        self._failure: Exception | None = None
        self._thread = threading.Thread(target=self._inflate, name="inflate", daemon=True)

    def __enter__(self) -> Self:
        for path in self.paths:
            os.mkfifo(path, 0o600)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._left.set()
        self._thread.join()
        for path in self.paths:
            path.unlink(missing_ok=True)
        # A reader that was told of an end too early has failed for it: the end's cause is the one to tell. One that
        # took nothing has a cause of its own.
        is_told = error is not None and (not isinstance(error, Exception) or isinstance(self._failure, _Stalled))
        if self._failure is not None and not is_told:
            raise self._failure from None

    def _inflate(self) -> None:
        waiting = iter(self.paths)
        try:
            with contextlib.suppress(BrokenPipeError):
                self._write_all(waiting)
        except Exception as failure:  # noqa: BLE001 - told by the thread that reads
            self._failure = failure
        # A reader that waits for the other end of a pipe cannot be interrupted.
        for path in waiting:
            if (pipe := self._open(path)) is not None:
                pipe.close()

    def _write_all(self, waiting: Iterator[Path]) -> None:
        pipe = self._open(next(waiting))
        number, count = 0, len(self.paths)
        try:
            for piece, taken_bytes in _pieces(self._sources):
                rest = memoryview(piece)
                due = min(count - 1, taken_bytes * count // self._size_bytes)
                if due > number and (cut := piece.rfind(b"\n") + 1):
                    self._write(pipe, rest[:cut])
                    rest = rest[cut:]
                    while number < due:
                        if pipe is not None:
                            pipe.close()
                        pipe = self._open(next(waiting))
                        number += 1
                self._write(pipe, rest)
        finally:
            if pipe is not None:
                pipe.close()

    def _open(self, path: Path) -> FileIO | None:
        """Return a pipe's end to write to once there is a reader, None when the reader gave up."""
        while not self._left.is_set():
            try:
                descriptor = os.open(path, os.O_WRONLY | os.O_NONBLOCK | os.O_CLOEXEC)
            except OSError as error:
                if error.errno != errno.ENXIO:  # no reader yet
                    raise
                self._left.wait(_WAIT_S)
                continue
            if _SET_PIPE_SIZE is not None:
                with contextlib.suppress(OSError):  # a limit of the machine: the pipe is smaller then
                    fcntl.fcntl(descriptor, _SET_PIPE_SIZE, _PIPE_BUFFER_BYTES)
            return os.fdopen(descriptor, "wb", buffering=0)
        return None

    def _write(self, pipe: FileIO | None, data: memoryview) -> None:
        if pipe is None:
            raise BrokenPipeError
        writable = select.poll()
        writable.register(pipe, select.POLLOUT)
        while data:
            written = pipe.write(data)
            if written is not None:
                data = data[written:]
            elif not writable.poll(self._stall_s * 1000):
                raise _Stalled(
                    f"The reading of the export stood still for {self._stall_s:g} s.",
                    "Ask one file at a time, or give the step more memory and a faster disk, then run it again.",
                )


class _Stalled(DeadlineExceeded):
    """A reader took nothing for too long."""


def inflated_start(source: Path, size_bytes: int) -> bytes:
    """Return what the first `size_bytes` of a gzip file inflate to, less where it is damaged."""
    pieces: list[bytes] = []
    with contextlib.suppress(DamagedExport), local_failures("reading the export"), source.open("rb") as file:
        pieces.extend(GzipReader(InflateLimits()).feed(file.read(size_bytes)))
    return b"".join(pieces)


def _pieces(sources: Sequence[Path]) -> Iterator[tuple[bytes, int]]:
    """Yield what files inflate to, and how many of their bytes were taken; each file ends with the end of a line."""
    taken_bytes = 0
    for source in sources:
        last = b"\n"
        with local_failures("reading the export"), source.open("rb") as file:
            raw = file.read(_READ_SIZE_BYTES)
            reader = GzipReader(InflateLimits()) if raw.startswith(GZIP_MAGIC) else None
            while raw:
                taken_bytes += len(raw)
                for piece in reader.feed(raw) if reader is not None else (raw,):
                    yield piece, taken_bytes
                    last = piece[-1:]
                raw = file.read(_READ_SIZE_BYTES)
        if reader is not None:
            reader.finish()
        if last != b"\n":
            yield b"\n", taken_bytes
