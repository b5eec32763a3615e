"""Reading an export while it comes: verified, counted, described, and turned into the bytes that are written.

An export is gzip of JSON Lines, one event a line, of one member or several concatenated ones; JSON Lines that a server
or a proxy has already decompressed are taken as well. The pieces, each fed in order and each usable on a thread of its
own: `GzipReader` (raw bytes to inflated ones), `LineSplitter` (to whole lines), `LineFacts` (counts and describes
them), a writer (to the bytes of the file). `ArchiveReader` is their composition.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import orjson
from isal import isal_zlib

from sekoia_export.errors import DamagedExport
from sekoia_export.gzip_reader import GZIP_MAGIC, PIECE_SIZE_BYTES, GzipReader, InflateLimits

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE_LIMIT_BYTES = 16 * 1024 * 1024
PREVIEW_LIMIT_BYTES = 1024 * 1024
TIMESTAMP_FIELD = "@timestamp"
_GZIP_CONTAINER = 31  # wbits: a window of 2^15 in a gzip container
_COMPRESSION_LEVEL = 2


class ArchiveFormat(StrEnum):
    """How an export is written; the value is the file's suffix."""

    JSONL_GZ = "jsonl.gz"
    JSONL = "jsonl"
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveOptions:
    """How an export is read and written.

    Args:
        format: `jsonl.gz` writes the bytes as they came (compressed here when the source is not gzip), `jsonl` writes
            them inflated, `json` writes one JSON array of the events.
        preview_count: how many of the first events the facts carry; fewer when their lines pass 1 MiB together.
        limits: against gzip bombs.
    """

    format: ArchiveFormat = ArchiveFormat.JSONL_GZ
    preview_count: int = 10
    limits: InflateLimits = field(default_factory=InflateLimits)


@dataclass(frozen=True, slots=True, kw_only=True)
class ArchiveFacts:
    """What is known of an export that was read to its end.

    Args:
        events_count: lines that are not empty; a last line without a newline counts.
        first_timestamp: the `@timestamp` of the first line as the event has it, None where it has none.
        last_timestamp: the same of the last line. Lines are not sorted here: it is the last in the file, not in time.
        sha256: hexadecimal SHA-256 of the bytes that were written.
        written_size_bytes: size of what was written.
        compressed_size_bytes: size of the source as it came.
        inflated_size_bytes: size of the JSON Lines.
        preview: the first events.
    """

    events_count: int
    first_timestamp: str | None
    last_timestamp: str | None
    sha256: str
    written_size_bytes: int
    compressed_size_bytes: int
    inflated_size_bytes: int
    preview: list[dict[str, Any]] = field(default_factory=list)


class LineSplitter:
    """Splits inflated pieces into whole lines that are not empty; holds no more than one unfinished line.

    The lines have no newline at their end. A line of a carriage return alone is empty.
    """

    def __init__(self) -> None:
        self._unfinished: list[bytes] = []
        self._unfinished_size_bytes = 0

    def feed(self, piece: bytes) -> list[bytes]:
        """Return the lines that end in `piece`.

        Raises:
            DamagedExport: a line is longer than any event can be.
        """
        lines = piece.split(b"\n")
        last = lines.pop()
        if lines and self._unfinished:
            lines[0] = b"".join([*self._unfinished, lines[0]])
            self._unfinished.clear()
            self._unfinished_size_bytes = 0
        if last:
            self._unfinished.append(last)
            self._unfinished_size_bytes += len(last)
            if self._unfinished_size_bytes > LINE_LIMIT_BYTES:
                raise DamagedExport(f"The export has a line of more than {LINE_LIMIT_BYTES} bytes.")
        return _without_empty(lines)

    def finish(self) -> list[bytes]:
        """Return the last line when it had no newline."""
        last = b"".join(self._unfinished)
        self._unfinished.clear()
        return _without_empty([last])


class LineFacts:
    """Counts lines and keeps what is needed to describe them: the first few and the last.

    Args:
        preview_count: how many of the first lines are kept.

    Attributes:
        events_count: lines seen so far.
    """

    def __init__(self, preview_count: int) -> None:
        self.events_count = 0
        self._preview_left = preview_count
        self._preview_room_bytes = PREVIEW_LIMIT_BYTES
        self._preview: list[bytes] = []
        self._first = b""
        self._last = b""

    def feed(self, lines: list[bytes]) -> None:
        """Take the next lines.

        Raises:
            DamagedExport: the first line is not a JSON object's: a proxy's page, or another format.
        """
        if not lines:
            return
        if not self.events_count:
            self._first = lines[0]
            if not self._first.lstrip().startswith(b"{"):
                raise DamagedExport("The export is not JSON Lines: its first line is not a JSON object.")
        for line in lines[: self._preview_left]:
            self._preview_room_bytes -= len(line)
            if self._preview_room_bytes < 0:
                self._preview_left = 0
                break
            self._preview.append(line)
            self._preview_left -= 1
        self.events_count += len(lines)
        self._last = lines[-1]

    def preview(self) -> list[dict[str, Any]]:
        """Return the first events; a line that is not a JSON object is left out."""
        return [event for event in map(_event, self._preview) if event is not None]

    def timestamps(self) -> tuple[str | None, str | None]:
        """Return the `@timestamp` of the first and of the last line, None where there is none."""
        return _timestamp(self._first), _timestamp(self._last)

    def ends_with_an_event(self) -> bool:
        """Return whether the last line, if there is one, is a whole JSON object."""
        return not self.events_count or _event(self._last) is not None


class ArchiveReader:
    """Reads one export from its first byte to its last: raw chunks in, the bytes to write out, the facts at the end.

    Args:
        options: see ArchiveOptions.

    Attributes:
        fed_size_bytes: raw bytes taken so far.
    """

    def __init__(self, options: ArchiveOptions) -> None:
        self.fed_size_bytes = 0
        self._options = options
        self._start = b""
        self._gzip: GzipReader | None = None
        self._plain = False
        self._inflated_size_bytes = 0
        self._splitter = LineSplitter()
        self._lines = LineFacts(options.preview_count)
        self._compressor = isal_zlib.compressobj(_COMPRESSION_LEVEL, wbits=_GZIP_CONTAINER)
        self._array_begun = False
        self._sha256 = hashlib.sha256()
        self._written_size_bytes = 0

    @property
    def writes_as_it_comes(self) -> bool:
        """Whether what is written is the source, byte for byte. Known once something was fed or it was finished."""
        return self._gzip is not None and self._options.format is ArchiveFormat.JSONL_GZ

    @property
    def sound_size_bytes(self) -> int:
        """Up to which byte the source proved right, whatever follows: the end of its last verified gzip member."""
        return 0 if self._gzip is None else self._gzip.sound_size_bytes

    def feed(self, raw: bytes) -> Iterator[bytes]:
        """Yield the bytes to write for `raw`, the next chunk of the source; any size of chunk does.

        A generator: `raw` counts as taken only when it has been exhausted.

        Raises:
            DamagedExport: the source is not a sound gzip of JSON Lines, nor JSON Lines.
            InflatesTooFar: it inflates past the limits.
        """
        self.fed_size_bytes += len(raw)
        if self._gzip is None and not self._plain:
            self._start += raw
            if len(self._start) < len(GZIP_MAGIC):
                return
            raw, self._start = self._start, b""
            self._decide(raw)
        for output in self._read(raw):
            yield self._written(output)

    def finish(self) -> Iterator[bytes]:
        """Yield the last bytes to write; the source has ended.

        Raises:
            DamagedExport: the source is truncated.
        """
        if self._gzip is None and not self._plain:
            self._decide(self._start)
            for output in self._read(self._start):
                yield self._written(output)
        if self._gzip is not None:
            self._gzip.finish()
        for output in self._write(b"", self._take_lines(self._splitter.finish())):
            yield self._written(output)
        if self._plain and not self._lines.ends_with_an_event():
            raise DamagedExport("The export is truncated: its last line is not a whole JSON object.")
        if self._options.format is ArchiveFormat.JSON:
            yield self._written(b"\n]\n" if self._array_begun else b"[]\n")
        elif self._options.format is ArchiveFormat.JSONL_GZ and self._plain:
            yield self._written(self._compressor.flush())

    def facts(self) -> ArchiveFacts:
        """Return what was read. Meant for after `finish`."""
        first, last = self._lines.timestamps()
        return ArchiveFacts(
            events_count=self._lines.events_count,
            first_timestamp=first,
            last_timestamp=last,
            sha256=self._sha256.hexdigest(),
            written_size_bytes=self._written_size_bytes,
            compressed_size_bytes=self.fed_size_bytes,
            inflated_size_bytes=self._inflated_size_bytes,
            preview=self._lines.preview(),
        )

    def _decide(self, start: bytes) -> None:
        """Take the source for gzip or for JSON Lines by its first bytes (an empty one is JSON Lines without a line)."""
        if start[:1] == GZIP_MAGIC[:1]:
            self._gzip = GzipReader(self._options.limits)
        else:
            self._plain = True

    def _read(self, raw: bytes) -> Iterator[bytes]:
        for piece in self._gzip.feed(raw) if self._gzip is not None else _pieces(raw):
            self._inflated_size_bytes += len(piece)
            yield from self._write(piece, self._take_lines(self._splitter.feed(piece)))
        if self._gzip is not None and self._options.format is ArchiveFormat.JSONL_GZ:
            yield raw

    def _take_lines(self, lines: list[bytes]) -> list[bytes]:
        self._lines.feed(lines)
        return lines

    def _write(self, piece: bytes, lines: list[bytes]) -> Iterator[bytes]:
        """Yield what an inflated piece, and the lines that end in it, are written as."""
        if self._options.format is ArchiveFormat.JSON:
            if lines:
                yield (b",\n" if self._array_begun else b"[\n") + b",\n".join(lines)
                self._array_begun = True
        elif self._options.format is ArchiveFormat.JSONL:
            if piece:
                yield piece
        elif self._plain and (compressed := self._compressor.compress(piece)):
            yield compressed

    def _written(self, output: bytes) -> bytes:
        self._sha256.update(output)
        self._written_size_bytes += len(output)
        return output


def _pieces(raw: bytes) -> Iterator[bytes]:
    for start in range(0, len(raw), PIECE_SIZE_BYTES):
        yield raw[start : start + PIECE_SIZE_BYTES]


def _without_empty(lines: list[bytes]) -> list[bytes]:
    # Two counts in C cost little; looking at each of a hundred million lines in Python would cost more than inflating.
    if lines.count(b"") or lines.count(b"\r"):
        return [line for line in lines if line not in {b"", b"\r"}]
    return lines


def _event(line: bytes) -> dict[str, Any] | None:
    try:
        event = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return event if isinstance(event, dict) else None


def _timestamp(line: bytes) -> str | None:
    event = _event(line)
    value = None if event is None else event.get(TIMESTAMP_FIELD)
    return None if value is None else str(value)
