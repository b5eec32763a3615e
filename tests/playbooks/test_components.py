"""What nodes can be: this module's manifests, from a checkout and from a wheel, and what others' modules have."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from sekoia_export.errors import UsageError
from sekoia_export.playbooks.components import load_catalogue, manifest_folder
from sekoia_export.playbooks.model import Node, NodeType

ROOT = Path(__file__).resolve().parent.parent.parent


def manifests() -> list[Path]:
    return [*ROOT.glob("action_*.json"), *ROOT.glob("trigger_*.json")]


def test_every_manifest_of_this_module_is_known() -> None:
    ours = {component.uuid: component for component in load_catalogue() if component.ours}
    for path in manifests():
        manifest = json.loads(path.read_text())
        component = ours.pop(manifest["uuid"])
        assert component.command == manifest["docker_parameters"]
        assert component.kind == path.name.partition("_")[0]
        assert component.branch_names == tuple(manifest.get("outputs", {"default": ""}))
    assert ours == {}


def test_a_wheels_manifests_are_read_as_a_checkouts(tmp_path: Path) -> None:
    assert manifest_folder() == ROOT
    for path in [ROOT / "manifest.json", *manifests()]:
        shutil.copy(path, tmp_path)
    assert {component.uuid for component in load_catalogue(tmp_path)} == {
        component.uuid for component in load_catalogue()
    }


def test_a_broken_manifest_is_named(tmp_path: Path) -> None:
    (tmp_path / "manifest.json").write_text("{")
    with pytest.raises(UsageError, match=r"manifest\.json cannot be read"):
        load_catalogue(tmp_path)


def test_a_folder_without_the_module_s_manifest_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"There is no manifest\.json in"):
        load_catalogue(tmp_path)


def test_components_of_other_modules_are_found_by_their_uuids() -> None:
    catalogue = load_catalogue()
    node = Node(number=1, type=NodeType.ACTION, component_uuid="0fcabc04-43b4-4564-b9b2-08b80e0e1ecf")
    comment = catalogue.of(node)
    assert comment is not None
    assert (comment.name, comment.module_name, comment.ours) == ("Comment case", "Sekoia.io", False)
    assert comment.branch_names == ("default",)
    assert comment is catalogue.named("Comment case")
    assert catalogue.of(Node(number=1, type=NodeType.TRIGGER, component_uuid=comment.uuid)) is None
    assert catalogue.of(Node(number=1, type=NodeType.OPERATOR)) is None
    assert catalogue.module_name(comment.module_uuid) == "Sekoia.io"
    assert catalogue.module_name("00000000-0000-4000-8000-000000000000") is None
    with pytest.raises(KeyError):
        catalogue.named("Order a pizza")
