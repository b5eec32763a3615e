"""The private folder where events for stdout lie until all of them are fetched and verified.

A reader of a pipe cannot take back what it has read, and few look at the writer's exit status. So stdout gets the first
event when the last one is known to be sound: what comes through is the whole, or nothing.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sekoia_export.transfer.data_storage import STATE_FOLDER
from sekoia_export.transfer.local_files import PRIVATE_FOLDER, local_failures

if TYPE_CHECKING:
    from pathlib import Path


class Spool:
    """The folder of one export's events.

    Args:
        home: the state folder.
        name: of the spool: the same for whoever goes on with the same.
    """

    def __init__(self, home: Path, name: str) -> None:
        self._home = home
        self.folder = home / STATE_FOLDER / "spool" / name

    def make(self) -> None:
        """Make the folder, for nobody else to look into."""
        with local_failures(f"making {self.folder}"):
            self._home.mkdir(parents=True, exist_ok=True)
            for folder in (self.folder.parents[1], self.folder.parents[0], self.folder):
                folder.mkdir(mode=PRIVATE_FOLDER, exist_ok=True)

    def remove(self, file: Path) -> None:
        """Remove the events, which have been written."""
        with local_failures(f"removing {file}"):
            file.unlink(missing_ok=True)
        with suppress(OSError):  # another process may be fetching the same
            self.folder.rmdir()
