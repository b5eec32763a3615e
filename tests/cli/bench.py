"""The command line run in this process, with streams, an environment and folders of its own."""

from __future__ import annotations

import contextlib
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sekoia_export.cli import run
from sekoia_export.cli.session import Process
from sekoia_export.cli.terminal import Streams
from sekoia_export.clock import Clock, SystemClock
from tests.canaries import check_text

if TYPE_CHECKING:
    from sekoia_export.simulator import Simulator


class Screen(io.TextIOWrapper):
    """A stream that may say that it is a terminal; bytes can be written to its buffer."""

    def __init__(self, text: str = "", *, terminal: bool = False) -> None:
        self.bytes = io.BytesIO(text.encode())
        super().__init__(self.bytes, encoding="utf-8", newline="", write_through=True)
        self.terminal = terminal

    def isatty(self) -> bool:
        return self.terminal

    def getvalue(self) -> str:
        return self.bytes.getvalue().decode()


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a command line."""

    status: int
    stdout: str
    stderr: str


@dataclass
class CommandLine:
    """Runs command lines below one folder; what they say is searched for secrets.

    Attributes:
        folder: the current folder. home: where configuration and state are.
        environment: of each run, beside SEKOIA_EXPORT_HOME.
    """

    folder: Path
    environment: dict[str, str] = field(default_factory=dict)
    clock: Clock = field(default_factory=SystemClock)

    @property
    def home(self) -> Path:
        return self.folder / "home"

    def configure(self, simulator: Simulator) -> None:
        """Have the environment name a simulator and its key."""
        self.environment |= {"SEKOIA_BASE_URL": simulator.base_url, "SEKOIA_API_KEY": simulator.api_key}

    def write_config(self, text: str, *, mode: int = 0o600) -> Path:
        self.home.mkdir(exist_ok=True)
        path = self.home / "config.toml"
        path.write_text(text)
        path.chmod(mode)
        return path

    def run(self, *arguments: str, stdin: str = "", terminal: bool = False, reveals: bool = False) -> Done:
        """Run one command line; `terminal` makes all three streams one, `reveals` lets stdout show a secret."""
        streams = Streams(*(Screen(text, terminal=terminal) for text in (stdin, "", "")))
        environment = {"SEKOIA_EXPORT_HOME": str(self.home), **self.environment}
        process = Process(streams=streams, environment=environment, folder=self.folder, clock=self.clock)
        # Typer prints help on the process's own stdout.
        with contextlib.redirect_stdout(streams.stdout), contextlib.redirect_stderr(streams.stderr):
            status = run(arguments, process)
        done = Done(status, streams.stdout.getvalue(), streams.stderr.getvalue())  # type: ignore[attr-defined]
        check_text("" if reveals else done.stdout, f"the stdout of {arguments[:1]}")
        check_text(done.stderr, f"the stderr of {arguments[:1]}")
        return done
