"""A value of an event as an observable, in the one form that all ways of writing it share; or as none.

- Addresses are what `ipaddress` takes and in its form: IPv6 compressed and without a zone, IPv4 in IPv6 as IPv4.
- Domain names are in lower case, without the dot at the end, other letters than ASCII as they go through DNS (`xn--`).
- URLs have a scheme and a host, both in lower case, the host as above; what comes behind stays as it is.
- E-mail addresses are in lower case, and without the name before them.
- Hashes are hexadecimal digits in lower case, of the length of their kind.
- File names stay as they are.

Apart are set, as `private`, the addresses that `ipaddress` does not hold for global and those of multicast, names that
only a local network or reverse lookup resolves, and URLs and e-mail addresses of these.
"""

from __future__ import annotations

import ipaddress
import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from sekoia_export.analysis.observable_fields import Holds


class ObservableType(StrEnum):
    """What an observable is."""

    IP = "ip"
    DOMAIN = "domain"
    URL = "url"
    EMAIL = "email"
    MD5 = "md5"
    SHA1 = "sha1"
    SHA256 = "sha256"
    FILE_NAME = "file_name"


@dataclass(frozen=True, slots=True)
class Observable:
    """An observable.

    Attributes:
        type: what it is.
        value: in its one form.
        private: whether it is of a local network, or reserved, and says nothing to others.
    """

    type: ObservableType
    value: str
    private: bool = False


# RFC 6761, RFC 6762 (local), RFC 8375 (home.arpa), ICANN's reservation of internal, names that routers come with; arpa
# is reverse lookup.
_LOCAL_ENDS = frozenset({"localhost", "local", "internal", "lan", "home", "corp", "arpa", "localdomain"})
_DOTS = re.compile("[.\u3002\uff0e\uff61]")
_LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?")
_TOP_LABEL = re.compile(r"[a-z]{2,63}|xn--[a-z0-9-]{1,59}")
_MIDDLE_DOTS = "\u00b7\u0375\u05f3\u05f4\u30fb"  # letters by RFC 5892, appendix A, though not by their category
_NAME_LENGTH, _LABEL_LENGTH = 253, 63
_URL_START = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#\\]*)")
_LAST_PORT = 65_535
LENGTH_LIMIT = 8_192
"""Characters of an observable at most."""
_FILE_NAME_LENGTH = 1_024
_LOCAL_PART = re.compile(r"[^\s\"(),:;<>@\[\\\]]{1,64}")
_HASHES = {32: ObservableType.MD5, 40: ObservableType.SHA1, 64: ObservableType.SHA256}
_HASH = re.compile(r"[0-9a-f]+")
_OF_LENGTH = {Holds.MD5: 32, Holds.SHA1: 40, Holds.SHA256: 64}


def observable(holds: Holds, text: str) -> Observable | None:
    """Return what a value is as an observable; None when it is none of those that its field holds.

    Args:
        holds: what the field holds.
        text: the value.
    """
    text = text.strip()
    match holds:
        case Holds.ADDRESS:
            return _address(text)
        case Holds.HOST:
            return _address(text) or _domain(text)
        case Holds.URL:
            return _url(text)
        case Holds.EMAIL:
            return _email(text)
        case Holds.FILE_NAME:
            return _file_name(text)
        case Holds.MD5 | Holds.SHA1 | Holds.SHA256 | Holds.HASH:
            return _hash(text.lower(), _OF_LENGTH.get(holds))


def _address(text: str) -> Observable | None:
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv6Address):
        address = address.ipv4_mapped or ipaddress.IPv6Address(int(address))
    private = not address.is_global or address.is_multicast or address.is_reserved
    return Observable(ObservableType.IP, str(address), private)


def _domain(text: str) -> Observable | None:
    name = _host_name(text)
    if name is None or "." not in name:
        return None
    return Observable(ObservableType.DOMAIN, name, _is_local(name))


def _host_name(text: str) -> str | None:
    """Return the name of a host as it goes through DNS; None when it is no name."""
    if len(text) > _NAME_LENGTH + 1:
        return None
    labels = _DOTS.split(text if text.isascii() else unicodedata.normalize("NFKC", text))
    if labels[-1] == "":
        labels.pop()
    ascii_labels = [_ascii_label(label.lower()) for label in labels]
    name = ".".join(label or "" for label in ascii_labels)
    if not ascii_labels or None in ascii_labels or len(name) > _NAME_LENGTH:
        return None
    top = ascii_labels[-1] or ""
    return name if _TOP_LABEL.fullmatch(top) or (len(ascii_labels) == 1 and not top.isdecimal()) else None


def _ascii_label(label: str) -> str | None:
    if label.isascii():
        return label if _LABEL.fullmatch(label) else None
    # What RFC 5890 makes of a label of letters. The codec `idna` of Python is the older RFC 3490's, where another name
    # comes out of some letters.
    if label[0] == "-" or label[-1] == "-" or not all(_is_of_names(letter) for letter in label):
        return None
    encoded = f"xn--{label.encode('punycode').decode()}"
    return encoded if len(encoded) <= _LABEL_LENGTH else None


def _is_of_names(letter: str) -> bool:
    return unicodedata.category(letter)[0] in "LM" or letter.isdecimal() or letter in "-_" or letter in _MIDDLE_DOTS


def _is_local(name: str) -> bool:
    return "." not in name or name.rpartition(".")[2] in _LOCAL_ENDS


def _url(text: str) -> Observable | None:
    start = _URL_START.match(text)
    if start is None or len(text) > LENGTH_LIMIT or not _is_shown(text, spaces=False):
        return None
    scheme, authority = start.groups()
    user, at, place = authority.rpartition("@")
    found = _place(place)
    if found is None:
        return None
    host, private = found
    return Observable(ObservableType.URL, f"{scheme.lower()}://{user}{at}{host}{text[start.end() :]}", private)


def _place(text: str) -> tuple[str, bool] | None:
    """Return host and port of a URL in their one form, and whether they are private."""
    host, closed, rest = text.partition("]")
    if closed:
        address = _address(host[1:]) if host.startswith("[") and ":" in host else None
        port = rest.removeprefix(":")
        if address is None or (rest and not rest.startswith(":")) or (port and not _is_port(port)):
            return None
        shown = f"[{address.value}]" if ":" in address.value else address.value
        return shown + rest, address.private
    host, colon, port = text.partition(":")
    if port and not _is_port(port):
        return None
    if address := _address(host):
        return address.value + colon + port, address.private
    name = _host_name(host)
    return None if name is None else (name + colon + port, _is_local(name))


def _is_port(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= len(str(_LAST_PORT)) and int(text) <= _LAST_PORT


def _email(text: str) -> Observable | None:
    if text.endswith(">"):
        text = text[:-1].rpartition("<")[2].strip()
    local, _, host = text.rpartition("@")
    domain = _domain(host)
    if domain is None or not _LOCAL_PART.fullmatch(local) or not _is_shown(local, spaces=False):
        return None
    return Observable(ObservableType.EMAIL, f"{local.lower()}@{domain.value}", domain.private)


def _hash(text: str, length: int | None) -> Observable | None:
    kind = _HASHES.get(len(text))
    if kind is None or (length is not None and len(text) != length) or not _HASH.fullmatch(text):
        return None
    return Observable(kind, text)


def _file_name(text: str) -> Observable | None:
    if not text or text == "-" or len(text) > _FILE_NAME_LENGTH or not _is_shown(text, spaces=True):
        return None
    return Observable(ObservableType.FILE_NAME, text)


def _is_shown(text: str, *, spaces: bool) -> bool:
    """Return whether a text holds neither control characters nor, unless `spaces`, white space."""
    if text.isascii() and text.isprintable():
        return spaces or " " not in text
    return not any(
        unicodedata.category(letter) in {"Cc", "Cs", "Zl", "Zp"} or (not spaces and letter.isspace()) for letter in text
    )
