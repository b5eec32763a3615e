"""The arguments of the steps, as playbooks and the command line give them; the manifests are made from these models.

Playbooks render arguments from templates, so null and empty text count as not given (but for `s3_bucket`, where empty
text means the platform's own bucket), numbers may come as text, and lists as JSON or as text with commas.
"""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from sekoia_export.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping

log = logging.getLogger(__name__)
A = TypeVar("A", bound="Arguments")

LONGEST_TIMEOUT_S = 7 * 24 * 3600


def _split(value: Any) -> Any:
    """Return a list for what templates make of lists: JSON, or text with commas."""
    if not isinstance(value, str):
        return value
    text = value.strip()
    if text.startswith("["):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            pass
    return [part.strip() for part in text.strip("[]").replace('"', "").replace("'", "").split(",")]


def _stripped(value: Any) -> Any:
    return value.strip() if isinstance(value, str) else value


ListOfText = Annotated[list[str], BeforeValidator(_split)]
ListOfUuids = Annotated[list[UUID], BeforeValidator(_split)]
Uuid = Annotated[UUID, BeforeValidator(_stripped)]


class Arguments(BaseModel):
    """What all steps' arguments share. Texts of failures never show a value: it may be a secret."""

    model_config = ConfigDict(extra="ignore", frozen=True, hide_input_in_errors=True, defer_build=True)


_KEPT_EMPTY = {"s3_bucket"}


def read_arguments(model: type[A], raw: Mapping[str, Any]) -> A:
    """Return the arguments that `raw` holds.

    Args:
        model: the step's arguments.
        raw: as a playbook gives them: JSON values, rendered from templates.

    Raises:
        UsageError: naming the first argument that is missing or breaks a rule, and the rule; never a value.
    """
    given = {
        name: value
        for name, value in raw.items()
        if value is not None and not (isinstance(value, str) and not value.strip() and name not in _KEPT_EMPTY)
    }
    for name in sorted(set(given) - set(model.model_fields)):
        log.warning("The argument %s is not known to this step and is ignored.", name)
        del given[name]
    try:
        arguments: A = model.model_validate(given)
        return arguments
    except ValidationError as failure:
        first = failure.errors(include_input=False, include_url=False)[0]
        raise _usage_error(first["type"], str(first["loc"][0]), first["msg"]) from None


def _usage_error(kind: str, name: str, message: str) -> UsageError:
    if kind == "missing":
        return UsageError(f"The argument {name} is missing.", f"Give {name} and run the step again.")
    if kind.startswith("uuid"):
        return UsageError(f"The argument {name} is not a uuid.", f"Give {name} as the earlier step's results have it.")
    rule = (
        message.removeprefix("Value error, ")
        .replace("Input should", "must")
        .replace("String should", "must")
        .rstrip(".")
    )
    return UsageError(f"The argument {name} is not valid: it {rule}.", f"Correct {name} and run the step again.")
