"""A process that is killed at any moment: the next one ends with the right bytes."""

from __future__ import annotations

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.transfer.shelf import Shelf

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
