"""The list of runs, for a person and for a program."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.output import print_json
from sekoia_export.cli.runs import RunRecord, Runs

if TYPE_CHECKING:
    from sekoia_export.cli.session import Session

_NEWEST = 20
_WHAT_LENGTH = 40


def list_runs(session: Session, *, everything: bool, json: bool) -> ExitStatus:
    """Write the runs to stdout, the newest first: a line each, or one JSON document.

    Raises:
        StateCorrupt: a record cannot be understood; the text names the file.
    """
    runs = Runs(session.places.state)
    found = runs.all()
    shown = found if everything else found[:_NEWEST]
    if json:
        print_json(session.terminal, {"runs": [_document(runs, record) for record in shown]})
        return ExitStatus.DONE
    if not found:
        session.terminal.say("No run was begun yet.")
    for record in shown:
        session.terminal.data(
            f"{record.run_uuid}  {record.began_at:%m-%d %H:%M}  {_state(runs, record):<18}  {_what(record)}"
        )
    if len(shown) < len(found):
        session.terminal.say(f"{len(found) - len(shown)} older ones are listed with --all.")
    return ExitStatus.DONE


def _state(runs: Runs, record: RunRecord) -> str:
    if record.branch is not None:
        return record.branch.value
    phase = record.phase.value if record.phase else "not begun"
    return f"{phase} now" if runs.is_running(record) else f"stopped {phase}"


def _what(record: RunRecord) -> str:
    text = str(record.choices.get("query") or f"search job {record.job_uuid}")
    short = text if len(text) <= _WHAT_LENGTH else f"{text[: _WHAT_LENGTH - 1]}…"
    return f"{short} -> {record.file_path}" if record.file_path else short


def _document(runs: Runs, record: RunRecord) -> dict[str, Any]:
    shown = record.model_dump(mode="json", exclude={"version"})
    return {**shown, "unfinished": record.unfinished, "running": runs.is_running(record)}
