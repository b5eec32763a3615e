"""What boto3 raises, as this project's errors."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

from sekoia_export.errors import DataStorageError, DiskFull

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def s3_failures(doing: str) -> Iterator[None]:
    """Turn boto3's exceptions into DiskFull or DataStorageError; `doing` completes "while ..."."""
    from botocore.exceptions import BotoCoreError, ClientError
    from urllib3.exceptions import HTTPError

    try:
        yield
    except ClientError as error:
        code, status = client_error(error)
        if status == 507 or "quota" in code.lower() or "storagefull" in code.lower():
            raise DiskFull(f"The data storage's bucket became full while {doing} ({code}).") from error
        raise DataStorageError(f"The data storage's bucket refused while {doing}: {status} {code}.") from error
    except (BotoCoreError, HTTPError, OSError) as error:
        raise DataStorageError(
            f"The data storage's bucket could not be reached while {doing}: {type(error).__name__}."
        ) from error


def client_error(error: Exception) -> tuple[str, int]:
    """Return the code and the HTTP status of a ClientError of botocore."""
    response: dict[str, Any] = getattr(error, "response", {})
    code = str(response.get("Error", {}).get("Code", ""))
    return code, int(response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
