"""The action `extract_observables`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.arguments.analysis import ObservablesArguments
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.playbook import ExportAction
from sekoia_export.results.analysis import ObservablesResults

if TYPE_CHECKING:
    from sekoia_export.operations.step import Surroundings


class ExtractObservables(ExportAction[ObservablesArguments, ObservablesResults]):
    """Extract the observables of exported files."""

    name = "Extract observables from an export"
    description = "Give the IP addresses, domains, URLs, e-mail addresses, hashes and file names in exported files"
    uuid = "6a1eb1a2-f8bb-4e6d-8f14-5531cdd78a45"
    arguments_type = ObservablesArguments
    results_type = ObservablesResults
    branches = {
        Branch.FOUND: "There are observables",
        Branch.NONE: "There are none",
    }
    going_on = "Nothing was written: run the step again."

    def act(self, surroundings: Surroundings, arguments: ObservablesArguments) -> Outcome[ObservablesResults]:
        """Extract."""
        from sekoia_export.analysis.apart import Ahead

        with Ahead("sekoia_export.analysis.observables") as run:
            from sekoia_export.operations.observables import extract_observables

            return extract_observables(surroundings.storage, surroundings.clock, arguments, run=run)
