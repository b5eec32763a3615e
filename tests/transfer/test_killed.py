"""A process that is killed at any moment: the next one ends with the right bytes, and fetches few of them again."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sekoia_export.transfer.local_storage import LocalDataStorage
from sekoia_export.transfer.s3_storage import S3DataStorage
from tests.transfer.test_resume import export_of

if TYPE_CHECKING:
    from tests.transfer.clients import ClientFor
    from tests.transfer.shelf import Shelf

MEBIBYTE = 1024 * 1024
ROOT = Path(__file__).parents[2]
LINES = b"".join(b'{"id":"%s"}\n' % hashlib.sha512(b"%d" % number).hexdigest().encode() for number in range(30_000))
OBJECT = gzip.compress(LINES[:2_000_000], 1, mtime=0) + gzip.compress(LINES[2_000_000:], 1, mtime=0)


@pytest.mark.parametrize(("seed", "output", "kills"), [(1, "jsonl.gz", 70), (2, "jsonl.gz", 70), (3, "jsonl", 60)])
def test_killed_at_two_hundred_moments(shelf: Shelf, tmp_path: Path, seed: int, output: str, kills: int) -> None:
    stored = shelf.put(OBJECT)
    expected = tmp_path / "expected"
    expected.write_bytes(OBJECT if output == "jsonl.gz" else LINES)
    order = {
        "url": shelf.url().get_secret_value(),
        "size_bytes": len(OBJECT),
        "etag": stored.etag,
        "folder": str(tmp_path / "data"),
        "expected": str(expected),
        "format": output,
        "seed": seed,
        "kills": kills,
    }
    done = subprocess.run(
        [sys.executable, "-m", "tests.transfer.mortal", json.dumps(order)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["kills"], told["wrong"]) == (kills, 0)
    assert told["finished"] >= kills // 5


def test_a_kill_at_half_costs_under_a_quarter_again(shelf: Shelf, tmp_path: Path, client_for: ClientFor) -> None:
    orders: list[dict[str, Any]] = []
    expected: list[bytes] = []
    bucket = {
        "bucket": "shelf",
        "endpoint": shelf.simulator.storage_url,
        "credentials": [shelf.bucket.access_key_id, shelf.bucket.secret_access_key],
    }
    for mebibytes, times, output in ((4, 1, "jsonl.gz"), (11, 1, "jsonl"), (11, 15, "jsonl.gz")):
        lines, export = (content * times for content in export_of(mebibytes * MEBIBYTE))
        name = f"{mebibytes}-{times}.{output}"
        stored = shelf.put(export, name=name)
        # The largest is one whose parts go into the bucket straight, or are copied there.
        for place in ({"folder": str(tmp_path / "data")}, bucket)[times > 1 :]:
            orders.append(
                {
                    "url": shelf.url(name).get_secret_value(),
                    "size_bytes": len(export),
                    "etag": stored.etag,
                    "name": name,
                    "format": output,
                    **place,
                }
            )
            expected.append(lines if output == "jsonl" else export)
    done = subprocess.run(
        [sys.executable, "-m", "tests.transfer.halved", json.dumps(orders)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    shelf.storage = LocalDataStorage(tmp_path / "data")
    in_bucket = S3DataStorage(client_for(shelf), "shelf", "data")
    for order, content, again in zip(orders, expected, json.loads(done.stdout), strict=True):
        storage = shelf.storage if "folder" in order else in_bucket
        assert storage.read(str(order["name"])) == content
        half = order["size_bytes"] // 2
        assert again < order["size_bytes"] - half + order["size_bytes"] // 4, order
    assert shelf.bucket.uploads == {}
    assert not [name for name in shelf.bucket.objects if "parts" in name]
