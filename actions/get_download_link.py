"""The action `get_download_link`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.arguments.management import LinkArguments
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.playbook import ExportAction
from sekoia_export.results.management import LinkResults

if TYPE_CHECKING:
    from sekoia_export.operations.step import Surroundings


class GetDownloadLink(ExportAction[LinkArguments, LinkResults]):
    """Give a link to an export's file."""

    name = "Get the download link of an export"
    description = (
        "Give a link to the file of a finished export and a command line that downloads it, to hand to a partner; "
        "the key only when it is asked for"
    )
    uuid = "010992fa-61ee-4ad4-9bfc-f9701e15f311"
    arguments_type = LinkArguments
    results_type = LinkResults
    branches = {
        Branch.READY: "The link works, and the key at hand opens the file",
        Branch.EXPIRED: "The export's file can no longer be fetched; trigger a new export",
    }

    def act(self, surroundings: Surroundings, arguments: LinkArguments) -> Outcome[LinkResults]:
        """Give the link."""
        from sekoia_export.operations.link import LINK_TIMEOUT_S, get_download_link

        with surroundings.step(LINK_TIMEOUT_S) as step:
            return get_download_link(step, arguments)
