"""Inflating concatenated gzip members while their bytes come, with every member's checksum and length verified.

The header and the trailer of a member (RFC 1952) are read here and only the deflate stream in between is isal's:
isal's own streaming reader of headers takes a member with a name or an extra field for damaged when the field is split
between two chunks, and does not look at what follows the last member.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from enum import Enum, auto
from typing import TYPE_CHECKING, cast

from isal import igzip_lib

from sekoia_export.errors import DamagedExport, InflatesTooFar

if TYPE_CHECKING:
    from collections.abc import Iterator

GZIP_MAGIC = b"\x1f\x8b"
# Small enough that the rest of a slice, which isal copies when a member ends in it, stays cheap with tiny members.
SLICE_SIZE_BYTES = 64 * 1024
PIECE_SIZE_BYTES = 256 * 1024
HEADER_LIMIT_BYTES = 128 * 1024
FIXED_HEADER_SIZE_BYTES = 10
TRAILER_SIZE_BYTES = 8
DEFLATE_METHOD = 8
FLAG_HEADER_CRC, FLAG_EXTRA, FLAG_NAME, FLAG_COMMENT, FLAGS_RESERVED = 2, 4, 8, 16, 0xE0

_IsalError = cast("type[Exception]", igzip_lib.IsalError)


@dataclass(frozen=True, slots=True, kw_only=True)
class InflateLimits:
    """How far an export may inflate before it is taken for a gzip bomb.

    Args:
        max_ratio: inflated bytes for each compressed byte; deflate itself ends at 1,032, logs reach about 50.
        ratio_from_bytes: inflated size from which the ratio is looked at.
        max_inflated_bytes: inflated size that is never passed; None for no such limit.
    """

    max_ratio: float = 250.0
    ratio_from_bytes: int = 64 * 1024 * 1024
    max_inflated_bytes: int | None = None


class _Part(Enum):
    """What of a member the next byte belongs to."""

    HEADER = auto()
    BODY = auto()
    TRAILER = auto()


class GzipReader:
    """Inflates one or several concatenated gzip members in constant memory.

    Args:
        limits: see InflateLimits.

    Attributes:
        compressed_size_bytes: bytes taken so far.
        inflated_size_bytes: bytes given so far.
        members: members that have ended so far, each verified.
        sound_size_bytes: compressed bytes up to the end of the last of them.
    """

    def __init__(self, limits: InflateLimits) -> None:
        self.compressed_size_bytes = 0
        self.inflated_size_bytes = 0
        self.members = 0
        self.sound_size_bytes = 0
        self._limits = limits
        self._part = _Part.HEADER
        self._gathered = bytearray()  # of the header or the trailer
        self._body = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP_NO_HDR)
        self._member_start = 0
        self._member_inflated = 0

    def feed(self, raw: bytes) -> Iterator[bytes]:
        """Yield what `raw`, the next bytes of the source, inflates to, in pieces of at most 256 KiB.

        A generator: `raw` counts as taken only when it has been exhausted.

        Raises:
            DamagedExport: the bytes are not sound gzip members.
            InflatesTooFar: a limit is passed.
        """
        view = memoryview(raw)
        for start in range(0, len(view), SLICE_SIZE_BYTES):
            rest = bytes(view[start : start + SLICE_SIZE_BYTES])
            self.compressed_size_bytes += len(rest)
            while rest:
                if self._part is _Part.HEADER:
                    rest = self._take_header(rest)
                elif self._part is _Part.TRAILER:
                    rest = self._take_trailer(rest)
                else:
                    yield from self._inflate(rest)
                    rest = self._body.unused_data if self._body.eof else b""

    def finish(self) -> None:
        """Raise DamagedExport when the source ended inside a member or without one."""
        if self._part is not _Part.HEADER or self._gathered or not self.members:
            raise DamagedExport(
                f"The export is truncated: it ends at byte {self.compressed_size_bytes}, inside a gzip member."
            )

    def _inflate(self, data: bytes) -> Iterator[bytes]:
        while True:
            try:
                piece = self._body.decompress(data, PIECE_SIZE_BYTES)
            except _IsalError as error:
                raise self._damaged("cannot be inflated") from error
            if piece:
                self._member_inflated += len(piece)
                self.inflated_size_bytes += len(piece)
                self._check_limits()
                yield piece
            if self._body.eof:
                self._part = _Part.TRAILER
                return
            if self._body.needs_input:
                return
            data = b""

    def _take_header(self, data: bytes) -> bytes:
        if not self._gathered:
            self._member_start = self.compressed_size_bytes - len(data)
        self._gathered += data
        size = self._header_size()
        if size is None:
            if len(self._gathered) > HEADER_LIMIT_BYTES:
                raise self._damaged(f"has a header of more than {HEADER_LIMIT_BYTES} bytes")
            return b""
        rest = bytes(self._gathered[size:])
        self._gathered.clear()
        self._body = igzip_lib.IgzipDecompressor(igzip_lib.DECOMP_GZIP_NO_HDR)
        self._member_inflated = 0
        self._part = _Part.BODY
        return rest

    def _header_size(self) -> int | None:
        """Return the size of the gathered header, None while it is not whole."""
        header = self._gathered
        if not GZIP_MAGIC.startswith(bytes(header[:2])):
            raise DamagedExport(
                f"After the gzip member that ends at byte {self._member_start} come bytes that are not gzip."
                if self.members
                else "The export does not begin like a gzip file."
            )
        if len(header) < FIXED_HEADER_SIZE_BYTES:
            return None
        flags = header[3]
        if header[2] != DEFLATE_METHOD or flags & FLAGS_RESERVED:
            raise self._damaged("has a header that names an unknown way of compressing")
        end = FIXED_HEADER_SIZE_BYTES
        if flags & FLAG_EXTRA:
            if len(header) < end + 2:
                return None
            end += 2 + int.from_bytes(header[end : end + 2], "little")
        for flag in (FLAG_NAME, FLAG_COMMENT):
            if flags & flag:
                end = header.find(0, end) + 1
                if not end:
                    return None
        if flags & FLAG_HEADER_CRC:
            end += 2
            if len(header) >= end and zlib.crc32(header[: end - 2]) & 0xFFFF != int.from_bytes(
                header[end - 2 : end], "little"
            ):
                raise self._damaged("has a header with a wrong checksum")
        return end if len(header) >= end else None

    def _take_trailer(self, data: bytes) -> bytes:
        missing = TRAILER_SIZE_BYTES - len(self._gathered)
        self._gathered += data[:missing]
        if len(self._gathered) < TRAILER_SIZE_BYTES:
            return b""
        crc, size = (int.from_bytes(self._gathered[at : at + 4], "little") for at in (0, 4))
        if crc != self._body.crc:
            raise self._damaged("has a wrong checksum")
        if size != self._member_inflated & 0xFFFFFFFF:
            raise self._damaged("has a wrong length")
        self._gathered.clear()
        self.members += 1
        self.sound_size_bytes = self.compressed_size_bytes - len(data) + missing
        self._part = _Part.HEADER
        return data[missing:]

    def _check_limits(self) -> None:
        inflated, limits = self.inflated_size_bytes, self._limits
        if limits.max_inflated_bytes is not None and inflated > limits.max_inflated_bytes:
            raise InflatesTooFar(f"The export inflates to more than the {limits.max_inflated_bytes} bytes allowed.")
        if inflated > limits.ratio_from_bytes and inflated > limits.max_ratio * self.compressed_size_bytes:
            raise InflatesTooFar(f"The export inflates to more than {limits.max_ratio:g} times its size.")

    def _damaged(self, how: str) -> DamagedExport:
        return DamagedExport(f"The gzip member that begins at byte {self._member_start} of the export {how}.")
