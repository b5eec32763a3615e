"""SigV4, as S3 makes and checks it: presigned URLs and Authorization headers. The arithmetic is botocore's."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

ALGORITHM = "AWS4-HMAC-SHA256"
SSE_C_HEADERS = tuple(f"x-amz-server-side-encryption-customer-{part}" for part in ("algorithm", "key", "key-md5"))
_DATE_FORMAT = "%Y%m%dT%H%M%SZ"
_AUTHORIZATION = re.compile(
    rf"{ALGORITHM} Credential=(?P<credential>[^,\s]+),\s*"
    r"SignedHeaders=(?P<headers>[^,\s]+),\s*Signature=(?P<signature>\w+)"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What a request says of its own signature.

    Attributes:
        expires_at: of a presigned URL; None for an Authorization header.
    """

    access_key_id: str
    region: str
    date: str
    signed_headers: tuple[str, ...]
    signature: str
    expires_at: datetime | None

    @property
    def signed_at(self) -> datetime:
        return datetime.strptime(self.date, _DATE_FORMAT).replace(tzinfo=UTC)


def claim_of_query(query: Mapping[str, str]) -> Claim:
    """Return the claim of a presigned URL.

    Raises:
        ValueError: a part is missing or malformed.
    """
    try:
        access_key_id, _, region, _, _ = query["X-Amz-Credential"].split("/")
        date = query["X-Amz-Date"]
        expires = datetime.strptime(date, _DATE_FORMAT).replace(tzinfo=UTC)
        expires += timedelta(seconds=int(query["X-Amz-Expires"]))
        signed = tuple(query["X-Amz-SignedHeaders"].split(";"))
        return Claim(access_key_id, region, date, signed, query["X-Amz-Signature"], expires)
    except KeyError as missing:
        raise ValueError(f"{missing} is missing") from missing


def claim_of_header(headers: Mapping[str, str]) -> Claim:
    """Return the claim of an Authorization header (names in lower case).

    Raises:
        ValueError: it is not SigV4's.
    """
    found = _AUTHORIZATION.fullmatch(headers.get("authorization", ""))
    if found is None or "x-amz-date" not in headers:
        raise ValueError("the Authorization header is not one of AWS Signature Version 4")
    access_key_id, _, region, _, _ = found["credential"].split("/")
    signed = tuple(found["headers"].split(";"))
    return Claim(access_key_id, region, headers["x-amz-date"], signed, found["signature"], None)


def matches(claim: Claim, *, secret: str, method: str, url: str, headers: Mapping[str, str]) -> bool:
    """Return whether the claim's signature is the one of this request.

    `url` is the requested one, scheme and host included; `headers` are the request's, names in lower case.
    """
    bare = re.sub(r"([?&])X-Amz-Signature=[^&]*&?", r"\1", url).rstrip("?&")
    signed = {name: headers.get(name, "") for name in claim.signed_headers}
    presigned = claim.expires_at is not None
    return hmac.compare_digest(_signature(claim, secret, method, bare, signed, presigned=presigned), claim.signature)


def presign(
    *,
    url: str,
    access_key_id: str,
    secret: str,
    now: datetime,
    expires_s: int,
    sse_c_headers: Mapping[str, str] | None = None,
    region: str = "eu-west-3",
) -> str:
    """Return `url` presigned for GET.

    `sse_c_headers` are headers (names in lower case) that the request has to bring as they are.
    """
    date = now.astimezone(UTC).strftime(_DATE_FORMAT)
    host = url.split("/")[2]
    headers = {"host": host, **(sse_c_headers or {})}
    claim = Claim(access_key_id, region, date, tuple(sorted(headers)), "", None)
    query = urlencode(
        {
            "X-Amz-Algorithm": ALGORITHM,
            "X-Amz-Credential": f"{access_key_id}/{date[:8]}/{region}/s3/aws4_request",
            "X-Amz-Date": date,
            "X-Amz-Expires": str(expires_s),
            "X-Amz-SignedHeaders": ";".join(claim.signed_headers),
        },
        quote_via=quote,
        safe="",
    )
    signature = _signature(claim, secret, "GET", f"{url}?{query}", headers, presigned=True)
    return f"{url}?{query}&X-Amz-Signature={signature}"


def unsigned_sse_c(claim: Claim, names: Iterable[str]) -> bool:
    """Return whether the request's headers (`names`, in lower case) hold an SSE-C header that the claim left out."""
    return bool(set(names) & set(SSE_C_HEADERS) - set(claim.signed_headers))


def _signature(claim: Claim, secret: str, method: str, url: str, headers: Mapping[str, str], *, presigned: bool) -> str:
    from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    kind = S3SigV4QueryAuth if presigned else S3SigV4Auth
    signer = kind(Credentials(claim.access_key_id, secret), "s3", claim.region)
    request = AWSRequest(method=method, url=url, headers=dict(headers))
    request.context["timestamp"] = claim.date
    canonical = signer.canonical_request(request)
    return str(signer.signature(signer.string_to_sign(request, canonical), request))
