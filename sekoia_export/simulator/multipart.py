"""Multipart uploads: begun, filled part by part in any order, completed or aborted."""

from __future__ import annotations

import html
import re
import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sekoia_export.simulator.errors import S3Error
from sekoia_export.simulator.objects import StoredObject

if TYPE_CHECKING:
    from datetime import datetime

_PART = re.compile(r"<Part>(.*?)</Part>", re.DOTALL)
_NUMBER = re.compile(r"<PartNumber>\s*(\d+)\s*</PartNumber>")
_ETAG = re.compile(r"<ETag>\s*(.*?)\s*</ETag>")
PARTS_MAX = 10_000


@dataclass(slots=True)
class Upload:
    """An upload under way.

    Attributes:
        sealed: whether it was begun with an SSE-C key.
        parts: by their number.
    """

    key: str
    content_type: str
    sealed: bool
    parts: dict[int, StoredObject] = field(default_factory=dict)
    upload_id: str = field(default_factory=lambda: secrets.token_urlsafe(24))

    def add(self, number: int, part: StoredObject) -> None:
        """Take a part, in the place of an earlier one with its number.

        Raises:
            S3Error: the number is out of bounds, or the part has a key and the upload none, or the other way round.
        """
        if not 1 <= number <= PARTS_MAX:
            raise S3Error(
                400, "InvalidArgument", f"Part number must be an integer between 1 and {PARTS_MAX}, inclusive"
            )
        if self.sealed != (part.seal is not None):
            raise S3Error(
                400,
                "InvalidRequest",
                "The multipart upload initiate requested encryption. "
                "Subsequent part requests must include the appropriate encryption parameters.",
            )
        self.parts[number] = part

    def complete(self, body: str, *, min_part_bytes: int, now: datetime) -> StoredObject:
        """Return the object of the parts that `body` (XML) lists.

        Raises:
            S3Error: a part is not there, has another ETag, is out of order, or is too small and not the last.
        """
        listed = []
        for text in _PART.findall(body):
            found_number, found_etag = _NUMBER.search(text), _ETAG.search(text)
            if found_number is None or found_etag is None:
                raise S3Error(400, "MalformedXML", "The XML you provided was not well-formed")
            listed.append((int(found_number[1]), html.unescape(found_etag[1])))
        if not listed:
            raise S3Error(400, "MalformedXML", "You must specify at least one part")
        if [number for number, _ in listed] != sorted({number for number, _ in listed}):
            raise S3Error(400, "InvalidPartOrder", "The list of parts was not in ascending order.")
        chosen = []
        for number, etag in listed:
            part = self.parts.get(number)
            if part is None or part.etag.strip('"') != etag.strip('"'):
                raise S3Error(400, "InvalidPart", "One or more of the specified parts could not be found.")
            chosen.append(part)
        if any(part.size_bytes < min_part_bytes for part in chosen[:-1]):
            raise S3Error(400, "EntityTooSmall", "Your proposed upload is smaller than the minimum allowed size")
        return StoredObject(
            tuple(chosen),
            sum(part.size_bytes for part in chosen),
            now,
            chosen[0].seal,
            content_type=self.content_type,
            etag=f'"{secrets.token_hex(16)}-{len(chosen)}"',
        )
