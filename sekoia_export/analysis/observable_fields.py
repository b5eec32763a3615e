"""The fields that hold observables, by the names of the platform's events (ECS), and what each holds.

Fields that repeat another one in part (`url.registered_domain`), fingerprints of certificates and of TLS clients, and
free text (`message`) are none of them.
"""

from __future__ import annotations

from enum import StrEnum


class Holds(StrEnum):
    """What a field's values are; the value stands before each of them while they are counted."""

    ADDRESS = "a"
    HOST = "h"
    """An address or a domain name."""
    URL = "u"
    EMAIL = "e"
    MD5 = "m"
    SHA1 = "s"
    SHA256 = "t"
    HASH = "x"
    """Of any of the three kinds."""
    FILE_NAME = "f"


CASELESS = frozenset(Holds) - {Holds.URL, Holds.FILE_NAME}
"""What means the same in any case."""

_ENDS = ("source", "destination", "client", "server")
_FILES = ("file", "process", "process.parent", "dll", "email.attachments.file", "threat.indicator.file")
_USERS = ("user", "user.target", "user.changes", "user.effective", *(f"{end}.user" for end in _ENDS))

FIELDS: dict[str, Holds] = {
    **{f"{end}.ip": Holds.ADDRESS for end in _ENDS},
    **{f"{end}.nat.ip": Holds.ADDRESS for end in _ENDS},
    "dns.resolved_ip": Holds.ADDRESS,
    "host.ip": Holds.ADDRESS,
    "network.forwarded_ip": Holds.ADDRESS,
    "observer.ip": Holds.ADDRESS,
    "related.ip": Holds.ADDRESS,
    "threat.indicator.ip": Holds.ADDRESS,
    **{f"{end}.address": Holds.HOST for end in _ENDS},
    **{f"{end}.domain": Holds.HOST for end in _ENDS},
    "dns.answers.data": Holds.HOST,
    "dns.answers.name": Holds.HOST,
    "dns.question.name": Holds.HOST,
    "related.hosts": Holds.HOST,
    "threat.indicator.domain": Holds.HOST,
    "tls.client.server_name": Holds.HOST,
    "url.domain": Holds.HOST,
    "http.request.referrer": Holds.URL,
    "threat.indicator.url.full": Holds.URL,
    "threat.indicator.url.original": Holds.URL,
    "url.full": Holds.URL,
    "url.original": Holds.URL,
    **{f"email.{part}.address": Holds.EMAIL for part in ("from", "sender", "reply_to", "to", "cc", "bcc")},
    **{f"{user}.email": Holds.EMAIL for user in _USERS},
    "threat.indicator.email.address": Holds.EMAIL,
    **{f"{file}.hash.md5": Holds.MD5 for file in _FILES},
    **{f"{file}.hash.sha1": Holds.SHA1 for file in _FILES},
    **{f"{file}.hash.sha256": Holds.SHA256 for file in _FILES},
    "related.hash": Holds.HASH,
    **{f"{file}.name": Holds.FILE_NAME for file in _FILES},
    **{f"{file}.pe.original_file_name": Holds.FILE_NAME for file in ("file", "process", "dll")},
}
