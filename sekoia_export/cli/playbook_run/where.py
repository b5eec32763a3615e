"""What a playbook runs against: a simulated platform that is made for it, or the platform that is configured."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from sekoia_export.configuration import SECRETS, Configuration
from sekoia_export.playbooks.expressions import has_expressions
from sekoia_export.simulator import Settings, Simulator
from sekoia_export.simulator.mishaps import Mishap, prepare, settings_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sekoia_export.cli.session import Session
    from sekoia_export.playbooks.components import Catalogue
    from sekoia_export.playbooks.model import Playbook

EXPORT_DURATION_S = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """A platform, and the module's configuration for it.

    Attributes:
        simulator: the platform, when it is a simulated one.
    """

    configuration: Configuration = field(repr=False)
    simulator: Simulator | None = None

    @property
    def name(self) -> str:
        return "the platform" if self.simulator is None else "the simulator"

    @property
    def api_key(self) -> SecretStr:
        return self.configuration.required_api_key()

    def plain(self) -> dict[str, Any]:
        """Return the module's configuration without its secrets, as the playbook engine has it."""
        known = self.configuration.model_dump(exclude=set(SECRETS))
        return {name: value for name, value in known.items() if value is not None}

    def secrets(self) -> dict[str, str]:
        """Return the secrets that are set, by name."""
        found = {name: getattr(self.configuration, name) for name in SECRETS}
        return {name: secret.get_secret_value() for name, secret in found.items() if secret is not None}


def the_platform(session: Session) -> Place:
    """Return the platform that is configured.

    Raises:
        UsageError: none is.
    """
    configured = Place(session.configuration)
    _hide(session, configured)
    return configured


@contextmanager
def a_simulator(session: Session, *, events: int, mishap: Mishap | None, own_bucket: str | None) -> Iterator[Place]:
    """Give a simulated platform for as long as the `with` lasts.

    Args:
        session: hides the platform's secrets from now on.
        events: that a search finds.
        mishap: what happens there; None when all goes well.
        own_bucket: a bucket of its storage that the module is configured with; None for none.
    """
    settings = Settings(total_events=events, export_duration_s=EXPORT_DURATION_S)
    with Simulator(settings if mishap is None else settings_of(mishap, settings)) as simulator:
        if mishap is not None:
            prepare(mishap, simulator)
        simulated = Place(_configuration(simulator, own_bucket), simulator)
        _hide(session, simulated)
        yield simulated


def bucket_named_in(playbook: Playbook, catalogue: Catalogue) -> str | None:
    """Return the name of the own bucket that a node of this module exports to; None when none names one."""
    for node in playbook.nodes.values():
        component = catalogue.of(node)
        name = node.arguments.get("s3_bucket")
        if component is not None and component.ours and isinstance(name, str) and name and not has_expressions(name):
            return name
    return None


def _configuration(simulator: Simulator, own_bucket: str | None) -> Configuration:
    known: dict[str, Any] = {
        "base_url": simulator.base_url,
        "api_key": simulator.api_key,
        "encryption_secret": secrets.token_hex(32),
    }
    if own_bucket is not None:
        bucket = simulator.buckets.create(own_bucket, allows_sse_c=True)
        known |= {
            "s3_bucket": own_bucket,
            "s3_region": "eu-west-3",
            "s3_endpoint_url": simulator.storage_url,
            "s3_access_key_id": bucket.access_key_id,
            "s3_secret_access_key": bucket.secret_access_key,
        }
    return Configuration.model_validate(known)


def _hide(session: Session, found: Place) -> None:
    for secret in found.secrets().values():
        session.terminal.keep_secret(SecretStr(secret))
