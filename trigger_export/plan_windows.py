"""The action `plan_windows`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.arguments.windows import PlanArguments
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.playbook import ExportAction
from sekoia_export.results.windows import PlanResults

if TYPE_CHECKING:
    from sekoia_export.operations.step import Surroundings


class PlanWindows(ExportAction[PlanArguments, PlanResults]):
    """Split a period into windows that can each be exported."""

    name = "Plan windows"
    description = (
        "Split a period into windows that each hold at most max_events, and estimate what exporting them takes"
    )
    uuid = "588b218e-bf6d-45d0-b0ff-4b71653b27d8"
    arguments_type = PlanArguments
    results_type = PlanResults
    branches = {
        Branch.PLANNED: "The windows cover the whole period, and each holds max_events at most",
        Branch.EMPTY: "No event matches the query in the whole period; there are no windows",
        Branch.TOO_DENSE: "The windows cover the whole period, but a single millisecond holds more than max_events; "
        "narrow the query or raise max_events",
        Branch.FAILED: "A search failed or was canceled; the windows reach to planned_until",
        Branch.TIMED_OUT: "The time or 500 searches were used up; the windows reach to planned_until",
    }
    going_on = "Run the step again: it plans anew."

    def act(self, surroundings: Surroundings, arguments: PlanArguments) -> Outcome[PlanResults]:
        """Plan."""
        from sekoia_export.operations.windows import plan_windows

        with surroundings.step(arguments.timeout) as step:
            return plan_windows(step, arguments)
