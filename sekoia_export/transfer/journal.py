"""What is known of a file that is being fetched, beside it: so that the next process can go on.

::

    {"version": 1, "etag": "...", "size_bytes": 1073741824}
    + 0 262144 9a0b3c4d          bytes 0 to 262143 were written, and have this CRC-32
    + 67108864 262144 01fe77b2
    - 0 262144                   these proved wrong and are to be fetched again

The first line is written whole and synced before the first byte of the object is asked for: without it nothing is
known, so one that cannot be read is an error. Every other line only claims; it counts when the file's bytes have its
checksum. So nothing has to be synced while fetching: after a power cut, the pages that were lost do not match, and the
lines that were lost, or are half there, were never written. No secret and no URL is in it. Its mode is 0600.
"""

from __future__ import annotations

import json
import os
import re
from typing import TYPE_CHECKING, NamedTuple

from isal import isal_zlib

from sekoia_export.errors import StateCorrupt

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sekoia_export.transfer.ranges import Span

VERSION = 1
_LINE = re.compile(rb"([+-]) (\d{1,19}) (\d{1,19})(?: ([0-9a-f]{8}))?")
_LARGEST_CLAIM_BYTES = 4 * 1024 * 1024


class Identity(NamedTuple):
    """Which object it is: another ETag, or another size, is another object."""

    etag: str
    size_bytes: int


class Claim(NamedTuple):
    """Bytes that were written, and their CRC-32."""

    start: int
    size_bytes: int
    crc: int

    @property
    def end(self) -> int:
        return self.start + self.size_bytes


def checksum(pieces: list[bytes]) -> int:
    """Return the CRC-32 of `pieces`, one after the other."""
    crc = 0
    for piece in pieces:
        crc = isal_zlib.crc32(piece, crc)
    return crc


class Journal:
    """The journal of one file, appended to by several threads.

    Args:
        path: where it lies.
        write: writes a small file in one move, synced, with mode 0600.
    """

    def __init__(self, path: Path, write: Callable[[bytes], None]) -> None:
        self._path = path
        self._write = write
        self._file: int | None = None

    def read(self) -> tuple[Identity, list[Claim]] | None:
        """Return which object was being fetched and what is claimed to be there, None without a journal.

        Raises:
            StateCorrupt: its first line cannot be understood.
        """
        try:
            lines = self._path.read_bytes().split(b"\n")
        except FileNotFoundError:
            return None
        return self._identity(lines[0]), _claims(lines[1:])

    def begin(self, identity: Identity, claims: list[Claim]) -> None:
        """Write a new journal of what is there."""
        header = {"version": VERSION, **identity._asdict()}
        lines = [json.dumps(header), *(f"+ {claim.start} {claim.size_bytes} {claim.crc:08x}" for claim in claims)]
        self._write("".join(f"{line}\n" for line in lines).encode())
        self._file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)

    def wrote(self, claim: Claim) -> None:
        """Claim bytes that were written."""
        self._append(f"+ {claim.start} {claim.size_bytes} {claim.crc:08x}\n")

    def forgot(self, span: Span) -> None:
        """Take back the claims on these bytes."""
        self._append(f"- {span.start} {span.size_bytes}\n")

    def close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def delete(self) -> None:
        self.close()
        self._path.unlink(missing_ok=True)

    def _append(self, line: str) -> None:
        if self._file is not None:
            os.write(self._file, line.encode())

    def _identity(self, line: bytes) -> Identity:
        try:
            header = json.loads(line)
            if header["version"] == VERSION and isinstance(header["etag"], str):
                return Identity(header["etag"], int(header["size_bytes"]))
        except (ValueError, KeyError, TypeError):
            pass
        raise StateCorrupt(
            f"The state file {self._path.name} of an unfinished fetch is damaged or of another version.",
            f"Delete it (in {self._path.parent}) to have the file fetched from its start, and run the step again.",
        )


def _claims(lines: list[bytes]) -> list[Claim]:
    claims: dict[int, Claim] = {}
    for line in lines:
        found = _LINE.fullmatch(line)
        if found is None:
            continue
        start, size = int(found[2]), int(found[3])
        if found[1] == b"+" and found[4] is not None and size <= _LARGEST_CLAIM_BYTES:
            claims[start] = Claim(start, size, int(found[4], 16))
        elif found[1] == b"-":
            claims = {
                claim.start: claim for claim in claims.values() if claim.end <= start or claim.start >= start + size
            }
    return list(claims.values())
