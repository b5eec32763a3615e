"""The action `trigger_export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.arguments.chain import TriggerArguments
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.playbook import ExportAction
from sekoia_export.results.chain import TriggerResults

if TYPE_CHECKING:
    from sekoia_export.operations.step import Surroundings


class TriggerExport(ExportAction[TriggerArguments, TriggerResults]):
    """Start the export of a search job."""

    name = "Trigger an export"
    description = "Start the export of all events of a search job, or take up the same export when it is there already"
    uuid = "73d21868-161d-4139-ad91-64286930ca82"
    arguments_type = TriggerArguments
    results_type = TriggerResults
    branches = {
        Branch.TRIGGERED: "The export is under way or finished",
        Branch.BUSY: "Another export of the community was running; nothing was started",
    }
    going_on = "Run the step again: it takes up the export where one was started, and starts one where none was."

    def act(self, surroundings: Surroundings, arguments: TriggerArguments) -> Outcome[TriggerResults]:
        """Trigger."""
        from sekoia_export.operations.trigger import TRIGGER_TIMEOUT_S, trigger_export

        with surroundings.step(arguments.wait_for_slot + TRIGGER_TIMEOUT_S) as step:
            return trigger_export(step, arguments)
