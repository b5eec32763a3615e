"""The action `search_events`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.arguments.chain import SearchArguments
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.playbook import ExportAction
from sekoia_export.results.chain import SearchResults

if TYPE_CHECKING:
    from sekoia_export.operations.step import Surroundings


class SearchEvents(ExportAction[SearchArguments, SearchResults]):
    """Create a search job and wait until it is done."""

    name = "Search events"
    description = "Create a search job and wait until it is done, so that its events can be exported"
    uuid = "ef2d9065-dca0-44a5-a989-4c89ddc86ad8"
    arguments_type = SearchArguments
    results_type = SearchResults
    branches = {
        Branch.DONE: "The search job is done and events match",
        Branch.EMPTY: "The search job is done and no event matches",
        Branch.FAILED: "The search job failed or was canceled",
        Branch.TIMED_OUT: "The search job was not done in time and was canceled",
    }
    going_on = "Run the step again: it starts a new search."

    def act(self, surroundings: Surroundings, arguments: SearchArguments) -> Outcome[SearchResults]:
        """Search."""
        from sekoia_export.operations.search import search_events

        with surroundings.step(arguments.timeout) as step:
            return search_events(step, arguments)
