"""The action `build_report`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.arguments.report import ReportArguments
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.playbook import ExportAction
from sekoia_export.results.report import ReportResults

if TYPE_CHECKING:
    from sekoia_export.operations.step import Surroundings


class BuildReport(ExportAction[ReportArguments, ReportResults]):
    """Build a report of exported files."""

    name = "Build a report of an export"
    description = (
        "Write what exported files hold as one HTML page to attach or mail, a timeline as a picture, and Markdown "
        "for a case's comment"
    )
    uuid = "90db7a17-d199-418e-9b24-765f24e74626"
    arguments_type = ReportArguments
    results_type = ReportResults
    branches = {
        Branch.DONE: "The report is in the data storage",
        Branch.EMPTY: "The files hold no event; the report is there and says so",
    }
    going_on = "The report is not there, or an earlier one still is: run the step again."

    def act(self, surroundings: Surroundings, arguments: ReportArguments) -> Outcome[ReportResults]:
        """Build."""
        from sekoia_export.operations.report import Reporter

        run = surroundings.run_uuid
        author = None if run is None else f"playbook run {run}"
        return Reporter(surroundings.storage, surroundings.clock, author=author).write(arguments)
