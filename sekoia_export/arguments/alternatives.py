"""What some arguments choose from, apart from the models that have them: the command line has it without these."""

from __future__ import annotations

from enum import StrEnum

FIELD_SETS: dict[str, tuple[str, ...]] = {
    "network": (
        "@timestamp",
        "source.ip",
        "source.port",
        "destination.ip",
        "destination.port",
        "network.protocol",
        "network.transport",
        "event.action",
    ),
    "identity": (
        "@timestamp",
        "user.name",
        "user.domain",
        "source.ip",
        "event.action",
        "event.outcome",
        "message",
    ),
    "endpoint": (
        "@timestamp",
        "host.name",
        "process.name",
        "process.executable",
        "process.args",
        "file.path",
        "file.hash.sha256",
        "user.name",
    ),
}
"""The field sets that the platform's documentation recommends."""


class FieldSet(StrEnum):
    """A documented set of fields for one kind of question."""

    NETWORK = "network"
    IDENTITY = "identity"
    ENDPOINT = "endpoint"


class EncryptionChoice(StrEnum):
    """How an export's key is chosen where none is given explicitly."""

    AUTOMATIC = "automatic"
    REQUIRED = "required"
    PLATFORM = "platform"
