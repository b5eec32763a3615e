"""A small disk of one's own: a tmpfs in a user and mount namespace, which needs no rights but those of every user."""

from __future__ import annotations

import contextlib
import errno
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Self

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from types import TracebackType

MIB = 1024 * 1024
# The mount lives as long as the process that reads from a standard input that says nothing.
_HOLD = 'mount -t tmpfs -o "size=$1" none "$2" && echo mounted && exec cat'


class SmallDisk:
    """A disk of `size_mib` at `folder`, seen by the processes that `command_line` starts and by nobody else.

    This process reaches its files below `seen`.
    """

    def __init__(self, folder: Path, *, size_mib: int) -> None:
        folder.mkdir()
        self.folder = folder
        self._size_mib = size_mib

    def __enter__(self) -> Self:
        line = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", _HOLD, "sh"]
        if not all(map(shutil.which, ("unshare", "nsenter", "mount"))):
            pytest.skip("NO DISK WAS FILLED: unshare, nsenter and mount of util-linux are not here")
        self._holder = subprocess.Popen(
            [*line, f"{self._size_mib}m", str(self.folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert self._holder.stdout
        if self._holder.stdout.readline() != "mounted\n":
            told = self._holder.communicate()[1].strip()
            pytest.skip(f"NO DISK WAS FILLED: user and mount namespaces are not to be had here: {told}")
        self.seen = Path(f"/proc/{self._holder.pid}/root{self.folder}")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._holder.communicate()

    def command_line(self, *command: str, folder: Path) -> list[str]:
        """Return the command line that carries out `command` in `folder`, where the disk is mounted."""
        enter = ["nsenter", "--user", "--mount", "--preserve-credentials", f"--target={self._holder.pid}"]
        return [*enter, "sh", "-c", 'cd "$0" && exec "$@"', str(folder), *command]

    def run(self, command: Sequence[str], *, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in the disk's folder to its end."""
        line = self.command_line(*command, folder=self.folder)
        return subprocess.run(line, env=env, capture_output=True, text=True, check=False, timeout=300)

    def enlarge(self, size_mib: int) -> None:
        """Make the disk larger."""
        done = self.run(["mount", "-o", f"remount,size={size_mib}m", str(self.folder)])
        assert done.returncode == 0, done.stderr

    def fill(self) -> int:
        """Fill the disk to its last byte, as another program does, and return how much that took."""
        size, piece = 0, bytes(MIB)
        with self.filler.open("wb", buffering=0) as file:
            while piece:
                try:
                    size += file.write(piece)
                except OSError as error:
                    assert error.errno == errno.ENOSPC  # noqa: PT017 - what is waited for
                    piece = piece[: len(piece) // 2]
        return size

    def make_room(self) -> None:
        """Take away what fills it."""
        self.filler.unlink()

    @property
    def filler(self) -> Path:
        return self.seen / "of somebody else"

    @property
    def free_bytes(self) -> int:
        return shutil.disk_usage(self.seen).free

    def files(self) -> dict[str, int]:
        """Return the size of every file on it."""
        found = {}
        for path in self.seen.rglob("*"):
            with contextlib.suppress(FileNotFoundError):
                if path.is_file():
                    found[str(path.relative_to(self.seen))] = path.stat().st_size
        return found
