from __future__ import annotations

import base64
import hashlib
import hmac
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from sekoia_export.encryption import Encryption, SseKey, accept_key, derive_key
from sekoia_export.errors import ConfigurationError, UsageError
from tests.canaries import ENCRYPTION_SECRET, EXPLICIT_KEY

JOB = UUID("6ba7b810-9dad-11d1-80b4-00c04fd430c8")


def hkdf_by_hand(secret: str, info: bytes) -> bytes:
    """RFC 5869 for one block: extract without a salt, expand to 32 bytes."""
    extracted = hmac.digest(b"\0" * 32, secret.encode(), "sha256")
    return hmac.digest(extracted, info + b"\x01", "sha256")


@given(st.text(min_size=32, max_size=80).filter(lambda text: len(text.strip()) >= 32), st.uuids())
def test_a_key_can_be_derived_again_by_anyone_who_knows_the_secret(secret: str, job_uuid: UUID) -> None:
    key = derive_key(SecretStr(secret), job_uuid=job_uuid)
    assert key.raw == hkdf_by_hand(secret.strip(), f"sekoia-export/sse-c/v1/{job_uuid}".encode())
    assert key.origin is Encryption.DERIVED


def test_each_search_job_has_a_key_of_its_own() -> None:
    keys = {derive_key(SecretStr(ENCRYPTION_SECRET), job_uuid=UUID(int=number)).raw for number in range(20)}
    assert len(keys) == 20


@pytest.mark.parametrize("secret", ["", "canary-short", " " * 40 + "canary-padded" + " " * 40])
def test_a_secret_that_is_too_short_is_refused_and_not_shown(secret: str) -> None:
    with pytest.raises(ConfigurationError, match="encryption_secret_previous is too short") as refused:
        derive_key(SecretStr(secret), job_uuid=JOB, name="encryption_secret_previous")
    assert "canary" not in str(refused.value)


def test_the_headers_and_the_fields_say_the_same_key() -> None:
    key = accept_key(SecretStr(EXPLICIT_KEY))
    digest = base64.b64encode(hashlib.md5(b"canary-explicit-key-of-32-bytes!").digest()).decode()
    assert key.storage_headers() == {
        "x-amz-server-side-encryption-customer-algorithm": "AES256",
        "x-amz-server-side-encryption-customer-key": EXPLICIT_KEY,
        "x-amz-server-side-encryption-customer-key-MD5": digest,
    }
    assert key.export_fields() == {
        "sse_customer_algorithm": "AES256",
        "sse_customer_key": EXPLICIT_KEY,
        "sse_customer_key_md5": digest,
    }


@given(st.binary(min_size=32, max_size=32), st.booleans(), st.booleans())
def test_an_explicit_key_is_taken_in_every_spelling_of_base64(raw: bytes, url_safe: bool, padded: bool) -> None:
    text = (base64.urlsafe_b64encode if url_safe else base64.b64encode)(raw).decode()
    key = accept_key(SecretStr(f" {text if padded else text.rstrip('=')}\n"))
    assert (key.raw, key.origin) == (raw, Encryption.PROVIDED)
    assert key.base64_key.get_secret_value() == base64.b64encode(raw).decode()


@pytest.mark.parametrize(
    "text", ["canary not base64 at all!", "", "Y2FuYXJ5", base64.b64encode(b"canary" * 9).decode()]
)
def test_what_is_no_key_is_refused_and_not_shown(text: str) -> None:
    with pytest.raises(UsageError, match="The argument encryption_key") as refused:
        accept_key(SecretStr(text))
    assert not text or text not in str(refused.value)


def test_no_repr_shows_a_key() -> None:
    key = accept_key(SecretStr(EXPLICIT_KEY))
    assert EXPLICIT_KEY not in f"{key} {key!r} {[key]}"
    assert key == SseKey(SecretStr(EXPLICIT_KEY), Encryption.PROVIDED)
