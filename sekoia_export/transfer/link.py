"""The way to the object, and what happens when it dies: it is read anew, once for all parts."""

from __future__ import annotations

import logging
import threading
from typing import TYPE_CHECKING

from sekoia_export.errors import LinkExpired, ObjectMissing, SignatureRefused, StorageError
from sekoia_export.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Callable

    from sekoia_export.transfer.source import ObjectSource

log = logging.getLogger(__name__)

DEAD_LINK = (LinkExpired, SignatureRefused, ObjectMissing)
"""What a URL that was read anew can cure: it ran out, was rotated, or what it points to is gone."""


class Link:
    """The source that parts are asked from, and its generation: each renewal makes the next one.

    Args:
        source: the object.
        refresh: reads the download link anew and returns the source at the new one; None where there is none.
    """

    def __init__(self, source: ObjectSource, refresh: Callable[[], ObjectSource] | None) -> None:
        self._lock = threading.Lock()
        self._source = source
        self._refresh = refresh
        self._generation = 0
        self._proved = True  # bytes came over it; the first one was proved by the probe
        self._death: StorageError | None = None

    def current(self) -> tuple[ObjectSource, int]:
        """Return the source to ask, and its generation."""
        with self._lock:
            return self._source, self._generation

    def works(self, generation: int) -> None:
        """Note that bytes came over a link of this generation."""
        if self._proved:
            return  # as most often: no other thread is to wait for this one then
        with self._lock:
            if generation == self._generation:
                self._proved = True

    def died(self, error: StorageError, generation: int) -> bool:
        """Note that a link died; False when it is one that was renewed already."""
        with self._lock:
            if generation != self._generation:
                return False
            self._death = error
            return True

    def renew(self) -> None:
        """Read the link anew; for the main thread, after `died`.

        Raises:
            StorageError: why the link died, when there is no other: none can be read, or the one that was read anew
                died without having brought a byte.
            ExportError: it could not be read.
        """
        error = self._death
        if error is None:
            return
        if self._refresh is None or not self._proved:
            raise error
        log.info("%s The download link is read anew.", redact(error.cause))
        source = self._refresh()
        with self._lock:
            self._source, self._generation = source, self._generation + 1
            self._proved, self._death = False, None
