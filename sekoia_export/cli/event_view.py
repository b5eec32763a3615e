"""Progress as NDJSON on stderr, for a program that starts the command.

::

    {"event": "phase", "phase": "searching"}                phases: searching, triggering, exporting, fetching
    {"event": "search_job", "job_uuid": "..."}
    {"event": "export_task", "job_uuid": "...", "task_uuid": "..."}
    {"event": "waiting_for_slot", "remaining_s": 298.0}     another export is running
    {"event": "progress", "phase": "exporting", "unit": "events", "done": 470, "total": 1000, "percent": 47.0,
     "rate_per_s": 52.1, "remaining_s": 10.2, "elapsed_s": 9.0}          null while unknown; fetching: unit bytes,
                                                                         with retries and without elapsed_s
    {"event": "warning", "text": "..."}                     message, warning, advice, error: as said to a person
    {"event": "ended", "branch": "fetched"}

stdout holds what it always holds: the one JSON document of `--json`, say.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sekoia_export.cli.view import View
from sekoia_export.operations.watching import Phase

if TYPE_CHECKING:
    from uuid import UUID

    from sekoia_export.cli.terminal import Terminal
    from sekoia_export.operations.outcome import Branch
    from sekoia_export.transfer.progress import TransferProgress
    from sekoia_export.waiting import Progress


class EventView(View):
    """Writes an event for whatever happens, and for whatever is said from now on.

    Args:
        terminal: whose stderr is written to.
    """

    def __init__(self, terminal: Terminal) -> None:
        self._stream = terminal.streams.stderr
        terminal.events = lambda kind, text: self._write(kind, text=text)

    def entered(self, phase: Phase) -> None:
        self._write("phase", phase=phase)

    def search_job(self, job_uuid: UUID) -> None:
        self._write("search_job", job_uuid=str(job_uuid))

    def export_task(self, job_uuid: UUID, task_uuid: UUID) -> None:
        self._write("export_task", job_uuid=str(job_uuid), task_uuid=str(task_uuid))

    def waiting_for_slot(self, remaining_s: float) -> None:
        self._write("waiting_for_slot", remaining_s=_rounded(remaining_s))

    def searching(self, progress: Progress) -> None:
        self._events(Phase.SEARCHING, progress)

    def exporting(self, progress: Progress) -> None:
        self._events(Phase.EXPORTING, progress)

    def fetching(self, progress: TransferProgress) -> None:
        total = progress.total_bytes
        self._write(
            "progress",
            phase=Phase.FETCHING,
            unit="bytes",
            done=progress.done_bytes,
            total=total,
            percent=round(100 * progress.done_bytes / total, 1) if total else None,
            rate_per_s=_rounded(progress.rate_bytes_per_s),
            remaining_s=_rounded(progress.remaining_s),
            retries=progress.retries,
        )

    def ended(self, branch: Branch) -> None:
        self._write("ended", branch=branch)

    def _events(self, phase: Phase, progress: Progress) -> None:
        self._write(
            "progress",
            phase=phase,
            unit="events",
            done=progress.done,
            total=progress.total,
            percent=_rounded(progress.percent),
            rate_per_s=_rounded(progress.rate_per_s),
            remaining_s=_rounded(progress.remaining_s),
            elapsed_s=_rounded(progress.elapsed_s),
        )

    def _write(self, kind: str, **told: Any) -> None:
        self._stream.write(json.dumps({"event": kind, **told}) + "\n")
        self._stream.flush()


def _rounded(number: float | None) -> float | None:
    return None if number is None else round(number, 1)
