"""SSE-C keys: derived from a secret, accepted from an argument, turned into S3's headers and the platform's fields.

The derivation is fixed: HKDF-SHA256 over the secret (UTF-8, stripped), no salt, the info string below followed by the
search job's canonical uuid, 32 bytes. Whoever knows the secret and the search job's uuid can make the key again, with
any tool.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pydantic import SecretStr

from sekoia_export.errors import ConfigurationError, UsageError

if TYPE_CHECKING:
    from uuid import UUID

KEY_SIZE_BYTES = 32
SECRET_MIN_LENGTH = 32
DERIVATION_INFO = "sekoia-export/sse-c/v1/"


class Encryption(StrEnum):
    """Where an export's key comes from, as the results say it."""

    DERIVED = "derived"
    PROVIDED = "provided"
    PLATFORM = "platform"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class SseKey:
    """A customer key of S3's SSE-C: 32 bytes, held as base64 text that no `repr` or log shows.

    Args:
        base64_key: the key as base64 of 32 bytes.
        origin: where the key comes from.
    """

    base64_key: SecretStr
    origin: Encryption

    @property
    def raw(self) -> bytes:
        return base64.b64decode(self.base64_key.get_secret_value())

    @property
    def base64_md5(self) -> str:
        """Return base64 of the MD5 of the raw key, as S3 demands it beside the key."""
        return base64.b64encode(hashlib.md5(self.raw, usedforsecurity=False).digest()).decode()

    def storage_headers(self) -> dict[str, str]:
        """Return the three headers with which S3 decrypts an object; the values are secret."""
        prefix = "x-amz-server-side-encryption-customer-"
        return {
            f"{prefix}algorithm": "AES256",
            f"{prefix}key": self.base64_key.get_secret_value(),
            f"{prefix}key-MD5": self.base64_md5,
        }

    def export_fields(self) -> dict[str, str]:
        """Return the three fields of the export request's `s3` object; the values are secret."""
        return {
            "sse_customer_algorithm": "AES256",
            "sse_customer_key": self.base64_key.get_secret_value(),
            "sse_customer_key_md5": self.base64_md5,
        }


def derive_key(secret: SecretStr, *, job_uuid: UUID, name: str = "encryption_secret") -> SseKey:
    """Return the key of the search job `job_uuid`.

    Args:
        secret: the configured secret, at least 32 characters after stripping.
        job_uuid: the search job that is exported.
        name: what the secret is called where it was given, for the error's text.

    Raises:
        ConfigurationError: the secret is too short.
    """
    text = secret.get_secret_value().strip()
    if len(text) < SECRET_MIN_LENGTH:
        raise ConfigurationError(
            f"The configured {name} is too short: it has fewer than {SECRET_MIN_LENGTH} characters.",
            f"Configure a random {name} of {SECRET_MIN_LENGTH} characters or more, and keep it: the keys come from it.",
        )
    from cryptography.hazmat.primitives.hashes import SHA256
    from cryptography.hazmat.primitives.kdf.hkdf import HKDF

    hkdf = HKDF(algorithm=SHA256(), length=KEY_SIZE_BYTES, salt=None, info=f"{DERIVATION_INFO}{job_uuid}".encode())
    raw = hkdf.derive(text.encode())
    return SseKey(SecretStr(base64.b64encode(raw).decode()), Encryption.DERIVED)


def accept_key(key: SecretStr, *, name: str = "encryption_key", origin: Encryption = Encryption.PROVIDED) -> SseKey:
    """Return an explicitly given key, checked.

    Args:
        key: base64 (standard or URL-safe alphabet) of 32 bytes; white space around it is dropped.
        name: what the key is called where it was given, for the error's text.
        origin: what results say of the key.

    Raises:
        UsageError: it is not base64, or not of 32 bytes. The text never shows it.
    """
    remedy = f"Give {name} as base64 of 32 random bytes, for instance from: openssl rand -base64 32"
    text = key.get_secret_value().strip()
    standard = text.replace("-", "+").replace("_", "/")
    try:
        raw = base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except (binascii.Error, ValueError):
        raise UsageError(f"The argument {name} is not base64.", remedy) from None
    if len(raw) != KEY_SIZE_BYTES:
        raise UsageError(f"The argument {name} holds {len(raw)} bytes and not {KEY_SIZE_BYTES}.", remedy)
    return SseKey(SecretStr(base64.b64encode(raw).decode()), origin)
