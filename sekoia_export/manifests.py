"""The manifests and `docs/actions.md`, generated from the components: `python -m sekoia_export.manifests [--check]`.

What the platform shows of an action is what its code declares. `main.py` is the list: every component registered there
gets its file, and a file without a component is drift as well. `docs/cli.md` is made of the commands,
and parts of `docs/playbooks.md` of the playbooks, in the same run.
"""

from __future__ import annotations

import argparse
import ast
import importlib
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sekoia_export.cli.reference import reference
from sekoia_export.configuration import SECRETS, Configuration
from sekoia_export.playbooks.components import catalogue_of
from sekoia_export.playbooks.page import playbooks_page

if TYPE_CHECKING:
    from pydantic import BaseModel

    from sekoia_export.playbook import ExportAction
    from sekoia_export.playbook_trigger import ExportTrigger

MODULE_UUID = "1b373e93-eab2-489d-a5fe-0b1d026525e7"
MODULE_NAME = "Sekoia.io Event Export"
MODULE_SLUG = "sekoia-event-export"
_DRAFT = "http://json-schema.org/draft-07/schema#"
# What a form of the platform understands of a property.
_KEPT = ("type", "format", "default", "enum", "items", "minimum", "maximum", "minLength", "maxLength")


def flat_property(schema: dict[str, Any], definitions: dict[str, Any], *, nullable: bool) -> dict[str, Any]:
    """Return a property without references and alternatives.

    Args:
        schema: as pydantic makes it.
        definitions: what its references point to.
        nullable: whether null, where it is allowed, is told in the type (results); arguments are left out instead.
    """
    description = schema.get("description")
    null = False
    while "anyOf" in schema or "$ref" in schema:
        if "$ref" in schema:
            schema = {**schema, **definitions[schema["$ref"].rsplit("/", 1)[-1]]}
            del schema["$ref"]
            continue
        alternatives = [part for part in schema["anyOf"] if part.get("type") != "null"]
        null = null or len(alternatives) < len(schema["anyOf"])
        schema = {**{name: value for name, value in schema.items() if name != "anyOf"}, **alternatives[0]}
    flat: dict[str, Any] = {"description": description} if description else {}
    for name in _KEPT:
        if name in schema and not (name == "default" and schema[name] is None) and schema.get("format") != "password":
            flat[name] = schema[name]
    flat.setdefault("type", schema.get("type", "object"))
    if "items" in flat:
        flat["items"] = flat_property(flat["items"], definitions, nullable=nullable)
    if "properties" in schema:
        flat["properties"] = {
            name: flat_property(part, definitions, nullable=nullable) for name, part in schema["properties"].items()
        }
    if null and nullable:
        flat["type"] = [flat["type"], "null"]
        if "enum" in flat:
            flat["enum"] = [*flat["enum"], None]
    return flat


def flat_schema(model: type[BaseModel], *, title: str, results: bool) -> dict[str, Any]:
    """Return a draft-07 schema of a model for a form, the required properties first."""
    schema = model.model_json_schema(mode="serialization" if results else "validation")
    definitions = schema.get("$defs", {})
    required = schema.get("required", [])
    names = [*required, *(name for name in schema["properties"] if name not in required)]
    return {
        "$schema": _DRAFT,
        "title": title,
        "type": "object",
        "properties": {
            name: flat_property(schema["properties"][name], definitions, nullable=results) for name in names
        },
        "required": required,
    }


def module_manifest(*, version: str) -> dict[str, Any]:
    """Return the module's own manifest."""
    # Nothing is required: a secret that is also required can be missing while the SDK loads the configuration.
    configuration = flat_schema(Configuration, title=f"{MODULE_NAME} configuration", results=False)
    for name, field in Configuration.model_fields.items():
        configuration["properties"][name] = {"title": field.title, **configuration["properties"][name]}
    return {
        "uuid": MODULE_UUID,
        "name": MODULE_NAME,
        "slug": MODULE_SLUG,
        "description": "Export all events of a search, up to 100 million: search, trigger the export, wait for it, "
        "fetch, decrypt and verify the file.",
        "version": version,
        "categories": ["Generic"],
        "supports_validation": True,
        "configuration": {**configuration, "secrets": list(SECRETS)},
    }


def action_manifest(action: type[ExportAction[Any, Any]], *, command: str) -> dict[str, Any]:
    """Return the manifest of an action."""
    return {
        "uuid": action.uuid,
        "name": action.name,
        "slug": command.replace("_", "-"),
        "description": action.description,
        "docker_parameters": command,
        "arguments": flat_schema(action.arguments_type, title=f"{action.name}: arguments", results=False),
        "results": flat_schema(action.results_type, title=f"{action.name}: results", results=True),
        "outputs": {branch.value: meaning for branch, meaning in action.branches.items()},
    }


def trigger_manifest(trigger: type[ExportTrigger[Any, Any]], *, command: str) -> dict[str, Any]:
    """Return the manifest of a trigger: its arguments are its configuration, its results the event."""
    return {
        "uuid": trigger.uuid,
        "name": trigger.name,
        "slug": command.replace("_", "-"),
        "description": trigger.description,
        "docker_parameters": command,
        "arguments": flat_schema(trigger.configuration_type, title=f"{trigger.name}: configuration", results=False),
        "results": flat_schema(trigger.event_type, title=f"{trigger.name}: event", results=True),
    }


def registered(main_file: Path) -> dict[str, str]:
    """Return class names by command, as `main.py` registers them with literal calls."""
    calls = (node for node in ast.walk(ast.parse(main_file.read_text())) if isinstance(node, ast.Call))
    found: dict[str, str] = {}
    for call in calls:
        if isinstance(call.func, ast.Attribute) and call.func.attr == "register":
            component, command = call.args
            found[ast.literal_eval(command)] = ast.unparse(component)
    return found


def generated(folder: Path, *, version: str) -> dict[str, str]:
    """Return the generated files' texts by their names below `folder`, the module's folder."""
    sys.path.insert(0, str(folder))
    main = importlib.import_module("main")
    module = module_manifest(version=version)
    files = {"manifest.json": _json(module)}
    manifests = {}
    for command, name in registered(folder / "main.py").items():
        component = getattr(main, name)
        kind = "action" if hasattr(component, "branches") else "trigger"
        make = action_manifest if kind == "action" else trigger_manifest
        manifest = make(component, command=command)
        manifests[f"{kind}_{command}.json"] = manifest
        files[f"{kind}_{command}.json"] = _json(manifest)
    files["docs/actions.md"] = actions_page(list(manifests.values()))
    files["docs/cli.md"] = reference()
    files["docs/playbooks.md"] = playbooks_page(folder, catalogue_of({"manifest.json": module, **manifests}))
    return files


def actions_page(manifests: list[dict[str, Any]]) -> str:
    """Return the reference of all actions and triggers as Markdown."""
    lines = [
        "# The actions and triggers",
        "",
        "Generated from the manifests by `make manifests`. Times are seconds, sizes bytes.",
        "",
        *(f"- [{manifest['docker_parameters']}](#{manifest['docker_parameters']})" for manifest in manifests),
    ]
    for manifest in manifests:
        arguments, results = manifest["arguments"], manifest["results"]
        is_action = "outputs" in manifest
        kind = "" if is_action else "A trigger: its arguments are its configuration, its results the event it sends. "
        lines += ["", f"## {manifest['docker_parameters']}", "", f"{kind}{manifest['description']}.", ""]
        lines += ["| argument | type | default | meaning |", "| --- | --- | --- | --- |"]
        for name, schema in arguments["properties"].items():
            default = "required" if name in arguments["required"] else _cell(schema.get("default"))
            lines.append(f"| `{name}` | {_type(schema)} | {default} | {_cell_text(schema['description'])} |")
        lines += ["", "| result | type | meaning |", "| --- | --- | --- |"]
        for name, schema in results["properties"].items():
            lines.append(f"| `{name}` | {_type(schema)} | {_cell_text(schema['description'])} |")
        if not is_action:
            continue
        lines += ["", "| branch | meaning |", "| --- | --- |"]
        lines += [f"| `{branch}` | {_cell_text(meaning)} |" for branch, meaning in manifest["outputs"].items()]
    return "\n".join(lines) + "\n"


def _json(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"


def _type(schema: dict[str, Any]) -> str:
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if "enum" in schema:
        return ", ".join(f"`{value}`" if value is not None else "null" for value in schema["enum"])
    if kinds[0] == "array":
        kinds = [f"list of {schema['items']['type']}s", *kinds[1:]]
    return " or ".join(kinds)


def _cell(value: Any) -> str:
    return "" if value is None else f"`{json.dumps(value)}`"


def _cell_text(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "\\<")


def _version(folder: Path) -> str:
    import tomllib

    return str(tomllib.loads((folder / "pyproject.toml").read_text())["project"]["version"])


def main() -> int:
    """Write the files, or with `--check` tell which differ; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m sekoia_export.manifests", description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing, exit 1 when a file differs from the code")
    parser.add_argument("--folder", type=Path, default=Path(), help="the module's folder")
    arguments = parser.parse_args()
    folder: Path = arguments.folder.resolve()
    files = generated(folder, version=_version(folder))
    left_over = {path.name for pattern in ("action_*.json", "trigger_*.json") for path in folder.glob(pattern)} - set(
        files
    )
    drifted = [name for name, text in files.items() if not _same(folder / name, text)]
    if arguments.check:
        for name in sorted(left_over):
            print(f"{name} belongs to no component that main.py registers: delete it", file=sys.stderr)
        for name in drifted:
            print(f"{name} differs from the code: run make manifests", file=sys.stderr)
        return 1 if drifted or left_over else 0
    for name in drifted:
        (folder / name).write_text(files[name])
        print(f"wrote {name}")
    for name in left_over:
        (folder / name).unlink()
        print(f"removed {name}")
    return 0


def _same(path: Path, text: str) -> bool:
    return path.is_file() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main())
