"""Scenarios: settings and faults as JSON or as text, for those who run the simulator from outside of Python.

::

    {"settings": {"total_events": 5000, "sse_c_supported": false},
     "faults": [{"kind": "status", "path": "/export$", "status": 503, "times": 2}]}

As text, a fault is its kind and its fields: `status,path=/export$,status=503,times=2`.
"""

from __future__ import annotations

import json
import sys
from dataclasses import MISSING, dataclass, field, fields
from typing import Any, TypeVar, get_type_hints

from pydantic import BaseModel, ConfigDict, ValidationError, create_model

from sekoia_export.errors import UsageError
from sekoia_export.simulator.faults import Fault
from sekoia_export.simulator.settings import Settings

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Scenario:
    """How a simulator behaves, and what goes wrong.

    Attributes:
        settings: fields of `Settings`.
        faults: in their order.
    """

    settings: dict[str, Any] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)


def read_scenario(text: str) -> Scenario:
    """Return the scenario that a JSON document describes.

    Raises:
        UsageError: it is none; the text names the field, and the known ones.
    """
    try:
        document = json.loads(text)
    except ValueError as failure:
        remedy = 'Write {"settings": {...}, "faults": [...]}.'
        raise UsageError(f"The scenario is not JSON: {failure}.", remedy) from None
    if not isinstance(document, dict) or set(document) - {"settings", "faults"}:
        raise UsageError("The scenario has other parts than settings and faults.", "Leave them out.")
    faults = document.get("faults", [])
    if not isinstance(faults, list):
        raise UsageError("The scenario's faults are no list.", "Write them as a list of objects.")
    chosen = _read(_model(Settings), document.get("settings", {}), "setting")
    read = [_fault(fault) for fault in faults]
    return Scenario(chosen.model_dump(exclude_unset=True), read)


def read_fault(text: str) -> Fault:
    """Return the fault that `KIND[,FIELD=VALUE]...` describes.

    Raises:
        UsageError: it is none; the text names the field, and the known ones.
    """
    kind, *parts = text.split(",")
    values: dict[str, Any] = {"kind": kind}
    for part in parts:
        name, separator, value = part.partition("=")
        if not separator:
            raise UsageError(f"The fault has the field {part[:40]!r} without a value.", "Write FIELD=VALUE.")
        values[name] = None if value == "ever" else value
    return _fault(values)


def _fault(values: Any) -> Fault:
    return Fault(**_read(_model(Fault), values, "fault").model_dump(exclude_unset=True))


def _model(described: type) -> type[BaseModel]:
    """Return a model of what a dataclass takes: JSON is read by it, and the defaults stay the dataclass's."""
    known: dict[str, Any] = {}
    for one in fields(described):
        try:
            # What has a type for type checkers only (a path, a function) is nothing that JSON can hold.
            hint = get_type_hints(
                type(one.name, (), {"__annotations__": {one.name: one.type}}), vars(sys.modules[described.__module__])
            )
        except NameError:
            continue
        if one.init:
            required = one.default is MISSING and one.default_factory is MISSING
            known[one.name] = (hint[one.name], ... if required else None)
    return create_model(f"Scenario{described.__name__}", __config__=ConfigDict(extra="forbid"), **known)


def _read(model: type[M], values: Any, what: str) -> M:
    try:
        return model.model_validate(values)
    except ValidationError as failure:
        first = failure.errors(include_input=False, include_url=False)[0]
        name = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            raise UsageError(
                f"The {what} {name[:40]!r} is not known.", f"Known are: {', '.join(model.model_fields)}."
            ) from None
        told = first["msg"].removeprefix("Input ")
        raise UsageError(f"The {what} {name or 'as a whole'} cannot be used: it {told}.", "Correct it.") from None
