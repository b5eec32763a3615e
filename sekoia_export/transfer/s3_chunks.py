"""What is kept in a bucket of an object that is being fetched: chunks, each an object of its own, and their state.

::

    <data storage>/.sekoia-export/parts/<hash of the name>/
    ├── state.json    {"version": 1, "etag": "...", "size_bytes": 1073741824, "chunk_bytes": 5242880,
    │                  "upload_id": "..."}
    ├── 000000        bytes 0 to 5242879
    ├── 000001        ...
    └── ...           each written whole, in one PUT

`upload_id` is null until the file's own multipart upload was begun. No secret and no URL is in the state.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from sekoia_export.errors import DataStorageError, StateCorrupt
from sekoia_export.transfer.s3_body import s3_body
from sekoia_export.transfer.s3_failures import s3_failures

if TYPE_CHECKING:
    from mmap import mmap

    from mypy_boto3_s3 import S3Client

    from sekoia_export.transfer.journal import Identity
    from sekoia_export.transfer.s3_storage import S3DataStorage

VERSION = 1
_STATE = "state.json"


class KeptChunks:
    """The chunks of one object.

    Args:
        storage: the data storage.
        client: boto3's client of S3.
        bucket: the bucket of the data storage.
        folder: where the chunks lie, as a name in the data storage.
        folder_key: the same as the start of their keys.
        name: the file's name in the data storage, for texts.
        identity: which object they are of, None where that cannot be told later.
        chunk_bytes: the size of all but the last.
        start_clean: do not use what is there, and do not read its state.

    Attributes:
        etags: the ETag of each chunk that is there, by its number; the first is 0.
        upload_id: of the multipart upload that an earlier run began for the same object, None for none.
        outlive_the_process: whether a later one can tell what they are of.

    Raises:
        StateCorrupt: the state cannot be read.
        DataStorageError: the bucket cannot; so do all methods.
    """

    def __init__(
        self,
        storage: S3DataStorage,
        client: S3Client,
        *,
        bucket: str,
        folder: str,
        folder_key: str,
        name: str,
        identity: Identity | None,
        chunk_bytes: int,
        start_clean: bool,
    ) -> None:
        self.etags: dict[int, str] = {}
        self.upload_id: str | None = None
        self._storage = storage
        self._client = client
        self._bucket = bucket
        self._folder = folder
        self._folder_key = folder_key
        self._name = name
        self._identity = identity
        self.outlive_the_process = identity is not None
        self._chunk_bytes = chunk_bytes
        if not start_clean:
            self._take_up()
        if not self.etags:
            self.clear()
            self._write_state()

    def put(self, index: int, chunk: bytes | mmap) -> None:
        """Keep a chunk."""
        with s3_failures(f"writing {self._name}"):
            answer = self._client.put_object(Bucket=self._bucket, Key=self.key(index), **s3_body(chunk))
        self.etags[index] = answer["ETag"]

    def read(self, index: int, size_bytes: int) -> bytes:
        """Return a chunk, which has to be of that size."""
        data = self._storage.read(self._chunk_name(index))
        if data is None or len(data) != size_bytes:
            raise DataStorageError(f"What was kept of {self._name} has been removed while it was read.")
        return data

    def remove(self, indices: set[int]) -> None:
        """Remove some chunks."""
        self._storage.delete_all([self._chunk_name(index) for index in sorted(indices)])
        for index in indices:
            self.etags.pop(index, None)

    def clear(self) -> None:
        """Remove all of it, the state last: a kill in between leaves no chunk of which nobody knows what it is of."""
        names = sorted(self._storage.names(self._folder), key=lambda name: name == _STATE)
        self._storage.delete_all([f"{self._folder}/{name}" for name in names])
        self.etags.clear()

    def key(self, index: int) -> str:
        """Return a chunk's key in the bucket."""
        return f"{self._folder_key}/{index:06}"

    def note_upload(self, upload_id: str) -> None:
        """Write down which multipart upload a later run is to go on with."""
        if upload_id != self.upload_id:
            self.upload_id = upload_id
            self._write_state()

    def _take_up(self) -> None:
        data = self._storage.read(f"{self._folder}/{_STATE}")
        if data is None:
            return
        try:
            state = json.loads(data)
            version, found = state["version"], (state["etag"], state["size_bytes"], state["chunk_bytes"])
            upload_id = state.get("upload_id")
        except (ValueError, KeyError, TypeError, AttributeError):
            version = None
        if version != VERSION:
            raise StateCorrupt(
                f"The state {self._folder}/{_STATE} of an unfinished fetch is damaged or of another version.",
                "Delete it in the data storage to have the file fetched from its start, and run the step again.",
            )
        if self._identity is not None and found == (*self._identity, self._chunk_bytes):
            etags = self._storage.etags(self._folder)
            self.etags = {int(name): etag for name, etag in etags.items() if name.isdecimal()}
            self.upload_id = upload_id

    def _write_state(self) -> None:
        if self._identity is not None:
            state = {
                "version": VERSION,
                **self._identity._asdict(),
                "chunk_bytes": self._chunk_bytes,
                "upload_id": self.upload_id,
            }
            self._storage.write(f"{self._folder}/{_STATE}", json.dumps(state).encode())

    def _chunk_name(self, index: int) -> str:
        return f"{self._folder}/{index:06}"
