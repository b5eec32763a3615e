"""Progress as NDJSON on stderr, for a program that starts the command; EVENTS shows one of each kind.

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


EVENTS = """\
{"event": "phase", "phase": "searching"}
{"event": "search_job", "job_uuid": "5f3c0a3e-7e4b-4a51-9d59-0c4f7d2f8f11"}
{"event": "progress", "phase": "searching", "unit": "events", "done": 470, "total": 470, "percent": 100.0, \
"rate_per_s": 52.1, "remaining_s": null, "elapsed_s": 9.0}
{"event": "phase", "phase": "triggering"}
{"event": "waiting_for_slot", "remaining_s": 298.0}
{"event": "export_task", "job_uuid": "5f3c0a3e-7e4b-4a51-9d59-0c4f7d2f8f11", \
"task_uuid": "0d4b6c0e-3f2e-4c4e-9a3f-7b9a1f0c2d11"}
{"event": "phase", "phase": "exporting"}
{"event": "progress", "phase": "exporting", "unit": "events", "done": 470, "total": 1000, "percent": 47.0, \
"rate_per_s": 52.1, "remaining_s": 10.2, "elapsed_s": 9.0}
{"event": "phase", "phase": "fetching"}
{"event": "progress", "phase": "fetching", "unit": "bytes", "done": 65536, "total": 81920, "percent": 80.0, \
"rate_per_s": 40960.0, "remaining_s": 0.4, "retries": 0}
{"event": "message", "text": "or warning, advice, error: what would be said to a person"}
{"event": "ended", "branch": "fetched"}
"""
"""One of each kind; a value that is not known yet is null."""


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
