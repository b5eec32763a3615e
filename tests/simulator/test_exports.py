from __future__ import annotations

import base64
import gzip
import json
import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sekoia_export.simulator import Progress
from tests.simulator.client import JOBS, KEY, SEARCH, Client, sse_c, sse_c_fields

if TYPE_CHECKING:
    from tests.simulator.conftest import Connect


def events_of(client: Client, task_uuid: str, headers: dict[str, str] | None = None) -> list[dict[str, Any]]:
    answer = client.fetch(client.url(task_uuid), headers)
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in gzip.decompress(answer.content).splitlines()]


def test_an_export_holds_the_events_of_the_search_with_the_fields_asked_for(client: Client) -> None:
    job = client.search()
    fields = ["@timestamp", "source.ip", "destination.port", "no.such.field"]
    task = client.trigger(job, fields=fields).json()["task_uuid"]
    client.clock.advance(60)
    exported = events_of(client, task)
    searched = client.get(f"{JOBS}/{job}/events", params={"limit": 1_000})["items"]
    assert exported == [{name: event[name] for name in fields if name in event} for event in searched]
    assert {len(event) for event in exported} == {1, 2, 3}


def test_a_task_goes_through_its_states(connect: Connect) -> None:
    client = connect(export_pending_s=5, export_duration_s=100, trigger_status=201)
    job = client.search()
    answer = client.trigger(job)
    assert answer.status_code == 201
    task_uuid = answer.json()["task_uuid"]
    pending = client.task(task_uuid)
    assert pending["status"] == "PENDING"
    assert "progress" not in pending
    client.clock.advance(55)
    running = client.task(task_uuid)
    assert (running["status"], running["progress"], running["total"]) == ("RUNNING", 500, 1_000)
    assert "download_url" not in running["attributes"]
    assert client.listing(job)[0] == {
        "created_at": "2026-01-15T12:00:00.300Z",
        "fields": ["@timestamp", "message"],
        "format": "jsonl",
        "status": "RUNNING",
        "task_uuid": task_uuid,
    }
    client.clock.advance(50)
    done = client.task(task_uuid)
    assert (done["status"], done["progress"], done["total"]) == ("FINISHED", 1_000, 1_000)
    entry = client.listing(job)[0]
    size = len(client.fetch(entry["download_url"]).content)
    assert (entry["exported_events_count"], entry["export_size_compressed"]) == (1_000, size)
    assert entry["expire_at"] == "2026-01-16T12:01:45.300Z"


@pytest.mark.parametrize(
    ("shape", "at_half", "at_a_tenth"),
    [
        (Progress.STEADY, (500, 1_000), (100, 1_000)),
        (Progress.BURSTY, (400, 1_000), (0, 1_000)),
        (Progress.STALLING, (600, 1_000), (180, 1_000)),
        (Progress.UNKNOWN, (0, 0), (0, 0)),
    ],
)
def test_progress_has_shapes(
    connect: Connect, shape: Progress, at_half: tuple[int, int], at_a_tenth: tuple[int, int]
) -> None:
    client = connect(export_duration_s=100, progress=shape, unknown_as="zero")
    task_uuid = client.trigger(client.search()).json()["task_uuid"]
    seen = []
    for _ in range(100):
        task = client.task(task_uuid)
        seen.append((task["progress"], task["total"]))
        client.clock.advance(1)
    assert seen == sorted(seen)
    assert seen[10] == at_a_tenth
    assert seen[50] == at_half
    assert client.task(task_uuid)["progress"] == 1_000


def test_late_events_are_exported_too(connect: Connect) -> None:
    client = connect(late_events=50)
    task_uuid = client.export()
    task = client.task(task_uuid)
    assert (task["progress"], task["total"]) == (1_050, 1_000)
    assert len(events_of(client, task_uuid)) == 1_050


@pytest.mark.parametrize(
    ("outcome", "message", "status", "told"),
    [
        ("failed", "", "FAILED", "The export failed: the query service gave up"),
        ("failed", "out of luck", "FAILED", "out of luck"),
        ("canceled", "", "CANCELED", ""),
    ],
)
def test_a_task_can_end_badly(connect: Connect, outcome: str, message: str, status: str, told: str) -> None:
    client = connect(task_outcome=outcome, task_message=message)
    task_uuid = client.export()
    task = client.task(task_uuid)
    assert (task["status"], task["message"]) == (status, told)
    assert task["attributes"].get("error") == (told if status == "FAILED" else None)
    entry = client.listing(client.simulator.exports[task_uuid].job.uuid)[0]
    assert entry["status"] == status
    assert "download_url" not in entry


def test_statuses_can_be_spelled_otherwise(connect: Connect) -> None:
    client = connect(task_statuses=("pending", "running", "success", "error", "Cancelled"))
    assert client.task(client.export())["status"] == "success"


@pytest.mark.parametrize("shape", ["list", "items", "object"])
def test_the_listing_has_shapes(connect: Connect, shape: str) -> None:
    client = connect(export_jobs_shape=shape)
    job = client.search()
    empty = {"list": [], "items": {"items": [], "total": 0}, "object": {}}[shape]
    assert client.listing(job) == empty
    first = client.trigger(job).json()["task_uuid"]
    client.clock.advance(1)
    second = client.trigger(job).json()["task_uuid"]
    listing = client.listing(job)
    if shape == "object":
        assert listing["task_uuid"] == second
    else:
        entries = listing if shape == "list" else listing["items"]
        assert [entry["task_uuid"] for entry in entries] == [first, second]


@pytest.mark.parametrize("entry_id", [None, "task_uuid", "uuid", "both"])
def test_an_entry_is_named_or_not(connect: Connect, entry_id: str | None) -> None:
    client = connect(entry_id=entry_id, entry_status=False, entry_fields=False, entry_created_at=False)
    export = client.simulator.exports[client.export()]
    entry = client.listing(export.job.uuid)[0]
    ids = {name: entry[name] for name in ("task_uuid", "uuid") if name in entry}
    assert (
        ids
        == {
            None: {},
            "task_uuid": {"task_uuid": export.task_uuid},
            "uuid": {"uuid": export.task_uuid},
            "both": {"task_uuid": export.task_uuid, "uuid": export.uuid},
        }[entry_id]
    )
    assert not {"status", "fields", "created_at"} & set(entry)


def test_a_running_export_need_not_be_listed(connect: Connect) -> None:
    client = connect(running_listed=False, export_duration_s=10)
    job = client.search()
    client.trigger(job)
    assert client.listing(job) == []
    client.clock.advance(10)
    assert len(client.listing(job)) == 1


@pytest.mark.parametrize("where", ["both", "task", "export_jobs"])
def test_the_url_stands_where_it_is_told_to(connect: Connect, where: str) -> None:
    client = connect(download_url_in=where)
    task_uuid = client.export()
    in_task = "download_url" in client.task(task_uuid)["attributes"]
    in_listing = "download_url" in client.listing(client.simulator.exports[task_uuid].job.uuid)[0]
    assert (in_task, in_listing) == (where != "export_jobs", where != "task")


def test_the_count_can_lack_or_be_wrong(connect: Connect) -> None:
    client = connect(count_off_by=-3)
    export = client.simulator.exports[client.export()]
    assert client.listing(export.job.uuid)[0]["exported_events_count"] == 997
    client.simulator.settings = replace(client.simulator.settings, count_present=False)
    assert "exported_events_count" not in client.listing(export.job.uuid)[0]


def test_a_region_without_sse_c_refuses_a_key_and_nothing_else(connect: Connect) -> None:
    client = connect(sse_c_supported=False)
    job = client.search()
    refused = client.trigger(job, s3=sse_c_fields())
    assert (refused.status_code, refused.json()["code"]) == (400, "ES110")
    assert client.trigger(job).status_code == 202


@pytest.mark.parametrize("name", ["sse_customer_key", "encryption_key", "sse_c_key"])
@pytest.mark.parametrize("inside", [False, True])
def test_the_platform_can_make_a_key_of_its_own(connect: Connect, name: str, inside: bool) -> None:
    client = connect(platform_key=name, platform_key_in_s3=inside)
    task_uuid = client.export()
    entry = client.listing(client.simulator.exports[task_uuid].job.uuid)[0]
    key = base64.b64decode(entry["s3"][name] if inside else entry[name])
    assert client.fetch(client.url(task_uuid)).status_code == 400
    assert len(events_of(client, task_uuid, sse_c(key))) == 1_000
    assert client.simulator.exports[task_uuid].sealed_by == "platform"


def test_the_platform_makes_no_key_where_the_customer_sent_one(connect: Connect) -> None:
    client = connect(platform_key="encryption_key")
    export = client.simulator.exports[client.export(key=KEY)]
    assert export.sealed_by == "customer"
    assert "encryption_key" not in client.listing(export.job.uuid)[0]
    assert len(events_of(client, export.task_uuid, sse_c())) == 1_000


@pytest.mark.parametrize(
    ("style", "status", "text"), [(409, 409, "Conflict"), (400, 400, "running"), (429, 429, "running")]
)
def test_one_export_runs_at_a_time_in_a_community(connect: Connect, style: int, status: int, text: str) -> None:
    client = connect(export_duration_s=10, busy_style=style)
    job = client.search()
    client.trigger(job)
    busy = client.trigger(client.search())
    assert busy.status_code == status
    assert text in busy.json()["message"]
    other = client.search(community_uuids=["11111111-2222-4333-8444-555555555555"])
    assert client.trigger(other).status_code == 202
    client.clock.advance(10)
    assert client.trigger(job).status_code == 202


def test_a_slot_is_taken_once_under_load(connect: Connect) -> None:
    client = connect(export_duration_s=10)
    job = client.search()
    statuses: list[int] = []
    threads = [
        threading.Thread(target=lambda: statuses.append(client.trigger(job).status_code), name=f"trigger-{number}")
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [202] + [409] * 7


@pytest.mark.parametrize("status", [400, 429])
def test_a_job_has_ten_exports(connect: Connect, status: int) -> None:
    client = connect(quota_status=status, total_events=1)
    job = client.search()
    for _ in range(10):
        assert client.trigger(job).status_code == 202
        client.clock.advance(1)
    refused = client.trigger(job)
    assert refused.status_code == status
    assert "10 exports" in refused.json()["message"]


def test_the_quota_of_a_month_begins_anew_on_the_first(connect: Connect) -> None:
    client = connect(monthly_quota_bytes=1)
    client.export()
    refused = client.trigger(client.search())
    assert refused.status_code == 400
    assert "quota" in refused.json()["message"]
    client.clock.advance(17 * 86_400)
    assert client.trigger(client.search()).status_code == 202


def test_an_export_wants_a_job_that_is_done_alive_small_enough_and_of_one_community(connect: Connect) -> None:
    client = connect(max_events=1_000)
    job = client.ask("POST", JOBS, json=SEARCH).json()["uuid"]
    assert client.trigger(job).json()["code"] == "job_not_done"
    client.clock.advance(1)
    client.simulator.jobs[job].total = 1_001
    assert client.trigger(job).json()["code"] == "too_many_events"
    client.clock.advance(2_000)
    assert client.trigger(job).status_code == 410
    many = client.search(community_uuids=["a", "b"])
    assert client.trigger(many).status_code == 400
    assert client.trigger("11111111-2222-4333-8444-555555555555").status_code == 404


@pytest.mark.parametrize("pending_s", [0, 100])
def test_the_export_of_a_job_that_expires_can_fail_later(connect: Connect, pending_s: float) -> None:
    client = connect(expired_job_export="task_failed", export_pending_s=pending_s, results_ttl_s=60)
    job = client.search()
    client.clock.advance(0 if pending_s else 60)
    task_uuid = client.trigger(job).json()["task_uuid"]
    client.clock.advance(200)
    assert client.task(task_uuid)["status"] == "FAILED"
    assert "expired" in client.task(task_uuid)["message"]


@pytest.mark.parametrize(
    "body",
    [
        {"nonsense": 1},
        {"fields": []},
        {"fields": "message"},
        {"fields": ["source.*"]},
        {"fields": [""]},
        {"s3": []},
        {"s3": 1},
        {"s3": {"bucket": "x"}},
        {"s3": {"bucket_name": 1}},
        {"s3": {"bucket_name": "mine"}},
        {"s3": {"sse_customer_algorithm": "AES256"}},
        {"s3": {**sse_c_fields(), "sse_customer_key": "no base64"}},
        {"s3": {**sse_c_fields(), "sse_customer_key": "c2hvcnQ="}},
        {"s3": {**sse_c_fields(), "sse_customer_algorithm": "AES128"}},
        {"s3": {**sse_c_fields(), "sse_customer_key_md5": "AAAA"}},
    ],
)
def test_an_export_that_cannot_be_understood_is_refused(client: Client, body: dict[str, Any]) -> None:
    answer = client.trigger(client.search(), **body)
    if body == {"s3": []}:  # as empty as none
        assert answer.status_code == 202
        return
    assert answer.status_code == 400, answer.text
    assert not client.simulator.exports


def test_the_body_may_be_absent_but_not_be_a_list(client: Client) -> None:
    job = client.search()
    assert client.ask("POST", f"{JOBS}/{job}/export", json=[]).status_code == 400
    assert client.ask("POST", f"{JOBS}/{job}/export").status_code == 202


def test_an_unknown_task_is_not_found(client: Client) -> None:
    assert client.ask("GET", "/v1/tasks/11111111-2222-4333-8444-555555555555").status_code == 404


def test_the_events_of_an_alert_carry_its_id(client: Client) -> None:
    alert = next(iter(client.simulator.cases.values())).alerts[0].short_id
    job = client.search(term=f'alert_short_ids:"{alert}"')
    task_uuid = client.trigger(job, fields=["alert_short_ids"]).json()["task_uuid"]
    client.clock.advance(10)
    assert events_of(client, task_uuid) == [{"alert_short_ids": [alert]}] * 1_000
    assert client.get(f"{JOBS}/{job}/events")["items"][0]["alert_short_ids"] == [alert]
