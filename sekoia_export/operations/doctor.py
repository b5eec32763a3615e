"""The doctor: everything an export needs, looked at one by one, without starting one."""

from __future__ import annotations

import os
import secrets
import tempfile
from base64 import b64encode
from contextlib import closing, suppress
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import urlsplit
from uuid import UUID

from pydantic import SecretStr

from sekoia_export.api.client import Client
from sekoia_export.api.platform import Permission, Platform
from sekoia_export.api.regions import DEFAULT_BASE_URL, REGIONS, api_root
from sekoia_export.api.transport import Greeting, NoAnswer, Transport
from sekoia_export.clock import Clock, Deadline
from sekoia_export.encryption import KEY_SIZE_BYTES, Encryption, SseKey, derive_key
from sekoia_export.errors import ConfigurationError, ExportError, KeyRejected, NotFound, PermissionMissing, UsageError
from sekoia_export.operations.bucket import own_bucket
from sekoia_export.redaction import strip_url
from sekoia_export.results.doctor import Check, DoctorResults, Verdict
from sekoia_export.transfer.local_storage import DISK_FLOOR_BYTES, free_bytes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from sekoia_export.configuration import Configuration
    from sekoia_export.state import ExportRecord

DOCTOR_TIMEOUT_S = 45.0
SKEW_TOLD_S = 60
"""Relative periods (`-1h`) are read by the platform's clock; a minute is noticed by a person."""
SKEW_BAD_S = 900
"""S3 refuses what was signed more than 15 minutes off, as requests to an own bucket are."""
CERTIFICATE_TOLD = timedelta(days=14)
ROOM_TOLD_BYTES = 10_000_000_000
"""The monthly quota of a community: no export is larger, compressed."""
_PATIENCE_S = 8.0
_ANY_JOB = UUID(int=0)
_NOT_LOOKED_AT = "Not looked at, because the address cannot be used."
_PERMISSIONS = {permission: f"permission {permission.label}" for permission in Permission}


def diagnose(
    configuration: Configuration,
    *,
    folders: Mapping[str, Path],
    clock: Clock,
    exports: Iterable[ExportRecord] = (),
    free: Callable[[Path], int] = free_bytes,
) -> DoctorResults:
    """Return what was found; nothing is raised for what is bad.

    Args:
        configuration: as the steps would be given it.
        folders: those that are written to, by what they are for.
        clock: where time comes from.
        exports: what is remembered of exports at this address, the newest first: they tell about SSE-C.
        free: how the room under a folder is found out, in bytes.

    An own bucket is tried with a small object that is removed at once. Nothing is asked that counts at the platform.
    """
    checks = [
        *_platform(configuration, clock),
        *_encryption(configuration),
        _target(configuration, exports),
        *(_folder(name, folder, free) for name, folder in folders.items()),
    ]
    return DoctorResults(base_url=strip_url(configuration.base_url), checks=checks)


def _bad(name: str, failure: ExportError) -> Check:
    to_configure = isinstance(failure, UsageError | KeyRejected | PermissionMissing)
    return Check(name=name, verdict=Verdict.BAD, found=failure.cause, remedy=failure.remedy, to_configure=to_configure)


def _good(name: str, found: str) -> Check:
    return Check(name=name, verdict=Verdict.GOOD, found=found)


def _warning(name: str, found: str, remedy: str) -> Check:
    return Check(name=name, verdict=Verdict.WARNING, found=found, remedy=remedy)


def _unknown(name: str, found: str, remedy: str | None = None) -> Check:
    return Check(name=name, verdict=Verdict.UNKNOWN, found=found, remedy=remedy)


def _platform(configuration: Configuration, clock: Clock) -> Iterator[Check]:
    deadline = Deadline(clock, DOCTOR_TIMEOUT_S)
    try:
        root = api_root(configuration.base_url)
        asked = clock.now()
        with closing(Transport(root=root, api_key=SecretStr(""))) as transport:
            greeting = transport.greet("/auth/validate", deadline=deadline)
        middle = asked + (clock.now() - asked) / 2
    except ConfigurationError as failure:
        yield _bad("address", failure)
    except NoAnswer as failure:
        remedy = failure.remedy or "Check the address, the network, the proxy (HTTPS_PROXY) and the firewall."
        yield Check(name="address", verdict=Verdict.BAD, found=f"No answer: {failure.cause}.", remedy=remedy)
    else:
        yield _good("address", f"{urlsplit(root).netloc} answers.")
        yield _tls(greeting, now=middle)
        yield _skew(greeting, now=middle)
        yield _region(root)
        yield from _account(configuration, root=root, deadline=deadline)
        return
    for name in ("TLS", "clock", "region", "API key", *_PERMISSIONS.values()):
        yield _unknown(name, _NOT_LOOKED_AT)


def _tls(greeting: Greeting, *, now: datetime) -> Check:
    if greeting.tls is None:
        return _warning("TLS", "Plain http, within this machine.", "Use it for a simulator only.")
    if greeting.certificate_ends is None:
        return _good("TLS", f"{greeting.tls}, and the certificate is trusted.")
    left = greeting.certificate_ends - now
    found = f"{greeting.tls}, and the certificate is trusted until {greeting.certificate_ends:%Y-%m-%d}."
    if left < CERTIFICATE_TOLD:
        return _warning("TLS", found, "Tell those who run the address, or your proxy, to renew it.")
    return _good("TLS", found)


def _skew(greeting: Greeting, *, now: datetime) -> Check:
    if greeting.date is None:
        return _unknown("clock", "The answer carries no date to compare this machine's clock with.")
    skew_s = (now - greeting.date).total_seconds()
    found = f"This machine's clock is {abs(skew_s):.0f} s {'ahead of' if skew_s > 0 else 'behind'} the platform's."
    remedy = "Set this machine's clock, with NTP for instance."
    if abs(skew_s) >= SKEW_BAD_S:
        return Check(name="clock", verdict=Verdict.BAD, found=found, remedy=remedy)
    return _warning("clock", found, remedy) if abs(skew_s) >= SKEW_TOLD_S else _good("clock", found)


def _region(root: str) -> Check:
    for name, base_url in REGIONS.items():
        if api_root(base_url) == root:
            return _good("region", f"It is {name}.")
    return _unknown(
        "region",
        f"The address belongs to none of the known regions: {', '.join(REGIONS)}.",
        "Check it, unless it is a proxy's or a simulator's.",
    )


def _account(configuration: Configuration, *, root: str, deadline: Deadline) -> Iterator[Check]:
    try:
        client = Client(root=root, api_key=configuration.required_api_key(), deadline=deadline, patience_s=_PATIENCE_S)
        with closing(client):
            platform = Platform(client)
            with suppress(NotFound):  # a region without this path: reading the permissions checks the key as well
                platform.validate_key()
            granted = platform.permissions()
    except ExportError as failure:
        yield _bad("API key", _not_the_api(configuration) if isinstance(failure, NotFound) else failure)
        for name in _PERMISSIONS.values():
            yield _unknown(name, "Not looked at, because the API key could not be tried.")
        return
    yield _good("API key", "It is valid.")
    for permission, name in _PERMISSIONS.items():
        if permission.is_in(granted):
            yield _good(name, "The API key has it.")
        else:
            yield Check(
                name=name,
                verdict=Verdict.BAD,
                found="The API key lacks it.",
                remedy="Give it to the role of the API key, or configure another key.",
                to_configure=True,
            )


def _not_the_api(configuration: Configuration) -> ConfigurationError:
    return ConfigurationError(
        f"What answers at {strip_url(configuration.base_url)} is not the platform's API.",
        f"Set base_url to the address of the region's API, for instance {DEFAULT_BASE_URL}.",
    )


def _encryption(configuration: Configuration) -> Iterator[Check]:
    for name in ("encryption_secret", "encryption_secret_previous"):
        secret: SecretStr | None = getattr(configuration, name)
        if secret is None:
            continue
        try:
            derive_key(secret, job_uuid=_ANY_JOB, name=name)
        except ConfigurationError as failure:
            yield _bad(name.replace("_", " "), failure)
        else:
            yield _good(name.replace("_", " "), "Keys can be derived from it.")
    if configuration.encryption_secret is None:
        yield _warning(
            "encryption secret",
            "None is configured: an export is encrypted only with an explicit key, or where the platform does it.",
            "Configure a random one of 32 characters or more, and keep it: openssl rand -hex 32",
        )


def _target(configuration: Configuration, exports: Iterable[ExportRecord]) -> Check:
    """Return whether exports can be written to where they go, under a customer key."""
    name = "own bucket, SSE-C"
    try:
        bucket = own_bucket(configuration, bucket=None, prefix=None)
        if bucket is None:
            return _sse_c(exports)
        raw = secrets.token_bytes(KEY_SIZE_BYTES)
        bucket.try_out(key=SseKey(SecretStr(b64encode(raw).decode()), Encryption.PROVIDED))
    except ExportError as failure:
        return _bad(name, failure)
    return _good(name, f"{bucket.name} was tried with an object under a customer key.")


def _sse_c(exports: Iterable[ExportRecord]) -> Check:
    """Return what exports that were started earlier tell: nothing else does."""
    for export in exports:
        if export.s3_bucket is None and export.encryption in {Encryption.DERIVED, Encryption.PROVIDED}:
            on = f"{export.asked_at:%Y-%m-%d}"
            if export.sent_encryption is not Encryption.NONE:
                return _good("SSE-C", f"The region's own bucket took a customer key on {on}.")
            return _warning(
                "SSE-C",
                f"The region's own bucket refused a customer key (ES110) on {on}; the export went on without one.",
                "Export to an own bucket, or set encryption to required to have such exports refused.",
            )
    return _unknown(
        "SSE-C",
        "Whether the region's own bucket takes a customer key shows only when an export is started.",
        "Nothing to do: where it does not (ES110), an export goes on without a key and says so, or is refused with "
        "encryption set to required.",
    )


def _folder(name: str, folder: Path, free: Callable[[Path], int]) -> Check:
    """Return whether a folder can be written to, or made; its nearest parent that is there tells."""
    there = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        with tempfile.NamedTemporaryFile(dir=there, prefix=".sekoia-export-doctor-"):
            pass
        room_bytes = free(there)
    except OSError as failure:
        return Check(
            name=name,
            verdict=Verdict.BAD,
            found=f"{folder} cannot be written to: {failure.strerror or os.strerror(failure.errno or 0)}.",
            remedy="Give it to this user, or use another folder.",
        )
    found = f"{folder} can be written to, {room_bytes / 1e9:,.1f} GB are free."
    if room_bytes <= DISK_FLOOR_BYTES:
        return Check(name=name, verdict=Verdict.BAD, found=found, remedy="Free space on this disk.")
    if room_bytes < ROOM_TOLD_BYTES:
        return _warning(name, found, "Free space before a large export: it can have 10 GB, and more without gzip.")
    return _good(name, found)
