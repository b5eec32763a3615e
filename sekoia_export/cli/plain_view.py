"""Progress as sentences, where nothing can be drawn: a line for each uuid and each tenth of the way."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sekoia_export.cli.view import View
from sekoia_export.cli.words import size_in_words, transfer_in_words
from sekoia_export.times import in_words
from sekoia_export.waiting import TenthsLog

if TYPE_CHECKING:
    from uuid import UUID

    from sekoia_export.cli.terminal import Terminal
    from sekoia_export.transfer.progress import TransferProgress
    from sekoia_export.waiting import Progress


class PlainView(View):
    """Says what happens.

    Args:
        terminal: where.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal
        self._search = TenthsLog(lambda text: terminal.say(f"Search: {text}"))
        self._export = TenthsLog(lambda text: terminal.say(f"Export: {text}"))
        self._tenths_told = 0
        self._told_slot = False

    def search_job(self, job_uuid: UUID) -> None:
        self._terminal.say(f"Search job {job_uuid}.")

    def export_task(self, job_uuid: UUID, task_uuid: UUID) -> None:
        self._terminal.say(f"Export task {task_uuid} of the search job {job_uuid}.")

    def waiting_for_slot(self, remaining_s: float) -> None:
        if not self._told_slot:
            self._told_slot = True
            self._terminal.say(f"Another export is running; waiting for {in_words(remaining_s)} at most.")

    def searching(self, progress: Progress) -> None:
        # The total of a search grows with what it has found: a share of it says nothing.
        self._search(replace(progress, total=None, percent=None))

    def exporting(self, progress: Progress) -> None:
        self._export(progress)

    def fetching(self, progress: TransferProgress) -> None:
        if not progress.total_bytes:
            return
        tenths = 10 * progress.done_bytes // progress.total_bytes
        if tenths <= self._tenths_told:
            return
        self._tenths_told = tenths
        done = tenths == 10
        self._terminal.say(
            f"Fetch: all {size_in_words(progress.done_bytes)} are here."
            if done
            else f"Fetch: {transfer_in_words(progress)}."
        )
