"""boto3's client of a shelf's bucket."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

    from tests.transfer.shelf import Shelf

ClientFor = Callable[["Shelf"], "S3Client"]


def client_of(shelf: Shelf) -> S3Client:
    return client_at(shelf.simulator.storage_url, shelf.bucket.access_key_id, shelf.bucket.secret_access_key)


def client_at(endpoint_url: str, access_key_id: str, secret_access_key: str) -> S3Client:
    import boto3
    from botocore.config import Config

    # The simulator's clock stands still in the past; signatures by credentials are of now and it takes them.
    return boto3.client(
        "s3",
        endpoint_url=endpoint_url,
        region_name="eu-west-3",
        aws_access_key_id=access_key_id,
        aws_secret_access_key=secret_access_key,
        config=Config(s3={"addressing_style": "path"}, retries={"total_max_attempts": 1}, read_timeout=5),
    )
