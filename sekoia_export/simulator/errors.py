"""What the simulated servers answer instead: raised where it is found out, made an answer where answers are made."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Refused(Exception):
    """The platform's refusal: its HTTP status, and `code` and `message` of its JSON."""

    status: int
    code: str
    message: str


@dataclass
class S3Error(Exception):
    """The storage's refusal: its HTTP status, `Code` and `Message` of its XML, and headers beside."""

    status: int
    code: str
    message: str
    headers: dict[str, str] = field(default_factory=dict)
