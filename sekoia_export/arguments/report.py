"""The arguments of a report of exported files."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from sekoia_export.analysis.report.given import parsed
from sekoia_export.arguments.alternatives import FieldSet
from sekoia_export.arguments.analysis import FilesArguments
from sekoia_export.arguments.base import LONGEST_TIMEOUT_S, ListOfText

MOST_FIELDS = 30


def _observables(value: Any) -> Any:
    found = parsed(value)
    return found.get("observables") if isinstance(found, dict) else found


def _hunt(value: Any) -> Any:
    found = parsed(value)
    return {"rules": found} if isinstance(found, list) else found


class ReportArguments(FilesArguments):
    """What to report of which files."""

    title: str | None = Field(default=None, description="Title of the report; by default it names the file")
    case: str | None = Field(default=None, description="Case that the report belongs to, as the report shows it")
    author: str | None = Field(default=None, description="By whom it is made; by default the playbook run")
    query: str | None = Field(
        default=None, description="What was searched for; known by itself where this module fetched the file"
    )
    earliest_time: str | None = Field(
        default=None, description="Start of the period that was searched, which the timeline covers; known as query is"
    )
    latest_time: str | None = Field(default=None, description="End of that period; known as query is")
    field_set: FieldSet | None = Field(
        default=None, description="Set of fields whose most frequent values are shown; by default of all sets"
    )
    fields: ListOfText | None = Field(
        default=None, max_length=MOST_FIELDS, description="Fields whose most frequent values are shown instead"
    )
    hunt_results: Annotated[dict[str, Any], BeforeValidator(_hunt)] | None = Field(
        default=None, description="Results of a hunt_export step, to be shown along"
    )
    observables: Annotated[list[dict[str, Any]], BeforeValidator(_observables)] | None = Field(
        default=None,
        description="Observables that an earlier step found, to be shown; by default those of the files are extracted",
    )
    file_name: str | None = Field(
        default=None,
        description="Name of the page in the data storage, ending in .html; by default the first file's with "
        ".report.html. The timeline's picture lies beside it, ending in .png",
    )
    timeout: int = Field(default=3600, ge=1, le=LONGEST_TIMEOUT_S, description="Seconds for the whole step")
