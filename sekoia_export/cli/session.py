"""What a command is given: the terminal, the environment, time, the shared options, the configuration.

A command's function asks for `ctx: typer.Context` and calls `Session.of(ctx)`.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, cast

from sekoia_export.cli.options import Options, given
from sekoia_export.cli.table import apart_of
from sekoia_export.cli.terminal import Streams, Terminal, Verbosity
from sekoia_export.cli.wording import CommandLineError
from sekoia_export.clock import Clock, SystemClock
from sekoia_export.redaction import strip_url

if TYPE_CHECKING:
    from collections.abc import Mapping

    import typer

    from sekoia_export.analysis.apart import Ahead
    from sekoia_export.cli.settings.places import Places
    from sekoia_export.cli.settings.settings import Settings
    from sekoia_export.configuration import Configuration


@dataclass(frozen=True, slots=True)
class Process:
    """What surrounds an invocation. A test passes its own instead of patching the real one's.

    Attributes:
        environment: the environment variables.
        folder: the current folder; relative names and `.env` are looked for there.
        secrets: what has become known of them, to be hidden in errors too.
        ahead: the process that has begun for the command's work, if any.
    """

    streams: Streams = field(default_factory=Streams.of_process)
    environment: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))
    folder: Path = field(default_factory=Path.cwd)
    clock: Clock = field(default_factory=SystemClock)
    secrets: list[str] = field(default_factory=list, repr=False)
    ahead: Ahead | None = None


class Session:
    """One invocation of one command.

    Args:
        process: what surrounds it.
        options: the shared options that were given.

    Attributes:
        terminal: where to read and write.
        clock: where time comes from.
        folder: the current folder.
    """

    def __init__(self, process: Process, options: Options) -> None:
        if options.quiet and options.verbose:
            raise CommandLineError("The options --quiet and --verbose are given together.", "Give one of them.")
        self.process = process
        self.options = options
        self.clock = process.clock
        self.folder = process.folder
        verbosity = Verbosity.VERBOSE if options.verbose else Verbosity.QUIET if options.quiet else Verbosity.NORMAL
        self.terminal = Terminal(
            process.streams, environment=process.environment, verbosity=verbosity, secrets=process.secrets
        )
        self.terminal.log_to_here()

    @classmethod
    def of(cls, ctx: typer.Context) -> Session:
        """Return the session of the invocation that `ctx` belongs to."""
        return cls(cast("Process", ctx.obj), given(ctx))

    def with_profile(self, profile: str) -> Session:
        """Return this session with another profile of the configuration file."""
        return Session(self.process, replace(self.options, profile=profile))

    def apart(self, command: str) -> Ahead:
        """Return the process, a context, that a command of the table does its work in."""
        from sekoia_export.analysis.apart import Ahead

        module = apart_of(command)
        assert module is not None, command  # noqa: S101 - a fault of the table's
        return self.process.ahead or Ahead(module)

    @cached_property
    def places(self) -> Places:
        """Where configuration and state are kept."""
        from sekoia_export.cli.settings.places import Places

        return Places.of(self.process.environment)

    @cached_property
    def settings(self) -> Settings:
        """The configuration, put together from options, environment, `.env` and the configuration file.

        Raises:
            CommandLineError: one of them cannot be used; the text names the known values.
        """
        from sekoia_export.cli.settings.settings import load_settings

        settings = load_settings(
            options=self.options,
            environment=self.process.environment,
            folder=self.folder,
            places=self.places,
            terminal=self.terminal,
        )
        for secret in settings.secrets:
            self.terminal.keep_secret(secret)
        return settings

    @cached_property
    def configuration(self) -> Configuration:
        """The library's configuration; a person is asked for the API key when it is nowhere else.

        Raises:
            CommandLineError: as `settings` does.
        """
        configuration = self.settings.configuration
        if configuration.api_key is None and self.terminal.interactive:
            from pydantic import SecretStr

            key = SecretStr(self.terminal.ask_secret(f"API key for {strip_url(configuration.base_url)}"))
            self.terminal.keep_secret(key)
            configuration = configuration.model_copy()
            configuration.api_key = key
        return configuration
