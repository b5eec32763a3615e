"""An object's raw bytes in a preallocated file of a local folder, with its journal beside it."""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

from sekoia_export.transfer.journal import Claim, Identity, Journal, checksum
from sekoia_export.transfer.local_files import give_name, local_failures, sync_folder
from sekoia_export.transfer.ranges import RangeSet, Span

if TYPE_CHECKING:
    from pathlib import Path

    from sekoia_export.transfer.local_files import Room

_WRITE_OUT_FROM_BYTES = 1024 * 1024
_NO_PREALLOCATION = {errno.EOPNOTSUPP, errno.EINVAL, errno.ENOSYS}


class LocalHold:
    """See Hold. Written at their places, read back through the system's cache: no window is needed.

    Args:
        file: descriptor of the part file, locked; belongs to the hold from now on.
        part: where it lies.
        final: what it is renamed to.
        name: the file's name in the data storage, for texts.
        identity: which object it is, None where that cannot be told later: then nothing is kept for a later process.
        size_bytes: the object's size, None where it is not known.
        room: watched while a file of unknown size grows; the others are preallocated.
        journal: of this file.
        start_clean: whether what is there from an earlier run is not to be used, and its journal not to be read.
        replace: whether it may take the place of a file that is there.

    Raises:
        StateCorrupt: the journal cannot be read.
    """

    window_bytes: int | None = None

    def __init__(
        self,
        file: int,
        *,
        part: Path,
        final: Path,
        name: str,
        identity: Identity | None,
        size_bytes: int | None,
        room: Room,
        journal: Journal,
        start_clean: bool,
        replace: bool,
    ) -> None:
        self._file = file
        self._replace = replace
        self._part = part
        self._final = final
        self._name = name
        self._room = room if size_bytes is None else None
        self._journal = journal
        self._resumable = identity is not None
        self._settled = False
        self._present = RangeSet()
        known = None if start_clean else journal.read()
        claims: list[Claim] = []
        if known is not None and known[0] == identity and os.fstat(file).st_size == identity.size_bytes:
            claims = [claim for claim in known[1] if claim.end <= identity.size_bytes and self._is_there(claim)]
        else:
            journal.delete()
            os.ftruncate(file, 0)
        if size_bytes:
            _preallocate(file, size_bytes)
        if identity is not None:
            journal.begin(identity, claims)
        for claim in claims:
            self._present.add(Span(claim.start, claim.end))

    def present(self) -> RangeSet:
        return RangeSet(self._present)

    def write(self, offset: int, pieces: list[bytes]) -> None:
        size = sum(map(len, pieces))
        if self._room is not None:
            self._room.take(size)
        with local_failures(f"writing {self._name}"):
            written = os.pwritev(self._file, pieces, offset)
            if written < size:  # a signal, or a disk that is about to be full
                rest = b"".join(pieces)
                while written < size:
                    written += os.pwrite(self._file, memoryview(rest)[written:], offset + written)
            if size >= _WRITE_OUT_FROM_BYTES:
                # Linux begins to write these pages out and keeps them: the sync at the end finds little to wait for.
                os.posix_fadvise(self._file, offset, size, os.POSIX_FADV_DONTNEED)
            if self._resumable:
                self._journal.wrote(Claim(offset, size, checksum(pieces)))

    def read(self, offset: int, size_bytes: int) -> bytes:
        with local_failures(f"reading {self._name}"):
            return os.pread(self._file, size_bytes, offset)

    def release(self, offset: int, *, as_it_comes: bool) -> None:
        """Do nothing: the system's cache is its own."""

    def forget(self, span: Span) -> list[Span]:
        with local_failures(f"writing {self._name}"):
            self._journal.forgot(span)
        return [span]

    def publish(self) -> None:
        with local_failures(f"writing {self._name}"):
            os.fsync(self._file)
            give_name(self._part, self._final, replace=self._replace)
            sync_folder(self._final.parent)
            self._settle()
            self._journal.delete()

    def keep(self) -> None:
        if not self._settled and self._resumable:
            self._settle()
        else:
            self.drop()

    def drop(self) -> None:
        if not self._settled:
            with contextlib.suppress(OSError):
                self._part.unlink(missing_ok=True)
                self._journal.delete()
            self._settle()

    def _settle(self) -> None:
        self._settled = True
        self._journal.close()
        # A fetcher that hangs in a connection may come back later: it must not meet another file under this number.
        file, self._file = self._file, -1
        os.close(file)

    def _is_there(self, claim: Claim) -> bool:
        with local_failures(f"reading {self._name}"):
            data = os.pread(self._file, claim.size_bytes, claim.start)
        return len(data) == claim.size_bytes and checksum([data]) == claim.crc


def _preallocate(file: int, size_bytes: int) -> None:
    try:
        os.posix_fallocate(file, 0, size_bytes)
    except OSError as error:
        if error.errno not in _NO_PREALLOCATION:
            raise
        os.ftruncate(file, size_bytes)
