"""The processes of this project, and of boto3, that the transfer's benchmark measures.

    python _fetching.py make FILE MIB                       write gzip members of seeded events
    python _fetching.py local PROOF URL FOLDER CONNECTIONS  fetch as fetch_and_decrypt does, to a folder
    python _fetching.py s3 PROOF URL ENDPOINT NAME          the same, to S3 data storage
    python _fetching.py boto3 HOW URL ENDPOINT NAME FOLDER  with boto3: streamed, or by a file in a folder

PROOF is `verified` (checksums of every gzip member, lines, SHA-256) or `unverified` (the bytes only). Each is a process
of its own because a child's peak memory counts from its parent's.
"""

from __future__ import annotations

import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from mypy_boto3_s3 import S3Client

    from sekoia_export.archive import ArchiveFacts, ArchiveOptions, Inflated
    from sekoia_export.transfer.data_storage import DataStorage

FIELDS = ["@timestamp", "message", "user.name", "source.ip", "event.action", "event.outcome", "host.name"]
BUCKET, ACCESS_KEY_ID, SECRET_ACCESS_KEY = "benchmark", "benchmark", "of-a-server-on-loopback"


class NoProof:
    """Takes the bytes for what they are."""

    writes_as_it_comes = True
    sound_size_bytes = 0

    def __init__(self, _options: ArchiveOptions) -> None:
        self._size = 0

    def inflate(self, raw: bytes) -> Iterator[Inflated]:
        self._size += len(raw)
        return iter(())

    def inflate_rest(self) -> Iterator[Inflated]:
        return iter(())

    def take(self, _inflated: Inflated) -> Iterator[bytes]:
        return iter(())

    def take_rest(self) -> Iterator[bytes]:
        return iter(())

    def facts(self) -> ArchiveFacts:
        from sekoia_export.archive import ArchiveFacts

        return ArchiveFacts(
            events_count=0,
            first_timestamp=None,
            last_timestamp=None,
            sha256="",
            written_size_bytes=self._size,
            compressed_size_bytes=self._size,
            inflated_size_bytes=0,
        )


def make(path: str, mib: str) -> None:
    """Write seeded events, the same few dozen gzip members over and over, up to the size."""
    from sekoia_export.simulator.content import members
    from sekoia_export.simulator.events import Events, Period

    day = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    events = Events(seed=1, total=240_000, period=day)
    pattern = b"".join(members(events, FIELDS, per_member=10_000))
    with Path(path).open("wb") as file:
        while file.tell() < int(mib) << 20:
            file.write(pattern)


def fetch(proof: str, url: str, storage: DataStorage, name: str, connections: int) -> None:
    from pydantic import SecretStr

    from sekoia_export.archive import ArchiveOptions, ArchiveReader
    from sekoia_export.clock import Deadline, SystemClock
    from sekoia_export.transfer.download import download
    from sekoia_export.transfer.presigned import PresignedObject, storage_session
    from sekoia_export.transfer.probing import probe

    deadline = Deadline(SystemClock(), None)
    with storage_session() as session:
        source = PresignedObject(SecretStr(url), session=session)
        download(
            source,
            probe=probe(lambda _key: source, [], deadline=deadline),
            storage=storage,
            name=name,
            options=ArchiveOptions(),
            deadline=deadline,
            connections=connections,
            proof=ArchiveReader if proof == "verified" else NoProof,
        )


def local(proof: str, url: str, folder: str, connections: str) -> None:
    from sekoia_export.transfer.local_storage import LocalDataStorage

    fetch(proof, url, LocalDataStorage(Path(folder)), "fetched.jsonl.gz", int(connections))


def client(endpoint: str) -> S3Client:
    import boto3

    session: Any = boto3.session.Session()
    made: S3Client = session.client(
        "s3",
        endpoint_url=endpoint,
        region_name="us-east-1",
        aws_access_key_id=ACCESS_KEY_ID,
        aws_secret_access_key=SECRET_ACCESS_KEY,
    )
    return made


def s3(proof: str, url: str, endpoint: str, name: str) -> None:
    from sekoia_export.transfer.s3_storage import S3DataStorage

    fetch(proof, url, S3DataStorage(client(endpoint), BUCKET, "data"), name, 16)


def boto3(how: str, url: str, endpoint: str, name: str, folder: str) -> None:
    import shutil

    import requests

    with requests.get(url, stream=True, timeout=60) as answer:
        body: Any = answer.raw
        if how == "streamed":
            client(endpoint).upload_fileobj(body, BUCKET, f"data/{name}")
            return
        file = Path(folder) / name
        with file.open("wb") as copy:
            shutil.copyfileobj(body, copy, 1 << 20)
    client(endpoint).upload_file(str(file), BUCKET, f"data/{name}")


if __name__ == "__main__":
    jobs: dict[str, Callable[..., None]] = {"make": make, "local": local, "s3": s3, "boto3": boto3}
    jobs[sys.argv[1]](*sys.argv[2:])
