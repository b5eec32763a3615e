"""The action `query_export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.arguments.analysis import QueryArguments
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.playbook import ExportAction
from sekoia_export.results.analysis import QueryResults

if TYPE_CHECKING:
    from sekoia_export.operations.step import Surroundings


class QueryExport(ExportAction[QueryArguments, QueryResults]):
    """Ask a question of exported files."""

    name = "Query an export"
    description = "Answer a question of exported files: in SQL, or the most frequent, different or counted values"
    uuid = "d9a5bf2d-6267-4c94-8ebb-c1bfc85e3c00"
    arguments_type = QueryArguments
    results_type = QueryResults
    branches = {
        Branch.ROWS: "The answer has rows",
        Branch.NO_ROWS: "The answer has no rows",
    }
    going_on = "Nothing was written: run the step again."

    def act(self, surroundings: Surroundings, arguments: QueryArguments) -> Outcome[QueryResults]:
        """Query."""
        from sekoia_export.analysis.apart import Ahead

        with Ahead("sekoia_export.analysis.answering") as run:
            from sekoia_export.operations.query import query_export

            return query_export(surroundings.storage, surroundings.clock, arguments, run=run)
