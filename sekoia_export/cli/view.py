"""How progress is shown: drawn on a terminal, as sentences, as events for a program, or not at all."""

from __future__ import annotations

from contextlib import contextmanager
from enum import StrEnum
from typing import TYPE_CHECKING

from sekoia_export.cli.terminal import Verbosity
from sekoia_export.operations.watching import Watcher

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sekoia_export.cli.terminal import Terminal
    from sekoia_export.clock import Clock
    from sekoia_export.operations.outcome import Branch
    from sekoia_export.operations.watching import Phase


class ProgressStyle(StrEnum):
    """How progress is shown on stderr."""

    AUTO = "auto"
    """Drawn where stderr is a terminal, else as `plain`."""
    PLAIN = "plain"
    """A sentence for each phase and each tenth."""
    JSON = "json"
    """NDJSON: one event a line, and so is whatever else is said."""


class View(Watcher):
    """Shows nothing; who shows something overrides what it needs."""

    @contextmanager
    def shown(self) -> Iterator[None]:
        """Show progress while it is entered."""
        yield

    def stopping(self) -> None:
        """Take note that a signal came, and that the work is being ended."""

    def ended(self, branch: Branch) -> None:
        """Take note of how the work ended."""


def view_for(terminal: Terminal, *, style: ProgressStyle, clock: Clock, phases: Sequence[Phase]) -> View:
    """Return the view that was asked for.

    Args:
        terminal: where it is shown.
        style: of `--progress`.
        clock: where time comes from.
        phases: those that the work has; none when it is over at once, and there is nothing to show.
    """
    if style is ProgressStyle.JSON:
        from sekoia_export.cli.event_view import EventView

        return EventView(terminal)
    if not phases:
        return View()
    if style is ProgressStyle.AUTO and terminal.live:
        from sekoia_export.cli.live_view import LiveView

        return LiveView(terminal, clock=clock, phases=phases)
    if terminal.verbosity is Verbosity.QUIET:
        return View()
    from sekoia_export.cli.plain_view import PlainView

    return PlainView(terminal)
