"""Where a command reads and writes: data on stdout, everything that is said to a person on stderr.

The streams are passed in, so a test gives its own and patches nothing.
"""

from __future__ import annotations

import errno
import io
import logging
import os
import shutil
import sys
import textwrap
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, Literal, TextIO

from sekoia_export.cli.wording import CommandLineError, for_terminal
from sekoia_export.errors import DataStorageError
from sekoia_export.redaction import hide, redact

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from pydantic import SecretStr
    from rich.console import Console, RenderableType
    from rich.live import Live


@dataclass(frozen=True, slots=True)
class Streams:
    """The three streams of a process."""

    stdin: TextIO
    stdout: TextIO
    stderr: TextIO

    @classmethod
    def of_process(cls) -> Streams:
        """Return the process's own; what stdout's encoding has not is escaped there, as it is on stderr.

        Of those that the process was started without (`>&-`), stdin is at its end, stdout refuses what is written,
        for data would be lost, and stderr takes it.
        """
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(errors="backslashreplace")
        return cls(
            sys.stdin or _nowhere(os.O_RDONLY, "r"),
            sys.stdout or _nowhere(os.O_RDONLY, "w"),
            sys.stderr or _nowhere(os.O_WRONLY, "w"),
        )


def lead_nowhere(stream: TextIO) -> None:
    """Have what is still in a stream's buffer go nowhere: Python's last flush would fail on it again."""
    with suppress(OSError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _nowhere(access: int, mode: Literal["r", "w"]) -> TextIO:
    return os.fdopen(os.open(os.devnull, access), mode)


class Verbosity(IntEnum):
    """How much is said on stderr."""

    QUIET = 0
    """Errors only."""
    NORMAL = 1
    """Messages, warnings and progress."""
    VERBOSE = 2
    """The library's log too."""


class Terminal:
    """The streams of one invocation, and how much is said on them.

    Args:
        streams: of the process, or a test's own.
        environment: `NO_COLOR` and `TERM=dumb` are heeded.
        verbosity: how much is said.
        secrets: texts that are hidden in whatever is logged or said of an error; `keep_secret` adds to it.

    Attributes:
        console: Rich's, on stderr; Rich is imported when it is first asked for.
        events: where set, whatever is said is told there instead of being written: its kind (`message`, `warning`,
            `advice`, `error`) and its text.
    """

    def __init__(
        self,
        streams: Streams,
        *,
        environment: Mapping[str, str],
        verbosity: Verbosity = Verbosity.NORMAL,
        secrets: list[str] | None = None,
    ) -> None:
        self.streams = streams
        self.verbosity = verbosity
        self._environment = environment
        self._console: Console | None = None
        self._secrets = [] if secrets is None else secrets
        self._live: Live | None = None
        self._abandoned = False
        self.events: Callable[[str, str], None] | None = None

    @property
    def live(self) -> bool:
        """Whether progress may be drawn: stderr is a terminal that can move its cursor, and nobody asked for quiet."""
        return self.verbosity > Verbosity.QUIET and self._is_terminal(self.streams.stderr)

    @property
    def colours(self) -> bool:
        """Whether colours may be used on stderr."""
        return self._is_terminal(self.streams.stderr) and not self._environment.get("NO_COLOR")

    @property
    def interactive(self) -> bool:
        """Whether a person can be asked: both stdin and stderr are a terminal."""
        return self.streams.stdin.isatty() and self.streams.stderr.isatty()

    @property
    def console(self) -> Console:
        if self._console is None:
            self._console = self._console_on(self.streams.stderr)
            self._console.quiet = self.verbosity is Verbosity.QUIET
        return self._console

    def data(self, text: str, *, style: str | None = None) -> None:
        """Write a line of what was asked for to stdout; `style`, Rich's, counts where that is a terminal.

        Raises:
            DataStorageError: stdout does not take it: its disk is full, or it is closed.
        """
        try:
            if style is not None and self._is_terminal(self.streams.stdout) and not self._environment.get("NO_COLOR"):
                self._console_on(self.streams.stdout).print(text, style=style)
            else:
                self.streams.stdout.write(f"{text}\n")
            self.streams.stdout.flush()
        except OSError as failure:
            if failure.errno not in _NOT_TAKEN:
                raise  # a reader or a terminal that has gone is no failure of what was asked for
            lead_nowhere(self.streams.stdout)
            raise DataStorageError(
                f"What was asked for could not be written to stdout: {os.strerror(failure.errno)}.",
                "See to where stdout leads, then run it again.",
            ) from failure

    def say(self, text: str, *, style: str | None = None) -> None:
        """Write a line for a person to stderr, unless quiet.

        Args:
            text: nothing in it is taken for markup.
            style: Rich's, such as `bold` or `green`; dropped where there are no colours.
        """
        if self.verbosity > Verbosity.QUIET:
            self._write("message", text, style=style)

    def warn(self, text: str) -> None:
        """Write a warning to stderr, unless quiet, without the secrets that are known here."""
        if self.verbosity > Verbosity.QUIET:
            self._write("warning", self.without_secrets(text), before="warning: ", style="yellow")

    def error(self, text: str) -> None:
        """Write a line to stderr, quiet or not, without the secrets that are known here."""
        self._write("error", self.without_secrets(text), style="red")

    def advise(self, text: str, *, command: str | None = None) -> None:
        """Write to stderr, quiet or not, what happened and what can be done; `command` on a line of its own to copy."""
        if self.events is not None:
            self.events("advice", text if command is None else f"{text}: {command}")
            return
        self._write("advice", text if command is None else f"{text}:", style="yellow")
        if command is not None:
            self._write("advice", f"  {command}", style="bold")

    @contextmanager
    def drawing(self, draw: Callable[[], RenderableType]) -> Iterator[None]:
        """Show what `draw` returns, four times a second, below whatever is said meanwhile; its last picture stays."""
        from rich.live import Live

        self._live = Live(console=self.console, get_renderable=draw, redirect_stdout=False, redirect_stderr=False)
        try:
            with self._live:
                yield
        finally:
            self._live = None

    def abandon(self) -> None:
        """Write past every buffer from now on, the cursor shown: for a signal's handler, after which the process ends.

        It may have come in the middle of a write, and a buffer takes no second one.
        """
        self._abandoned = True
        if self._is_terminal(self.streams.stderr):
            os.write(self.streams.stderr.fileno(), b"\x1b[?25h\r\n")

    def keep_secret(self, secret: SecretStr) -> None:
        """Hide `secret` from now on in whatever is logged or said of an error; a text too short to be one stays."""
        if len(secret.get_secret_value()) >= _SHORTEST_SECRET:
            self._secrets.append(secret.get_secret_value())

    def without_secrets(self, text: str) -> str:
        return hide(redact(text), self._secrets)

    def read_secret(self, question: str) -> str:
        """Return the secret on stdin: all of it, without white space around it; on a terminal a person is asked.

        Args:
            question: what is asked for.

        Raises:
            CommandLineError: nothing came, or what is typed would be shown.
        """
        if self.interactive:
            text = self.ask_secret(question)
        elif self.streams.stdin.isatty():
            raise CommandLineError(
                "A secret is to be read from stdin, which is a terminal, and stderr is none to ask on.", "Pipe it in."
            )
        else:
            text = self.streams.stdin.read().strip()
        if not text:
            raise CommandLineError("A secret is to be read from stdin, and nothing came.", "Pipe it in.")
        return text

    def ask_secret(self, question: str) -> str:
        """Ask for a secret, without showing what is typed; empty text when none is given."""
        import getpass

        return getpass.getpass(f"{question}: ", self.streams.stderr).strip()

    def log_to_here(self) -> None:
        """Show the library's warnings, and when verbose all that it logs, on stderr without secrets."""
        _LOGGER.handlers = [_TerminalHandler(self)]
        _LOGGER.propagate = False
        _LOGGER.setLevel(_LEVELS[self.verbosity])

    def _console_on(self, stream: TextIO) -> Console:
        from rich.console import Console

        return Console(
            file=stream,
            force_terminal=self._is_terminal(stream),
            no_color=bool(self._environment.get("NO_COLOR")),
            highlight=False,
            soft_wrap=True,
            markup=False,
            emoji=False,
        )

    def _write(self, kind: str, text: str, *, before: str = "", style: str | None) -> None:
        if self.events is not None:
            self.events(kind, text)
            return
        shown = f"{before}{text}"
        if self._is_terminal(self.streams.stderr):
            shown = _wrapped(shown)
        if self._abandoned:
            os.write(self.streams.stderr.fileno(), f"{shown}\n".encode(errors="backslashreplace"))
        elif self._live is not None:
            self.console.print(shown, style=style)
        elif style is not None and self.colours:
            self._console_on(self.streams.stderr).print(shown, style=style)
        else:
            self.streams.stderr.write(f"{shown}\n")
            self.streams.stderr.flush()

    def _is_terminal(self, stream: TextIO) -> bool:
        return stream.isatty() and self._environment.get("TERM") != "dumb"


def _wrapped(text: str) -> str:
    """Return a text in lines of the terminal's width; uuids, paths and indented lines stay whole, to be copied."""
    width = shutil.get_terminal_size().columns
    return "\n".join(
        line if line.startswith("  ") else textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
        for line in text.splitlines()
    )


_NOT_TAKEN = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EBADF}
_SHORTEST_SECRET = 8  # of a shorter one, the letters stand in every sentence
_LOGGER = logging.getLogger("sekoia_export")
_LEVELS = {
    Verbosity.QUIET: logging.ERROR,
    Verbosity.NORMAL: logging.WARNING,
    Verbosity.VERBOSE: logging.DEBUG,
}


@contextmanager
def log_kept_as_it_was() -> Iterator[None]:
    """Undo, at the end, what `log_to_here` did to the process's log."""
    handlers, propagate, level = _LOGGER.handlers, _LOGGER.propagate, _LOGGER.level
    try:
        yield
    finally:
        _LOGGER.handlers, _LOGGER.propagate = handlers, propagate
        _LOGGER.setLevel(level)


class _TerminalHandler(logging.Handler):
    """Says what is logged: warnings as they are read best, the rest with its module."""

    def __init__(self, terminal: Terminal) -> None:
        super().__init__()
        self._terminal = terminal

    def emit(self, record: logging.LogRecord) -> None:
        text = for_terminal(" ".join(self._parts(record)))
        if record.levelno >= logging.WARNING:
            self._terminal.warn(text)
        else:
            place = record.name.removeprefix("sekoia_export.")
            self._terminal.say(self._terminal.without_secrets(f"{place}: {text}"), style="dim")

    def _parts(self, record: logging.LogRecord) -> Iterator[str]:
        yield record.getMessage()
        if record.exc_info is not None and record.exc_info[1] is not None:
            yield f"({type(record.exc_info[1]).__name__})"
