"""The action `wait_until_finished`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.arguments.chain import WaitArguments
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.playbook import ExportAction
from sekoia_export.results.chain import WaitResults

if TYPE_CHECKING:
    from sekoia_export.operations.step import Surroundings


class WaitUntilFinished(ExportAction[WaitArguments, WaitResults]):
    """Wait until an export has finished."""

    name = "Wait until an export has finished"
    description = "Follow the task of an export until it has ended, with progress in the log"
    uuid = "266dc187-6a01-4c9e-8173-493bc3ee80db"
    arguments_type = WaitArguments
    results_type = WaitResults
    branches = {
        Branch.FINISHED: "The export has finished and can be fetched",
        Branch.FAILED: "The export failed or was canceled",
        Branch.TIMED_OUT: "The export is still running; wait again with the same task_uuid",
    }
    going_on = "The export goes on at the platform: run the step again to wait for the rest of it."

    def act(self, surroundings: Surroundings, arguments: WaitArguments) -> Outcome[WaitResults]:
        """Wait."""
        from sekoia_export.operations.wait import wait_until_finished

        with surroundings.step(arguments.timeout) as step:
            return wait_until_finished(step, arguments)
