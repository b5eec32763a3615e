"""An own S3 bucket as the target of exports: complete or refused, tried before it is used, and read from again."""

from __future__ import annotations

import logging
import uuid
from contextlib import closing
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sekoia_export.errors import ConfigurationError, ObjectMissing, StorageError, UsageError
from sekoia_export.hosts import is_loopback
from sekoia_export.redaction import redact

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client
    from pydantic import SecretStr

    from sekoia_export.configuration import Configuration
    from sekoia_export.encryption import SseKey

log = logging.getLogger(__name__)

_TRIAL_NAME = ".sekoia-export-trial-"


@dataclass(frozen=True, slots=True)
class OwnBucket:
    """An own bucket with what is needed to write to it."""

    name: str
    region: str
    access_key_id: str
    secret_access_key: SecretStr
    prefix: str | None = None
    endpoint_url: str | None = None

    def export_fields(self) -> dict[str, str]:
        """Return the fields of the export request's `s3` object; the values are secret."""
        fields = {
            "bucket_name": self.name,
            "region_name": self.region,
            "access_key_id": self.access_key_id,
            "secret_access_key": self.secret_access_key.get_secret_value(),
            "prefix": self.prefix,
            "endpoint_url": self.endpoint_url,
        }
        return {name: value for name, value in fields.items() if value is not None}

    def client(self) -> S3Client:
        """Return a boto3 client, to be closed by the caller; nothing is asked of the server yet.

        Raises:
            ConfigurationError: region or endpoint cannot be any.
        """
        import boto3
        from botocore.config import Config
        from botocore.exceptions import BotoCoreError

        config = Config(  # type: ignore[call-arg]  # the stubs lack ignore_configured_endpoint_urls
            connect_timeout=5,
            read_timeout=30,
            retries={"max_attempts": 2, "mode": "standard"},
            # A link signed with version 2, boto3's choice in some regions, carries the customer key in its query.
            signature_version="s3v4",
            s3={"addressing_style": "path" if self.endpoint_url else "auto"},
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            # The environment is the engine's, and its AWS_ENDPOINT_URL leads to another storage.
            ignore_configured_endpoint_urls=True,
            # Plain http is spoken within this machine only, and a proxy is elsewhere.
            proxies={} if (self.endpoint_url or "").startswith("http:") else None,
        )
        try:
            client: S3Client = boto3.session.Session().client(
                "s3",
                region_name=self.region,
                endpoint_url=self.endpoint_url,
                aws_access_key_id=self.access_key_id,
                aws_secret_access_key=self.secret_access_key.get_secret_value(),
                config=config,
            )
        except (BotoCoreError, ValueError) as failure:
            raise ConfigurationError(
                f"No client of the own bucket {self.name} can be made ({type(failure).__name__}).",
                "Correct s3_region and s3_endpoint_url.",
            ) from failure
        return client

    def try_out(self, *, key: SseKey | None) -> None:
        """Write and remove a small object, under the customer key when there is one, as the platform will.

        Raises:
            ConfigurationError: it cannot be a bucket or a prefix of S3.
            StorageError: the bucket refused it; the text says what to allow.

        A bucket that cannot be reached from here, or has trouble, is only warned about: the platform may reach it.
        """
        with closing(self.client()) as client:
            self._try_out(client, key)

    def _try_out(self, client: S3Client, key: SseKey | None) -> None:
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

        folder = f"{self.prefix.rstrip('/')}/" if self.prefix else ""
        place: Any = {"Bucket": self.name, "Key": f"{folder}{_TRIAL_NAME}{uuid.uuid4().hex}"}
        # Raw bytes and no MD5: boto3 then makes base64 and MD5 itself.
        customer_key: dict[str, Any] = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": key.raw} if key else {}
        try:
            client.put_object(**place, Body=b"", **customer_key)
        except ParamValidationError as failure:
            raise self._impossible() from failure
        except (ClientError, BotoCoreError) as failure:
            status = _status(failure)
            if isinstance(failure, ClientError) and status < HTTPStatus.INTERNAL_SERVER_ERROR:
                raise self._refused(failure, encrypted=key is not None) from failure
            log.warning(
                "The own bucket %s could not be tried from here (%s); the platform may still reach it.",
                self.name,
                f"status {status}" if status else type(failure).__name__,
            )
            return
        try:
            client.delete_object(**place)
        except (ClientError, BotoCoreError) as failure:
            log.warning("The trial object %s stays in the own bucket: %s", place["Key"], type(failure).__name__)

    def find(self, *parts: str) -> str:
        """Return the name of the one object below the prefix whose name holds the first of `parts` that any name holds.

        The platform's naming is not documented; the uuids of the task and of the search job are what a name can hold.

        Raises:
            ObjectMissing: there is none, or more than one.
            ConfigurationError: it cannot be a bucket of S3.
            StorageError: the bucket cannot be listed.
        """
        names = self._names()
        for part in parts:
            found = [name for name in names if part in name]
            if len(found) == 1:
                return found[0]
            if found:
                raise ObjectMissing(
                    f"The own bucket {self.name} holds {len(found)} objects with {part} in their names.",
                    "Give the task_uuid of the export, or fetch the file from the bucket by its name.",
                )
        raise ObjectMissing(
            f"The own bucket {self.name} holds no object under {self.prefix or 'its root'} named after the export.",
            "Check that the export has finished and that s3_bucket and s3_prefix are those it was triggered with.",
        )

    def _names(self) -> list[str]:
        from botocore.exceptions import BotoCoreError, ClientError, ParamValidationError

        try:
            with closing(self.client()) as client:
                pages = client.get_paginator("list_objects_v2")
                return [
                    entry["Key"]
                    for page in pages.paginate(Bucket=self.name, Prefix=self.prefix or "")
                    for entry in page.get("Contents", [])
                ]
        except ParamValidationError as failure:
            raise self._impossible() from failure
        except ClientError as failure:
            raise self._refused(failure, encrypted=False) from failure
        except BotoCoreError as failure:
            raise StorageError(
                f"The own bucket {self.name} could not be reached ({type(failure).__name__}).",
                "Check s3_endpoint_url, the network and the proxy.",
            ) from failure

    def _impossible(self) -> ConfigurationError:
        return ConfigurationError(
            f"The own bucket {self.name} cannot be one of S3: its name or its prefix is not valid there.",
            "Correct s3_bucket and s3_prefix.",
        )

    def _refused(self, failure: Any, *, encrypted: bool) -> StorageError:
        error = failure.response.get("Error", {})
        code, message = str(error.get("Code", "")), redact(str(error.get("Message", "")))[:200]
        said = f" (the storage says: {code}: {message})." if message else f" (the storage says: {code})."
        match code:
            case "NoSuchBucket" | "404":
                return StorageError(
                    f"The own bucket {self.name} does not exist{said}", "Correct s3_bucket or s3_region."
                )
            case "PermanentRedirect" | "301" | "AuthorizationHeaderMalformed":
                return StorageError(f"The own bucket {self.name} is in another region{said}", "Correct s3_region.")
            case "InvalidAccessKeyId" | "SignatureDoesNotMatch":
                return StorageError(
                    f"The own bucket {self.name} refused the credentials{said}",
                    "Correct s3_access_key_id and s3_secret_access_key.",
                )
            case "AccessDenied" | "403" | "InvalidRequest" | "InvalidArgument" if encrypted:
                return StorageError(
                    f"The own bucket {self.name} refused an object that is encrypted with a customer key (SSE-C){said}",
                    "Allow s3:PutObject to these credentials and, as new AWS buckets refuse SSE-C until their owner "
                    "enables it, allow SSE-C in the bucket's encryption settings; or set encryption to platform.",
                )
            case "AccessDenied" | "403":
                return StorageError(
                    f"The own bucket {self.name} refused access{said}",
                    "Allow s3:PutObject, s3:GetObject and s3:ListBucket to these credentials.",
                )
        return StorageError(f"The own bucket {self.name} refused the request{said}", "Check the bucket's settings.")


def _status(failure: Exception) -> int:
    """Return the HTTP status of an answer of S3; 0 where there was none."""
    response: dict[str, Any] = getattr(failure, "response", None) or {}
    return int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def _check_endpoint(endpoint: str) -> None:
    """Raise ConfigurationError when the configured endpoint cannot be used."""
    remedy = "Set s3_endpoint_url to the address of the S3 service, or leave it empty for AWS."
    if "@" in endpoint or "?" in endpoint or "#" in endpoint:
        raise ConfigurationError("The configured s3_endpoint_url carries credentials or a query.", remedy)
    try:
        parts = urlsplit(endpoint)
        usable = parts.scheme in {"http", "https"} and parts.hostname and parts.port != 0
    except ValueError:
        raise ConfigurationError("The configured s3_endpoint_url is not a URL.", remedy) from None
    if not usable:
        raise ConfigurationError(f"The configured s3_endpoint_url, {endpoint}, is not an http(s) URL.", remedy)
    if parts.scheme == "http" and not is_loopback(parts.hostname):
        raise ConfigurationError(
            f"The configured s3_endpoint_url, {endpoint}, is plain http, which would show the key.",
            "Set s3_endpoint_url to the same address with https.",
        )


def own_bucket(configuration: Configuration, *, bucket: str | None, prefix: str | None) -> OwnBucket | None:
    """Return the own bucket to export to, or None for the platform's.

    Args:
        configuration: its `s3_*` are the default target.
        bucket: overrides the configured one; empty text means the platform's bucket.
        prefix: overrides the configured one.

    Raises:
        UsageError, ConfigurationError: the bucket is configured in part, or its endpoint is plain http.
    """
    bucket = None if bucket is None else bucket.strip()
    if bucket == "":
        if prefix:
            raise UsageError(
                "The argument s3_prefix is given for the platform's own bucket.",
                "Leave s3_prefix out, or give s3_bucket.",
            )
        return None
    needed = {
        "s3_bucket": bucket or configuration.s3_bucket,
        "s3_region": configuration.s3_region,
        "s3_access_key_id": configuration.s3_access_key_id,
        "s3_secret_access_key": configuration.s3_secret_access_key,
    }
    optional = {"s3_prefix": prefix or configuration.s3_prefix, "s3_endpoint_url": configuration.s3_endpoint_url}
    if not any(needed.values()) and not any(optional.values()):
        return None
    missing = [name for name, value in needed.items() if not value]
    if missing:
        raise ConfigurationError(
            f"The own bucket is configured in part, without {', '.join(missing)}.",
            "Give s3_bucket, s3_region, s3_access_key_id and s3_secret_access_key together, or none of them.",
        )
    endpoint = configuration.s3_endpoint_url
    if endpoint is not None:
        _check_endpoint(endpoint)
    secret = configuration.s3_secret_access_key
    assert secret is not None  # noqa: S101 - it is among `needed`
    return OwnBucket(
        name=str(needed["s3_bucket"]),
        region=str(needed["s3_region"]),
        access_key_id=str(needed["s3_access_key_id"]),
        secret_access_key=secret,
        prefix=optional["s3_prefix"],
        endpoint_url=endpoint,
    )
