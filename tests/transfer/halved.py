"""A process that is killed (SIGKILL) when half of an object was read, and one that goes on: `python -m ... '<json>'`.

It imports the transfer once and forks a child for each download; what the children read is printed.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3  # noqa: F401  takes long: once, before the forks
from pydantic import SecretStr

from sekoia_export.archive import ArchiveFormat, ArchiveOptions
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.transfer.download import download
from sekoia_export.transfer.local_storage import LocalDataStorage
from sekoia_export.transfer.presigned import PresignedObject, storage_session
from sekoia_export.transfer.probing import Probe
from sekoia_export.transfer.s3_storage import S3DataStorage
from tests.transfer.clients import client_at
from tests.transfer.metered import Metered

if TYPE_CHECKING:
    from sekoia_export.transfer.data_storage import DataStorage


class Deadly(Metered):
    """Kills its process when so many bytes were read."""

    def __init__(self, source: PresignedObject, *, budget_bytes: int) -> None:
        super().__init__(source)
        self._left_bytes = budget_bytes

    def take(self, data: bytes) -> bytes:
        data = super().take(data)
        if self.read_bytes >= self._left_bytes:
            os.kill(os.getpid(), signal.SIGKILL)
        return data


def storage_of(order: dict[str, Any]) -> DataStorage:
    if "folder" in order:
        return LocalDataStorage(Path(order["folder"]))
    return S3DataStorage(client_at(order["endpoint"], *order["credentials"]), order["bucket"], "data")


def fetch(order: dict[str, Any], *, dies: bool) -> int:
    """Download in a child; return the bytes that it read, of which half the object is certain when it died."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        with storage_session() as session:
            presigned = PresignedObject(SecretStr(order["url"]), session=session)
            half = order["size_bytes"] // 2
            source = Deadly(presigned, budget_bytes=half) if dies else Metered(presigned)
            download(
                source,
                probe=Probe(key=None, size_bytes=order["size_bytes"], etag=order["etag"], ranges=True),
                storage=storage_of(order),
                name=order["name"],
                options=ArchiveOptions(format=ArchiveFormat(order["format"])),
                deadline=Deadline(SystemClock(), 60),
            )
        os.write(writing, str(source.read_bytes).encode())
        os._exit(0)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    told = os.read(reading, 32)
    os.close(reading)
    if status != (signal.SIGKILL if dies else 0):
        raise SystemExit(f"a download ended with {status}")
    return int(told or 0)


def main() -> None:
    again = []
    for order in json.loads(sys.argv[1]):
        fetch(order, dies=True)
        again.append(fetch(order, dies=False))
    sys.stdout.write(json.dumps(again))


if __name__ == "__main__":
    main()
