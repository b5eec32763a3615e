"""Which key an export is made with, and which keys may open it."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sekoia_export.arguments.alternatives import EncryptionChoice
from sekoia_export.encryption import Encryption, SseKey, accept_key, derive_key
from sekoia_export.errors import UsageError

if TYPE_CHECKING:
    from uuid import UUID

    from pydantic import SecretStr

    from sekoia_export.configuration import Configuration

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class KeyChoice:
    """The key to send with an export.

    Attributes:
        key: None when none is sent.
        encryption: what the results say.
        droppable: whether the export may go on without the key where the region refuses SSE-C.
    """

    key: SseKey | None
    encryption: Encryption
    droppable: bool


def choose_key(
    configuration: Configuration, *, choice: EncryptionChoice, explicit: SecretStr | None, job_uuid: UUID
) -> KeyChoice:
    """Return the key to export with: an explicit one first, then one derived from the configured secret.

    Raises:
        UsageError: the explicit key is not usable, or a key is required and there is none.
        ConfigurationError: the configured secret is too short.
    """
    if explicit is not None:
        return KeyChoice(accept_key(explicit), Encryption.PROVIDED, droppable=False)
    if choice is EncryptionChoice.PLATFORM:
        return KeyChoice(None, Encryption.PLATFORM, droppable=False)
    required = choice is EncryptionChoice.REQUIRED
    if configuration.encryption_secret is not None:
        key = derive_key(configuration.encryption_secret, job_uuid=job_uuid)
        return KeyChoice(key, Encryption.DERIVED, droppable=not required)
    if required:
        raise UsageError(
            "The argument encryption is set to required, and there is neither an encryption_key nor a configured "
            "encryption_secret.",
            "Configure encryption_secret in the module, or give encryption_key.",
        )
    return KeyChoice(None, Encryption.PLATFORM, droppable=False)


def candidate_keys(
    configuration: Configuration, *, explicit: SecretStr | None, job_uuid: UUID, platform_key: SecretStr | None
) -> list[SseKey]:
    """Return the keys that may open an export, the likeliest first.

    A platform's key that is none (the field is not documented: it may hold a key's name) is left out with a warning.

    Raises:
        UsageError: the explicit key is not usable.
        ConfigurationError: a configured secret is too short.
    """
    keys: list[SseKey] = []
    if explicit is not None:
        keys.append(accept_key(explicit))
    for name in ("encryption_secret", "encryption_secret_previous"):
        secret: SecretStr | None = getattr(configuration, name)
        if secret is not None:
            keys.append(derive_key(secret, job_uuid=job_uuid, name=name))
    if platform_key is not None:
        try:
            keys.append(accept_key(platform_key, origin=Encryption.PLATFORM))
        except UsageError:
            log.warning("The key that the platform lists with the export is not base64 of 32 bytes and is left out.")
    return keys


def check_keys(configuration: Configuration, *, explicit: SecretStr | None, job_uuid: UUID) -> None:
    """Raise UsageError or ConfigurationError when a key or a secret cannot be used as given, before asking."""
    candidate_keys(configuration, explicit=explicit, job_uuid=job_uuid, platform_key=None)
