"""What other services that playbooks use have received: messages in channels, indicators in collections."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Message:
    """A message in a channel of Mattermost; without a channel it is in the webhook's own."""

    text: str
    channel: str | None = None
    username: str | None = None


@dataclass(frozen=True, slots=True)
class Indicator:
    """An indicator in an IOC collection.

    Attributes:
        kind: "IP address", "domain", "url", "email" or "hash".
        valid_for_days: None for no end.
    """

    value: str
    kind: str
    valid_for_days: int | None = None
