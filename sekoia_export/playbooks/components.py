"""What a node can be: the actions and triggers of this module, from its manifests, and those of others that are known.

The wheel carries the manifests below `sekoia_export/module/`; a checkout has them at its root.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sekoia_export.errors import UsageError
from sekoia_export.playbooks.model import DEFAULT_BRANCH, Node, NodeType

if TYPE_CHECKING:
    from collections.abc import Mapping

_PACKAGE = Path(__file__).resolve().parent.parent
_MANIFEST = "manifest.json"
_OTHERS = Path(__file__).with_name("others.json")


@dataclass(frozen=True, slots=True, kw_only=True)
class Component:
    """An action or a trigger.

    Attributes:
        arguments, results: JSON schemas of objects, draft-07.
        branches: its named branches with their meanings; empty when it has only `default`.
        command: with which this module's main.py starts it; None for those of other modules.
    """

    uuid: str
    name: str
    kind: NodeType
    module_uuid: str
    module_name: str
    arguments: Mapping[str, Any]
    results: Mapping[str, Any]
    branches: Mapping[str, str] = field(default_factory=dict)
    command: str | None = None

    @property
    def ours(self) -> bool:
        """Return whether it belongs to this module, whose manifest tells all its results."""
        return self.command is not None

    @property
    def branch_names(self) -> tuple[str, ...]:
        """Return every branch that leaves it."""
        return tuple(self.branches) or (DEFAULT_BRANCH,)


class Catalogue:
    """Everything that is known of modules."""

    def __init__(self, components: list[Component]) -> None:
        self._components = {(component.kind, component.uuid): component for component in components}
        self._modules = {component.module_uuid: component.module_name for component in components}

    def __iter__(self) -> Any:
        return iter(self._components.values())

    def of(self, node: Node) -> Component | None:
        """Return what the node runs; None when it is an operator or not known."""
        if node.type is None or node.component_uuid is None:
            return None
        return self._components.get((node.type, node.component_uuid))

    def named(self, name: str, *, module_uuid: str | None = None) -> Component:
        """Return the component of this name, or of this command.

        Raises:
            KeyError: there is none.
        """
        for component in self._components.values():
            if name in {component.name, component.command} and module_uuid in {None, component.module_uuid}:
                return component
        raise KeyError(name)

    def module_name(self, module_uuid: str | None) -> str | None:
        """Return the name of a module of which at least one component is known."""
        return self._modules.get(module_uuid) if module_uuid else None


def manifest_folder() -> Path:
    """Return where this module's manifests are, in a wheel or in a checkout.

    Raises:
        UsageError: they are in neither place.
    """
    for folder in (_PACKAGE / "module", _PACKAGE.parent):
        if (folder / _MANIFEST).is_file():
            return folder
    raise UsageError("The module's manifests are not here.", "Install the wheel, or run from a checkout.")


@cache
def load_catalogue(folder: Path | None = None) -> Catalogue:
    """Return everything that is known.

    Args:
        folder: where this module's manifests are; found when not given.

    Raises:
        UsageError: the manifests are missing or broken.
    """
    folder = folder or manifest_folder()
    manifests = {path.name: _read(path) for path in sorted(folder.glob("*.json"))}
    if _MANIFEST not in manifests:
        raise UsageError(f"There is no {_MANIFEST} in {folder}.", "Name the module's folder.")
    return catalogue_of(manifests)


def catalogue_of(manifests: Mapping[str, dict[str, Any]]) -> Catalogue:
    """Return everything that is known, with this module's manifests by the names of their files."""
    module = manifests[_MANIFEST]
    components = [
        _component(manifest, kind=kind, module=module, ours=True)
        for kind in (NodeType.ACTION, NodeType.TRIGGER)
        for name, manifest in manifests.items()
        if name.startswith(f"{kind}_")
    ]
    for other in _read(_OTHERS)["modules"]:
        for kind in (NodeType.ACTION, NodeType.TRIGGER):
            components += [
                _component(given, kind=kind, module=other, ours=False) for given in other.get(f"{kind}s", ())
            ]
    return Catalogue(components)


def _component(given: dict[str, Any], *, kind: NodeType, module: dict[str, Any], ours: bool) -> Component:
    return Component(
        uuid=given["uuid"],
        name=given["name"],
        kind=kind,
        module_uuid=module["uuid"],
        module_name=module["name"],
        arguments=given.get("arguments", {}),
        results=given.get("results", {}),
        branches=given.get("outputs", {}),
        command=given["docker_parameters"] if ours else None,
    )


def _read(path: Path) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UsageError(
            f"The manifest {path.name} cannot be read.",
            "Install the wheel anew, or run make manifests in the checkout.",
        ) from error
    return found
