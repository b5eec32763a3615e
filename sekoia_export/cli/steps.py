"""One step as a command: carried out under a view, its outcome told, and what to do next when it was interrupted."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sekoia_export.cli import PROGRAM
from sekoia_export.cli.exit_status import ExitStatus, status_of_branch, status_of_error
from sekoia_export.cli.interruption import Interruption, Stopped
from sekoia_export.cli.output import print_json
from sekoia_export.cli.view import ProgressStyle, view_for
from sekoia_export.cli.wording import told
from sekoia_export.errors import ExportError
from sekoia_export.operations.step import Surroundings
from sekoia_export.results.base import Results
from sekoia_export.transfer.local_storage import LocalDataStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sekoia_export.cli.session import Session
    from sekoia_export.operations.outcome import Outcome
    from sekoia_export.operations.step import Step
    from sekoia_export.operations.watching import Phase, Watcher

R = TypeVar("R", bound=Results)


@dataclass(frozen=True, slots=True, kw_only=True)
class StepCommand(Generic[R]):
    """A step, and how it is told.

    Attributes:
        act: carries the step out.
        tell: writes its outcome to stdout and stderr.
        timeout_s: how long it may take; None for no end.
        interrupted: what is said when it is interrupted, and which command goes on; None for the same one.
        phases: those that a view shows; none for a step that is over at once.
        progress: how progress is shown.
        storage: where files go; the current folder when not given.
    """

    act: Callable[[Step, Watcher], Outcome[R]]
    tell: Callable[[Outcome[R]], None]
    timeout_s: float | None
    interrupted: Callable[[], tuple[str, str | None]]
    phases: Sequence[Phase] = ()
    progress: ProgressStyle = ProgressStyle.AUTO
    storage: LocalDataStorage | None = None

    def carry_out(self, session: Session) -> ExitStatus:
        """Carry the step out and return the status."""
        terminal = session.terminal
        view = view_for(terminal, style=self.progress, clock=session.clock, phases=self.phases)
        interruption = Interruption(
            status=ExitStatus.INTERRUPTED,
            tell=lambda: self._say_interrupted(session),
            stopping=view.stopping,
            terminal=terminal,
        )
        storage = self.storage or LocalDataStorage(session.folder)
        with interruption:
            try:
                surroundings = Surroundings(
                    configuration=session.configuration,
                    storage=storage,
                    clock=session.clock,
                    state_storage=LocalDataStorage(session.places.state),
                    folder=str(storage.root),
                )
                try:
                    with view.shown(), surroundings.step(self.timeout_s) as step:
                        outcome = self.act(step, view)
                        view.ended(outcome.branch)
                finally:
                    storage.tidy()
                self.tell(outcome)
                return status_of_branch(outcome.branch)
            except Stopped:
                interruption.tell_once()
                return ExitStatus.INTERRUPTED
            except ExportError as failure:
                terminal.error(f"{PROGRAM}: {told(failure)}")
                return status_of_error(failure)
            except OSError:
                if not interruption.lost_terminal():
                    raise
                return ExitStatus.INTERRUPTED

    def _say_interrupted(self, session: Session) -> None:
        text, command = self.interrupted()
        session.terminal.advise(f"Interrupted. {text}", command=command)


def print_results(session: Session, outcome: Outcome[Any], **changed: Any) -> None:
    """Write a step's branch and results, with some of them changed, as one JSON document."""
    print_json(session.terminal, {"branch": outcome.branch, **outcome.results.model_dump(mode="json"), **changed})
