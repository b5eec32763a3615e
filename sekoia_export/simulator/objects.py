"""Objects at rest: AES-256-CTR under the customer's key, of which only a salted digest is kept.

Who does not bring the key gets nothing: what lies in the temporary file cannot be read without it. A Pattern lies
nowhere (it is computed), so for it the digest alone decides.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cryptography.hazmat.primitives.ciphers import Cipher, CipherContext, algorithms, modes

from sekoia_export.simulator.content import Pattern

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from datetime import datetime
    from pathlib import Path

CHUNK_BYTES = 1 << 18
_BLOCK_BYTES = 16


@dataclass(frozen=True, slots=True)
class Seal:
    """How an encrypted object knows its key, and where its key stream starts."""

    salt: bytes
    digest: bytes
    nonce: bytes

    @classmethod
    def of(cls, key: bytes) -> Seal:
        salt = secrets.token_bytes(16)
        return cls(salt, _digest(salt, key), secrets.token_bytes(_BLOCK_BYTES))

    def opens(self, key: bytes) -> bool:
        return hmac.compare_digest(_digest(self.salt, key), self.digest)

    def stream(self, key: bytes, offset: int) -> CipherContext:
        """Return the cipher that en- or decrypts what lies at `offset` and after it."""
        start = (int.from_bytes(self.nonce) + offset // _BLOCK_BYTES) % (1 << 128)
        cipher = Cipher(algorithms.AES(key), modes.CTR(start.to_bytes(_BLOCK_BYTES))).encryptor()
        cipher.update(bytes(offset % _BLOCK_BYTES))
        return cipher


@dataclass(slots=True)
class StoredObject:
    """An object of a bucket.

    Attributes:
        at_rest: the file with its bytes, the pattern they are computed from, or the parts it was uploaded in.
        seal: None when it is not encrypted.
        etag: with the quotes.
    """

    at_rest: Path | Pattern | tuple[StoredObject, ...]
    size_bytes: int
    last_modified: datetime
    seal: Seal | None = None
    content_encoding: str | None = None
    content_type: str = "binary/octet-stream"
    etag: str = field(default_factory=lambda: f'"{secrets.token_hex(16)}-{2 + secrets.randbelow(30)}"')

    def read(self, start: int, stop: int, key: bytes | None = None) -> Iterator[bytes]:
        """Yield the content from `start` up to, without, `stop`.

        `key` are the 32 bytes that the object was encrypted with; not looked at when it is not encrypted.

        Raises:
            ValueError: it is encrypted and this is not its key.
        """
        if self.seal is not None and (key is None or not self.seal.opens(key)):
            raise ValueError("not the object's key")
        if isinstance(self.at_rest, Pattern):
            return self.at_rest.read(start, stop)
        if isinstance(self.at_rest, tuple):
            return _joined(self.at_rest, start, stop, key)
        return self._decrypted(self.at_rest, start, stop, key)

    def _decrypted(self, path: Path, start: int, stop: int, key: bytes | None) -> Iterator[bytes]:
        cipher = None if self.seal is None or key is None else self.seal.stream(key, start)
        with path.open("rb") as file:
            file.seek(start)
            while start < stop and (chunk := file.read(min(CHUNK_BYTES, stop - start))):
                start += len(chunk)
                yield chunk if cipher is None else cipher.update(chunk)


def store(pieces: Iterable[bytes], path: Path, *, key: bytes | None, now: datetime) -> StoredObject:
    """Write `pieces` to `path`, encrypted when there is a `key`, and return the object."""
    seal = None if key is None else Seal.of(key)
    cipher = None if seal is None or key is None else seal.stream(key, 0)
    with path.open("xb") as file:
        for piece in pieces:
            file.write(piece if cipher is None else cipher.update(piece))
        size_bytes = file.tell()
    return StoredObject(path, size_bytes, now, seal)


def _joined(parts: tuple[StoredObject, ...], start: int, stop: int, key: bytes | None) -> Iterator[bytes]:
    for part in parts:
        if start < part.size_bytes and stop > 0:
            yield from part.read(max(0, start), min(stop, part.size_bytes), key)
        start, stop = start - part.size_bytes, stop - part.size_bytes


def _digest(salt: bytes, key: bytes) -> bytes:
    return hashlib.sha256(salt + key).digest()
