"""The settings there are: their names in the environment, those of the official exporter, and which are secret."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Known:
    """One setting.

    Attributes:
        name: as the configuration file has it.
        meaning: for the list of `sekoia-export config`.
        official: the official exporter's variable for it; None where it has none.
        secret: it never is an option's value, is never shown, and may also come from a file or the keyring.
    """

    name: str
    meaning: str
    official: str | None = None
    secret: bool = False

    @property
    def variable(self) -> str:
        return f"SEKOIA_{self.name.upper()}"


KNOWN: tuple[Known, ...] = (
    Known("base_url", "address of the API", official="API_HOST"),
    Known("region", "region by name, instead of an address"),
    Known("api_key", "API key", official="API_KEY", secret=True),
    Known("encryption_secret", "secret that the exports' keys are derived from", secret=True),
    Known("encryption_secret_previous", "the one before it", secret=True),
    Known("sse_c_key", "an export's own key, base64 of 32 bytes", official="S3_SSE_C_KEY", secret=True),
    Known("fields", "fields to export", official="EXPORT_FIELDS"),
    Known("field_set", "documented set of fields to export"),
    Known("s3_bucket", "own bucket", official="S3_BUCKET"),
    Known("s3_prefix", "prefix in it", official="S3_PREFIX"),
    Known("s3_region", "its S3 region", official="S3_REGION_NAME"),
    Known("s3_endpoint_url", "its S3 service", official="S3_ENDPOINT_URL"),
    Known("s3_access_key_id", "access key id", official="S3_ACCESS_KEY_ID"),
    Known("s3_secret_access_key", "secret access key", official="S3_SECRET_ACCESS_KEY", secret=True),
)
BY_NAME = {known.name: known for known in KNOWN}
SECRETS = tuple(known.name for known in KNOWN if known.secret)
FILE = "_file"
"""A secret's name with this behind it names a file that holds it."""
