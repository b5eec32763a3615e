"""The action `list_exports`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.arguments.management import ListArguments
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.playbook import ExportAction
from sekoia_export.results.management import ListResults

if TYPE_CHECKING:
    from sekoia_export.operations.step import Surroundings


class ListExports(ExportAction[ListArguments, ListResults]):
    """List exports."""

    name = "List exports"
    description = (
        "List the exports of a search job, or all that this playbook's data storage remembers, with their status"
    )
    uuid = "e8007143-0b1f-40d7-9fec-0942534cde07"
    arguments_type = ListArguments
    results_type = ListResults
    branches = {
        Branch.DONE: "There are exports, and they are listed",
        Branch.EMPTY: "There is no export",
    }

    def act(self, surroundings: Surroundings, arguments: ListArguments) -> Outcome[ListResults]:
        """List."""
        from sekoia_export.operations.exports import LIST_TIMEOUT_S, list_exports

        with surroundings.step(LIST_TIMEOUT_S) as step:
            return list_exports(step, arguments)
