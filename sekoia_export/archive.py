"""Reading an export while it comes: verified, counted, described, and turned into the bytes that are written.

An export is gzip of JSON Lines, one event a line, of one member or several concatenated ones; JSON Lines that a server
or a proxy has already decompressed are taken as well. `ArchiveReader` reads it in two halves, each in order and each
usable on a thread of its own::

    raw bytes ──inflate──> Inflated ──take──> the bytes of the file
             GzipReader             LineReader, SHA-256, a writer
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

from isal import isal_zlib

from sekoia_export.errors import DamagedExport
from sekoia_export.gzip_reader import GZIP_MAGIC, PIECE_SIZE_BYTES, GzipReader, InflateLimits
from sekoia_export.lines import LineReader

if TYPE_CHECKING:
    from collections.abc import Iterator

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


class Inflated(NamedTuple):
    """What the first half of an ArchiveReader hands to the second.

    Args:
        lines: the next piece of the JSON Lines, ending anywhere in a line.
        source: the raw bytes that are to be written as they came; none where the file is another than the source.
    """

    lines: bytes
    source: bytes = b""


class ArchiveReader:
    """Reads one export from its first byte to its last: raw chunks in, the bytes to write out, the facts at the end.

    `feed` and `finish` do all of it. Where two threads share it, one calls `inflate` and `inflate_rest`, the other
    hands what they yield, in order, to `take`, and calls `take_rest` when the first has ended.

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
        self._lines = LineReader(options.preview_count)
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
        for inflated in self.inflate(raw):
            yield from self.take(inflated)

    def finish(self) -> Iterator[bytes]:
        """Yield the last bytes to write; the source has ended.

        Raises:
            DamagedExport: the source is truncated.
        """
        for inflated in self.inflate_rest():
            yield from self.take(inflated)
        yield from self.take_rest()

    def inflate(self, raw: bytes) -> Iterator[Inflated]:
        """Yield what `raw` inflates to; a generator that raises as `feed` does."""
        self.fed_size_bytes += len(raw)
        if self._gzip is None and not self._plain:
            self._start += raw
            if len(self._start) < len(GZIP_MAGIC):
                return
            raw, self._start = self._start, b""
            self._decide(raw)
        yield from self._read(raw)

    def inflate_rest(self) -> Iterator[Inflated]:
        """Yield what was not inflated yet; the source has ended. Raises as `finish` does."""
        if self._gzip is None and not self._plain:
            self._decide(self._start)
            yield from self._read(self._start)
        if self._gzip is not None:
            self._gzip.finish()

    def take(self, inflated: Inflated) -> Iterator[bytes]:
        """Yield the bytes to write for what was inflated; raises as `feed` does."""
        lines = inflated.lines
        if self._options.format is ArchiveFormat.JSON:
            yield from self._array_of(self._lines.split(lines))
        else:
            self._lines.count(lines)
            if self._options.format is ArchiveFormat.JSONL:
                if lines:
                    yield self._written(lines)
            elif self._plain and (compressed := self._compressor.compress(lines)):
                yield self._written(compressed)
        if inflated.source:
            yield self._written(inflated.source)

    def take_rest(self) -> Iterator[bytes]:
        """Yield the last bytes to write; everything was inflated and taken. Raises as `finish` does."""
        last = self._lines.finish()
        if self._plain and not self._lines.facts.ends_with_an_event():
            raise DamagedExport("The export is truncated: its last line is not a whole JSON object.")
        if self._options.format is ArchiveFormat.JSON:
            yield from self._array_of(last)
            yield self._written(b"\n]\n" if self._array_begun else b"[]\n")
        elif self._options.format is ArchiveFormat.JSONL_GZ and self._plain:
            yield self._written(self._compressor.flush())

    def facts(self) -> ArchiveFacts:
        """Return what was read. Meant for after `finish`."""
        first, last = self._lines.facts.timestamps()
        return ArchiveFacts(
            events_count=self._lines.facts.events_count,
            first_timestamp=first,
            last_timestamp=last,
            sha256=self._sha256.hexdigest(),
            written_size_bytes=self._written_size_bytes,
            compressed_size_bytes=self.fed_size_bytes,
            inflated_size_bytes=self._inflated_size_bytes,
            preview=self._lines.facts.preview(),
        )

    def _decide(self, start: bytes) -> None:
        """Take the source for gzip or for JSON Lines by its first bytes (an empty one is JSON Lines without a line)."""
        if start[:1] == GZIP_MAGIC[:1]:
            self._gzip = GzipReader(self._options.limits)
        else:
            self._plain = True

    def _read(self, raw: bytes) -> Iterator[Inflated]:
        for piece in self._gzip.feed(raw) if self._gzip is not None else _pieces(raw):
            self._inflated_size_bytes += len(piece)
            yield Inflated(piece)
        if self.writes_as_it_comes:
            yield Inflated(b"", raw)

    def _array_of(self, lines: list[bytes]) -> Iterator[bytes]:
        if lines:
            yield self._written((b",\n" if self._array_begun else b"[\n") + b",\n".join(lines))
            self._array_begun = True

    def _written(self, output: bytes) -> bytes:
        self._sha256.update(output)
        self._written_size_bytes += len(output)
        return output


def _pieces(raw: bytes) -> Iterator[bytes]:
    for start in range(0, len(raw), PIECE_SIZE_BYTES):
        yield raw[start : start + PIECE_SIZE_BYTES]
