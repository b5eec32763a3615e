"""A file of a local folder while it is written from its start to its end."""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING

from sekoia_export.transfer.data_storage import Landing
from sekoia_export.transfer.local_files import give_name, local_failures, sync_folder

if TYPE_CHECKING:
    from pathlib import Path

    from sekoia_export.transfer.local_files import Room

_BUFFER_SIZE_BYTES = 1024 * 1024


class LocalLanding(Landing):
    """A part file under an exclusive lock, renamed when published.

    Args:
        file: descriptor of the part file, locked; belongs to the landing from now on.
        part: where it lies.
        final: what it is renamed to.
        name: the file's name in the data storage, for texts.
        room: watched while it grows.
        replace: whether it may take the place of a file that is there.
    """

    def __init__(self, file: int, *, part: Path, final: Path, name: str, room: Room, replace: bool) -> None:
        super().__init__()
        self._replace = replace
        self._file = os.fdopen(file, "r+b", buffering=_BUFFER_SIZE_BYTES)
        self._part = part
        self._final = final
        self._name = name
        self._room = room

    def write(self, data: bytes) -> None:
        with local_failures(f"writing {self._name}"):
            self._room.take(len(data))
            self._file.write(data)

    def _publish(self) -> None:
        with local_failures(f"writing {self._name}"):
            self._file.flush()
            os.fsync(self._file.fileno())
            give_name(self._part, self._final, replace=self._replace)
            self._file.close()
            sync_folder(self._final.parent)

    def _abandon(self) -> None:
        # What the buffer still holds is dropped with the file: on a full disk closing would fail on it.
        with contextlib.suppress(OSError):
            self._part.unlink(missing_ok=True)
        with contextlib.suppress(OSError):
            self._file.close()
