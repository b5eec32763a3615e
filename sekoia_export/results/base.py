"""The results of the steps, as playbooks pass them on; the manifests are generated from these models.

A result never holds a key, a secret, or a URL. Sizes are bytes, durations seconds, times ISO 8601 in UTC.
"""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict


class Results(BaseModel):
    """What all steps' results share."""

    model_config = ConfigDict(extra="forbid", use_enum_values=True, hide_input_in_errors=True, defer_build=True)
