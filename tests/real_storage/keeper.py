"""Keeps one S3 server alive for as long as any test process uses it.

`python -m tests.real_storage.keeper SERVER FOLDER` is started by the first process that needs the server. Every user
holds a shared lock on `FOLDER/users`; the kernel drops it with the process, however that ends. So whoever gets the
exclusive lock knows that nobody is left: this process waits for it, and then stops the server.
"""

from __future__ import annotations

import fcntl
import shutil
import signal
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tests.real_storage.ceph import ceph
from tests.real_storage.seaweedfs import seaweedfs
from tests.real_storage.server import OWNER, STRANGER

if TYPE_CHECKING:
    from types import FrameType

_SERVERS = {"ceph": ceph, "seaweedfs": seaweedfs}


def main(name: str, folder: Path) -> None:
    """Run the server; its URL stands in `FOLDER/url` while it does. Its log stays there when it does not start."""
    data = Path(tempfile.mkdtemp(dir=folder, prefix=f"{name}-"))
    url_file = folder / "url"
    with (folder / "users").open("rb") as users:
        with _SERVERS[name](data, owner=OWNER, stranger=STRANGER) as url:
            unfinished = url_file.with_suffix(".part")
            unfinished.write_text(url)
            unfinished.rename(url_file)
            try:
                fcntl.flock(users, fcntl.LOCK_EX)
            finally:
                url_file.unlink()
        shutil.rmtree(data, ignore_errors=True)


def _stop(_number: int, _frame: FrameType | None) -> None:
    raise SystemExit(1)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _stop)
    main(sys.argv[1], Path(sys.argv[2]))
