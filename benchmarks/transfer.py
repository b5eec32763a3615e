"""How fast an export is fetched, beside what people use: curl, aria2c, rclone, the official exporter, boto3.

Four tables: from loopback without a limit (nginx where it is installed, else the project's own server); at 20 MB/s over
each connection, 4 and 16 of them; to S3 data storage (SeaweedFS of the development environment); and the peak memory
of exports of 100 MB, 1 GB and 10 GB from the simulator, to a folder and, up to 1 GB, to S3 data storage. Every run is
a process of its own, with its wall time, CPU time and peak memory; what took less than 20 s is run several times, in
turns, and the quickest counts. "verified": the checksum of every gzip member, every line and the SHA-256; "unverified":
only the bytes. Peers that are not installed are named and left out.

Usage: python benchmarks/transfer.py [--mib 1024] [--limited-mib 1024] [--s3-mib 256] [--memory-mib 9600] [--rounds 3]
       python benchmarks/transfer.py --memory [--memory-mib 9600]       the last table alone

A size of 0 leaves its table out. The whole takes about 12 minutes on two quiet cores and 14 GB of disk;
`--mib 256 --limited-mib 256 --s3-mib 64 --memory-mib 1024` takes three. Debian has the peers: nginx-light, aria2,
isal, rclone, curl.
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from _fetching import ACCESS_KEY_ID, BUCKET, SECRET_ACCESS_KEY, client
from _measuring import best_of, compare, show

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT_MB_S = 20
SMALL_MIB, MIDDLE_MIB = 95, 954  # 100 MB, 1 GB
HERE = Path(__file__).parent
OWN = [sys.executable, str(HERE / "_fetching.py")]

NGINX = """
{user} daemon off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{ worker_connections 256; }}
http {{
  access_log off; sendfile on; tcp_nopush on; default_type application/octet-stream;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  server {{ listen 127.0.0.1:{port}; location / {{ alias {folder}/data/; }} }}
}}
"""


@contextlib.contextmanager
def served(file: Path, *, times: int = 1, mb_per_s: int = 0) -> Iterator[str]:
    """Serve a file, several times over, with the project's own server; yield its address."""
    command = [sys.executable, str(HERE / "_serving.py"), str(file), str(times), str(mb_per_s * 1_000_000)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{int(process.stdout.readline())}/{file.name}"
        finally:
            process.terminate()


@contextlib.contextmanager
def served_by_nginx(nginx: str, file: Path, folder: Path) -> Iterator[str]:
    with socket.create_server(("127.0.0.1", 0)) as found:
        port = found.getsockname()[1]
    configuration = folder / "nginx.conf"
    user = "user root;" if os.getuid() == 0 else ""  # its workers could not read the temporary folder otherwise
    configuration.write_text(NGINX.format(user=user, folder=folder, port=port))
    with subprocess.Popen([nginx, "-c", str(configuration), "-e", str(folder / "error.log")]) as process:
        try:
            while process.poll() is None:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
            yield f"http://127.0.0.1:{port}/{file.name}"
        finally:
            process.terminate()


@contextlib.contextmanager
def seaweedfs(folder: Path) -> Iterator[str]:
    """Run a server with an empty bucket and yield its address."""
    sys.path.insert(0, str(HERE.parent))
    from tests.real_storage.seaweedfs import seaweedfs as running
    from tests.real_storage.server import Credentials

    owner = Credentials(ACCESS_KEY_ID, SECRET_ACCESS_KEY)
    folder.mkdir()
    with running(folder, owner=owner, stranger=Credentials("stranger", "of-nobody")) as endpoint:
        made = client(endpoint)
        for _ in range(120):
            with contextlib.suppress(Exception):  # it takes some seconds until it takes objects
                if BUCKET not in (each["Name"] for each in made.list_buckets()["Buckets"]):
                    made.create_bucket(Bucket=BUCKET)
                made.put_object(Bucket=BUCKET, Key="ready", Body=b"yes")
                break
            time.sleep(0.5)
        yield endpoint


def peers() -> dict[str, str]:
    """Return where the peers are that are installed, and name those that are not."""
    places = {
        name: shutil.which(name) or shutil.which(name, path="/usr/sbin")
        for name in ("nginx", "curl", "aria2c", "rclone", "igzip", "zcat")
    }
    spec = importlib.util.find_spec("sekoia_event_exporter")
    places["sekoia-event-exporter"] = spec.name if spec else None
    absent = [name for name, place in places.items() if place is None]
    if absent:
        print(f"Not installed here and left out: {', '.join(absent)}")
    return {name: place for name, place in places.items() if place is not None}


def fetchers(found: dict[str, str], url: str, target: Path, connections: int) -> dict[str, list[str]]:
    """Return the commands that fetch a URL to a folder, by name."""
    file = str(target / "fetched.gz")
    commands = {
        f"this, {proof}": [*OWN, "local", proof, url, str(target), str(connections)]
        for proof in ("verified", "unverified")
    }
    if "curl" in found:
        commands["curl"] = ["curl", "-s", "-o", file, url]
    if "aria2c" in found:
        options = [f"-x{connections}", f"-s{connections}", "-k1M", "--file-allocation=none", "--allow-overwrite=true"]
        commands[f"aria2c -x{connections}"] = ["aria2c", "-q", *options, "-d", str(target), "-o", "fetched.gz", url]
    if "rclone" in found:
        commands["rclone copyurl"] = ["rclone", "copyurl", url, file]
    if "sekoia-event-exporter" in found:
        code = f"from sekoia_event_exporter.cli import download_file; download_file({url!r}, {file!r})"
        commands["official exporter"] = [sys.executable, "-c", code]
    return commands


def unlimited(found: dict[str, str], file: Path, folder: Path, rounds: int) -> None:
    target, size = folder / "target", file.stat().st_size
    nginx = found.get("nginx")
    with served_by_nginx(nginx, file, folder) if nginx else served(file) as url:
        commands = fetchers(found, url, target, 16)
        if {"curl", "zcat"} <= set(found):
            both = f"curl -s -o {target}/fetched.gz {url} && zcat {target}/fetched.gz | wc -l"
            commands["curl, then zcat | wc -l"] = ["sh", "-c", both]
        if "igzip" in found:
            commands["igzip -dc | wc -l, file there"] = ["sh", "-c", f"igzip -dc {file} | wc -l"]
        results = best_of(rounds, commands, target)
    show(f"Loopback, no limit, {size >> 20} MiB", results, size_bytes=size)
    compare(results, "this, unverified", ["curl", "aria2c -x16"], goal=1.0)
    compare(results, "this, unverified", ["official exporter"], goal=2.0)
    compare(results, "this, verified", ["curl, then zcat | wc -l"], goal=2.5)
    compare(results, "this, verified", ["igzip -dc | wc -l, file there"], goal=0.9)


def limited(found: dict[str, str], file: Path, folder: Path, rounds: int) -> None:
    target, size = folder / "target", file.stat().st_size
    with served(file, mb_per_s=LIMIT_MB_S) as url:
        for connections in (4, 16):
            commands = fetchers(found, url, target, connections)
            if connections < 16:  # one connection is one connection: the others are measured once
                commands = {name: one for name, one in commands.items() if name.startswith(("this", "aria2c"))}
            results = best_of(rounds, commands, target)
            title = f"{LIMIT_MB_S} MB/s over each connection, {connections} connections, {size >> 20} MiB"
            show(title, results, size_bytes=size)
            compare(results, "this, verified", ["this, unverified"], goal=0.95 if connections == 4 else 0.0)
            compare(results, "this, unverified", [f"aria2c -x{connections}"], goal=1.0)
            compare(results, "this, unverified", ["curl", "official exporter"], goal=10.0)


def to_s3(file: Path, folder: Path, rounds: int) -> None:
    target, size = folder / "target", file.stat().st_size
    with served(file) as url, seaweedfs(folder / "seaweedfs") as endpoint:
        commands = {f"this, {proof}": [*OWN, "s3", proof, url, endpoint, proof] for proof in ("verified", "unverified")}
        for how in ("streamed", "by a local file"):
            commands[f"boto3, {how}"] = [*OWN, "boto3", how, url, endpoint, how, str(target)]
        results = best_of(rounds, commands, target)
    show(f"To S3 data storage (SeaweedFS on this machine), {size >> 20} MiB", results, size_bytes=size)
    for proof in ("verified", "unverified"):
        for how in ("streamed", "by a local file"):
            compare(results, f"this, {proof}", [f"boto3, {how}"], goal=0.8)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--mib", type=int, default=1024, help="size of the file without a limit")
    parser.add_argument("--limited-mib", type=int, default=1024, help="size of the file at 20 MB/s a connection")
    parser.add_argument("--s3-mib", type=int, default=256, help="size of the file that goes to S3 data storage")
    parser.add_argument("--memory-mib", type=int, default=9_600, help="size of the largest export of the memory runs")
    parser.add_argument("--memory", action="store_true", help="only the memory runs")
    parser.add_argument("--rounds", type=int, default=3, help="how often what is short is run")
    given = parser.parse_args()
    if given.memory:
        given.mib = given.limited_mib = given.s3_mib = 0
    found = peers()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "data").mkdir()

        def made(size_mib: int) -> Path:
            file = folder / "data" / f"{size_mib}.gz"
            if not file.exists():
                subprocess.run([*OWN, "make", str(file), str(size_mib)], check=True)
            return file

        if given.mib:
            unlimited(found, made(given.mib), folder, given.rounds)
        if given.limited_mib:
            limited(found, made(given.limited_mib), folder, given.rounds)
        if given.s3_mib:
            to_s3(made(given.s3_mib), folder, given.rounds)
        if given.memory_mib:
            # Loaded last: a process that is measured counts its memory from its parent's.
            from _memory import memory

            sizes = sorted({size for size in (SMALL_MIB, MIDDLE_MIB) if size < given.memory_mib} | {given.memory_mib})
            memory(sizes, [size for size in sizes if size <= MIDDLE_MIB], folder, seaweedfs)


if __name__ == "__main__":
    main()
