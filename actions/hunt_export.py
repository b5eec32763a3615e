"""The action `hunt_export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.arguments.analysis import HuntArguments
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.playbook import ExportAction
from sekoia_export.results.analysis import HuntResults

if TYPE_CHECKING:
    from sekoia_export.operations.step import Surroundings


class HuntExport(ExportAction[HuntArguments, HuntResults]):
    """Hunt in exported files with Sigma rules."""

    name = "Hunt in an export"
    description = "Find what Sigma rules find in exported files"
    uuid = "5e24c54d-88cf-499c-9636-e8de570bc7aa"
    arguments_type = HuntArguments
    results_type = HuntResults
    branches = {
        Branch.MATCHED: "A rule finds events",
        Branch.CLEAN: "No rule finds an event",
    }
    going_on = "Nothing was written: run the step again."

    def act(self, surroundings: Surroundings, arguments: HuntArguments) -> Outcome[HuntResults]:
        """Hunt."""
        from sekoia_export.analysis.apart import Ahead

        with Ahead("sekoia_export.analysis.sigma.hunting") as run:
            from sekoia_export.operations.hunt import hunt_export

            return hunt_export(surroundings.storage, surroundings.clock, arguments, run=run)
