"""Reports of files in an S3 data storage: page and picture are objects beside them."""

from __future__ import annotations

from contextlib import closing

from sekoia_export.arguments.base import read_arguments
from sekoia_export.arguments.report import ReportArguments
from sekoia_export.operations.report import Reporter
from sekoia_export.simulator import Simulator
from sekoia_export.transfer.s3_storage import S3DataStorage
from tests.analysis.conftest import in_this_process, lines_of
from tests.clock import ManualClock
from tests.transfer.clients import client_at


def test_an_object_is_reported_beside_it() -> None:
    events = [{"@timestamp": f"2026-01-0{day}T00:00:00.000Z", "source.ip": "8.8.8.8"} for day in (1, 2, 2)]
    with Simulator() as simulator:
        bucket = simulator.buckets.create("data")
        with closing(client_at(simulator.storage_url, bucket.access_key_id, bucket.secret_access_key)) as client:
            storage = S3DataStorage(client, "data", "playbook")
            storage.write("exports/a.jsonl", lines_of(events))
            given = read_arguments(ReportArguments, {"file_path": "exports/a.jsonl"})
            results = Reporter(storage, ManualClock(), run=in_this_process).write(given).results
            page, picture = storage.read("exports/a.report.html"), storage.read("exports/a.report.png")
    assert (results.file_path, results.timeline_path) == ("exports/a.report.html", "exports/a.report.png")
    assert page is not None
    assert b"8.8.8.8" in page
    assert picture is not None
    assert picture.startswith(b"\x89PNG")
