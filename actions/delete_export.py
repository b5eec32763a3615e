"""The action `delete_export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.arguments.management import DeleteArguments
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.playbook import ExportAction
from sekoia_export.results.management import DeleteResults

if TYPE_CHECKING:
    from sekoia_export.operations.step import Surroundings


class DeleteExport(ExportAction[DeleteArguments, DeleteResults]):
    """Delete fetched files."""

    name = "Delete a fetched export"
    description = (
        "Delete the fetched files of an export, or all that are older, from this playbook's data storage, with what is "
        "remembered of them; files that this module did not fetch are never touched"
    )
    uuid = "fdc02eeb-8752-42be-9c2e-6018e0f405e1"
    arguments_type = DeleteArguments
    results_type = DeleteResults
    branches = {
        Branch.DELETED: "Files, or what was remembered of them, are deleted",
        Branch.EMPTY: "There was nothing to delete",
    }
    going_on = "Run the step again: it deletes what is left."

    def act(self, surroundings: Surroundings, arguments: DeleteArguments) -> Outcome[DeleteResults]:
        """Delete."""
        from sekoia_export.operations.delete import delete_export

        with surroundings.step(None) as step:
            return delete_export(step, arguments)
