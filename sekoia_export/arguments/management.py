"""The arguments of the steps that look after exports: their status, their list, a link to hand on, and removal."""

from __future__ import annotations

from pydantic import Field

from sekoia_export.arguments.base import Arguments, Uuid
from sekoia_export.arguments.chain import FinishedExport
from sekoia_export.errors import UsageError

LONGEST_AGE_S = 10 * 365 * 24 * 3600


class StatusArguments(Arguments):
    """Which export to look at."""

    task_uuid: Uuid = Field(description="Uuid of the export's task, as the trigger gives it")
    job_uuid: Uuid | None = Field(
        default=None,
        description="Uuid of the exported search job; needed for the number of events, the size and the expiry of an "
        "export that was triggered elsewhere",
    )


class ListArguments(Arguments):
    """Which exports to list."""

    job_uuid: Uuid | None = Field(
        default=None,
        description="Uuid of the search job whose exports are listed; by default all exports that this data storage "
        "remembers",
    )


class LinkArguments(FinishedExport):
    """Which export to hand on, and whether with its key."""

    reveal_key: bool = Field(
        default=False,
        description="Give the key that opens the file in the results; whoever reads the playbook run then reads it too",
    )


class DeleteArguments(Arguments):
    """Which fetched files to delete: those that all of what is given applies to."""

    file_path: str | None = Field(default=None, description="Path of the fetched file, relative to the data storage")
    job_uuid: Uuid | None = Field(default=None, description="Uuid of the search job whose fetched files are deleted")
    task_uuid: Uuid | None = Field(
        default=None, description="Uuid of the export's task whose fetched files are deleted"
    )
    older_than: int | None = Field(
        default=None,
        ge=0,
        le=LONGEST_AGE_S,
        description="Seconds since the fetch; younger files are kept. Alone: everything that is older",
    )

    def check_selection(self) -> None:
        """Raise UsageError when nothing says what is to be deleted."""
        if not self.model_fields_set:
            raise UsageError(
                "Nothing says what is to be deleted.", "Give file_path, job_uuid, task_uuid or older_than."
            )
