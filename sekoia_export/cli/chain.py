"""The steps of the chain as commands: search, trigger, wait; and stopping a search."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.arguments.base import read_arguments
from sekoia_export.arguments.chain import SearchArguments, TriggerArguments, WaitArguments
from sekoia_export.cli import PROGRAM
from sekoia_export.cli.steps import StepCommand, print_results
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.operations.search import CANCEL_TIMEOUT_S, cancel_search, search_events
from sekoia_export.operations.trigger import TRIGGER_TIMEOUT_S, trigger_export
from sekoia_export.operations.wait import follow
from sekoia_export.operations.watching import Phase, Watcher, Watchers

if TYPE_CHECKING:
    from uuid import UUID

    from sekoia_export.cli.exit_status import ExitStatus
    from sekoia_export.cli.session import Session
    from sekoia_export.cli.view import ProgressStyle
    from sekoia_export.operations.step import Step
    from sekoia_export.results.chain import SearchResults, TriggerResults, WaitResults


class _JobNote(Watcher):
    """Notes the search job, for when the search is interrupted."""

    def __init__(self) -> None:
        self.job_uuid: UUID | None = None

    def search_job(self, job_uuid: UUID) -> None:
        self.job_uuid = job_uuid


def search(session: Session, arguments: SearchArguments, *, json: bool, progress: ProgressStyle) -> ExitStatus:
    """Carry out `search`."""
    note = _JobNote()

    def tell(outcome: Outcome[SearchResults]) -> None:
        match outcome.branch:
            case Branch.EMPTY:
                session.terminal.say("No event matches.")
            case Branch.TIMED_OUT:
                session.terminal.advise(
                    "The time is up, and the search was canceled. Search again with more --timeout."
                )
            case Branch.FAILED:
                session.terminal.advise("The search failed at the platform. Search again.")
            case _:
                pass
        print_results(session, outcome) if json else session.terminal.data(outcome.results.job_uuid)

    def interrupted() -> tuple[str, str | None]:
        if note.job_uuid is None:
            return "A search may have been started at the platform; it ends by itself and costs no quota.", None
        text = f"The search job {note.job_uuid} goes on at the platform. When it is done, export it with"
        return text, f"{PROGRAM} run {note.job_uuid}"

    return StepCommand(
        act=lambda step, watcher: search_events(step, arguments, watcher=Watchers(note, watcher)),
        tell=tell,
        timeout_s=arguments.timeout,
        interrupted=interrupted,
        phases=(Phase.SEARCHING,),
        progress=progress,
    ).carry_out(session)


def trigger(session: Session, arguments: TriggerArguments, *, json: bool, progress: ProgressStyle) -> ExitStatus:
    """Carry out `trigger`."""

    def tell(outcome: Outcome[TriggerResults]) -> None:
        results = outcome.results
        if outcome.branch is Branch.BUSY:
            session.terminal.advise(
                "Another export is running. Wait for its end with",
                command=f"{PROGRAM} trigger {results.job_uuid} --wait-for-slot 2h",
            )
        if json:
            print_results(session, outcome)
        elif results.task_uuid is not None:
            session.terminal.data(results.task_uuid)

    return StepCommand(
        act=lambda step, watcher: trigger_export(step, arguments, watcher=watcher),
        tell=tell,
        timeout_s=arguments.wait_for_slot + TRIGGER_TIMEOUT_S,
        interrupted=lambda: (
            "The export may have been started. Run the same command again: it finds out, and starts no second one.",
            None,
        ),
        phases=(Phase.TRIGGERING,),
        progress=progress,
    ).carry_out(session)


def wait(session: Session, arguments: WaitArguments, *, json: bool, progress: ProgressStyle) -> ExitStatus:
    """Carry out `wait`."""
    again = f"{PROGRAM} wait {arguments.task_uuid}"

    def act(step: Step, watcher: Watcher) -> Outcome[WaitResults]:
        watcher.entered(Phase.EXPORTING)
        return follow(step, arguments.task_uuid, on_progress=watcher.exporting)

    def tell(outcome: Outcome[WaitResults]) -> None:
        if outcome.branch is Branch.TIMED_OUT:
            session.terminal.advise(
                "The time is up, and the export goes on at the platform. Go on waiting with", command=again
            )
        elif outcome.branch is Branch.FAILED:
            session.terminal.advise("The export failed at the platform. Trigger a new one.")
        print_results(session, outcome) if json else session.terminal.data(outcome.results.status)

    return StepCommand(
        act=act,
        tell=tell,
        timeout_s=arguments.timeout,
        interrupted=lambda: ("The export goes on at the platform. Go on waiting with", again),
        phases=(Phase.EXPORTING,),
        progress=progress,
    ).carry_out(session)


def cancel(session: Session, job_text: str, *, json: bool) -> ExitStatus:
    """Carry out `cancel`.

    Raises:
        UsageError: it is not a uuid.
    """
    job_uuid = read_arguments(TriggerArguments, {"job_uuid": job_text}).job_uuid

    def tell(outcome: Outcome[SearchResults]) -> None:
        print_results(session, outcome) if json else session.terminal.data(outcome.results.status)

    return StepCommand(
        act=lambda step, _: cancel_search(step, job_uuid),
        tell=tell,
        timeout_s=CANCEL_TIMEOUT_S,
        interrupted=lambda: ("The search may have been canceled. Run the same command again to find out.", None),
    ).carry_out(session)
