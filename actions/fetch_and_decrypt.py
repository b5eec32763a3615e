"""The action `fetch_and_decrypt`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.arguments.chain import FetchArguments
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.playbook import ExportAction
from sekoia_export.results.chain import FetchResults

if TYPE_CHECKING:
    from sekoia_export.operations.step import Surroundings


class FetchAndDecrypt(ExportAction[FetchArguments, FetchResults]):
    """Fetch a finished export into the data storage, decrypted and verified."""

    name = "Fetch and decrypt an export"
    description = "Fetch the file of a finished export into the data storage, decrypted, verified and counted"
    uuid = "0b8f7044-6200-4423-a503-368602ed786b"
    arguments_type = FetchArguments
    results_type = FetchResults
    branches = {
        Branch.FETCHED: "The file is in the data storage and verified",
        Branch.INCOMPLETE: "The file is sound and holds another number of events than the platform exported",
        Branch.EXPIRED: "The export's file can no longer be fetched; trigger a new export",
    }
    going_on = "Run the step again: it fetches what is missing."

    def act(self, surroundings: Surroundings, arguments: FetchArguments) -> Outcome[FetchResults]:
        """Fetch."""
        from sekoia_export.operations.fetch import fetch_and_decrypt

        with surroundings.step(None) as step:
            return fetch_and_decrypt(step, arguments)
