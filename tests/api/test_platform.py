"""The platform's calls: what is sent, what comes back, and what is not understood."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID, uuid4

import pytest

from sekoia_export.api.models import JobStatus, TaskStatus
from sekoia_export.api.platform import Permission, SearchRequest
from sekoia_export.errors import (
    ExportError,
    JobExpired,
    KeyRejected,
    NetworkError,
    NotFound,
    PermissionMissing,
    PlatformError,
    SseCUnsupported,
)
from sekoia_export.simulator import MASSIVE_EXPORT, PERMISSIONS, Kind, Settings
from tests.api.bench import JOBS, SEARCH
from tests.api.conftest import Connect
from tests.canaries import EXPLICIT_KEY, S3_SECRET

S3 = {
    "bucket_name": "mine",
    "region_name": "eu-west-3",
    "access_key_id": "canary-access-key-id",
    "secret_access_key": S3_SECRET,
    "sse_customer_algorithm": "AES256",
    "sse_customer_key": EXPLICIT_KEY,
    "sse_customer_key_md5": "canary-md5-of-the-key==",
}


def test_a_search_is_invisible_and_in_the_search_bars_language(connect: Connect) -> None:
    bench = connect()
    job = bench.platform.create_search_job(SEARCH)
    body = json.loads(bench.asked()[0].body)
    assert body == {
        "term": "*",
        "earliest_time": "-1h",
        "latest_time": "now",
        "visible": False,
        "term_lang": "dork",
    }
    assert job.uuid in bench.simulator.jobs


def test_a_search_may_be_limited(connect: Connect) -> None:
    bench = connect()
    community = str(uuid4())
    request = SearchRequest(
        term="*", earliest_time="-1h", latest_time="now", max_last_events=5, community_uuids=[community]
    )
    bench.platform.create_search_job(request)
    body = json.loads(bench.asked()[0].body)
    assert (body["max_last_events"], body["community_uuids"]) == (5, [community])


@pytest.mark.parametrize("style", ["int", "str", "name"])
def test_a_search_job_is_read_in_each_style(connect: Connect, style: Any) -> None:
    bench = connect(Settings(status_style=style))
    job = bench.platform.search_job(bench.search())
    assert (job.status, job.total, job.term) == (JobStatus.DONE, 1000, "*")


def test_an_expired_search_job_is_told_in_either_way(connect: Connect) -> None:
    bench = connect()
    job_uuid = bench.search()
    bench.answer(json.dumps({"uuid": str(job_uuid), "status": 2, "expired": "true"}).encode())
    with pytest.raises(JobExpired, match="has expired"):
        bench.platform.search_job(job_uuid)
    bench.clock.advance(2000)
    with pytest.raises(JobExpired):
        bench.platform.search_job(job_uuid)


def test_a_job_that_is_named_otherwise_is_the_one_that_was_asked_for(connect: Connect) -> None:
    bench = connect()
    job_uuid = uuid4()
    for uuid in (b"null", b'"../../me"'):
        bench.answer(b'{"status": 2, "uuid": ' + uuid + b"}")
        assert bench.platform.search_job(job_uuid).uuid == str(job_uuid)


@pytest.mark.parametrize("body", [b"[]", b"{}", b"null", b'"text"', b'{"message": "hello"}'])
def test_an_answer_that_is_no_job_is_not_understood(connect: Connect, body: bytes) -> None:
    bench = connect()
    bench.answer(body)
    with pytest.raises(NetworkError, match="not understood while reading the search job"):
        bench.platform.search_job(uuid4())


def test_a_search_is_canceled_and_kept(connect: Connect) -> None:
    bench = connect(Settings(search_duration_s=60))
    job_uuid = UUID(bench.platform.create_search_job(SEARCH).uuid)
    bench.platform.keep_search_job(job_uuid, results_ttl_s=7200)
    assert bench.simulator.jobs[str(job_uuid)].results_ttl_s == 7200
    bench.platform.cancel_search_job(job_uuid)
    assert bench.platform.search_job(job_uuid).status is JobStatus.CANCELED


@pytest.mark.parametrize("status", [200, 201, 202])
def test_an_export_is_started_with_each_status(connect: Connect, status: Any) -> None:
    bench = connect(Settings(trigger_status=status))
    job_uuid = bench.search()
    task_uuid = bench.platform.start_export(job_uuid, fields=["@timestamp", "message"], s3={})
    assert str(task_uuid) in bench.simulator.exports
    assert json.loads(bench.asked()[-1].body) == {"fields": ["@timestamp", "message"]}


def test_the_storages_overrides_are_sent(connect: Connect) -> None:
    bench = connect()
    bench.answer(json.dumps({"task_uuid": str(uuid4())}).encode(), path="export$")
    bench.platform.start_export(bench.search(), fields=["message"], s3=S3)
    assert json.loads(bench.asked()[-1].body) == {"fields": ["message"], "s3": S3}


def test_a_region_without_sse_c_is_told(connect: Connect) -> None:
    bench = connect(Settings(sse_c_supported=False))
    s3 = {name: value for name, value in S3.items() if name.startswith("sse_")}
    s3["sse_customer_key_md5"] = "cHNldWRvLW1kNS0xMjM0NQ=="
    bench.answer(b'{"code": "ES110", "message": "SSE-C"}', status=400, path="export$")
    with pytest.raises(SseCUnsupported):
        bench.platform.start_export(bench.search(), fields=["message"], s3=s3)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 409, 410, 422])
def test_a_refusal_that_echoes_the_request_shows_nothing_of_it(connect: Connect, status: int) -> None:
    bench = connect()
    job_uuid = bench.search()

    def echo(value: str) -> bytes:
        return json.dumps({"message": value, "code": value[:79]}).encode()

    whole = json.dumps({"s3": S3, "key": f"Bearer {bench.simulator.api_key}"})
    for text in (whole, S3_SECRET, EXPLICIT_KEY, bench.simulator.api_key, S3["access_key_id"]):
        bench.answer(echo(text), status=status, path="export$")
        with pytest.raises(PlatformError) as raised:
            bench.platform.start_export(job_uuid, fields=["message"], s3=S3)
        told = f"{raised.value} {raised.value.code} {raised.value.detail} {raised.value.__cause__}"
        assert "canary" not in told
        assert EXPLICIT_KEY[:12] not in told
        assert bench.simulator.api_key[:20] not in told


@pytest.mark.parametrize("status", [429, 500])
def test_an_unusable_answer_that_echoes_the_request_shows_nothing_of_it(
    connect: Connect, caplog: pytest.LogCaptureFixture, status: int
) -> None:
    bench = connect(patience_s=3)
    job_uuid = bench.search()
    told = f"{S3_SECRET} https://storage.example/x?X-Amz-Signature=abc {bench.simulator.api_key}"
    bench.answer(json.dumps({"message": told}).encode(), status=status, path="export$", times=None)
    with pytest.raises(NetworkError, match=rf"status {status}, \*\*\*") as raised:
        bench.platform.start_export(job_uuid, fields=["message"], s3=S3)
    for text in (str(raised.value), caplog.text):
        assert "canary" not in text
        assert "Signature" not in text
        assert bench.simulator.api_key not in text


def test_a_task_is_read(connect: Connect) -> None:
    bench = connect(Settings(export_duration_s=10))
    task_uuid = bench.platform.start_export(bench.search(), fields=["message"], s3={})
    bench.clock.advance(5)
    task = bench.platform.task(task_uuid)
    assert (task.status, task.total) == (TaskStatus.RUNNING, 1000)
    bench.clock.advance(5)
    assert bench.platform.task(task_uuid).attributes.download_url is not None
    with pytest.raises(NotFound):
        bench.platform.task(uuid4())


@pytest.mark.parametrize("shape", ["list", "object", "items"])
def test_the_exports_are_listed_in_each_shape(connect: Connect, shape: Any) -> None:
    bench = connect(Settings(export_jobs_shape=shape))
    job_uuid = bench.search()
    assert bench.platform.exports(job_uuid) == []
    task_uuid = bench.platform.start_export(job_uuid, fields=["message"], s3={})
    bench.clock.advance(60)
    (entry,) = bench.platform.exports(job_uuid)
    assert entry.identity == str(task_uuid)
    assert entry.exported_events_count == 1000


def test_a_listing_that_is_none_is_not_understood(connect: Connect) -> None:
    bench = connect()
    bench.answer(b'"maintenance"')
    with pytest.raises(NetworkError, match="not understood while listing the exports"):
        bench.platform.exports(uuid4())


def test_a_listing_that_was_cut_off_is_not_taken_for_an_empty_one(connect: Connect) -> None:
    bench = connect()
    job_uuid = bench.search()
    bench.platform.start_export(job_uuid, fields=["message"], s3={})
    bench.answer(b"")
    assert len(bench.platform.exports(job_uuid)) == 1


@pytest.mark.parametrize("shape", ["list", "items"])
def test_the_permissions_of_each_shape(connect: Connect, shape: Any) -> None:
    bench = connect(Settings(permissions_shape=shape))
    assert all(permission.is_in(bench.platform.permissions()) for permission in Permission)
    bench.simulator.api_keys[bench.simulator.api_key] = set(PERMISSIONS) - {MASSIVE_EXPORT}
    granted = bench.platform.permissions()
    assert [permission for permission in Permission if not permission.is_in(granted)] == [Permission.MASSIVE_EXPORT]


@pytest.mark.parametrize("listed", [permission.value[2] for permission in Permission])
def test_a_permission_counts_by_its_name_too(connect: Connect, listed: str) -> None:
    bench = connect()
    bench.answer(json.dumps([{"name": listed.lower()}, listed, 7, None]).encode())
    granted = bench.platform.permissions()
    assert [permission.label for permission in Permission if permission.is_in(granted)]


@pytest.mark.parametrize("body", [b"{}", b"null", b'{"items": null}', b'{"message": "hello"}'])
def test_permissions_that_are_no_list_are_not_understood(connect: Connect, body: bytes) -> None:
    bench = connect()
    bench.answer(body)
    with pytest.raises(NetworkError, match="not understood"):
        bench.platform.permissions()


@pytest.mark.parametrize("state", ["unknown", "expired", "revoked"])
def test_a_key_that_is_refused_says_why(connect: Connect, state: str) -> None:
    bench = connect()
    bench.platform.validate_key()
    if state == "unknown":
        del bench.simulator.api_keys[bench.simulator.api_key]
    else:
        (bench.simulator.expired_keys if state == "expired" else bench.simulator.revoked_keys).add(
            bench.simulator.api_key
        )
    code = {"unknown": "T300", "expired": "T301", "revoked": "T302"}[state]
    with pytest.raises(KeyRejected, match=code):
        bench.platform.validate_key()


def test_a_missing_permission_is_told_where_it_is_needed(connect: Connect) -> None:
    bench = connect()
    job_uuid = bench.search()
    bench.simulator.api_keys[bench.simulator.api_key] = set(PERMISSIONS) - {MASSIVE_EXPORT}
    with pytest.raises(PermissionMissing, match="SIC_MASSIVE_EXPORT_EVENTS"):
        bench.platform.start_export(job_uuid, fields=["message"], s3={})


def test_another_platform_under_the_same_client_has_its_own_deadline(connect: Connect) -> None:
    bench = connect()
    other = bench.platform.within(bench.client.deadline.within(5), patience_s=2)
    assert other.deadline.timeout_s == 5
    assert other.client.patience_s == 2
    assert bench.platform.deadline.timeout_s == 3600
    assert other.within(bench.client.deadline).client.patience_s == 2


@pytest.mark.parametrize("kind", [Kind.GARBAGE, Kind.RESET_BODY, Kind.TRUNCATE_BODY])
@pytest.mark.parametrize("call", ["search_job", "task", "exports"])
def test_nothing_but_our_errors_escapes_a_call(connect: Connect, call: str, kind: Kind) -> None:
    bench = connect(patience_s=2)
    bench.fault(kind, times=None, path=f"{JOBS}|/tasks")
    with pytest.raises(ExportError):
        getattr(bench.platform, call)(uuid4())
