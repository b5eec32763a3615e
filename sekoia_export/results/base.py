"""The results of the steps, as playbooks pass them on; the manifests are generated from these models.

A result never holds a key, a secret, or a URL, but those of the one step that is asked for a link. Sizes are bytes,
durations seconds, times ISO 8601 in UTC.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, PlainSerializer, SecretStr

Revealed = Annotated[
    SecretStr, PlainSerializer(SecretStr.get_secret_value, return_type=str, when_used="json-unless-none")
]
"""A secret that is the result itself: hidden in every text, and given as it is in the JSON of the results."""

BadLines = Annotated[int, Field(description="Number of lines that are no JSON object and were left out")]
StepDuration = Annotated[float, Field(description="Seconds that the step took")]


class Results(BaseModel):
    """What all steps' results share."""

    model_config = ConfigDict(extra="forbid", use_enum_values=True, hide_input_in_errors=True, defer_build=True)
