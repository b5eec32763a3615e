"""The engine: an object's bytes, through verification, into the data storage.

One stream, continued from the last good byte when it breaks. What is published was read to its end and found sound.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sekoia_export.archive import ArchiveFormat, ArchiveReader
from sekoia_export.errors import (
    DamagedExport,
    InflatesTooFar,
    LinkExpired,
    ObjectChanged,
    ObjectMissing,
    SignatureRefused,
    TransferFailed,
)
from sekoia_export.transfer.patience import Patience, Tries
from sekoia_export.transfer.progress import Observer, ProgressMeter, silent

if TYPE_CHECKING:
    from collections.abc import Callable

    from sekoia_export.archive import ArchiveFacts, ArchiveOptions
    from sekoia_export.clock import Deadline
    from sekoia_export.transfer.data_storage import DataStorage, Landing
    from sekoia_export.transfer.probing import Probe
    from sekoia_export.transfer.source import ObjectAnswer, ObjectSource

log = logging.getLogger(__name__)

BUFFER_SIZE_BYTES = 256 * 1024

# What a URL that was read anew can cure: it ran out, was rotated, or its host is gone.
_DEAD_LINK = (LinkExpired, SignatureRefused, ObjectMissing)


def download(
    source: ObjectSource,
    *,
    probe: Probe,
    storage: DataStorage,
    name: str,
    options: ArchiveOptions,
    deadline: Deadline,
    refresh: Callable[[], ObjectSource] | None = None,
    before_publish: Callable[[ArchiveFacts], None] | None = None,
    on_progress: Observer = silent,
    patience: Patience | None = None,
) -> ArchiveFacts:
    """Fetch an object into the data storage and return what it holds. Nothing appears under `name` before it is sound.

    Args:
        source: the object, asked for with the key that opens it (`probe.key`).
        probe: what the first byte told of it.
        storage: where the file goes.
        name: the file's name there, checked (`storage.check_name`).
        options: how it is read and written.
        deadline: of the step; also the clock.
        refresh: reads the download link anew and returns the source at the new one, with the same key; asked when the
            link has died, and again only when bytes have come in between. None where there is nothing to read anew.
        before_publish: told the facts when all is verified; what it raises keeps the file from being published.
        on_progress: see TransferProgress.
        patience: with broken connections.

    Raises:
        LinkExpired: the link has expired, and so has the one that `refresh` gave.
        ObjectChanged: another object lies there than the one that was probed.
        TransferFailed: it broke more often than `patience` allows.
        DamagedExport: the bytes are no sound export, also when fetched a second time.
        DataStorageError: the data storage failed; DiskFull when it has no room.
        DeadlineExceeded: the deadline passed.
        StorageError: or another of its kinds.
    """
    stream = _Stream(
        source,
        probe=probe,
        deadline=deadline,
        refresh=refresh,
        meter=ProgressMeter(deadline.clock, probe.size_bytes, on_progress),
        tries=Tries(patience or Patience(), deadline),
    )
    try:
        return _fetch(stream, storage, name, options, before_publish)
    except InflatesTooFar:
        raise
    except DamagedExport as error:
        log.warning("%s It is fetched again, once.", error.cause)
    stream.restart()
    return _fetch(stream, storage, name, options, before_publish)


def _fetch(
    stream: _Stream,
    storage: DataStorage,
    name: str,
    options: ArchiveOptions,
    before_publish: Callable[[ArchiveFacts], None] | None,
) -> ArchiveFacts:
    as_it_comes = options.format is ArchiveFormat.JSONL_GZ
    with storage.create(name, size_bytes=stream.size_bytes if as_it_comes else None) as landing:
        reader = ArchiveReader(options)
        stream.pour(reader, landing)
        for output in reader.finish():
            landing.write(output)
        facts = reader.facts()
        if before_publish is not None:
            before_publish(facts)
        landing.publish()
    return facts


class _Stream:
    """The object's bytes in order, whatever happens to the connections and links they come over.

    Attributes:
        offset: bytes that came and were taken.
        size_bytes: the object's size, None where the server does not tell.
    """

    def __init__(
        self,
        source: ObjectSource,
        *,
        probe: Probe,
        deadline: Deadline,
        refresh: Callable[[], ObjectSource] | None,
        meter: ProgressMeter,
        tries: Tries,
    ) -> None:
        self.offset = 0
        self.size_bytes = probe.size_bytes
        self._source = source
        self._probe = probe
        self._deadline = deadline
        self._refresh = refresh
        self._meter = meter
        self._tries = tries
        self._fresh = False
        self._buffer = memoryview(bytearray(BUFFER_SIZE_BYTES))

    def restart(self) -> None:
        """Begin at the first byte again."""
        self.offset = 0
        self._meter.at(0, retries=self._tries.retries, now=True)

    def pour(self, reader: ArchiveReader, landing: Landing) -> None:
        """Feed the reader from `offset` on up to the object's end, writing what it gives."""
        while self.size_bytes is None or self.offset < self.size_bytes:
            self._deadline.check("The transfer")
            try:
                with self._ask() as answer:
                    self._take(answer, reader, landing)
                break
            except _DEAD_LINK as error:
                self._renew(error)
            except TransferFailed as error:
                self._meter.at(self.offset, retries=self._tries.retries + 1, now=True)
                try:
                    self._tries.wait_after(error)
                except TransferFailed:
                    self._renew(error)
                    self._tries.progressed()
        self._meter.at(self.offset, retries=self._tries.retries, now=True)

    def _ask(self) -> ObjectAnswer:
        etag = self._probe.etag
        if not self._probe.ranges or self.size_bytes is None:
            answer = self._source.get(etag=etag)
        else:
            answer = self._source.get(first=self.offset, last=self.size_bytes - 1, etag=etag)
        # A proxy that decompresses what passes through it does not tell a size; then the content alone decides.
        if answer.status == 416 or (
            None not in {answer.total_bytes, self.size_bytes} and answer.total_bytes != self.size_bytes
        ):
            answer.close()
            raise ObjectChanged("The storage's object has another size than when it was begun.")
        return answer

    def _take(self, answer: ObjectAnswer, reader: ArchiveReader, landing: Landing) -> None:
        # A server without ranges begins at the start again: what is there already is read over.
        position = answer.first
        while count := answer.readinto(self._buffer):
            skipped = min(count, max(0, self.offset - position))
            position += count
            if skipped < count:
                for output in reader.feed(bytes(self._buffer[skipped:count])):
                    landing.write(output)
                self.offset = position
                self._tries.progressed()
                self._fresh = False
                self._meter.at(self.offset, retries=self._tries.retries)
            self._deadline.check("The transfer")

    def _renew(self, error: LinkExpired | SignatureRefused | ObjectMissing | TransferFailed) -> None:
        """Go on with the link read anew, unless the one that died is that."""
        if self._refresh is None or self._fresh:
            raise error
        log.info("%s The download link is read anew.", error.cause)
        self._source = self._refresh()
        self._fresh = True
