"""The thread that reads the object in order while it comes, and proves it."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sekoia_export.archive import ArchiveFacts
    from sekoia_export.transfer.data_storage import Landing
    from sekoia_export.transfer.hold import Hold
    from sekoia_export.transfer.parts import Parts

READ_SIZE_BYTES = 512 * 1024


class Proof(Protocol):
    """What the bytes of an object go through, see ArchiveReader."""

    @property
    def writes_as_it_comes(self) -> bool:
        """Whether the file to write is the object as it came; known once something was fed."""

    @property
    def sound_size_bytes(self) -> int:
        """Up to where the object proved right whatever follows."""

    def feed(self, raw: bytes) -> Iterator[bytes]: ...

    def finish(self) -> Iterator[bytes]: ...

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
        self._begin_landing = landing
        self._landing: Landing | None = None

    def publish(self) -> None:
        """Give the file its name, once all is verified: the landing's where one was begun, else the hold's."""
        if self._landing is None:
            self._hold.publish()
        else:
            self._landing.publish()
            self._hold.drop()

    def abandon(self) -> None:
        """Drop what was landed; does nothing once published."""
        if self._landing is not None:
            self._landing.abandon()

    def run(self) -> None:
        try:
            if self._read():
                self._write(self._proof.finish())
                self._parts.sound()
        except BaseException as error:  # noqa: BLE001  the main thread raises it
            self._parts.fail(error)

    def _read(self) -> bool:
        """Feed all of the object; False when the transfer ended before."""
        while (there := self._parts.wait_beyond(self.fed_bytes)) is not None:
            if there == self.fed_bytes:
                return True
            while self.fed_bytes < there:
                data = self._hold.read(self.fed_bytes, min(READ_SIZE_BYTES, there - self.fed_bytes))
                self.fed_bytes += len(data)
                self._write(self._proof.feed(data))
                self._hold.release(self.fed_bytes)
                if not self._parts.verified(self.fed_bytes):
                    return False
        return False

    def _write(self, outputs: Iterator[bytes]) -> None:
        for output in outputs:
            if self._proof.writes_as_it_comes:
                continue
            if self._landing is None:
                self._landing = self._begin_landing()
            self._landing.write(output)
