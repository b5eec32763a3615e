"""The action `export_events`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.arguments.chain import ExportArguments
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.playbook import ExportAction
from sekoia_export.results.base import Results
from sekoia_export.results.chain import ExportResults

if TYPE_CHECKING:
    from sekoia_export.operations.step import Surroundings


class ExportEvents(ExportAction[ExportArguments, Results]):
    """Search, trigger, wait and fetch in one node."""

    name = "Export events"
    description = "Search, export, wait, fetch and decrypt in one step, from a query or from a search job that is done"
    uuid = "8bcd67dc-913f-4382-aefa-7b6bde71ad22"
    arguments_type = ExportArguments
    results_type = ExportResults
    branches = {
        Branch.FETCHED: "The file is in the data storage and verified",
        Branch.INCOMPLETE: "The file is sound and holds another number of events than the platform exported",
        Branch.EMPTY: "No event matches the query; nothing was exported",
        Branch.FAILED: "The search job or the export failed or was canceled",
        Branch.BUSY: "Another export of the community was running; nothing was started",
        Branch.TIMED_OUT: "The time was up; the results tell how far it came",
        Branch.EXPIRED: "The export's file can no longer be fetched",
    }
    going_on = "Run the step again: it goes on with the same search job and export."

    def act(self, surroundings: Surroundings, arguments: ExportArguments) -> Outcome[Results]:
        """Export."""
        from sekoia_export.operations.export import export_events

        with surroundings.step(arguments.timeout) as step:
            return export_events(step, arguments)
