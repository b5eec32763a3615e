"""A source that counts what is read through it, and can break for good after so many bytes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sekoia_export.errors import ExportError
from sekoia_export.transfer.source import ObjectAnswer

if TYPE_CHECKING:
    from sekoia_export.encryption import SseKey
    from sekoia_export.transfer.source import ObjectSource


class Metered:
    """See ObjectSource.

    Args:
        source: what is asked.
        budget_bytes: after so many bytes, from all answers together, `end` is raised; None for never.

    Attributes:
        read_bytes: what was read of all answers.
        ranges: what was asked for, in order: first and last.
    """

    def __init__(
        self, source: ObjectSource, *, budget_bytes: int | None = None, end: ExportError | None = None
    ) -> None:
        self.read_bytes = 0
        self.ranges: list[tuple[int | None, int | None]] = []
        self._source = source
        self._budget_bytes = budget_bytes
        self._end = end
        self._lock = threading.Lock()

    @property
    def key(self) -> SseKey | None:
        return self._source.key

    def get(self, *, first: int | None = None, last: int | None = None, etag: str | None = None) -> ObjectAnswer:
        self.ranges.append((first, last))
        answer = self._source.get(first=first, last=last, etag=etag)
        return _MeteredAnswer(answer, self)

    def take(self, data: bytes) -> bytes:
        with self._lock:
            self.read_bytes += len(data)
            if self._budget_bytes is not None and self._end is not None and self.read_bytes > self._budget_bytes:
                raise self._end
        return data


class _MeteredAnswer(ObjectAnswer):
    def __init__(self, answer: ObjectAnswer, meter: Metered) -> None:
        super().__init__(
            status=answer.status,
            total_bytes=answer.total_bytes,
            first=answer.first,
            length=answer.length,
            etag=answer.etag,
            body=answer,
        )
        self._meter = meter

    def read(self, limit_bytes: int) -> bytes:
        return self._meter.take(super().read(limit_bytes))
