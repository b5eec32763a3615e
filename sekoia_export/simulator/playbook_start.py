"""Before a playbook runs: what would keep it from running is refused, by name, and its trigger is chosen."""

from __future__ import annotations

import contextlib
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sekoia_export.errors import DeadlineExceeded, ExportError, UsageError
from sekoia_export.playbooks.finding import Severity
from sekoia_export.playbooks.graph import Graph
from sekoia_export.playbooks.model import NodeType

if TYPE_CHECKING:
    import threading
    from collections.abc import Callable, Iterator, Mapping

    from sekoia_export.playbooks.components import Catalogue
    from sekoia_export.playbooks.model import Node, Playbook
    from sekoia_export.playbooks.reader import Reading
    from sekoia_export.simulator.engine import Engine
    from sekoia_export.simulator.node import StartedNode
    from sekoia_export.simulator.stand_ins import StandIns

_MOST_NAMED = 10
_LOOK_EACH_S = 0.1
_TO_STOP_S = 5.0


def refuse(reading: Reading, *, catalogue: Catalogue, stand_ins: StandIns, where: str) -> None:
    """Raise UsageError when a run could not be carried through: nothing has run then.

    `where` is what it would run against, for the text: "the simulator" or "the platform".
    """
    playbook = reading.playbook
    reasons = [
        f"{'' if problem.node is None else f'node {problem.node}: '}{problem.cause.rstrip('.')}"
        for problem in reading.problems
        if problem.severity is Severity.ERROR
    ]
    reasons += [
        f"node {node.number} ({node.title}) leads to node {follower}, which does not exist"
        for node in playbook.nodes.values()
        for _, follower in node.edges()
        if follower not in playbook.nodes
    ]
    reasons += [f"the nodes {' -> '.join(map(str, cycle))} lead in a circle" for cycle in Graph(playbook).cycles]
    if reasons:
        raise UsageError(
            f"The playbook cannot be run: {_listed(reasons)}.", "Run playbook check, and mend what it finds."
        )
    unknown = [reason for node in playbook.nodes.values() if (reason := _unknown(node, catalogue, stand_ins, where))]
    if unknown:
        raise UsageError(
            f"The playbook cannot be run against {where}: {_listed(unknown)}.",
            "Take these nodes out of a copy of the file to run the rest.",
        )


def choose_trigger(playbook: Playbook, number: int | None) -> Node:
    """Return the trigger that a run starts from: the one called `number`, or else the playbook's first.

    Raises:
        UsageError: it has none, or `number` is none.
    """
    triggers = playbook.triggers
    if not triggers:
        raise UsageError("The playbook has no trigger.", "Add one; every run starts from one.")
    found = triggers[0] if number is None else next((node for node in triggers if node.number == number), None)
    if found is None:
        numbers = ", ".join(str(node.number) for node in triggers)
        raise UsageError(f"Node {number} is no trigger.", f"Name one of the playbook's triggers: {numbers}.")
    return found


def with_arguments(playbook: Playbook, arguments: Mapping[int, Mapping[str, Any]]) -> Playbook:
    """Return the playbook with other arguments of some nodes: by node, then by argument.

    Raises:
        UsageError: there is no such action or trigger.
    """
    nodes = dict(playbook.nodes)
    for number, given in arguments.items():
        node = nodes.get(number)
        if node is None or node.type is NodeType.OPERATOR:
            raise UsageError(f"The playbook has no action or trigger {number}.", "Name a node by its number.")
        nodes[number] = replace(node, arguments={**node.arguments, **given})
    return replace(playbook, nodes=nodes)


def events_of(
    trigger: Node,
    *,
    catalogue: Catalogue,
    engine: Engine,
    stand_ins: StandIns,
    stopping: threading.Event,
    on_output: Callable[[str], object] | None = None,
) -> Iterator[dict[str, Any]]:
    """Yield the events that a trigger sends, each as soon as it is there.

    A trigger of this module is started as the playbook engine starts it, and runs until it ends, `stopping` is set or
    the iteration is given up; `on_output` is called with each line that it prints, by another thread. A manual trigger
    of the platform's is used once, on the simulator's first case or alert.

    Raises:
        UsageError: the trigger sends nothing by itself here: the event must be given.
        ExportError: the trigger's process ended with an error.
    """
    component = catalogue.of(trigger)
    if component is None or component.command is None:
        event = None if component is None else stand_ins.event_of(component.uuid)
        if event is None:
            raise UsageError(
                f"The trigger {trigger.title} (node {trigger.number}) does not start by itself here.",
                "Give the event that it would send, as JSON, with --event.",
            )
        yield event
        return
    with engine.start_trigger(component.command, trigger.arguments, on_output=on_output) as started:
        seen = 0
        while not stopping.is_set():
            ended = started.poll() is not None
            while seen < len(started.report.events) and not stopping.is_set():
                seen += 1
                yield dict(started.report.events[seen - 1].get("event") or {})
            if ended and not started.poll():
                return
            if ended:
                raise ExportError(
                    f"The trigger {trigger.title} (node {trigger.number}) ended with an error{_last_log(started)}.",
                    "Correct its configuration, and run it again.",
                )
            stopping.wait(_LOOK_EACH_S)
        # As the playbook engine stops it; what does not heed it is killed by the `with`.
        started.terminate()
        with contextlib.suppress(DeadlineExceeded):
            started.wait(_TO_STOP_S)


def _unknown(node: Node, catalogue: Catalogue, stand_ins: StandIns, where: str) -> str | None:
    """Return why an action cannot be run, None when it can."""
    if node.type is not NodeType.ACTION:
        return None
    component = catalogue.of(node)
    called = f"node {node.number} ({node.title})"
    if component is None:
        module = catalogue.module_name(node.module_uuid) or node.module_uuid or "unknown"
        return f"{called} runs the action {node.component_uuid} of the module {module}, which is not known here"
    if component.ours or stand_ins.knows(component.uuid):
        return None
    return f"{called} runs {component.name} of {component.module_name}, which cannot be done on {where} from here"


def _listed(reasons: list[str]) -> str:
    shown = "; ".join(reasons[:_MOST_NAMED])
    return shown if len(reasons) <= _MOST_NAMED else f"{shown}; and {len(reasons) - _MOST_NAMED} more"


def _last_log(started: StartedNode) -> str:
    last = next((log.get("message") for log in reversed(started.report.trigger_logs) if log.get("message")), None)
    return f": {str(last).rstrip('.')}" if last else ""
