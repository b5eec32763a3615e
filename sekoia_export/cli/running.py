"""A run, from its record to its file: under one view, and left so that another process can go on with it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sekoia_export.cli import PROGRAM
from sekoia_export.cli.exit_status import ExitStatus, status_of_branch, status_of_error
from sekoia_export.cli.interruption import Interruption, Stopped
from sekoia_export.cli.output import print_json, say_fetched, stream_events
from sekoia_export.cli.runs import RunKeeper, RunRecord, Runs
from sekoia_export.cli.spool import Spool
from sekoia_export.cli.view import ProgressStyle, view_for
from sekoia_export.cli.wording import told
from sekoia_export.errors import ExportError, JobExpired, JobNotReady, NotFound
from sekoia_export.operations.export import export_events
from sekoia_export.operations.outcome import Branch
from sekoia_export.operations.step import Surroundings
from sekoia_export.operations.watching import Phase, Watchers
from sekoia_export.transfer.local_storage import LocalDataStorage

if TYPE_CHECKING:
    from sekoia_export.arguments.chain import ExportArguments
    from sekoia_export.cli.session import Session
    from sekoia_export.operations.outcome import Outcome
    from sekoia_export.results.base import Results

_JOB_IS_GONE = (NotFound, JobExpired, JobNotReady)
_KEEPS = "The platform keeps its file for 24 hours after the end."


class Running:
    """A run that this process carries out.

    Args:
        session: of the command.
        runs: where the record is kept.
        record: of the run, kept already.
        json: whether stdout gets the results as JSON.
        progress: how progress is shown.
    """

    def __init__(self, session: Session, runs: Runs, record: RunRecord, *, json: bool, progress: ProgressStyle) -> None:
        self._session = session
        self._terminal = session.terminal
        self._runs = runs
        self._keeper = RunKeeper(runs, record)
        self._json = json
        phases = [phase for phase in Phase if phase is not Phase.SEARCHING or "job_uuid" not in record.choices]
        self._view = view_for(self._terminal, style=progress, clock=session.clock, phases=phases)
        self._spool = Spool(session.places.state, record.run_uuid) if record.to_stdout else None
        self._storage = LocalDataStorage(Path(record.place), replace=record.replace or record.to_stdout)

    @property
    def record(self) -> RunRecord:
        return self._keeper.record

    def carry_out(self) -> ExitStatus:
        """Carry the run out, say how it ended and what can be done next, and return the status.

        Raises:
            UsageError: another process is carrying it out.
        """
        interruption = Interruption(
            status=ExitStatus.INTERRUPTED,
            tell=self._say_interrupted,
            stopping=self._view.stopping,
            terminal=self._terminal,
        )
        with self._runs.claimed(self.record), interruption:
            try:
                return self._report(self._export(self._arguments()))
            except Stopped:
                interruption.tell_once()
                return ExitStatus.INTERRUPTED
            except ExportError as failure:
                return self._say_failed(failure)
            except OSError:
                # A shell that ends tells its jobs a moment after the terminal has gone.
                if not interruption.lost_terminal():
                    raise
                return ExitStatus.INTERRUPTED

    def _arguments(self) -> ExportArguments:
        key = self._session.settings.key_to_export_with(self.record.choices.get("encryption"))
        return self.record.arguments(encryption_key=key)

    def _export(self, arguments: ExportArguments) -> Outcome[Results]:
        configuration = self._session.configuration.model_copy(update={"base_url": self.record.base_url})
        surroundings = Surroundings(
            configuration=configuration,
            storage=self._storage,
            clock=self._session.clock,
            run_uuid=self.record.run_uuid,
            state_storage=self._runs.storage,
            folder=str(self._storage.root),
        )
        if self._spool is not None:
            self._spool.make()
        try:
            with self._view.shown(), surroundings.step(arguments.timeout) as step:
                outcome = export_events(step, arguments, watcher=Watchers(self._keeper, self._view))
                self._view.ended(outcome.branch)
                return outcome
        finally:
            self._storage.tidy()

    def _report(self, outcome: Outcome[Results]) -> ExitStatus:
        results = outcome.results.model_dump(mode="json")
        file = self._storage.root / results["file_path"] if results["file_path"] else None
        self._storage.tidy(published=results["file_path"])
        if file is not None:
            say_fetched(self._terminal, results)
        if file is not None and self._spool is not None:
            stream_events(self._terminal, file)
            self._spool.remove(file)
            results["file_path"] = None
        elif file is not None:
            results["file_path"] = str(file)
        self._keeper.ended(outcome.branch, file_path=results["file_path"])
        if self._json:
            print_json(self._terminal, {"branch": outcome.branch, "run_uuid": self.record.run_uuid, **results})
        elif results["file_path"] is not None:
            self._terminal.data(results["file_path"])
        self._say_next(outcome.branch)
        return status_of_branch(outcome.branch)

    def _say_next(self, branch: Branch) -> None:
        # The library's warning has said more of it.
        match branch:
            case Branch.EMPTY:
                self._terminal.say("No event matches, so nothing was exported.")
            case Branch.TIMED_OUT:
                self._say_resume("The time is up. Go on with")
            case Branch.BUSY:
                self._say_resume("Another export is running. Wait for its end with", "--wait-for-slot 2h")
            case Branch.FAILED:
                self._say_resume("It failed at the platform. Try again with")
            case Branch.EXPIRED:
                self._say_resume("The export can no longer be fetched. Export again with")
            case _:
                pass

    def _say_interrupted(self) -> None:
        self._terminal.advise(f"Interrupted. {_goes_on(self.record)}")
        self._say_resume("Go on with")

    def _say_failed(self, failure: ExportError) -> ExitStatus:
        self._terminal.error(f"{PROGRAM}: {told(failure)}")
        if _is_worthless(self.record, failure):
            self._runs.forget(self.record)
        else:
            self._say_resume("Go on with")
        return status_of_error(failure)

    def _say_resume(self, opening: str, *options: str) -> None:
        if self.record.needs_key:
            options = (*options, "--sse-c-key-file FILE")
        command = " ".join((f"{PROGRAM} resume", self.record.run_uuid, *options))
        self._terminal.advise(opening, command=command)


def _is_worthless(record: RunRecord, failure: ExportError) -> bool:
    """Return whether nothing at the platform could be gone on with."""
    if record.phase is None or record.job_uuid is None:
        return True
    return isinstance(failure, _JOB_IS_GONE) and record.task_uuid is None


def _goes_on(record: RunRecord) -> str:
    """Return what goes on at the platform when nobody watches it any more."""
    job, task = record.job_uuid, record.task_uuid
    match record.phase:
        case None:
            return "Nothing was asked of the platform yet."
        case Phase.SEARCHING if job is None:
            return "A search may have been started at the platform; it ends by itself and costs no quota."
        case Phase.SEARCHING:
            return f"The search job {job} goes on at the platform, which keeps it for some minutes after its end."
        case Phase.TRIGGERING if task is None:
            return (
                f"The export of the search job {job} may have been started at the platform: "
                "going on finds out, and starts no second one."
            )
        case Phase.TRIGGERING | Phase.EXPORTING:
            return f"The export goes on at the platform as task {task}. {_KEEPS}"
        case Phase.FETCHING:
            return f"The export, task {task}, is done. {_KEEPS} What was fetched of it is kept here."
