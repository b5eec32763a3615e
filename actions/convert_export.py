"""The action `convert_export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.arguments.analysis import ConvertArguments
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.playbook import ExportAction
from sekoia_export.results.analysis import ConvertResults

if TYPE_CHECKING:
    from sekoia_export.operations.step import Surroundings


class ConvertExport(ExportAction[ConvertArguments, ConvertResults]):
    """Convert exported files."""

    name = "Convert an export"
    description = "Write exported files as Parquet, CSV or JSON: for query engines, spreadsheets and other tools"
    uuid = "c72200a2-a7c8-436a-ad43-97dcbc6ca092"
    arguments_type = ConvertArguments
    results_type = ConvertResults
    branches = {Branch.DONE: "The file is in the data storage"}
    going_on = "The file is not there, or a folder is marked as unfinished: run the step again."

    def act(self, surroundings: Surroundings, arguments: ConvertArguments) -> Outcome[ConvertResults]:
        """Convert."""
        from sekoia_export.analysis.apart import Ahead

        with Ahead("sekoia_export.analysis.converting") as run:
            from sekoia_export.operations.convert import convert_export

            return convert_export(surroundings.storage, surroundings.clock, arguments, run=run)
