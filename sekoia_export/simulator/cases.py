"""A few seeded cases with their alerts, and the comments that are left on them."""

from __future__ import annotations

import random
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sekoia_export.simulator.jobs import iso

_ALPHABET = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
_AUTHOR_UUID = "b1c0ffee-2f1d-4c3b-9a5e-7d8c9b0a1f2e"
_STATUS_UUID = "0a6f1d3c-5b7e-4f29-8c1a-2e3d4f5a6b7c"
_RULE_UUID = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
_TITLES = (
    ("Suspicious PowerShell after a macro", ("Winword started PowerShell", "Encoded command line", "Rundll32 started")),
    ("Password spraying against the VPN", ("Many failed logons from one address", "Logon after failures")),
    ("Phone call of a worried colleague", ()),
)  # fmt: skip


@dataclass(slots=True)
class Alert:
    """An alert of a case, and what was said about it."""

    uuid: str
    short_id: str
    title: str
    first_seen_at: datetime
    last_seen_at: datetime
    comments: list[Comment] = field(default_factory=list)

    def as_json(self, community_uuid: str) -> dict[str, Any]:
        return {
            "uuid": self.uuid,
            "short_id": self.short_id,
            "title": self.title,
            "rule": {"uuid": _RULE_UUID, "name": self.title, "pattern": "event.category:process"},
            "urgency": {"current_value": 70, "display": "Major"},
            "status": {"name": "Ongoing"},
            "created_at": int(self.first_seen_at.timestamp()),
            "first_seen_at": iso(self.first_seen_at),
            "last_seen_at": iso(self.last_seen_at),
            "community_uuid": community_uuid,
            "number_of_total_comments": len(self.comments),
        }


@dataclass(slots=True)
class Comment:
    """A comment on a case or an alert."""

    uuid: str
    content: str
    author: str | None
    created_at: datetime

    def as_json(self) -> dict[str, Any]:
        return {
            "uuid": self.uuid,
            "content": self.content,
            "created_at": iso(self.created_at),
            "created_by": _AUTHOR_UUID,
            "created_by_type": "apikey",
        }

    def as_alert_json(self) -> dict[str, Any]:
        """Return it as the platform's API has comments on alerts."""
        return {
            "uuid": self.uuid,
            "content": self.content,
            "author": self.author or "simulated key",
            "date": int(self.created_at.timestamp()),
            "created_by": _AUTHOR_UUID,
            "created_by_type": "apikey",
            "unseen": True,
        }


@dataclass(slots=True)
class Case:
    """A case: alerts that belong together, and what was said about them. One made by hand may have none."""

    uuid: str
    short_id: str
    title: str
    community_uuid: str
    alerts: list[Alert]
    created_at: datetime
    comments: list[Comment] = field(default_factory=list)

    @property
    def first_seen_at(self) -> datetime | None:
        return min((alert.first_seen_at for alert in self.alerts), default=None)

    @property
    def last_seen_at(self) -> datetime | None:
        return max((alert.last_seen_at for alert in self.alerts), default=None)

    def as_json(self) -> dict[str, Any]:
        return {
            "uuid": self.uuid,
            "short_id": self.short_id,
            "title": self.title,
            "status": "opened",
            "status_uuid": _STATUS_UUID,
            "created_at": iso(self.created_at),
            "created_by": _AUTHOR_UUID,
            "created_by_type": "avatar",
            "community_uuid": self.community_uuid,
            "alerts": [alert.as_json(self.community_uuid) for alert in self.alerts],
            "number_of_alerts": len(self.alerts),
            "number_of_comments": len(self.comments),
            "first_seen_at": None if self.first_seen_at is None else iso(self.first_seen_at),
            "last_seen_at": None if self.last_seen_at is None else iso(self.last_seen_at),
        }


def seeded_cases(seed: int, community_uuid: str, now: datetime) -> list[Case]:
    """Return the cases that are there from the start, the same for the same seed."""
    source = random.Random(f"cases {seed}")
    cases = []
    for title, alert_titles in _TITLES:
        alerts = []
        for number, alert_title in enumerate(alert_titles):
            first_seen = now - timedelta(hours=6 - number, minutes=source.randrange(50))
            last_seen = first_seen + timedelta(minutes=source.randrange(1, 40))
            alerts.append(Alert(_uuid(source), _short_id(source, "AL"), alert_title, first_seen, last_seen))
        cases.append(Case(_uuid(source), _short_id(source, "CA"), title, community_uuid, alerts, now))
    return cases


def new_comment(content: str, author: str | None, now: datetime) -> Comment:
    """Return a comment that is made now."""
    return Comment(str(uuid.uuid4()), content, author, now)


def _uuid(source: random.Random) -> str:
    return str(uuid.UUID(int=source.getrandbits(128), version=4))


def _short_id(source: random.Random, prefix: str) -> str:
    return prefix + "".join(source.choices(_ALPHABET, k=10))
