"""Progress, drawn: a line for each phase, and a second one with a bar for the one that is under way.

::

    ✓ Search    1,204,332 events match                                          12 s
    ✓ Trigger   task 0d4b6c0e-3f2e-4c4e-9a3f-7b9a1f0c2d11                        1 s
    ⠹ Export    ━━━━━━━━━━━━━━━━━━━━━━━━━╸━━━━━━━━━━━━━━━                      62 %
                751,000 of 1,204,332 events, 5,200 a second, about 2 min left
    · Fetch
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from sekoia_export.cli.view import View
from sekoia_export.cli.words import events_in_words, size_in_words, transfer_in_words
from sekoia_export.operations.outcome import Branch
from sekoia_export.operations.watching import Phase
from sekoia_export.times import in_words

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from uuid import UUID

    from sekoia_export.cli.terminal import Terminal
    from sekoia_export.clock import Clock
    from sekoia_export.transfer.progress import TransferProgress
    from sekoia_export.waiting import Progress

_LABELS = {
    Phase.SEARCHING: "Search",
    Phase.TRIGGERING: "Trigger",
    Phase.EXPORTING: "Export",
    Phase.FETCHING: "Fetch",
}
_GOOD = {Branch.DONE, Branch.EMPTY, Branch.TRIGGERED, Branch.FINISHED, Branch.FETCHED}
_WIDEST = 100
_ECHO = len("^C^C")  # what a terminal echoes of Ctrl-C; where it wrapped, the picture would be drawn a line too low
_FRAMES, _ASCII_FRAMES = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏", "-\\|/"


class _Mark(Enum):
    """How a phase stands: the mark before it, the same where there is only ASCII, its colour."""

    AHEAD = ("·", ".", "dim")
    DONE = ("✓", "+", "green")
    FAILED = ("✗", "x", "red")
    STOPPED = ("■", "#", "yellow")


@dataclass(slots=True)
class _Row:
    """What is known of a phase.

    Attributes:
        began_s, ended_s: on the clock; None while it has not.
        said: what is known of it, without an estimate.
        events, transfer: the last progress, and when it was told.
    """

    phase: Phase
    began_s: float | None = None
    ended_s: float | None = None
    mark: _Mark = _Mark.AHEAD
    said: str = ""
    events: Progress | None = None
    transfer: TransferProgress | None = None
    told_s: float = 0.0

    @property
    def active(self) -> bool:
        return self.began_s is not None and self.ended_s is None

    @property
    def has_bar(self) -> bool:
        """Return whether a bar tells more than a line: while it is under way, and where it stopped."""
        return self.mark is not _Mark.DONE and (self.events is not None or self.transfer is not None)

    @property
    def share(self) -> float | None:
        """Return how much of the phase is done, 0 to 1; None where it cannot be told."""
        if self.events is not None and self.events.percent is not None:
            return self.events.percent / 100
        if self.transfer is not None and self.transfer.total_bytes:
            return min(1.0, self.transfer.done_bytes / self.transfer.total_bytes)
        return None


class LiveView(View):
    """Draws the phases.

    Args:
        terminal: where.
        clock: for durations, and to count estimates down between two looks.
        phases: those that are shown.
    """

    def __init__(self, terminal: Terminal, *, clock: Clock, phases: Sequence[Phase]) -> None:
        self._terminal = terminal
        self._clock = clock
        self._rows = {phase: _Row(phase) for phase in phases}
        self._stopping = False
        self._ascii = terminal.console.options.ascii_only

    @contextmanager
    def shown(self) -> Iterator[None]:
        with self._terminal.drawing(self.picture):
            try:
                yield
            except BaseException:
                self._end(_Mark.STOPPED if self._stopping else _Mark.FAILED)
                raise

    def entered(self, phase: Phase) -> None:
        self._end(_Mark.DONE)
        self._rows[phase] = _Row(phase, began_s=self._clock.monotonic(), said="asking the platform")

    def search_job(self, job_uuid: UUID) -> None:
        self._say(Phase.SEARCHING, f"search job {job_uuid}")

    def export_task(self, job_uuid: UUID, task_uuid: UUID) -> None:  # noqa: ARG002 - the search job has its own line
        self._say(Phase.TRIGGERING, f"task {task_uuid}")

    def waiting_for_slot(self, remaining_s: float) -> None:
        self._say(Phase.TRIGGERING, f"another export is running; waiting for {in_words(remaining_s)} at most")

    def searching(self, progress: Progress) -> None:
        # No bar: the total of a search grows with what it has found.
        so_far = "" if progress.remaining_s == 0 else " so far"
        found = max(progress.done, progress.total or 0)
        self._say(Phase.SEARCHING, f"{found:,} events match{so_far}" if found else "no event matches" + so_far)

    def exporting(self, progress: Progress) -> None:
        total = f" of {progress.total:,}" if progress.total and progress.done < progress.total else ""
        self._say(Phase.EXPORTING, f"{progress.done:,}{total} events", events=progress)

    def fetching(self, progress: TransferProgress) -> None:
        total = progress.total_bytes
        of_total = f" of {size_in_words(total)}" if total and progress.done_bytes < total else ""
        self._say(Phase.FETCHING, f"{size_in_words(progress.done_bytes)}{of_total}", transfer=progress)

    def stopping(self) -> None:
        self._stopping = True

    def ended(self, branch: Branch) -> None:
        self._end(_Mark.DONE if branch in _GOOD else _Mark.FAILED)

    def picture(self) -> Table:
        """Return what is drawn now."""
        table = Table.grid(padding=(0, 1), expand=False)
        table.width = min(self._terminal.console.width - _ECHO, _WIDEST)
        table.add_column(width=1)
        table.add_column(width=9)
        table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
        table.add_column(width=9, justify="right", no_wrap=True)
        for row in self._rows.values():
            self._add(table, row)
        return table

    def _add(self, table: Table, row: _Row) -> None:
        now_s = self._clock.monotonic()
        label = Text(_LABELS[row.phase], style="bold" if row.active else "dim" if row.began_s is None else "")
        mark, detail = self._mark(row, now_s), self._detail(row, now_s)
        took_s = None if row.began_s is None else (now_s if row.ended_s is None else row.ended_s) - row.began_s
        took = Text("" if took_s is None else in_words(took_s), style="dim")
        if not row.has_bar:
            table.add_row(mark, label, detail, took)
            return
        share = row.share
        bar = ProgressBar(
            total=None if share is None else 1.0,
            completed=share or 0.0,
            pulse=share is None,
            complete_style="cyan",
            finished_style="green",
            pulse_style="cyan",
        )
        table.add_row(mark, label, bar, Text("" if share is None else f"{100 * share:.0f} %"))
        table.add_row(Text(""), Text(""), detail, took)

    def _mark(self, row: _Row, now_s: float) -> Text:
        if row.active:
            frames = _ASCII_FRAMES if self._ascii else _FRAMES
            return Text(frames[int(now_s * 8) % len(frames)], style="cyan")
        mark, ascii_mark, style = row.mark.value
        return Text(ascii_mark if self._ascii else mark, style=style)

    def _detail(self, row: _Row, now_s: float) -> Text:
        if not row.active:
            return Text(row.said)
        if self._stopping:
            return Text("stopping; once more to stop at once", style="yellow")
        if row.events is not None:
            left_s = row.events.remaining_s
            left_s = None if left_s is None else max(0.0, left_s - (now_s - row.told_s))
            return Text(events_in_words(row.events, remaining_s=left_s or None))
        if row.transfer is not None:
            return Text(transfer_in_words(row.transfer))
        return Text(row.said)

    def _say(
        self,
        phase: Phase,
        said: str,
        *,
        events: Progress | None = None,
        transfer: TransferProgress | None = None,
    ) -> None:
        row = self._rows.get(phase)
        if row is not None:
            row.said, row.told_s = said, self._clock.monotonic()
            row.events, row.transfer = events or row.events, transfer or row.transfer

    def _end(self, mark: _Mark) -> None:
        for row in self._rows.values():
            if row.active:
                row.mark, row.ended_s = mark, self._clock.monotonic()
