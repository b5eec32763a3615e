"""An own bucket in a real storage: tried before it is used, and searched for an export's object."""

from __future__ import annotations

import shutil
import subprocess
import uuid
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydantic import SecretStr

from sekoia_export.errors import ObjectMissing, StorageError
from sekoia_export.operations.bucket import OwnBucket
from sekoia_export.transfer.bucket import BucketObject
from sekoia_export.transfer.command_line import curl_command
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


@pytest.mark.skipif(not (shutil.which("curl") and shutil.which("openssl")), reason="needs curl and openssl")
@pytest.mark.parametrize("region", [REGION, "us-east-1"])
@KEYS
def test_a_link_that_is_signed_here_works_with_curl_and_holds_no_key(
    place: Place, bucket: OwnBucket, tmp_path: Path, key: SseKey | None, region: str
) -> None:
    place.put(b"events", key=key)
    with closing(replace(bucket, region=region).client()) as client:
        url = BucketObject(client, BUCKET, f"{place.prefix}/object", key=key).link(valid_s=600)
    headers = {} if key is None else key.storage_headers()
    assert not [
        value
        for name, value in headers.items()
        if name.endswith(("key", "MD5")) and value[:20] in url.get_secret_value()
    ]
    needed = [(name, value if name.endswith("algorithm") else None) for name, value in headers.items()]
    command = curl_command(url, file_name="file", headers=needed).get_secret_value()
    given = "" if key is None else key.base64_key.get_secret_value()
    assert "Amz-Signature" in command
    ran = subprocess.run(["sh", "-c", command], input=given, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert (tmp_path / "file").read_bytes() == b"events"
