"""An own bucket in a real storage: tried before it is used, and searched for an export's object."""

from __future__ import annotations

import uuid
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from sekoia_export.errors import ObjectMissing, StorageError
from sekoia_export.operations.bucket import OwnBucket
from tests.real_storage.server import BUCKET, OWNER, REGION, STRANGER, Credentials
from tests.transfer.shelf import sse_key

if TYPE_CHECKING:
    from sekoia_export.encryption import SseKey
    from tests.real_storage.place import Place

KEYS = pytest.mark.parametrize("key", [None, sse_key()], ids=["no key", "key"])


@pytest.fixture
def bucket(place: Place) -> OwnBucket:
    """Give the real bucket with the test's prefix."""
    return OwnBucket(
        name=BUCKET,
        region=REGION,
        access_key_id=OWNER.access_key_id,
        secret_access_key=SecretStr(OWNER.secret_access_key),
        prefix=place.prefix,
        endpoint_url=place.server.url,
    )


def of(bucket: OwnBucket, credentials: Credentials) -> OwnBucket:
    secret = SecretStr(credentials.secret_access_key)
    return replace(bucket, access_key_id=credentials.access_key_id, secret_access_key=secret)


@KEYS
def test_a_trial_leaves_nothing(
    place: Place, bucket: OwnBucket, key: SseKey | None, caplog: pytest.LogCaptureFixture
) -> None:
    bucket.try_out(key=key)
    assert place.objects() == []
    assert caplog.records == []


@KEYS
def test_why_a_bucket_refuses(bucket: OwnBucket, key: SseKey | None) -> None:
    with pytest.raises(StorageError, match="does not exist"):
        replace(bucket, name="there-is-no-such-bucket").try_out(key=key)
    for credentials in (replace(OWNER, secret_access_key="wrong"), replace(OWNER, access_key_id="nobody")):
        with pytest.raises(StorageError, match="refused the credentials"):
            of(bucket, credentials).try_out(key=key)
    with pytest.raises(StorageError, match=r"SSE-C" if key else "refused access"):
        of(bucket, STRANGER).try_out(key=key)


def test_an_object_is_found_by_what_its_name_holds(place: Place, bucket: OwnBucket) -> None:
    job, first, second = (str(uuid.uuid4()) for _ in range(3))
    with pytest.raises(ObjectMissing, match="no object"):
        bucket.find(first, job)
    place.put(b"", name=f"{job}/{first}.jsonl.gz")
    assert bucket.find(str(uuid.uuid4()), job) == f"{place.prefix}/{job}/{first}.jsonl.gz"
    place.put(b"", key=sse_key(), name=f"{job}/{second}.jsonl.gz")
    assert bucket.find(second, job) == f"{place.prefix}/{job}/{second}.jsonl.gz"
    with pytest.raises(ObjectMissing, match="holds 2 objects"):
        bucket.find(job)
    with pytest.raises(StorageError, match="refused access"):
        of(bucket, STRANGER).find(first)
