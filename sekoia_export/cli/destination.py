"""Where the events go: `-o` and `--format`."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

from sekoia_export.archive import ArchiveFormat
from sekoia_export.cli import PROGRAM
from sekoia_export.cli.wording import CommandLineError
from sekoia_export.errors import DataStorageError

STDOUT = "-"
_SUFFIXES = {
    ".jsonl.gz": ArchiveFormat.JSONL_GZ,
    ".ndjson.gz": ArchiveFormat.JSONL_GZ,
    ".jsonl": ArchiveFormat.JSONL,
    ".ndjson": ArchiveFormat.JSONL,
    ".json": ArchiveFormat.JSON,
}
_CONVERTED = {".csv", ".parquet"}


@dataclass(frozen=True, slots=True)
class Destination:
    """Where the events go.

    Attributes:
        folder: of the file, absolute, symbolic links followed.
        name: of the file in it; None for the export's own name.
        to_stdout: whether they go to stdout instead.
        format: how they are written.
        surprise: what is to be said of a file that its name does not promise; None where there is nothing.
    """

    folder: Path
    name: str | None
    to_stdout: bool
    format: ArchiveFormat
    surprise: str | None = None

    @property
    def path(self) -> Path | None:
        """Return the file, where its name is known."""
        return None if self.name is None else self.folder / self.name

    @property
    def stored_format(self) -> ArchiveFormat:
        """Return the format of the file; events for stdout lie packed until all are there."""
        return ArchiveFormat.JSONL_GZ if self.to_stdout else self.format

    def check_stdout(self, *, json: bool) -> None:
        """Raise CommandLineError when stdout is to take what it cannot.

        Args:
            json: whether stdout takes the results as JSON.
        """
        if self.to_stdout and json:
            raise two_for_stdout()
        if self.to_stdout and self.format is not ArchiveFormat.JSONL:
            raise CommandLineError(
                f"stdout takes JSON Lines, and --format is {self.format}.", "Leave --format out, or name a file."
            )

    def check(self, *, replace: bool) -> None:
        """Make the folder, and find out before anything is asked of the platform what would fail after hours.

        Raises:
            UsageError: there is something at the file's place.
            DataStorageError: nothing can be written there.
        """
        if self.to_stdout:
            return
        if self.path is not None and not replace and self.path.exists():
            raise CommandLineError(
                f"The file {self.path} is there already.",
                "Give another name with --output, or replace it with --force.",
            )
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as failure:
            raise DataStorageError(
                f"Nothing can be written to {self.folder}: {os.strerror(failure.errno or 0)}.",
                "Choose another folder with --output, or make room or permission there.",
            ) from failure


def destination(output: str | None, *, chosen: ArchiveFormat | None, folder: Path) -> Destination:
    """Return where the events go.

    Args:
        output: of `-o`: a file, a folder, `-`; None for the current folder.
        chosen: of `--format`; None for what the file's suffix says, else jsonl.gz, and JSON Lines on stdout.
        folder: the current folder.

    Raises:
        UsageError: it is neither a file nor a folder.
    """
    if output == STDOUT:
        return Destination(folder, None, to_stdout=True, format=chosen or ArchiveFormat.JSONL)
    if output is None:
        return Destination(folder.resolve(), None, to_stdout=False, format=chosen or ArchiveFormat.JSONL_GZ)
    try:
        path = (folder / Path(output).expanduser()).resolve()
        if path.is_dir() or output.endswith("/"):
            return Destination(path, None, to_stdout=False, format=chosen or ArchiveFormat.JSONL_GZ)
        usable = not path.exists() or path.is_file()
    except (OSError, RuntimeError, ValueError):  # a loop of links, a name that is too long, no such user
        usable = False
    if not usable:
        raise CommandLineError(
            "What --output names is neither a file nor a folder.", f"Name a file, or {STDOUT} for stdout."
        )
    named = _by_suffix(path.name)
    surprise = None
    if named is None and chosen is None:
        surprise = f"{path.name} will hold JSON Lines packed with gzip: its suffix names no format that is written."
        if (suffix := path.suffix.lower()) in _CONVERTED:
            surprise += f" Fetch to a name in .jsonl.gz, and have {suffix} of it with {PROGRAM} convert."
    chosen = chosen or named or ArchiveFormat.JSONL_GZ
    return Destination(path.parent, path.name, to_stdout=False, format=chosen, surprise=surprise)


def two_for_stdout() -> CommandLineError:
    """Return the error of a stdout that would get events and results."""
    return CommandLineError("Both the events and --json are to go to stdout.", "Name a file, or leave --json out.")


def _by_suffix(name: str) -> ArchiveFormat | None:
    return next((kind for suffix, kind in _SUFFIXES.items() if name.lower().endswith(suffix)), None)
