"""The two threads that read the object in order while it comes, and prove it.

::

    hold ──> verifier: inflates, checksums ──a few MiB──> taker: counts lines, SHA-256 ──> landing (other formats)

Inflating is what takes longest, so nothing else is done on its thread. Both leave the interpreter to others while they
work: isal, hashlib and numpy do not hold its lock.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from sekoia_export.archive import ArchiveFacts, Inflated
    from sekoia_export.transfer.data_storage import Landing
    from sekoia_export.transfer.hold import Hold
    from sekoia_export.transfer.parts import Parts

READ_SIZE_BYTES = 512 * 1024
BATCH_BYTES = 1024 * 1024
BATCHES = 4


class Proof(Protocol):
    """What the bytes of an object go through, in two halves, see ArchiveReader."""

    @property
    def writes_as_it_comes(self) -> bool:
        """Whether the file to write is the object as it came; known once something was fed."""

    @property
    def sound_size_bytes(self) -> int:
        """Up to where the object proved right whatever follows."""

    def inflate(self, raw: bytes) -> Iterator[Inflated]: ...

    def inflate_rest(self) -> Iterator[Inflated]: ...

    def take(self, inflated: Inflated) -> Iterator[bytes]: ...

    def take_rest(self) -> Iterator[bytes]: ...

    def facts(self) -> ArchiveFacts: ...


class Verifier(threading.Thread):
    """Feeds the object to a proof, and what that gives to a landing where the file is not the object as it came.

    Args:
        parts: tells how far the object is there.
        hold: where its bytes are.
        proof: what they are fed to.
        landing: begins the file, when it is another than the object.

    Attributes:
        fed_bytes: how far the object was read; what was fed last may not be taken in yet.
    """

    def __init__(self, *, parts: Parts, hold: Hold, proof: Proof, landing: Callable[[], Landing]) -> None:
        super().__init__(name="verifier", daemon=True)
        self.fed_bytes = 0
        self._parts = parts
        self._hold = hold
        self._proof = proof
        self._taker = _Taker(proof, parts, landing)

    def publish(self) -> None:
        """Give the file its name, once all is verified: the landing's where one was begun, else the hold's."""
        if self._taker.landing is None:
            self._hold.publish()
        else:
            self._taker.landing.publish()
            self._hold.drop()

    def abandon(self) -> None:
        """Drop what was landed; does nothing once published."""
        if self._taker.landing is not None:
            self._taker.landing.abandon()

    def run(self) -> None:
        self._taker.start()
        error: BaseException | None = None
        try:
            whole = self._read() and self._taker.give(self._proof.inflate_rest())
        except BaseException as caught:  # noqa: BLE001  the main thread raises it
            error, whole = caught, False
        self._taker.end(whole=whole)
        self._taker.join()
        # What was not sound is told only now: nothing writes any more when the main thread hears of it.
        if error is not None:
            self._parts.fail(error)
        elif whole:
            self._parts.sound()

    def _read(self) -> bool:
        """Feed all of the object; False when the transfer ended before."""
        while (there := self._parts.wait_beyond(self.fed_bytes)) is not None:
            if there == self.fed_bytes:
                return True
            while self.fed_bytes < there:
                data = self._hold.read(self.fed_bytes, min(READ_SIZE_BYTES, there - self.fed_bytes))
                self.fed_bytes += len(data)
                if not self._taker.give(self._proof.inflate(data)):
                    return False
                self._hold.release(self.fed_bytes, as_it_comes=self._proof.writes_as_it_comes)
                if not self._parts.verified(self.fed_bytes):
                    return False
        return False


class _Taker(threading.Thread):
    """Takes what was inflated, a few batches behind the verifier.

    Args:
        proof: its second half is called here.
        parts: told when that fails.
        landing: begins the file, when it is another than the object.

    Attributes:
        landing: what was begun, None for nothing.
    """

    def __init__(self, proof: Proof, parts: Parts, landing: Callable[[], Landing]) -> None:
        super().__init__(name="taker", daemon=True)
        self.landing: Landing | None = None
        self._proof = proof
        self._parts = parts
        self._begin_landing = landing
        self._changed = threading.Condition()
        self._batches: deque[list[Inflated]] = deque()
        self._batch: list[Inflated] = []
        self._batch_bytes = 0
        self._given_all = False
        self._is_whole = False
        self._failed = False

    def give(self, inflated: Iterator[Inflated]) -> bool:
        """Hand over what is to be taken next, waiting while too much is; False when taking it has failed."""
        for piece in inflated:
            self._batch.append(piece)
            self._batch_bytes += len(piece.lines) + len(piece.source)
            if self._batch_bytes >= BATCH_BYTES and not self._hand_over():
                return False
        return not self._failed

    def end(self, *, whole: bool) -> None:
        """Let the thread end: after all was taken when the object was `whole`, else at once."""
        if whole:
            self._hand_over()
        with self._changed:
            self._given_all, self._is_whole = True, whole
            if not whole:
                self._batches.clear()
            self._changed.notify_all()

    def run(self) -> None:
        try:
            while (batch := self._next()) is not None:
                for inflated in batch:
                    self._land(self._proof.take(inflated))
            if self._is_whole:
                self._land(self._proof.take_rest())
        except BaseException as error:  # noqa: BLE001  the main thread raises it
            with self._changed:
                self._failed = True
                self._changed.notify_all()
            self._parts.fail(error)

    def _hand_over(self) -> bool:
        with self._changed:
            while len(self._batches) >= BATCHES and not self._failed:
                self._changed.wait()
            self._batches.append(self._batch)
            self._batch, self._batch_bytes = [], 0
            self._changed.notify_all()
            return not self._failed

    def _next(self) -> list[Inflated] | None:
        with self._changed:
            while not self._batches and not self._given_all:
                self._changed.wait()
            batch = self._batches.popleft() if self._batches else None
            self._changed.notify_all()
            return batch

    def _land(self, outputs: Iterable[bytes]) -> None:
        for output in outputs:
            if self._proof.writes_as_it_comes:
                continue
            if self.landing is None:
                self.landing = self._begin_landing()
            self.landing.write(output)
