"""A playbook as a picture: a flow chart in Mermaid, drawn from the file."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.playbooks.model import DEFAULT_BRANCH, LOOP_BRANCH, Node, NodeType, Playbook, Subtype

if TYPE_CHECKING:
    from sekoia_export.playbooks.components import Catalogue

_SHAPES = {
    Subtype.CONDITION: ("{", "}"),
    Subtype.FOREACH: ("[[", "]]"),
    Subtype.STORE: ("[(", ")]"),
    Subtype.ANY: ("((", "))"),
    Subtype.ALL: ("((", "))"),
}
_STYLES = (
    "classDef ours fill:#e8e6ff,stroke:#5d4ff2,color:#111",
    "classDef other fill:#f4f4f4,stroke:#888,color:#111",
    "classDef operator fill:#fff,stroke:#555,color:#111",
    "classDef unknown fill:#fff3d6,stroke:#b7791f,color:#111",
)


def picture(playbook: Playbook, catalogue: Catalogue) -> str:
    """Return the text of a Mermaid flow chart.

    Nodes of this module, of others, unknown ones and operators have classes of their own; an edge says its branch, and
    one to the body of a loop is dotted.
    """
    lines = ["flowchart TD", *(f"    {_shape(node, catalogue)}" for node in playbook.nodes.values())]
    for node in playbook.nodes.values():
        for branch, follower in node.edges():
            if follower not in playbook.nodes:
                continue
            if branch == LOOP_BRANCH and node.subtype is Subtype.FOREACH and follower in node.loop:
                arrow = '-. "each item" .->'
            elif branch == DEFAULT_BRANCH:
                arrow = '-- "after the last" -->' if node.subtype is Subtype.FOREACH else "-->"
            else:
                arrow = f'-- "{_escaped(branch)}" -->'
            lines.append(f"    n{node.number} {arrow} n{follower}")
    lines += [f"    {style}" for style in _STYLES]
    for kind in ("ours", "other", "operator", "unknown"):
        numbers = [f"n{node.number}" for node in playbook.nodes.values() if _class(node, catalogue) == kind]
        if numbers:
            lines.append(f"    class {','.join(numbers)} {kind}")
    return "\n".join(lines)


def _shape(node: Node, catalogue: Catalogue) -> str:
    before, after = _SHAPES.get(node.subtype, ("[", "]")) if node.subtype else ("[", "]")
    if node.type is NodeType.TRIGGER:
        before, after = "([", "])"
    component = catalogue.of(node)
    name = (component.command or component.name) if component else node.subtype or ""
    label = _escaped(f"{node.number} · {node.title}")
    if name and name.lower() != node.title.lower():
        label = f"{label}<br><i>{_escaped(name)}</i>"
    return f'n{node.number}{before}"{label}"{after}'


def _class(node: Node, catalogue: Catalogue) -> str:
    if node.type is NodeType.OPERATOR:
        return "operator"
    component = catalogue.of(node)
    if component is None:
        return "unknown"
    return "ours" if component.ours else "other"


def _escaped(text: str) -> str:
    """Return a text with Mermaid's entities for what would end a label, or be taken for markup."""
    return text.translate({ord(letter): f"#{ord(letter)};" for letter in '#&"<>`\\'})
