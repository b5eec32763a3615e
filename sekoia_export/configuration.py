"""The module's configuration: where the platform is, the key to it, the encryption secret, an own bucket.

The playbook engine sets secrets late, one by one, after the rest was loaded; so nothing is required when the model is
made, and each part is checked when it is used.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from sekoia_export.api.regions import DEFAULT_BASE_URL
from sekoia_export.errors import ConfigurationError

SECRETS = ("api_key", "encryption_secret", "encryption_secret_previous", "s3_secret_access_key")


def _stripped(value: Any) -> Any:
    return value.strip() or None if isinstance(value, str) else value


def _secret(value: Any) -> Any:
    text = value.get_secret_value() if isinstance(value, SecretStr) else value
    return text.strip() or None if isinstance(text, str) else text


_Text = Annotated[str | None, BeforeValidator(_stripped)]
_Secret = Annotated[SecretStr | None, BeforeValidator(_secret)]


class Configuration(BaseModel):
    """The configuration of the module, and of the library as a whole."""

    # Without validate_assignment a secret that arrives by setattr stays a plain string.
    model_config = ConfigDict(extra="ignore", validate_assignment=True, hide_input_in_errors=True)

    base_url: Annotated[str, BeforeValidator(lambda value: _stripped(value) or DEFAULT_BASE_URL)] = Field(
        default=DEFAULT_BASE_URL,
        title="Base URL",
        description="Address of the Sekoia.io region, for instance https://api.sekoia.io or "
        "https://app.fra2.sekoia.io/api. Plain http is refused.",
    )
    api_key: _Secret = Field(
        default=None,
        title="API key",
        description="Sekoia.io API key with the permissions View intakes, View events and Massive export of events",
    )
    encryption_secret: _Secret = Field(
        default=None,
        title="Encryption secret",
        description="Secret of 32 characters or more from which the encryption key of each export is derived; "
        "keep it, no other copy of the keys exists",
    )
    encryption_secret_previous: _Secret = Field(
        default=None,
        title="Previous encryption secret",
        description="The encryption secret before the last change, to read the exports made with it",
    )
    s3_bucket: _Text = Field(
        default=None, title="Own bucket", description="Name of an own S3 bucket that exports go to by default"
    )
    s3_prefix: _Text = Field(
        default=None, title="Prefix in the own bucket", description="Prefix of the exports' names in the own bucket"
    )
    s3_endpoint_url: _Text = Field(
        default=None,
        title="Endpoint of the own bucket",
        description="Address of the S3 service that holds the own bucket; empty for AWS",
    )
    s3_region: _Text = Field(
        default=None,
        title="Region of the own bucket",
        description="S3 region of the own bucket, for instance eu-west-3",
    )
    s3_access_key_id: _Text = Field(
        default=None,
        title="Access key id of the own bucket",
        description="Access key id with which exports are written",
    )
    s3_secret_access_key: _Secret = Field(
        default=None,
        title="Secret access key of the own bucket",
        description="Secret access key that belongs to the access key id",
    )

    def required_api_key(self) -> SecretStr:
        """Return the API key.

        Raises:
            ConfigurationError: none is configured, or it cannot be an HTTP header's value.
        """
        if self.api_key is None:
            raise ConfigurationError(
                "The API key is missing from the module's configuration.",
                "Configure api_key with a Sekoia.io API key that may search and export events.",
            )
        text = self.api_key.get_secret_value()
        if not text.isascii() or not text.isprintable() or " " in text:
            raise ConfigurationError(
                "The API key in the module's configuration holds characters that no API key has.",
                "Copy the API key again, without anything around it.",
            )
        return self.api_key
