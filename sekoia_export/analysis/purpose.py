"""What files are read for, as errors call it: who hunts is not told of a query."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

from sekoia_export.errors import DeadlineExceeded

if TYPE_CHECKING:
    from sekoia_export.clock import Deadline


class Purpose(StrEnum):
    """What is under way."""

    QUERY = "query"
    HUNT = "hunt"
    EXTRACTION = "extraction of observables"
    CONVERSION = "conversion"
    REPORT = "report"

    @property
    def less(self) -> str:
        """What to do where it takes too much memory."""
        if self is Purpose.QUERY:
            return "Ask for less: fewer groups, a limit, a narrower where, shorter texts."
        return "Give fewer files at once, or run it where there is more memory."

    def check(self, deadline: Deadline) -> None:
        """Raise DeadlineExceeded when the deadline has passed."""
        if deadline.passed():
            raise self.too_late(deadline)

    def too_late(self, deadline: Deadline) -> DeadlineExceeded:
        """Return the error of a deadline that has passed."""
        return DeadlineExceeded(
            f"The {self} took longer than the {deadline.timeout_s or 0:g} seconds it was given.",
            "Ask for less, or give the step a longer timeout.",
        )


_OF_TASKS = {
    "hunt": Purpose.HUNT,
    "plan_hunt": Purpose.HUNT,
    "extract": Purpose.EXTRACTION,
    "convert": Purpose.CONVERSION,
    "make": Purpose.REPORT,
}


def purpose_of(task: str) -> Purpose:
    """Return what a task of a process of its own is for, by its function: `module:name`."""
    return _OF_TASKS.get(task.partition(":")[2], Purpose.QUERY)
