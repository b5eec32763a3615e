"""The action `get_export_status`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.arguments.management import StatusArguments
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.playbook import ExportAction
from sekoia_export.results.management import StatusResults

if TYPE_CHECKING:
    from sekoia_export.operations.step import Surroundings


class GetExportStatus(ExportAction[StatusArguments, StatusResults]):
    """Look once at an export."""

    name = "Get the status of an export"
    description = "Look once, without waiting, how far an export is, and how large it is when it has finished"
    uuid = "057b23de-0dd3-4252-b2df-82200eb221f1"
    arguments_type = StatusArguments
    results_type = StatusResults
    branches = {
        Branch.FINISHED: "The export has finished and can be fetched",
        Branch.RUNNING: "The export is running, or about to",
        Branch.FAILED: "The export failed or was canceled",
        Branch.EXPIRED: "The export can no longer be fetched; trigger a new export",
    }

    def act(self, surroundings: Surroundings, arguments: StatusArguments) -> Outcome[StatusResults]:
        """Look."""
        from sekoia_export.operations.status import STATUS_TIMEOUT_S, get_export_status

        with surroundings.step(STATUS_TIMEOUT_S) as step:
            return get_export_status(step, arguments)
