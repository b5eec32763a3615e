from __future__ import annotations

import gzip
import re
import subprocess
import sys
import tracemalloc
from pathlib import Path

from tests.simulator.client import KEY, OTHER_KEY, sse_c
from tests.simulator.conftest import Connect

ROOT = Path(__file__).parents[2]


def test_a_huge_object_is_served_at_any_range_without_being_held(connect: Connect) -> None:
    client = connect(total_events=100_000_000, events_per_member=5_000, pattern_members=4, export_duration_s=7_200)
    task_uuid = client.export(key=KEY, fields=["@timestamp", "message", "file.hash.sha256", "event.id"])
    export = client.simulator.exports[task_uuid]
    url = client.url(task_uuid)
    assert export.count == 100_000_000
    assert export.size_bytes > 2_000_000_000
    assert client.fetch(url).status_code == 400
    assert client.fetch(url, sse_c(OTHER_KEY)).status_code == 403
    tracemalloc.start()
    middle = export.size_bytes // 2
    answer = client.http.get(
        url, headers={**sse_c(), "Range": f"bytes={middle}-{middle + 200_000_000 - 1}"}, stream=True, timeout=60
    )
    received = sum(len(chunk) for chunk in answer.iter_content(1 << 20))
    peak_bytes = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert received == 200_000_000
    assert peak_bytes < 20_000_000
    tail = client.fetch(url, {**sse_c(), "Range": "bytes=-400000"}).content
    last_member = tail[[found.start() for found in re.finditer(b"\x1f\x8b\x08\x00", tail)][-1] :]
    assert gzip.decompress(last_member).endswith(b"\n")
    assert not list(client.simulator.folder.iterdir())


def test_the_simulator_starts_without_the_heavy_libraries() -> None:
    code = "import sys, sekoia_export.simulator; print('boto3' in sys.modules, 'sekoia_automation' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False False"
