"""The account check: an unreachable address, a refused key and a missing permission are told apart."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from sekoia_export.api.platform import Permission
from sekoia_export.encryption import derive_key
from sekoia_export.errors import NotFound, PermissionMissing
from sekoia_export.operations.bucket import own_bucket

if TYPE_CHECKING:
    from sekoia_export.operations.step import Step

ACCOUNT_TIMEOUT_S = 45.0
_ANY_JOB = UUID(int=0)


def check_account(step: Step) -> None:
    """Return when the configuration can export.

    Raises:
        ConfigurationError: the encryption secret or the own bucket cannot be used as configured.
        NetworkError: the base URL cannot be reached, or what answers is not the platform.
        KeyRejected: the API key is refused.
        PermissionMissing: the API key lacks permissions; the text names each.
    """
    configuration = step.configuration
    for name in ("encryption_secret", "encryption_secret_previous"):
        secret = getattr(configuration, name)
        if secret is not None:
            derive_key(secret, job_uuid=_ANY_JOB, name=name)
    own_bucket(configuration, bucket=None, prefix=None)
    with suppress(NotFound):  # a region without this path: reading the permissions checks the key as well
        step.platform.validate_key()
    granted = step.platform.permissions()
    missing = [permission.label for permission in Permission if not permission.is_in(granted)]
    if missing:
        raise PermissionMissing(
            f"The API key is valid and lacks the {'permission' if len(missing) == 1 else 'permissions'} "
            f"{', '.join(missing)}.",
            "Give the role of the API key what is missing, or configure another key.",
            status=403,
        )
