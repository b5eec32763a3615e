"""Runs a playbook, from the event of its trigger to the end of every branch.

A path is followed in a thread: its nodes one after the other, and where several nodes follow one, each but the first in
a thread of its own. An action of this module is a process, started as the playbook engine starts it; operators and the
stand-ins of other modules' actions are carried out here.

- A node that several paths reach runs once for each; `any` goes on with the first of them, `all` when every node that
  leads to it has come.
- A foreach takes one item after the other. An iteration has ended when all that its nodes led to has ended; the next
  one begins with `any` and `all` unreached, and without the results of the one before.
- A node that fails ends its path, also in an iteration; the other paths and the next items go on.
"""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any, assert_never

from sekoia_export.errors import ExportError, UsageError
from sekoia_export.playbooks.model import DEFAULT_BRANCH, ELSE_BRANCH, LOOP_BRANCH, Node, NodeType, Subtype
from sekoia_export.redaction import redact
from sekoia_export.simulator.node import message_of
from sekoia_export.simulator.operators import change_store, holds, kind_of
from sekoia_export.simulator.playbook_steps import Join, Observer, Outcome, Scope, Silent, Step, StepStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sekoia_export.playbooks.components import Catalogue
    from sekoia_export.playbooks.model import Playbook
    from sekoia_export.simulator.engine import Engine
    from sekoia_export.simulator.stand_ins import StandIns

_LONGEST_NODE_S = 30 * 86_400.0


class PlaybookRun:
    """One run of one playbook.

    Args:
        playbook: one that `refuse` let pass.
        engine: starts the nodes of this module, and renders.
        stand_ins: carry out the actions of other modules.
        catalogue: what the nodes are.
        observer: told of every step.
        clock_s: monotonic seconds, for the steps' times.
    """

    def __init__(
        self,
        playbook: Playbook,
        *,
        engine: Engine,
        stand_ins: StandIns,
        catalogue: Catalogue,
        observer: Observer | None = None,
        clock_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._playbook = playbook
        self._engine = engine
        self._stand_ins = stand_ins
        self._catalogue = catalogue
        self._observer = observer or Silent()
        self._clock_s = clock_s
        self._lock = threading.RLock()
        self._stopping = threading.Event()
        self._threads: list[threading.Thread] = []
        self._unexpected: list[BaseException] = []
        self._steps: list[Step] = []
        self._store: dict[str, Any] = {}
        self._leading_to: dict[int, set[int]] = {}
        for node in playbook.nodes.values():
            for _, follower in node.edges():
                self._leading_to.setdefault(follower, set()).add(node.number)

    def run(self, trigger: Node, event: Mapping[str, Any]) -> Outcome:
        """Run the playbook as if `trigger` had sent `event`, and return what became of it when every path has ended."""
        scope = Scope()
        start = self._begin(Step(trigger))
        self._succeed(start, scope, dict(event), (DEFAULT_BRANCH,))
        try:
            self._follow([_Arrival(node, start, branch) for branch, node in trigger.edges()], scope)
        except BaseException:
            self._stopping.set()
            self._engine.stop_nodes()
            for thread in self._threads:
                thread.join()
            raise
        if self._unexpected:
            raise self._unexpected[0]
        return Outcome(event=dict(event), steps=tuple(self._steps), results=scope.visible(), store=self._store)

    def _follow(self, arrivals: list[_Arrival], scope: Scope) -> None:
        """Follow the paths that begin with `arrivals`, and return when all of them have ended."""
        threads: list[threading.Thread] = []
        while arrivals and not self._stopping.is_set():
            first, *others = arrivals
            for other in others:
                thread = threading.Thread(target=self._follow_safely, args=([other], scope), name=f"path-{other.node}")
                thread.start()
                threads.append(thread)
                self._threads.append(thread)
            arrivals = self._take(first, scope)
        for thread in threads:
            thread.join()

    def _follow_safely(self, arrivals: list[_Arrival], scope: Scope) -> None:
        try:
            self._follow(arrivals, scope)
        except BaseException as unexpected:  # noqa: BLE001 - raised again where the run was started
            self._unexpected.append(unexpected)
            self._stopping.set()

    def _take(self, arrival: _Arrival, scope: Scope) -> list[_Arrival]:
        """Run the node that was arrived at, and return what follows it."""
        node = self._playbook.nodes[arrival.node]
        if node.subtype in {Subtype.ANY, Subtype.ALL}:
            step = self._join(node, arrival, scope)
            if step is None:
                return []
        else:
            step = self._begin(Step(node, arrival.parent, arrival.branch, arrival.item))
            try:
                results, branches = self._carry_out(step, scope)
            except ExportError as failure:
                self._fail(step, str(failure).strip())
                return []
            self._succeed(step, scope, results, branches)
        followers = ((branch, number) for branch in step.branches for number in node.outputs.get(branch, ()))
        return [_Arrival(number, step, branch) for branch, number in followers]

    def _join(self, node: Node, arrival: _Arrival, scope: Scope) -> Step | None:
        """Return the step of an `any` or `all` when the run goes on from it now, None when it does not."""
        with self._lock:
            join = scope.joins.get(node.number)
            if join is None:
                step = self._begin(Step(node, arrival.parent, arrival.branch, arrival.item))
                join = scope.joins[node.number] = Join(step)
            join.reached_from.add(arrival.parent.node.number)
            needed = set() if node.subtype is Subtype.ANY else self._leading_to[node.number]
            if join.passed:
                return None
            if needed - join.reached_from:
                join.step.status = StepStatus.WAITING
                names = [self._playbook.nodes[number].title for number in sorted(needed - join.reached_from)]
                join.step.note = f"waits for {', '.join(names)}"
                self._observer.ended(join.step)
                return None
            join.passed = True
            join.step.note = ""
            self._succeed(join.step, scope, {}, (DEFAULT_BRANCH,))
            return join.step

    def _carry_out(self, step: Step, scope: Scope) -> tuple[Any, tuple[str, ...]]:
        """Return the results of a node and the branches in which it ended."""
        node = step.node
        if node.type is NodeType.ACTION:
            return self._act(step, scope)
        match node.subtype:
            case Subtype.CONDITION:
                return {}, (self._condition(node, scope),)
            case Subtype.STORE:
                return self._change_store(node, scope), (DEFAULT_BRANCH,)
            case Subtype.FOREACH:
                return self._foreach(step, scope), (DEFAULT_BRANCH,)
            case Subtype.ANY | Subtype.ALL | None:
                raise UsageError(f"{_called(node)} is nothing that can run.", "Check the playbook.")
        assert_never(node.subtype)

    def _act(self, step: Step, scope: Scope) -> tuple[Any, tuple[str, ...]]:
        node = step.node
        component = self._catalogue.of(node)
        assert component is not None  # noqa: S101 - what is not known was refused
        arguments = self._rendered(node, node.arguments, scope)
        if component.command is None:
            return self._stand_ins.run(component, arguments), (DEFAULT_BRANCH,)

        def note(line: str) -> None:
            self._note(step, redact(message_of(line)))

        with self._engine.start_rendered(component.command, arguments, node=node.number, on_output=note) as started:
            run = started.wait(_LONGEST_NODE_S)
        if run.error is not None:
            raise _NodeFailed(run.error)
        if not run.succeeded:
            last = next(
                (line.strip() for line in reversed(run.stderr.splitlines()) if line.strip()), "nothing was said"
            )
            raise _NodeFailed(
                f"Its process ended (status {run.exit_status}) before it had reported what became of it: {last}."
            )
        return run.results or {}, tuple(run.branches) if component.branches else (DEFAULT_BRANCH,)

    def _condition(self, node: Node, scope: Scope) -> str:
        for position, case in enumerate(node.cases, start=1):
            place = f"case {position} ({case.name})"
            sides = self._rendered(node, {"left": case.left, "right": case.right}, scope, place=place)
            if case.comparison is None:
                raise UsageError(f"{_called(node)}, {place}, has no comparison.", "Give it one.")
            try:
                if holds(case.comparison, sides["left"], sides["right"]):
                    return case.name
            except UsageError as failure:
                raise UsageError(f"{failure.cause.rstrip('.')} ({_called(node)}, {place}).", failure.remedy) from None
        return ELSE_BRANCH

    def _change_store(self, node: Node, scope: Scope) -> dict[str, Any]:
        for position, modification in enumerate(node.modifications, start=1):
            if modification.change is None:
                raise UsageError(f"{_called(node)}, modification {position}, has no type.", "Give it one.")
            given = {"key": modification.key, "value": modification.value}
            rendered = self._rendered(node, given, scope, place=f"modification {position}")
            with self._lock:
                change_store(self._store, str(rendered["key"]), modification.change, rendered["value"])
        return {}

    def _foreach(self, step: Step, scope: Scope) -> dict[str, Any]:
        node = step.node
        items = self._rendered(node, {"items": node.items}, scope)["items"]
        if not isinstance(items, list):
            raise UsageError(
                f"The items of {_called(node)} are {kind_of(items)}, not a list.",
                "Name a result that is a list, as an expression with nothing around it.",
            )
        results: dict[str, Any] = {"default": {"total": len(items)}}
        last = Scope()
        for index, item in enumerate(items):
            results = {"default": {"value": item, "index": index, "total": len(items)}}
            iteration = Scope(outer=scope, results={node.number: results})
            place = (index, len(items))
            self._follow([_Arrival(number, step, LOOP_BRANCH, place) for number in node.loop], iteration)
            last.results |= iteration.results
            if self._stopping.is_set():
                break
        with self._lock:
            scope.results |= last.results
        return results

    def _rendered(self, node: Node, given: Mapping[str, Any], scope: Scope, *, place: str = "") -> dict[str, Any]:
        with self._lock:
            visible, store = scope.visible(), dict(self._store)
        called = f"{_called(node)}, {place}" if place else _called(node)
        return self._engine.expressions.arguments(given, node=called, results=visible, store=store)

    def _begin(self, step: Step) -> Step:
        with self._lock:
            step.started_s = self._clock_s()
            self._steps.append(step)
            self._observer.started(step)
        return step

    def _note(self, step: Step, line: str) -> None:
        with self._lock:
            step.note = line
            self._observer.noted(step)

    def _succeed(self, step: Step, scope: Scope, results: Any, branches: tuple[str, ...]) -> None:
        with self._lock:
            scope.results[step.node.number] = step.results = results
            step.status, step.branches, step.ended_s = StepStatus.SUCCEEDED, branches, self._clock_s()
            self._observer.ended(step)

    def _fail(self, step: Step, error: str) -> None:
        with self._lock:
            step.status, step.error, step.ended_s = StepStatus.FAILED, redact(error), self._clock_s()
            self._observer.ended(step)


class _Arrival:
    """A path that reaches a node."""

    __slots__ = ("branch", "item", "node", "parent")

    def __init__(self, node: int, parent: Step, branch: str, item: tuple[int, int] | None = None) -> None:
        self.node = node
        self.parent = parent
        self.branch = branch
        self.item = item


class _NodeFailed(ExportError):
    """A node's own process said why it failed; its sentence has its remedy in it."""

    def __init__(self, error: str) -> None:
        super().__init__(error, "")


def _called(node: Node) -> str:
    return f"node {node.number} ({node.title})"
