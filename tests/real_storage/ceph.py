"""Ceph's RADOS gateway as an S3 server on loopback: a monitor, an OSD in memory, a gateway, from Debian's packages.

The stricter second server of these tests, see `make test-ceph`.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import uuid
from typing import TYPE_CHECKING

from tests.real_storage.processes import HOST, free_ports, running, wait_for_port

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.real_storage.server import Credentials

_START_S = 60.0
_COMMAND_S = 60.0
_GRACE_S = 2.0
_MEMORY_BYTES = 2 * 1024**3
_CONFIGURATION = """\
[global]
fsid = {fsid}
keyring = {folder}/keyring
run dir = {folder}
admin socket =
pid file =
log file = {folder}/$name.log
crash dir = {folder}
mon host = v2:{host}:{mon_port}
mon initial members = a
public addr = {host}
public network = 127.0.0.0/8
auth cluster required = cephx
auth service required = cephx
auth client required = cephx
# One copy, on the one OSD, in as few placement groups as there can be.
mon allow pool size one = true
mon max pg per osd = 1000
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 1
osd pool default pgp num = 1
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
# The gateway makes a dozen pools, each a round of agreement with itself.
paxos propose interval = 0.05
paxos min wait = 0.01
[mon]
mon cluster log file = {folder}/cluster.log
mon data = {folder}/mon
mon data avail warn = 1
mon data avail crit = 1
[osd]
osd data = {folder}/osd
osd objectstore = memstore
memstore device bytes = {memory_bytes}
osd class load list = *
osd class default list = *
[client]
rgw frontends = beast endpoint={host}:{port} tcp_nodelay=1
rgw crypt require ssl = false
rgw run sync thread = false
rgw thread pool size = 64
"""


@contextlib.contextmanager
def ceph(folder: Path, *, owner: Credentials, stranger: Credentials) -> Iterator[str]:
    """Run a cluster in an empty folder and give its gateway's URL; `stranger` may do nothing with what `owner` has."""
    port, mon_port = free_ports(2)
    cluster = _Cluster(folder, port=port, mon_port=mon_port)
    with contextlib.ExitStack() as stack:
        cluster.prepare()
        cluster.start(stack, "ceph-mon", "-i", "a")
        cluster.add_osd()
        cluster.start(stack, "ceph-osd", "-i", "0")
        gateway = cluster.start(stack, "radosgw", "-n", "client.rgw.a")
        for credentials in (owner, stranger):
            cluster.add_user(credentials)
        wait_for_port(port, gateway, timeout_s=_START_S)
        yield f"http://{HOST}:{port}"


class _Cluster:
    """A cluster's files, and the commands that make them."""

    def __init__(self, folder: Path, *, port: int, mon_port: int) -> None:
        self._folder = folder
        self._fsid = str(uuid.uuid4())
        self._mon_address = f"[v2:{HOST}:{mon_port}]"
        self._settings = folder / "ceph.conf"
        self._settings.write_text(
            _CONFIGURATION.format(
                folder=folder, fsid=self._fsid, host=HOST, port=port, mon_port=mon_port, memory_bytes=_MEMORY_BYTES
            )
        )
        for name in ("mon", "osd"):
            (folder / name).mkdir()

    def prepare(self) -> None:
        """Make the monitor's map, the keys of all daemons, and the monitor's store."""
        keyring, monmap = str(self._folder / "keyring"), str(self._folder / "monmap")
        self._run("monmaptool", "--create", "--fsid", self._fsid, "--addv", "a", self._mon_address, monmap)
        self._run("ceph-authtool", "--create-keyring", keyring, "--gen-key", "-n", "mon.", "--cap", "mon", "allow *")
        everything = [argument for part in ("mon", "osd", "mgr") for argument in ("--cap", part, "allow *")]
        for name in ("client.admin", "client.rgw.a", "osd.0"):
            self._run("ceph-authtool", keyring, "--gen-key", "-n", name, *everything)
        self._run(*self._told("ceph-mon"), "-i", "a", "--mkfs", "--monmap", monmap, "--keyring", keyring)

    def add_osd(self) -> None:
        """Tell the running monitor of the one OSD, and make its store."""
        osd_uuid = str(uuid.uuid4())
        self._run(*self._told("ceph"), "osd", "new", osd_uuid)
        self._run(*self._told("ceph"), "osd", "crush", "add", "osd.0", "1.0", "root=default", "host=localhost")
        self._run(*self._told("ceph-osd"), "-i", "0", "--mkfs", "--osd-uuid", osd_uuid)

    def add_user(self, credentials: Credentials) -> None:
        """Make a user of S3."""
        name = credentials.access_key_id
        keys = [f"--access-key={name}", f"--secret-key={credentials.secret_access_key}"]
        self._run(*self._told("radosgw-admin"), "user", "create", f"--uid={name}", f"--display-name={name}", *keys)

    def start(self, stack: contextlib.ExitStack, daemon: str, *arguments: str) -> subprocess.Popen[bytes]:
        """Start a daemon in the foreground; `stack` stops it."""
        log = self._folder / f"{daemon}.out"
        command = [*self._told(daemon), *arguments, "-f"]
        return stack.enter_context(running(command, log=log, env=os.environ, grace_s=_GRACE_S))

    def _told(self, command: str) -> list[str]:
        return [command, "-c", str(self._settings)]

    def _run(self, *command: str) -> None:
        done = subprocess.run(
            command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=_COMMAND_S, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{command[0]} ended with status {done.returncode}: {done.stderr[-2000:]}")
