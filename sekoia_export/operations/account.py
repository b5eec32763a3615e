"""The account check: an unreachable address, a refused key and a missing permission are told apart."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING
from uuid import UUID

from sekoia_export.api.platform import Permission
from sekoia_export.encryption import derive_key
from sekoia_export.errors import ConfigurationError, DeadlineExceeded, NotFound, PermissionMissing
from sekoia_export.operations.bucket import own_bucket
from sekoia_export.redaction import strip_url

if TYPE_CHECKING:
    from sekoia_export.operations.step import Step

ACCOUNT_TIMEOUT_S = 45.0
_PATIENCE_S = 20.0
_ANY_JOB = UUID(int=0)


def check_account(step: Step) -> None:
    """Return when the configuration can export.

    Raises:
        ConfigurationError: the encryption secret, the own bucket or the base URL cannot be used as configured.
        NetworkError: the base URL cannot be reached, or what answers makes no sense.
        KeyRejected: the API key is refused.
        PermissionMissing: the API key lacks permissions; the text names each.
    """
    configuration = step.configuration
    for name in ("encryption_secret", "encryption_secret_previous"):
        secret = getattr(configuration, name)
        if secret is not None:
            derive_key(secret, job_uuid=_ANY_JOB, name=name)
    own_bucket(configuration, bucket=None, prefix=None)
    granted = _permissions(step)
    missing = [permission.label for permission in Permission if not permission.is_in(granted)]
    if missing:
        raise PermissionMissing(
            f"The API key is valid and lacks the {'permission' if len(missing) == 1 else 'permissions'} "
            f"{', '.join(missing)}.",
            "Give the role of the API key what is missing, or configure another key.",
            status=403,
        )


def _permissions(step: Step) -> set[str]:
    platform = step.platform.within(step.deadline, patience_s=_PATIENCE_S)
    try:
        with suppress(NotFound):  # a region without this path: reading the permissions checks the key as well
            platform.validate_key()
        return platform.permissions()
    except NotFound as failure:
        raise ConfigurationError(
            f"What answers at {strip_url(step.configuration.base_url)} is not the platform's API.",
            "Set base_url to the address of the region's API, for instance https://api.sekoia.io.",
        ) from failure
    except DeadlineExceeded as exceeded:
        raise exceeded.__cause__ or exceeded from None
