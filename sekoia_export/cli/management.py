"""Looking after exports, as commands: status, list, link."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.cli import PROGRAM
from sekoia_export.cli.steps import StepCommand, print_results
from sekoia_export.cli.wording import for_terminal
from sekoia_export.cli.words import size_in_words
from sekoia_export.operations.exports import LIST_TIMEOUT_S, list_exports
from sekoia_export.operations.link import LINK_TIMEOUT_S, get_download_link
from sekoia_export.operations.outcome import Branch
from sekoia_export.operations.status import STATUS_TIMEOUT_S, get_export_status
from sekoia_export.times import in_words

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sekoia_export.arguments.management import LinkArguments, ListArguments, StatusArguments
    from sekoia_export.cli.exit_status import ExitStatus
    from sekoia_export.cli.session import Session
    from sekoia_export.operations.outcome import Outcome
    from sekoia_export.results.management import LinkResults, ListedExport, ListResults, StatusResults

_AGAIN = "Nothing was changed at the platform."


def status(session: Session, arguments: StatusArguments, *, json: bool) -> ExitStatus:
    """Carry out `status`."""

    def tell(outcome: Outcome[StatusResults]) -> None:
        results = outcome.results
        if json:
            print_results(session, outcome)
            return
        of_total = f" of {results.total:,}" if results.total else ""
        percent = f" ({results.percent:.0f} %)" if results.percent is not None else ""
        rows = {
            "status": results.status,
            "progress": f"{results.progress:,}{of_total} events{percent}" if results.progress is not None else None,
            "left": f"about {in_words(results.remaining_seconds)}" if results.remaining_seconds else None,
            "events": f"{results.events:,}" if results.events is not None else None,
            "size": size_in_words(results.compressed_size) if results.compressed_size is not None else None,
            "until": results.expire_at,
            "job": results.job_uuid,
            "message": results.message,
        }
        _write_rows(session, rows)
        if outcome.branch is Branch.FINISHED and results.job_uuid is not None:
            session.terminal.say(f"Fetch it with:\n  {PROGRAM} fetch {results.job_uuid} {results.task_uuid}")

    return StepCommand(
        act=lambda step, _: get_export_status(step, arguments),
        tell=tell,
        timeout_s=STATUS_TIMEOUT_S,
        interrupted=lambda: (_AGAIN, None),
    ).carry_out(session)


def list_all(session: Session, arguments: ListArguments, *, json: bool) -> ExitStatus:
    """Carry out `list`."""

    def tell(outcome: Outcome[ListResults]) -> None:
        if json:
            print_results(session, outcome)
            return
        if not outcome.results.exports:
            session.terminal.say("There is no export.")
        for export in outcome.results.exports:
            session.terminal.data(_line(export))

    return StepCommand(
        act=lambda step, _: list_exports(step, arguments),
        tell=tell,
        timeout_s=LIST_TIMEOUT_S,
        interrupted=lambda: (_AGAIN, None),
    ).carry_out(session)


def link(session: Session, arguments: LinkArguments, *, json: bool) -> ExitStatus:
    """Carry out `link`."""

    def tell(outcome: Outcome[LinkResults]) -> None:
        shown = outcome.results.model_dump(mode="json")
        if json:
            print_results(session, outcome)
        else:
            size = shown["compressed_size"]
            rows = {
                "url": shown["download_url"],
                "until": shown["expire_at"],
                "size": None if size is None else size_in_words(size),
                "key": shown["encryption_key"],
                "curl": shown["curl_command"],
            }
            _write_rows(session, rows)
        session.terminal.say(for_terminal(outcome.results.message))

    return StepCommand(
        act=lambda step, _: get_download_link(step, arguments),
        tell=tell,
        timeout_s=LINK_TIMEOUT_S,
        interrupted=lambda: (_AGAIN, None),
    ).carry_out(session)


def _write_rows(session: Session, rows: Mapping[str, str | None]) -> None:
    """Write what is known, a line each, to stdout."""
    for name, value in rows.items():
        if value is not None:
            session.terminal.data(f"{name:<8} {value}")


def _line(export: ListedExport) -> str:
    """Return "job  task  status  events  size  until", each as far as it is known."""
    parts = [
        export.job_uuid,
        export.task_uuid or f"{'without a uuid':<36}",
        f"{export.status:<8}",
        f"{export.events:,} events" if export.events is not None else "",
        size_in_words(export.compressed_size) if export.compressed_size is not None else "",
        f"until {export.expire_at}" if export.expire_at else "",
    ]
    return "  ".join(filter(None, parts)).rstrip()
