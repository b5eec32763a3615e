"""A thread that brings parts of the object: one after the other, each over one connection of the pool."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sekoia_export.errors import ObjectChanged, TransferFailed
from sekoia_export.transfer.link import DEAD_LINK

if TYPE_CHECKING:
    from sekoia_export.transfer.hold import Hold
    from sekoia_export.transfer.link import Link
    from sekoia_export.transfer.parts import Part, Parts
    from sekoia_export.transfer.source import ObjectAnswer

SMALLEST_WRITE_BYTES, LARGEST_WRITE_BYTES = 16 * 1024, 1024 * 1024
_WRITE_BYTES = 256 * 1024  # where the size is not known; and at most of what stays in memory, as sixteen may write
_WRITES_OF_AN_OBJECT = 128


class Fetcher(threading.Thread):
    """Fetches parts until there are none.

    What a part brought is kept, whatever happens to its rest. Failures of the connection go back with the part; all
    others end the transfer.

    Args:
        parts: where parts come from.
        link: where to ask for them.
        hold: where their bytes go.
        etag: the object is to be this one (If-Match); None where it has none.
    """

    def __init__(self, number: int, *, parts: Parts, link: Link, hold: Hold, etag: str | None) -> None:
        super().__init__(name=f"fetcher-{number}", daemon=True)
        self._parts = parts
        self._link = link
        self._hold = hold
        self._etag = etag
        # Small objects are kept in small pieces: a kill then loses little of them.
        size = parts.size_bytes
        largest = LARGEST_WRITE_BYTES if hold.window_bytes is None else _WRITE_BYTES
        self._largest_write_bytes = (
            _WRITE_BYTES if size is None else max(SMALLEST_WRITE_BYTES, min(largest, size // _WRITES_OF_AN_OBJECT))
        )
        # Small ones first: how many connections the link calls for is seen from them.
        self._write_bytes = min(_WRITE_BYTES, self._largest_write_bytes)

    def run(self) -> None:
        try:
            while (part := self._parts.take()) is not None:
                self._fetch(part)
        except BaseException as error:  # noqa: BLE001  the main thread raises it
            self._parts.fail(error)

    def _fetch(self, part: Part) -> None:
        source, part.generation = self._link.current()
        try:
            if self._parts.ranges and part.end is not None:
                answer = source.get(first=part.start, last=part.end - 1, etag=self._etag)
            else:
                answer = source.get(etag=self._etag)
            with answer:
                if self._parts.begin(part, answer):
                    self._check(answer, part)
                    self._take_in(answer, part)
        except DEAD_LINK as error:
            died = self._link.died(error, part.generation)
            self._parts.link_died(part) if died else self._parts.give_back(part, TransferFailed(error.cause))
        except TransferFailed as failure:
            if not self._parts.give_back(part, failure) and self._link.died(failure, part.generation):
                self._parts.link_died(None)

    def _check(self, answer: ObjectAnswer, part: Part) -> None:
        # A proxy that decompresses what passes through it does not tell a size; then the content alone decides.
        size = self._parts.size_bytes
        if answer.status == 416 or (None not in {answer.total_bytes, size} and answer.total_bytes != size):
            raise ObjectChanged("The storage's object has another size than when it was begun.")
        if self._parts.ranges and answer.status == 200 and part.start:
            self._parts.one_stream()
            raise TransferFailed("The storage answered the whole object where a part was asked for.")

    def _take_in(self, answer: ObjectAnswer, part: Part) -> None:
        position = answer.first
        pieces: list[bytes] = []
        gathered_bytes = 0
        try:
            # The read that returns nothing is what gives the connection back to the pool.
            while piece := answer.read(self._largest_write_bytes):
                start, position = position, position + len(piece)
                # A server without ranges begins at the start again: what is there already is read over.
                first, last = max(0, part.start - start), len(piece) if part.end is None else part.end - start
                if piece := piece[first:last]:
                    pieces.append(piece)
                    gathered_bytes += len(piece)
                if gathered_bytes >= self._write_bytes:
                    self._keep(part, pieces)
                    gathered_bytes = 0
                if self._parts.ended():
                    return
                if part.end is not None and position > part.end:
                    break  # the whole object, where only its start was asked for
        finally:
            self._keep(part, pieces)
        if part.end is not None and part.position < part.end:
            raise TransferFailed("The storage sent less than it was asked for.")
        self._parts.finish(part)

    def _keep(self, part: Part, pieces: list[bytes]) -> None:
        if pieces:
            size = sum(map(len, pieces))
            self._parts.wait_for_room(part)
            self._hold.write(part.position, pieces)
            pieces.clear()
            self._write_bytes = min(2 * self._write_bytes, self._largest_write_bytes)
            self._parts.came(part, size)
            self._link.works(part.generation)
