"""Rules on how a playbook is put together: triggers, what nodes are, branches, edges, circles."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.playbooks.finding import Finding, shown
from sekoia_export.playbooks.graph import described
from sekoia_export.playbooks.model import DEFAULT_BRANCH, ELSE_BRANCH, Node, NodeType, Subtype
from sekoia_export.playbooks.rules import Rule
from sekoia_export.playbooks.subject import Subject, alike, error, warning

if TYPE_CHECKING:
    from collections.abc import Iterator


def check_structure(subject: Subject) -> Iterator[Finding]:
    """Return what is wrong with the playbook's structure."""
    yield from _triggers(subject)
    yield from _unknown(subject)
    for node in subject.nodes.values():
        yield from _edges(subject, node)
        yield from _branches(subject, node)
        if node.subtype is Subtype.FOREACH:
            yield from _loop(subject, node)
    yield from _reach(subject)


def _triggers(subject: Subject) -> Iterator[Finding]:
    triggers = subject.playbook.triggers
    if not triggers:
        yield error(
            Rule.NO_TRIGGER,
            None,
            "No node is a trigger, so nothing starts a run.",
            "Add a trigger, for instance the Manual Trigger for Case, and lead its output default to the first node.",
        )
    seen: dict[str, Node] = {}
    for node in triggers:
        same = f"{node.component_uuid} {sorted(node.arguments.items(), key=str)}"
        if same in seen:
            yield warning(
                Rule.DUPLICATE_TRIGGER,
                node,
                f"It is the same trigger as node {seen[same].number} ({seen[same].title}): each event starts two runs.",
                "Take one of the two out, and lead the other's output to the nodes of both.",
            )
        seen.setdefault(same, node)


def _unknown(subject: Subject) -> Iterator[Finding]:
    """Name each unknown module, and each unknown component of a known one, once."""
    unknown: dict[tuple[str, ...], list[Node]] = {}
    for number, node in subject.nodes.items():
        component = subject.components[number]
        if node.component_uuid is None or node.module_uuid is None:
            continue
        if component is not None:
            if component.module_uuid != node.module_uuid:
                yield error(
                    Rule.WRONG_MODULE,
                    node,
                    f"{component.name} belongs to the module {component.module_name}, and module_uuid names another.",
                    f"Set module_uuid to {component.module_uuid}.",
                    place="module_uuid",
                )
        elif subject.catalogue.module_name(node.module_uuid) is None:
            unknown.setdefault((node.module_uuid,), []).append(node)
        else:
            unknown.setdefault((node.module_uuid, str(node.type), node.component_uuid), []).append(node)
    for names, nodes in unknown.items():
        where = described(subject.nodes, [node.number for node in nodes])
        if len(names) == 1:
            yield warning(
                Rule.UNKNOWN_MODULE,
                nodes[0],
                f"The module {shown(names[0])} is not known here, so arguments, branches and results are not checked "
                f"where it is used: {where}.",
                "Check these against the module's own documentation.",
            )
            continue
        yield from _unknown_component(subject, nodes[0], where)


def _unknown_component(subject: Subject, node: Node, where: str) -> Iterator[Finding]:
    known = [component for component in subject.catalogue if component.module_uuid == node.module_uuid]
    module = known[0].module_name
    if any(component.ours for component in known):
        names = ", ".join(f"{component.name} ({component.uuid})" for component in known if component.kind is node.type)
        yield error(
            Rule.UNKNOWN_TRIGGER if node.type is NodeType.TRIGGER else Rule.UNKNOWN_ACTION,
            node,
            f"The module {module} has no {node.type} of this uuid: {where}.",
            f"Choose one of: {names}.",
            place=f"{node.type}_uuid",
        )
        return
    yield warning(
        Rule.UNKNOWN_TRIGGER if node.type is NodeType.TRIGGER else Rule.UNKNOWN_ACTION,
        node,
        f"This {node.type} of the module {module} is not known here, so its arguments, branches and results are not "
        f"checked: {where}.",
        "Check it against the module's own documentation.",
    )


def _edges(subject: Subject, node: Node) -> Iterator[Finding]:
    for branch, follower in node.edges():
        place = "loop" if follower in node.loop and branch == "loop" else f"branch {branch}"
        if follower not in subject.nodes:
            yield error(
                Rule.NO_SUCH_NODE,
                node,
                f"It leads to node {follower}, which does not exist.",
                "Add that node, or lead the branch to one that exists.",
                place=place,
            )
        elif subject.nodes[follower].type is NodeType.TRIGGER:
            yield error(
                Rule.EDGE_TO_TRIGGER,
                node,
                f"It leads to the trigger {described(subject.nodes, [follower])}, which only starts runs.",
                "Lead it to the node after that trigger.",
                place=place,
            )


def _expected(subject: Subject, node: Node) -> dict[str, str] | None:
    """Return the branches that leave a node with their meanings; None when that is not known."""
    component = subject.components[node.number]
    if component is not None:
        return dict(component.branches) or {DEFAULT_BRANCH: ""}
    if node.subtype is Subtype.CONDITION:
        return {case.name: "" for case in node.cases if case.name} | {ELSE_BRANCH: ""}
    if node.type is NodeType.TRIGGER or node.subtype is not None:
        return {DEFAULT_BRANCH: ""}
    return None


def _branches(subject: Subject, node: Node) -> Iterator[Finding]:
    expected = _expected(subject, node)
    if expected is None:
        return
    for branch in node.outputs:
        if branch not in expected:
            yield error(
                Rule.UNKNOWN_BRANCH,
                node,
                "It has no branch of this name, so what follows there never runs.",
                alike(branch, list(expected)),
                place=f"branch {branch}",
            )
    for branch, meaning in expected.items():
        if node.outputs.get(branch):
            continue
        if node.type is NodeType.TRIGGER:
            yield warning(
                Rule.UNWIRED_BRANCH,
                node,
                "Nothing follows it.",
                "Lead it to a node.",
                place=f"branch {branch}",
            )
        elif branch not in {DEFAULT_BRANCH, ELSE_BRANCH}:
            told = f" ({meaning[0].lower()}{meaning[1:]})" if meaning else ""
            yield warning(
                Rule.UNWIRED_BRANCH,
                node,
                f"The run ends here without a word when it comes to this branch{told}.",
                "Lead it to a node that tells or does something about it.",
                place=f"branch {branch}",
            )


def _loop(subject: Subject, node: Node) -> Iterator[Finding]:
    if not node.loop:
        yield error(
            Rule.MISSING,
            node,
            "No node runs for each item.",
            'List the first nodes of the loop\'s body, for instance "loop": ["4"].',
            place="loop",
        )
    both = subject.graph.body(node.number) & subject.graph.after_loop(node.number)
    if both and not any(node.number in circle for circle in subject.graph.cycles):
        yield warning(
            Rule.LOOP_LEFT,
            node,
            f"Its body leads to nodes that also follow after the loop: {described(subject.nodes, sorted(both))}.",
            "Let the body's last node lead to nothing; what comes after the last item follows from the output default.",
            place="loop",
        )


def _reach(subject: Subject) -> Iterator[Finding]:
    for circle in subject.graph.cycles:
        yield error(
            Rule.CYCLE,
            subject.nodes[circle[0]],
            f"A run that comes here goes round in a circle: {described(subject.nodes, circle)}, and again.",
            "Take one of these edges out; a foreach repeats nodes for each item without an edge back.",
        )
    if not subject.playbook.triggers:
        return
    for number, node in subject.nodes.items():
        if number not in subject.graph.reachable:
            yield warning(
                Rule.UNREACHABLE,
                node,
                "No trigger leads to it, so it never runs.",
                "Lead a branch to it, or take it out.",
            )
