"""The list of exports: of one search job, whoever triggered them, and of all that a data storage remembers."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from sekoia_export.errors import NotFound, StateCorrupt
from sekoia_export.simulator import Kind
from tests.clock import START
from tests.operations.bench import LISTING, TASK, Bench
from tests.operations.promises import check

if TYPE_CHECKING:
    from tests.operations.conftest import Start


def rows(bench: Bench, **arguments: Any) -> list[dict[str, Any]]:
    """Return the listed exports, checked against the manifest."""
    outcome = bench.listed(**arguments)
    results = check("list_exports", outcome)
    exports: list[dict[str, Any]] = results["exports"]
    assert results["count"] == len(exports)
    assert outcome.branch == ("done" if exports else "empty")
    return exports


def test_all_that_is_known_of_an_export_is_listed(bench: Bench) -> None:
    job, task = bench.exported(fields=["source.ip"])
    file_path = bench.fetch(job, task).results.file_path
    export = bench.only_export()
    (row,) = rows(bench)
    expire_at = row.pop("expire_at")
    assert row.pop("created_at").startswith("2026-01-15T12:00:")
    assert expire_at == export.window_end(bench.simulator.settings).isoformat(timespec="milliseconds")[:-6] + "Z"
    assert row == {
        "job_uuid": str(job),
        "task_uuid": str(task),
        "status": "FINISHED",
        "events": 500,
        "compressed_size": export.size_bytes,
        "fields": ["@timestamp", "source.ip"],
        "encryption": "derived",
        "s3_bucket": None,
        "file_path": file_path,
    }


def test_a_search_job_s_list_has_everyone_s_exports_and_the_storage_s_only_its_own(bench: Bench) -> None:
    job, first = bench.exported()
    bench.clock.advance(60)
    theirs = bench.others_export(job, ["host.name"])
    bench.finish_exports()
    bench.clock.advance(60)
    other_job, second = bench.exported(bench.job(query="other"))
    assert [row["task_uuid"] for row in rows(bench, job_uuid=str(job))] == [theirs, str(first)]
    assert [(row["job_uuid"], row["task_uuid"]) for row in rows(bench)] == [
        (str(other_job), str(second)),
        (str(job), str(first)),
    ]
    not_ours = rows(bench, job_uuid=str(job))[0]
    assert (not_ours["encryption"], not_ours["fields"], not_ours["file_path"]) == (None, ["host.name"], None)


def test_what_still_runs_failed_or_was_canceled_is_told(start: Start) -> None:
    bench = start(task_outcome="failed")
    job = bench.job()
    bench.trigger(job)
    bench.finish_exports()
    bench.set(export_duration_s=1000.0, running_listed=False)
    bench.clock.advance(60)
    bench.trigger(job, fields=["host.name"])
    assert [row["status"] for row in rows(bench)] == ["RUNNING", "FAILED"]


def test_a_file_that_is_gone_is_not_listed_as_fetched_and_the_newest_is(bench: Bench) -> None:
    job, task = bench.exported()
    first = str(bench.fetch(job, task).results.file_path)
    bench.clock.advance(60)
    second = str(bench.fetch(job, task, format="jsonl", file_name="cases/7.jsonl").results.file_path)
    assert rows(bench)[0]["file_path"] == second == "cases/7.jsonl"
    (bench.folder / second).unlink()
    assert rows(bench)[0]["file_path"] == first
    (bench.folder / first).write_bytes(b"of another")
    assert rows(bench)[0]["file_path"] is None


def test_a_file_that_was_fetched_of_another_s_export_is_remembered(bench: Bench) -> None:
    job = bench.job()
    task = bench.others_export(job, ["host.name"])
    bench.finish_exports()
    bench.configure(encryption_secret=None)
    file_path = bench.fetch(job, task).results.file_path
    (row,) = rows(bench)
    assert (row["task_uuid"], row["file_path"], row["encryption"]) == (task, file_path, "none")
    bench.clock.advance(25 * 3600)
    (row,) = rows(bench)
    assert (row["status"], row["events"], row["file_path"]) == ("EXPIRED", 500, file_path)


def test_one_that_has_no_id_is_listed_once(start: Start) -> None:
    bench = start(export_jobs_shape="object", entry_id=None)
    job, task = bench.exported()
    (row,) = rows(bench, job_uuid=str(job))
    assert (row["task_uuid"], row["status"], row["events"]) == (str(task), "FINISHED", 500)
    for path in bench.state_files().values():
        path.unlink()
    bench.fetch(job)
    (row,) = rows(bench)
    assert (row["task_uuid"], row["file_path"]) == (None, f"{job}.jsonl.gz")


def test_what_the_platform_has_forgotten_is_told_from_memory(bench: Bench) -> None:
    job, task = bench.exported()
    bench.fetch(job, task)
    for path in (TASK, LISTING):
        bench.fault(Kind.STATUS, path, status=404, body=b'{"code": "not_found"}', times=None)
    (row,) = rows(bench)
    assert (row["status"], row["events"], row["fields"]) == ("UNKNOWN", 500, ["@timestamp", "message"])
    bench.clock.advance(25 * 3600)
    (row,) = rows(bench, job_uuid=str(job))
    assert row["status"] == "EXPIRED"


def test_the_platform_is_not_asked_for_what_it_cannot_have_any_more(bench: Bench) -> None:
    bench.fetch(*bench.exported())
    bench.exported(bench.job(query="never fetched"))
    bench.clock.advance(timedelta(days=9).total_seconds())
    before = len(bench.simulator.requests)
    assert [row["status"] for row in rows(bench)] == ["EXPIRED", "EXPIRED"]
    assert len(bench.simulator.requests) == before


def test_nothing_to_list_is_a_branch_and_a_mistyped_search_job_an_error(bench: Bench) -> None:
    assert rows(bench) == []
    assert rows(bench, job_uuid=str(bench.job())) == []
    with pytest.raises(NotFound):
        bench.listed(job_uuid=str(uuid4()))


def test_an_expired_search_job_still_lists_what_was_asked_for_here(bench: Bench) -> None:
    job, task = bench.exported()
    bench.clock.advance(2 * 3600)
    assert [row["task_uuid"] for row in rows(bench, job_uuid=str(job))] == [str(task)]


@pytest.mark.parametrize(
    ("kind", "damage"),
    [("tasks", {"version": 2}), ("fetches", {"file_path": "../../etc/passwd"}), ("fetches", {"task_uuid": "x"})],
)
def test_what_cannot_be_read_is_an_error_that_names_the_file(bench: Bench, kind: str, damage: dict[str, Any]) -> None:
    import json

    bench.fetch(*bench.exported())
    (path,) = (path for name, path in bench.state_files().items() if name.startswith(kind))
    path.write_text(json.dumps({**json.loads(path.read_text()), **damage}))
    with pytest.raises(StateCorrupt, match=rf"{kind}/{path.name}"):
        bench.listed()


def test_every_form_of_the_listing_is_read(start: Start) -> None:
    for settings in (
        {"export_jobs_shape": "items", "entry_id": "both"},
        {"entry_status": False, "entry_fields": False, "entry_created_at": False},
        {"count_present": False, "download_url_in": "task"},
    ):
        bench = start(**settings)
        job, task = bench.exported()
        (row,) = rows(bench, job_uuid=str(job))
        assert (row["task_uuid"], row["status"]) == (str(task), "FINISHED")
        assert row["created_at"] >= START.isoformat()
