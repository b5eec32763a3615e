"""What a run of a playbook consists of: the steps that were taken, and what each can see of the others."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from sekoia_export.playbooks.model import Node


class StepStatus(StrEnum):
    """How far a step is."""

    RUNNING = "running"
    WAITING = "waiting"
    """An `all` that not every node before it has reached."""
    SUCCEEDED = "succeeded"
    FAILED = "failed"


@dataclass(slots=True, eq=False)
class Step:
    """One run of one node; a node in a loop, or reached by several paths, has several.

    Attributes:
        parent: the step that it follows; None for the trigger.
        reached_by: the branch of the parent that led to it.
        item: index and number of the items, of the first steps of an iteration of a foreach (its parent).
        branches: in which it ended.
        results: what `node.N` names afterwards; of a foreach, those of the last item.
        error: why it failed.
        note: the last line that it logged.
        started_s, ended_s: monotonic; `ended_s` is None while it runs.
    """

    node: Node
    parent: Step | None = None
    reached_by: str = ""
    item: tuple[int, int] | None = None
    status: StepStatus = StepStatus.RUNNING
    branches: tuple[str, ...] = ()
    results: Any = None
    error: str | None = None
    note: str = ""
    started_s: float = 0.0
    ended_s: float | None = None

    @property
    def items(self) -> list[tuple[int, int]]:
        """Return index and number of the items in whose iterations it ran, those of the outermost foreach first."""
        found: list[tuple[int, int]] = []
        step: Step | None = self
        while step is not None:
            if step.item is not None:
                found.append(step.item)
            step = step.parent
        return found[::-1]

    def duration_s(self, now_s: float) -> float:
        """Return how long it took, or has taken until `now_s`."""
        return (self.ended_s if self.ended_s is not None else now_s) - self.started_s


class Observer(Protocol):
    """Who watches a run. Called from the threads of the run, one call at a time."""

    def started(self, step: Step) -> None:
        """`step` begins."""

    def noted(self, step: Step) -> None:
        """`step` has logged a line."""

    def ended(self, step: Step) -> None:
        """`step` has ended, or waits."""


class Silent:
    """An observer that does nothing."""

    def started(self, step: Step) -> None:
        pass

    def noted(self, step: Step) -> None:
        pass

    def ended(self, step: Step) -> None:
        pass


@dataclass(slots=True, eq=False)
class Join:
    """An `any` or `all` in one scope: who has reached it.

    Attributes:
        step: made when the first has.
    """

    step: Step
    reached_from: set[int] = field(default_factory=set)
    passed: bool = False


@dataclass(slots=True, eq=False)
class Scope:
    """What the nodes of a run, or of one iteration of a foreach, see: their own results and those of the scope around.

    An iteration does not see the results of the one before it: what its own nodes did not produce is undefined, and not
    by chance what another item left.
    """

    outer: Scope | None = None
    results: dict[int, Any] = field(default_factory=dict)
    joins: dict[int, Join] = field(default_factory=dict)

    def visible(self) -> dict[int, Any]:
        """Return every result that can be named here, by node."""
        return {**(self.outer.visible() if self.outer else {}), **self.results}


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What became of a run.

    Attributes:
        event: that started it.
        steps: in the order in which they began.
        results: of each node that succeeded, by node, the last ones where it ran several times.
        store: at the end.
    """

    event: dict[str, Any]
    steps: tuple[Step, ...]
    results: dict[int, Any]
    store: dict[str, Any]

    @property
    def failed(self) -> list[Step]:
        return [step for step in self.steps if step.status is StepStatus.FAILED]

    @property
    def succeeded(self) -> bool:
        """Return whether no node failed."""
        return not self.failed
