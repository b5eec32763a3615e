"""The engine: an object's bytes, in parallel and through verification, into the data storage.

::

    storage ══ fetchers (threads, one connection each) ══> hold ──in order──> verifier (thread) ──> landing
                        └───────── parts (what is there, on its way, missing) ────┘        (other formats)
                                             │
                                        main thread: link, laggards, deadline, progress

The hold is where raw bytes lie until all is verified: a preallocated file, or a window of memory in front of a bucket.
It becomes the file itself where that is the object as it came; else the file is written by the verifier. Nothing has
its final name before it was read to its end and found sound. What is kept when it ends early is taken up by the next
`download` to the same name (`journal.py`, `s3_hold.py`).
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sekoia_export.archive import ArchiveReader
from sekoia_export.errors import DamagedExport, InflatesTooFar, ObjectChanged
from sekoia_export.transfer.fetcher import Fetcher
from sekoia_export.transfer.link import Link
from sekoia_export.transfer.pace import CONNECTIONS, Pace
from sekoia_export.transfer.parts import Course, Parts
from sekoia_export.transfer.patience import Patience
from sekoia_export.transfer.progress import Observer, ProgressMeter, silent
from sekoia_export.transfer.ranges import Span
from sekoia_export.transfer.source import strong_etag
from sekoia_export.transfer.verifier import Proof, Verifier

if TYPE_CHECKING:
    from collections.abc import Callable
    from threading import Thread

    from sekoia_export.archive import ArchiveFacts, ArchiveOptions
    from sekoia_export.clock import Deadline
    from sekoia_export.transfer.data_storage import DataStorage
    from sekoia_export.transfer.hold import Hold
    from sekoia_export.transfer.probing import Probe
    from sekoia_export.transfer.source import ObjectSource

log = logging.getLogger(__name__)

_LOOK_EVERY_S = 0.1
_PATIENCE_WITH_THREADS_S = 5.0
_WORTHLESS = (DamagedExport, ObjectChanged)
"""After these, what was fetched is of no use to a later run."""


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
    connections: int = CONNECTIONS,
    start_clean: bool = False,
    proof: Callable[[ArchiveOptions], Proof] = ArchiveReader,
) -> ArchiveFacts:
    """Fetch an object into the data storage and return what it holds. Nothing appears under `name` before it is sound.

    Args:
        source: the object, asked for with the key that opens it (`probe.key`).
        probe: what the first byte told of it.
        storage: where the file goes.
        name: the file's name there, checked (`storage.check_name`).
        options: how it is read and written.
        deadline: of the step; also the clock.
        refresh: reads the download link anew and returns the source at the new one, with the same key; asked once for
            all parts when the link has died, and again only when bytes have come in between. Called from the calling
            thread. None where there is nothing to read anew.
        before_publish: told the facts when all is verified; what it raises keeps the file from being published.
        on_progress: see TransferProgress; called from the calling thread.
        patience: with broken, stuck and slow connections.
        connections: how many are open at once, at most.
        start_clean: do not use what an earlier run kept, nor read its state.
        proof: makes what verifies the bytes; a benchmark puts less there.

    Raises:
        LinkExpired: the link has expired, and so has the one that `refresh` gave. What came is kept.
        ObjectChanged: another object lies there than the one that was probed.
        TransferFailed: it broke more often than `patience` allows. What came is kept.
        DamagedExport: the bytes are no sound export, also when those in doubt were fetched a second time.
        StateCorrupt: the state of an earlier run cannot be read.
        DataStorageError: the data storage failed; DiskFull when it has no room.
        DeadlineExceeded: the deadline passed. What came is kept.
        StorageError: or another of its kinds.
    """
    hold = storage.hold(name, etag=strong_etag(probe.etag), size_bytes=probe.size_bytes, start_clean=start_clean)
    transfer = _Transfer(
        link=Link(source, refresh),
        hold=hold,
        probe=probe,
        deadline=deadline,
        patience=patience or Patience(),
        connections=connections,
        meter=ProgressMeter(deadline.clock, probe.size_bytes, on_progress),
    )
    try:
        while True:
            checked = proof(options)
            parts = transfer.parts()
            verifier = Verifier(
                parts=parts, hold=hold, proof=checked, landing=lambda: storage.create(name, size_bytes=None)
            )
            try:
                transfer.run(parts, verifier)
                facts = checked.facts()
                if before_publish is not None:
                    before_publish(facts)
                verifier.publish()
                return facts
            except InflatesTooFar:
                raise
            except DamagedExport as error:
                if not transfer.forget(Span(checked.sound_size_bytes, verifier.fed_bytes)):
                    raise
                log.warning("%s The bytes in doubt are fetched again, once.", error.cause)
            finally:
                verifier.abandon()
    except _WORTHLESS:
        hold.drop()
        raise
    finally:
        hold.keep()


class _Transfer:
    """Passes over one object: the second only fetches what proved wrong in the first."""

    def __init__(
        self,
        *,
        link: Link,
        hold: Hold,
        probe: Probe,
        deadline: Deadline,
        patience: Patience,
        connections: int,
        meter: ProgressMeter,
    ) -> None:
        self._link = link
        self._hold = hold
        self._probe = probe
        self._deadline = deadline
        self._patience = patience
        self._connections = connections
        self._meter = meter
        self._retries = 0
        self._forgot = False
        self._present = hold.present()
        if self._present.size_bytes:
            log.info(f"An earlier run left {self._present.size_bytes:,} bytes that are sound; it goes on from there.")

    def parts(self) -> Parts:
        """Return what is to be fetched in the next pass."""
        window_bytes = self._hold.window_bytes
        return Parts(
            self._probe.size_bytes,
            present=self._present,
            ranges=self._probe.ranges,
            pace=Pace(connections=self._connections, window_bytes=window_bytes),
            patience=self._patience,
            clock=self._deadline.clock,
            window_bytes=window_bytes,
        )

    def run(self, parts: Parts, verifier: Verifier) -> None:
        """Fetch what is missing and verify all, or raise what went wrong, with all threads ended either way."""
        threads: list[Thread] = [
            verifier,
            *(
                Fetcher(number, parts=parts, link=self._link, hold=self._hold, etag=self._probe.etag)
                for number in range(parts.useful_connections(self._connections))
            ),
        ]
        for thread in threads:
            thread.start()
        try:
            self._attend(parts)
        finally:
            parts.stop()
            for thread in threads:
                thread.join(_PATIENCE_WITH_THREADS_S)
            self._present = parts.present()
            self._retries += parts.counts()[2]
            self._tell(parts, now=True)

    def forget(self, span: Span) -> bool:
        """Have the bytes of `span` fetched again; False when that was done before."""
        if self._forgot:
            return False
        self._forgot = True
        for doubtful in self._hold.forget(span):
            self._present.remove(doubtful)
        self._retries += 1
        self._meter.at(self._present.size_bytes, parts=0, retries=self._retries, now=True)
        return True

    def _attend(self, parts: Parts) -> None:
        while True:
            course = parts.wait(_LOOK_EVERY_S)
            self._deadline.check("The transfer")
            if course is Course.SOUND:
                return
            if course is Course.LINK_DIED:
                self._link.renew()
                parts.link_renewed()
            parts.cut_laggards()
            self._tell(parts)

    def _tell(self, parts: Parts, *, now: bool = False) -> None:
        done_bytes, on_the_way, retries = parts.counts()
        self._meter.at(done_bytes, parts=on_the_way, retries=self._retries + (0 if now else retries), now=now)
