"""How a step ends: an outcome with the branch that a playbook takes from there."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from sekoia_export.results.base import Results

R_co = TypeVar("R_co", bound="Results", covariant=True)


class Branch(StrEnum):
    """The outcomes that a playbook handles. What is none of them is an error."""

    DONE = "done"
    EMPTY = "empty"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    TRIGGERED = "triggered"
    BUSY = "busy"
    RUNNING = "running"
    FINISHED = "finished"
    FETCHED = "fetched"
    INCOMPLETE = "incomplete"
    READY = "ready"
    DELETED = "deleted"
    EXPIRED = "expired"
    PLANNED = "planned"
    TOO_DENSE = "too_dense"
    ROWS = "rows"
    NO_ROWS = "no_rows"
    MATCHED = "matched"
    CLEAN = "clean"
    FOUND = "found"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Outcome(Generic[R_co]):
    """The end of a step: which branch, with which results."""

    branch: Branch
    results: R_co
