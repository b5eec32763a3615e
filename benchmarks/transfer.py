"""How fast an export is fetched, beside what people use: curl, aria2c, the official exporter, rclone where installed.

An HTTP server on loopback (nginx where it is installed, else Python's own) serves a file of seeded events, once without
a limit and once at 20 MB/s a connection. Every candidate is a process of its own; the table has its wall time, its CPU
time and its peak memory. "verified" means that every gzip member's checksum, every line and the SHA-256 were computed;
"unverified" that the bytes only were brought here.

Usage: python benchmarks/transfer.py [--mib 1024] [--limited-mib 1024]

The script calls itself to make the file and for this project's own rows: the process that measures stays small, because
a child's peak memory counts from its parent's.
"""

from __future__ import annotations

import argparse
import contextlib
import http.server
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LIMIT_MB_S = 20
FIELDS = ["@timestamp", "message", "user.name", "source.ip", "event.action", "event.outcome", "host.name"]

NGINX = """
{user} daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{
    listen 127.0.0.1:{port};
    location /fast/ {{ alias {folder}/data/; }}
    location /slow/ {{ alias {folder}/data/; limit_rate {limit}; }}
  }}
}}
"""


@dataclass
class Taken:
    """What a process took."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def measure(command: list[str]) -> Taken:
    """Run a command to its end and return what it, and what it started, took."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{command[0]} ended with {process.returncode}")
    return Taken(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def make_export(path: Path, size_mib: int) -> None:
    """Write gzip members of seeded events, the same few dozen over and over, up to the size."""
    from sekoia_export.simulator.content import members
    from sekoia_export.simulator.events import Events, Period

    day = Period(datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC))
    events = Events(seed=1, total=240_000, period=day)
    pattern = b"".join(members(events, FIELDS, per_member=10_000))
    with path.open("wb") as file:
        while file.tell() < size_mib << 20:
            file.write(pattern)


@contextlib.contextmanager
def served(folder: Path) -> Iterator[tuple[str, bool]]:
    """Serve `folder`/data and yield the address and whether it can limit a connection's rate."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    nginx = shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin")
    if nginx is None:
        handler = lambda *given: http.server.SimpleHTTPRequestHandler(*given, directory=str(folder / "data"))  # noqa: E731
        with http.server.ThreadingHTTPServer(("127.0.0.1", port), handler) as server:
            threading.Thread(target=server.serve_forever, daemon=True).start()
            yield f"http://127.0.0.1:{port}", False
            server.shutdown()
        return
    configuration = folder / "nginx.conf"
    user = "user root;" if os.getuid() == 0 else ""  # its workers could not read the temporary folder otherwise
    configuration.write_text(NGINX.format(user=user, folder=folder, port=port, limit=LIMIT_MB_S * 1_000_000))
    process = subprocess.Popen([nginx, "-c", str(configuration), "-e", str(folder / "error.log")])
    try:
        while process.poll() is None:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                break
        yield f"http://127.0.0.1:{port}", True
    finally:
        process.terminate()
        process.wait()


def own_fetch(url: str, file: str, connections: int, *, verified: bool) -> None:
    """Fetch as `fetch_and_decrypt` does; without proof only where that is what is measured."""
    from pydantic import SecretStr

    from sekoia_export.archive import ArchiveFacts, ArchiveOptions, ArchiveReader, Inflated
    from sekoia_export.clock import Deadline, SystemClock
    from sekoia_export.transfer.download import download
    from sekoia_export.transfer.local_storage import LocalDataStorage
    from sekoia_export.transfer.presigned import PresignedObject, storage_session
    from sekoia_export.transfer.probing import probe

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
            return ArchiveFacts(
                events_count=0,
                first_timestamp=None,
                last_timestamp=None,
                sha256="",
                written_size_bytes=self._size,
                compressed_size_bytes=self._size,
                inflated_size_bytes=0,
            )

    target = Path(file)
    deadline = Deadline(SystemClock(), None)
    with storage_session() as session:
        source = PresignedObject(SecretStr(url), session=session)
        download(
            source,
            probe=probe(lambda _key: source, [], deadline=deadline),
            storage=LocalDataStorage(target.parent),
            name=target.name,
            options=ArchiveOptions(),
            deadline=deadline,
            connections=connections,
            proof=ArchiveReader if verified else NoProof,
        )


def candidates(url: str, file: Path, connections: int) -> dict[str, Callable[[], Taken]]:
    """Return what to run for one table, by name; what is not installed is left out."""
    own = [sys.executable, __file__, "--fetch", url, str(file), str(connections)]
    found: dict[str, Callable[[], Taken]] = {
        "this, verified": lambda: measure([*own, "verified"]),
        "this, unverified": lambda: measure([*own, "unverified"]),
    }
    if shutil.which("curl"):
        found["curl"] = lambda: measure(["curl", "-s", "-o", str(file), url])
        found["curl, then zcat | wc -l"] = lambda: measure(
            ["sh", "-c", f"curl -s -o {file} {url} && zcat {file} | wc -l"]
        )
    if shutil.which("aria2c"):
        many = [
            f"-x{min(connections, 16)}",
            f"-s{connections}",
            "-k1M",
            "--file-allocation=none",
            "--allow-overwrite=true",
        ]
        found[f"aria2c -x{connections}"] = lambda: measure(
            ["aria2c", "-q", *many, "-d", str(file.parent), "-o", file.name, url]
        )
    if importlib.util.find_spec("sekoia_event_exporter"):
        code = f"from sekoia_event_exporter.cli import download_file; download_file({url!r}, {str(file)!r})"
        found["official exporter"] = lambda: measure([sys.executable, "-c", code])
    if shutil.which("rclone"):
        found["rclone"] = lambda: measure(["rclone", "copyurl", url, str(file)])
    return found


def table(title: str, *, size_mib: float, url: str, folder: Path, connections: int, only: tuple[str, ...] = ()) -> None:
    print(f"\n{title}\n{'':<28}{'wall s':>9}{'MB/s':>9}{'CPU s':>9}{'peak MiB':>10}", flush=True)
    for name, run in candidates(url, folder / "fetched.gz", connections).items():
        if only and not name.startswith(only):
            continue
        for leftover in folder.glob("fetched.gz*"):
            leftover.unlink()
        shutil.rmtree(folder / ".sekoia-export", ignore_errors=True)
        taken = run()
        rate = size_mib * 1.048576 / taken.wall_s
        print(f"{name:<28}{taken.wall_s:>9.2f}{rate:>9.0f}{taken.cpu_s:>9.2f}{taken.peak_mib:>10.0f}", flush=True)


def inflating(file: Path) -> None:
    for name in ("igzip", "zcat"):
        if shutil.which(name):
            taken = measure(["sh", "-c", f"{name} -dc {file} | wc -l"])
            print(f"{name} -dc | wc -l on the finished file: {taken.wall_s:.2f} s", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024, help="size of the file without a limit")
    parser.add_argument("--limited-mib", type=int, default=1024, help="size of the file at 20 MB/s a connection")
    parser.add_argument("--fetch", nargs=4, metavar=("URL", "FILE", "CONNECTIONS", "PROOF"), help=argparse.SUPPRESS)
    parser.add_argument("--make", nargs=2, metavar=("FILE", "MIB"), help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.make:
        make_export(Path(given.make[0]), int(given.make[1]))
        return
    if given.fetch:
        url, file, connections, proof = given.fetch
        own_fetch(url, file, int(connections), verified=proof == "verified")
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()
        for size, file in ((given.mib, "export.gz"), (given.limited_mib, "limited.gz")):
            subprocess.run([sys.executable, __file__, "--make", str(folder / "data" / file), str(size)], check=True)
        size_mib = (folder / "data" / "export.gz").stat().st_size / (1 << 20)
        limited_mib = (folder / "data" / "limited.gz").stat().st_size / (1 << 20)
        with served(folder) as (address, limits):
            title = f"loopback, no limit, {size_mib:.0f} MiB"
            table(title, size_mib=size_mib, url=f"{address}/fast/export.gz", folder=folder, connections=16)
            inflating(folder / "data" / "export.gz")
            if not limits:
                print("nginx is not installed: the tables at 20 MB/s a connection are left out")
                return
            for connections, only in ((4, ("this", "aria2c")), (16, ())):
                title = f"{LIMIT_MB_S} MB/s a connection, {connections} connections, {limited_mib:.0f} MiB"
                slow = f"{address}/slow/limited.gz"
                table(title, size_mib=limited_mib, url=slow, folder=folder, connections=connections, only=only)


if __name__ == "__main__":
    main()
