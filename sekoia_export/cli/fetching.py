"""`fetch` as a command: a finished export's file is brought to a folder, or its events to stdout."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.arguments.base import read_arguments
from sekoia_export.arguments.chain import FetchArguments
from sekoia_export.cli import PROGRAM
from sekoia_export.cli.destination import destination
from sekoia_export.cli.output import say_fetched, stream_events
from sekoia_export.cli.spool import Spool
from sekoia_export.cli.steps import StepCommand, print_results
from sekoia_export.operations.fetch import fetch_and_decrypt
from sekoia_export.operations.outcome import Branch
from sekoia_export.operations.watching import Phase
from sekoia_export.transfer.local_storage import LocalDataStorage

if TYPE_CHECKING:
    from sekoia_export.archive import ArchiveFormat
    from sekoia_export.cli.exit_status import ExitStatus
    from sekoia_export.cli.session import Session
    from sekoia_export.cli.view import ProgressStyle
    from sekoia_export.operations.outcome import Outcome
    from sekoia_export.operations.step import Step
    from sekoia_export.operations.watching import Watcher
    from sekoia_export.results.chain import FetchResults


class Fetching:
    """A fetch.

    Args:
        session: of the command.
        job_uuid: the exported search job.
        task_uuid: its export; None for the newest finished one.
        output: of `-o`.
        format: of `--format`.
        replace: of `--force`.
        json: whether stdout gets the results as JSON.

    Raises:
        UsageError, DataStorageError: it cannot be carried out as it stands.
    """

    def __init__(
        self,
        session: Session,
        job_uuid: str,
        task_uuid: str | None,
        *,
        output: str | None,
        format: ArchiveFormat | None,  # noqa: A002 - the option's name
        replace: bool,
        json: bool,
    ) -> None:
        self._session = session
        self._json = json
        place = destination(output, chosen=format, folder=session.folder)
        place.check_stdout(json=json)
        if place.surprise:
            session.terminal.warn(place.surprise)
        self._arguments = read_arguments(
            FetchArguments,
            {
                "job_uuid": job_uuid,
                "task_uuid": task_uuid,
                "encryption_key": session.settings.encryption_key,
                "format": place.stored_format,
                "file_name": place.name,
            },
        )
        self._spool: Spool | None = None
        if place.to_stdout:
            name = "-".join(str(uuid) for uuid in (self._arguments.job_uuid, self._arguments.task_uuid) if uuid)
            self._spool = Spool(session.places.state, name)
            self._storage = LocalDataStorage(self._spool.folder)
        else:
            # A file that is there is looked at first: it may be the one that is fetched.
            place.check(replace=True)
            self._storage = LocalDataStorage(place.folder, replace=replace)

    def carry_out(self, *, timeout_s: int | None, progress: ProgressStyle) -> ExitStatus:
        """Fetch and return the status."""
        return StepCommand(
            act=self._act,
            tell=self._tell,
            timeout_s=timeout_s,
            interrupted=lambda: (
                "The export stays at the platform. Run the same command again: it goes on with what was fetched.",
                None,
            ),
            phases=(Phase.FETCHING,),
            progress=progress,
            storage=self._storage,
        ).carry_out(self._session)

    def _act(self, step: Step, watcher: Watcher) -> Outcome[FetchResults]:
        watcher.entered(Phase.FETCHING)
        if self._spool is not None:
            self._spool.make()
        return fetch_and_decrypt(step, self._arguments, on_progress=watcher.fetching)

    def _tell(self, outcome: Outcome[FetchResults]) -> None:
        results, terminal = outcome.results, self._session.terminal
        if outcome.branch is Branch.EXPIRED:
            again = f"{PROGRAM} trigger {self._arguments.job_uuid}"
            terminal.advise("The export can no longer be fetched. Export again with", command=again)
        file = self._storage.root / results.file_path if results.file_path else None
        self._storage.tidy(published=results.file_path)
        if file is not None:
            say_fetched(terminal, results.model_dump(mode="json"))
        if self._json:
            print_results(self._session, outcome, file_path=str(file) if file else None)
        elif file is not None and self._spool is not None:
            stream_events(terminal, file)
            self._spool.remove(file)
        elif file is not None:
            terminal.data(str(file))
