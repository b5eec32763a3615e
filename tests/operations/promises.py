"""What a command's manifest promises of its results and branches."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from jsonschema import Draft7Validator, FormatChecker

if TYPE_CHECKING:
    from sekoia_export.operations.outcome import Outcome

ROOT = Path(__file__).resolve().parents[2]


def check(command: str, outcome: Outcome[Any]) -> dict[str, Any]:
    """Return the results as a playbook gets them, validated against the command's manifest."""
    manifest = json.loads((ROOT / f"action_{command}.json").read_text())
    results: dict[str, Any] = json.loads(json.dumps(outcome.results.model_dump(mode="json"), allow_nan=False))
    schema = {**manifest["results"], "additionalProperties": False}
    Draft7Validator(schema, format_checker=FormatChecker()).validate(results)
    assert outcome.branch in manifest["outputs"]
    return results
