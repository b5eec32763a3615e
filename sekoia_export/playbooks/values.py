"""Values against JSON schemas: what an argument may be, what a result is, and where a path through a result ends."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sekoia_export.playbooks.expressions import Step

_NAMES = {
    "string": "a text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
    "array": "a list",
    "object": "an object",
    "null": "null",
}


def types_of(schema: Mapping[str, Any]) -> frozenset[str]:
    """Return the types that a schema allows; empty when it allows any."""
    given = schema.get("type")
    if isinstance(given, str):
        return frozenset({given})
    return frozenset(given) if isinstance(given, list) else frozenset()


def in_words(types: frozenset[str]) -> str:
    """Return types as a sentence names them."""
    return " or ".join(sorted(_NAMES.get(name, name) for name in types - {"null"} or types))


def type_of(value: Any) -> str:
    """Return the JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    for kind, name in ((int, "integer"), (float, "number"), (str, "string"), (list, "array")):
        if isinstance(value, kind):
            return name
    return "object"


def compatible(given: frozenset[str], allowed: frozenset[str]) -> bool:
    """Return whether a value of one of the given types can be of an allowed one."""
    widened = allowed | ({"integer"} if "number" in allowed else set())
    return not given or not allowed or bool(given & widened)


def mismatch(value: Any, schema: Mapping[str, Any]) -> tuple[str, str] | None:
    """Return what is wrong with a literal value, and the remedy; None when it fits. The value is never quoted."""
    allowed = types_of(schema)
    kind = type_of(value)
    if not compatible(frozenset({kind}), allowed):
        remedy = f"Give {in_words(allowed)}."
        if kind == "string" and _is_number(value) and allowed & {"integer", "number"}:
            remedy = "Write the number without quotes."
        elif kind == "string" and value.strip().lower() in {"true", "false"} and "boolean" in allowed:
            remedy = f"Write {value.strip().lower()} without quotes."
        return f"It is {_NAMES[kind]}, and {in_words(allowed)} is expected", remedy
    if "enum" in schema and value not in schema["enum"]:
        choices = ", ".join(str(choice) for choice in schema["enum"] if choice is not None)
        return "It is none of the values that are allowed", f"Choose one of: {choices}."
    if kind in {"integer", "number"}:
        return _out_of_bounds(value, schema.get("minimum"), schema.get("maximum"), "It is", "")
    if kind == "string":
        if schema.get("format") == "uuid" and not _is_uuid(value):
            return "It is not a uuid", "Give a uuid, or an expression that names an earlier node's result."
        return _out_of_bounds(len(value), schema.get("minLength"), schema.get("maxLength"), "It has", " characters")
    if kind == "array" and isinstance(schema.get("items"), dict):
        for item in value:
            if not (isinstance(item, str) and "{" in item) and (wrong := mismatch(item, schema["items"])):
                return f"An item of it does not fit: {wrong[0][0].lower()}{wrong[0][1:]}", wrong[1]
    return None


def _out_of_bounds(
    size: float, least: float | None, most: float | None, verb: str, unit: str
) -> tuple[str, str] | None:
    if least is not None and size < least:
        return f"{verb} less than {least:,}{unit}", f"Give at least {least:,}{unit}."
    if most is not None and size > most:
        return f"{verb} more than {most:,}{unit}", f"Give at most {most:,}{unit}."
    return None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _is_uuid(text: str) -> bool:
    try:
        UUID(text.strip())
    except ValueError:
        return False
    return True


def follow(schema: Mapping[str, Any], path: Sequence[Step]) -> tuple[Mapping[str, Any], str | None, list[str]]:
    """Follow a path through a schema.

    Returns:
        The schema at its end, as far as it is known; what is wrong with the path, None when nothing is; and the names
        that there are where it went wrong.
    """
    for step in path:
        types = types_of(schema)
        properties = schema.get("properties")
        if step is None:
            items = schema.get("items")
            schema = items if isinstance(items, dict) else {}
        elif isinstance(step, str) and isinstance(properties, dict):
            if step not in properties:
                return {}, f"there is no {step}", list(properties)
            schema = properties[step]
        elif types and not types & {"object", "array"}:
            return {}, f"{in_words(types)} has no {step}", []
        elif isinstance(step, str) and types and "object" not in types:
            return {}, f"a list has no {step}, only its items have", []
        else:
            items = schema.get("items")
            schema = items if isinstance(step, int) and isinstance(items, dict) else {}
    return schema, None, []
