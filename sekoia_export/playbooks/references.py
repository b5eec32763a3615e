"""Rules on expressions: that they parse, that what they name exists, and that it is there when they are rendered."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sekoia_export.playbooks.expressions import PLATFORM_FILTERS
from sekoia_export.playbooks.finding import Finding, shown
from sekoia_export.playbooks.model import Change, Node, NodeType, Subtype
from sekoia_export.playbooks.rules import Rule
from sekoia_export.playbooks.subject import MOST_EXPRESSIONS, Subject, Text, alike, error, warning
from sekoia_export.playbooks.values import follow
from sekoia_export.redaction import redact

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sekoia_export.playbooks.expressions import Expressions, Reference

_MOST_LOOPS = 16
"""Foreaches, each over an item of the one before it, whose items are known."""
_FILTERS = f"Use one of Jinja's own; of the platform's, these are known: {', '.join(sorted(PLATFORM_FILTERS))}."


def check_references(subject: Subject) -> Iterator[Finding]:
    """Return what is wrong with the expressions."""
    writers = _writers(subject)
    for node in subject.nodes.values():
        for text in subject.texts(node):
            found = subject.expressions(text.text)
            yield from _itself(node, text, found)
            for reference in dict.fromkeys(found.references):
                if reference.root == "store":
                    yield from _store(subject, node, text, reference, writers)
                else:
                    yield from _result(subject, node, text, reference)
    if subject.left_out:
        yield warning(
            Rule.TOO_LARGE,
            None,
            f"It has more than {MOST_EXPRESSIONS // 1024 // 1024} MiB of expressions; the rest is not checked.",
            "Split it, or move texts that are always the same out of it.",
        )


def result_of(subject: Subject, reference: Reference) -> Mapping[str, Any]:
    """Return the schema of what a reference names; empty when it is not known."""
    number = _number(reference)
    if reference.root != "node" or number is None or number not in subject.nodes:
        return {}
    schema, _, _ = follow(_results(subject, subject.nodes[number]), reference.path[1:])
    return schema


def _results(subject: Subject, node: Node, *, loops: int = 0) -> Mapping[str, Any]:
    component = subject.components[node.number]
    if component is not None:
        return component.results
    if node.subtype is not Subtype.FOREACH:
        return {}
    count = {"type": "integer"}
    current = {"value": _item(subject, node, loops=loops), "index": count, "total": count}
    return {"type": "object", "properties": {"default": {"type": "object", "properties": current}}}


def _item(subject: Subject, foreach: Node, *, loops: int) -> Mapping[str, Any]:
    """Return the schema of a foreach's item where it goes through a result of this module; empty elsewhere.

    Args:
        subject: the playbook.
        foreach: the node.
        loops: how many foreaches go through this one's items, and so on; a foreach may name itself.
    """
    items = subject.expressions(foreach.items).lone
    number = None if items is None or items.root != "node" else _number(items)
    source = None if number is None else subject.nodes.get(number)
    if items is None or source is None or loops == _MOST_LOOPS:
        return {}
    component = subject.components[source.number]
    if component is not None and not component.ours:
        return {}
    schema, _, _ = follow(_results(subject, source, loops=loops + 1), items.path[1:])
    item = schema.get("items")
    return item if isinstance(item, dict) else {}


def _number(reference: Reference) -> int | None:
    head = reference.path[0]
    if isinstance(head, str) and head.isascii() and head.isdigit() and len(head) < 10:
        return int(head)
    return head if isinstance(head, int) else None


def _itself(node: Node, text: Text, found: Expressions) -> Iterator[Finding]:
    place = text.place
    if found.error is not None:
        yield error(
            Rule.SYNTAX,
            node,
            f"The expression {shown(redact(text.text[:500]))} cannot be read: {found.error}.",
            "Mend it: what stands between {{ and }} is Jinja.",
            place=place,
        )
    for name in found.unknown_names:
        yield error(
            Rule.UNKNOWN_NAME,
            node,
            f"{shown(name)} names nothing: an expression knows node and store.",
            "Write node.<number>.<result> for a node's result, or store.<key>.",
            place=place,
        )
    for name in found.unknown_filters:
        yield warning(Rule.UNKNOWN_FILTER, node, f"The filter {shown(name)} is not known.", _FILTERS, place=place)
    for name in found.unknown_tests:
        yield warning(
            Rule.UNKNOWN_TEST, node, f"The test {shown(name)} is not known.", "Use one of Jinja's own.", place=place
        )
    if found.loads_templates:
        yield error(
            Rule.LOADS_TEMPLATE,
            node,
            "It loads another template, and a playbook has none.",
            "Write what is needed into the argument itself.",
            place=place,
        )


def _result(subject: Subject, node: Node, text: Text, reference: Reference) -> Iterator[Finding]:
    head = reference.path[0]
    number = _number(reference)
    if head is None:
        return
    if number is None or number not in subject.nodes:
        what = f"node {number} does not exist" if number is not None else f"{shown(head)} is no number of a node"
        remedy = "Name the node whose result is meant by its number, for instance node.2."
        if number is None and (named := _by_name(subject, str(head))) is not None:
            remedy = f"Write node.{named.number}, which is the number of {named.title}."
        yield error(Rule.NO_SUCH_NODE, node, f"{reference.text} names nothing: {what}.", remedy, place=text.place)
        return
    source = subject.nodes[number]
    if node.number in subject.graph.reachable or not subject.playbook.triggers:
        yield from _placed(subject, node, source, reference, text.place)
    yield from _path(subject, node, source, reference, text.place)


def _by_name(subject: Subject, name: str) -> Node | None:
    wanted = name.lower().replace("_", " ")
    return next((node for node in subject.nodes.values() if node.name.lower() == wanted), None)


def _placed(subject: Subject, node: Node, source: Node, reference: Reference, place: str) -> Iterator[Finding]:
    """Check that the node that is named has run when its result is needed."""
    graph = subject.graph
    title = f"node {source.number} ({source.title})"
    in_foreach = source.subtype is Subtype.FOREACH
    if node.number == source.number:
        yield error(
            Rule.OWN_RESULT,
            node,
            f"{reference.text} is its own result, which is not there before it runs.",
            "Name a node before it.",
            place=place,
        )
    elif in_foreach and not graph.in_loop(node.number, source.number):
        yield error(
            Rule.OUTSIDE_LOOP,
            node,
            f"{reference.text} is the current item of {title}, and this node is not in its loop.",
            "Collect in the loop what is needed with a store of type append, and read the store here.",
            place=place,
        )
    elif not graph.precedes(source.number, node.number):
        yield error(
            Rule.NOT_UPSTREAM,
            node,
            f"{reference.text} is a result of {title}, which is not before this node on any path.",
            f"Lead node {source.number} to this node, or name a node that is before it.",
            place=place,
        )
    elif not (reference.guarded or graph.always_precedes(source.number, node.number) or not subject.playbook.triggers):
        yield warning(
            Rule.NOT_ALWAYS_UPSTREAM,
            node,
            f"{reference.text} is missing when the run comes here without passing {title}.",
            f"Give each path a node of its own, or put {{% if node.{source.number} is defined %}} around it.",
            place=place,
        )


def _path(subject: Subject, node: Node, source: Node, reference: Reference, place: str) -> Iterator[Finding]:
    """Check that the result that is named exists."""
    title = f"node {source.number} ({source.title})"
    if reference.method is not None:
        yield _method(node, reference, place)
        return
    if source.type is NodeType.OPERATOR and source.subtype not in {Subtype.FOREACH, None}:
        remedy = "Read the key that it stores: store.<key>." if source.subtype is Subtype.STORE else "Name an action."
        yield error(
            Rule.NO_SUCH_RESULT,
            node,
            f"{reference.text} names nothing: {title} is an operator and has no results.",
            remedy,
            place=place,
        )
        return
    component = subject.components[source.number]
    results, path = _results(subject, source), reference.path[1:]
    _, wrong, known = follow(results, path)
    if wrong is not None:
        # Other modules' schemas are shortened here, or of another version there.
        kind = warning if component is not None and not component.ours else error
        if source.subtype is Subtype.FOREACH and path[:2] != ("default", "value"):
            remedy = f"Write node.{source.number}.default.value, .index or .total."
        else:
            name = next(step for end, step in enumerate(path, start=1) if follow(results, path[:end])[1] is not None)
            remedy = alike(str(name), known) if known else "Name the result as the module's manifest has it."
        yield kind(
            Rule.NO_SUCH_RESULT, node, f"{reference.text} names nothing of {title}: {wrong}.", remedy, place=place
        )


def _method(node: Node, reference: Reference, place: str) -> Finding:
    return error(
        Rule.METHOD,
        node,
        f"{reference.text}: Jinja takes .{reference.method} for a method that every object has.",
        f"Write ['{reference.method}'] instead of .{reference.method}.",
        place=place,
    )


def _writers(subject: Subject) -> dict[str, list[Node]] | None:
    """Return by key the nodes that write it; None when a key is known only when it runs."""
    writers: dict[str, list[Node]] = {}
    for node in subject.nodes.values():
        for change in node.modifications:
            if subject.expressions(change.key).references:
                return None
            if change.change not in {Change.UNSET, Change.REMOVE}:
                writers.setdefault(change.key, []).append(node)
    return writers


def _store(
    subject: Subject, node: Node, text: Text, reference: Reference, writers: dict[str, list[Node]] | None
) -> Iterator[Finding]:
    key = reference.path[0]
    if key is None or writers is None or reference.guarded:
        return
    if reference.method is not None:
        yield _method(node, reference, text.place)
        return
    found = writers.get(str(key), [])
    if not found:
        yield error(
            Rule.NEVER_STORED,
            node,
            f"{reference.text} is read, and no node stores it.",
            alike(str(key), list(writers)) if writers else "Store it before with an operator store of type set.",
            place=text.place,
        )
    elif not any(writer is node or subject.graph.precedes(writer.number, node.number) for writer in found):
        yield warning(
            Rule.STORED_LATER,
            node,
            f"{reference.text} is read, and no node before this one stores it.",
            f"Let node {found[0].number} ({found[0].title}) come before it, or write | default('...').",
            place=text.place,
        )
