"""The installed command in a pseudo-terminal, with what a person would see on its screen."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pexpect
import pyte

from tests.canaries import check_text

if TYPE_CHECKING:
    from collections.abc import Mapping

COMMAND = Path(sys.executable).parent / "sekoia-export"
COLUMNS, LINES = 90, 30
PATIENCE_S = 60.0


class Seen:
    """A command in a pseudo-terminal.

    Args:
        arguments: of `sekoia-export`.
        environment: of the process; the real one's is not seen.
        folder: where it runs.
    """

    def __init__(self, *arguments: str, environment: Mapping[str, str], folder: Path) -> None:
        self._screen = pyte.Screen(COLUMNS, LINES)
        self._stream = pyte.ByteStream(self._screen)
        known = {"TERM": "xterm-256color", "LANG": "C.UTF-8", "PATH": "/usr/bin:/bin", **environment}
        self._process = pexpect.spawn(
            str(COMMAND),
            list(arguments),
            env=known,
            cwd=str(folder),
            dimensions=(LINES, COLUMNS),
            # Whoever starts the tests in the background has them ignore it.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )
        self._raw = b""

    @property
    def text(self) -> str:
        """Return the screen's lines, without those that are empty."""
        return "\n".join(line.rstrip() for line in self._screen.display if line.strip())

    @property
    def raw(self) -> str:
        """Return all that was written, control sequences included."""
        return self._raw.decode(errors="replace")

    @property
    def cursor_is_shown(self) -> bool:
        return not self._screen.cursor.hidden

    def wait_for(self, pattern: str) -> None:
        """Return when the regular expression is found on the screen."""
        until_s = time.monotonic() + PATIENCE_S
        while not re.search(pattern, self.text):
            assert self._read(), f"{pattern!r} did not come:\n{self.text}"
            assert time.monotonic() < until_s, f"{pattern!r} did not come in time:\n{self.text}"

    def press_ctrl_c(self) -> None:
        self._process.sendintr()

    def close_terminal(self) -> int:
        """Close the terminal, as a window is closed; return the process's exit status."""
        os.close(self._process.child_fd)
        _, status = os.waitpid(self._process.pid, 0)
        self._process.closed = True
        return os.waitstatus_to_exitcode(status)

    def ended(self) -> int:
        """Return the exit status when the command has ended, with its last words on the screen."""
        while self._read():
            pass
        self._process.wait()
        check_text(self.raw, "the terminal")
        return self._status()

    def _status(self) -> int:
        signalled: int | None = self._process.signalstatus
        status: int = self._process.exitstatus or 0
        return status if signalled is None else 128 + signalled  # as a shell says it

    def _read(self) -> bool:
        """Take in what was written; return whether the command still runs."""
        try:
            data = self._process.read_nonblocking(65_536, timeout=0.2)
        except pexpect.TIMEOUT:
            return True
        except pexpect.EOF:
            return False
        self._raw += data
        self._stream.feed(data)
        return True
