"""What the platform's answers say, in every form that was seen or documented."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from sekoia_export.api.models import (
    KEY_NAMES,
    ExportEntry,
    JobStatus,
    SearchJob,
    Task,
    TaskStatus,
    read_count,
    read_exports,
    read_job_status,
    read_task_status,
    read_text,
    read_texts,
    read_time,
)
from tests.canaries import EXPLICIT_KEY

UUID = "0d7d6f5a-5b5c-4a0e-9d1e-1d9f6c1f2a3b"
URL = "https://storage.example/object?X-Amz-Signature=canary-signature"

# Values


@pytest.mark.parametrize(
    ("value", "count"),
    [
        (7, 7),
        ("7", 7),
        (" 7 ", 7),
        ("+7", 7),
        (-1, -1),
        (7.0, 7),
        ("7.0", 7),
        ("1e3", 1000),
        ("12345678901234567", 12345678901234567),
        (None, None),
        ("", None),
        ("many", None),
        (True, None),
        ([7], None),
        ({}, None),
        (float("nan"), None),
        (float("inf"), None),
        ("9" * 5000, None),
    ],
)
def test_numbers_may_come_as_text(value: Any, count: int | None) -> None:
    assert read_count(value) == count


MOMENT = datetime(2026, 1, 31, 8, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "time"),
    [
        ("2026-01-31T08:00:00Z", MOMENT),
        ("2026-01-31T08:00:00.000Z", MOMENT),
        ("2026-01-31T08:00:00.000000123Z", MOMENT),
        ("2026-01-31T09:00:00+01:00", MOMENT),
        ("2026-01-31T08:00:00", MOMENT),
        ("2026-01-31 08:00:00 ", MOMENT),
        (1769846400, MOMENT),
        (1769846400.0, MOMENT),
        ("1769846400", MOMENT),
        (1769846400000, MOMENT),
        ("1769846400000", MOMENT),
        (MOMENT, MOMENT),
        (MOMENT.replace(tzinfo=None), MOMENT),
        ("20260131", datetime(2026, 1, 31, tzinfo=UTC)),
        ("2026", None),
        (None, None),
        ("", None),
        ("soon", None),
        (True, None),
        ({}, None),
        ([], None),
        (float("nan"), None),
        (1e300, None),
        ("0001-01-01T00:00:00+14:00", None),
    ],
)
def test_times_may_come_in_several_forms(value: Any, time: datetime | None) -> None:
    read = read_time(value)
    assert read == time
    assert read is None or read.tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "text"),
    [("a", "a"), (7, "7"), (1.5, "1.5"), ("", None), (None, None), (True, None), ([], None), ("\ud800", "?")],
)
def test_texts(value: Any, text: str | None) -> None:
    assert read_text(value) == text


@pytest.mark.parametrize(
    ("value", "texts"),
    [
        (["a", "b"], ["a", "b"]),
        ([" a ", "", 7, None, {}], ["a"]),
        ("a, b,", ["a", "b"]),
        ("", None),
        ([], None),
        ([{"name": "a"}], None),
        (None, None),
        (7, None),
    ],
)
def test_lists_of_texts(value: Any, texts: list[str] | None) -> None:
    assert read_texts(value) == texts


# Search jobs


@pytest.mark.parametrize(
    ("value", "status"),
    [
        (0, JobStatus.NOT_STARTED),
        ("0", JobStatus.NOT_STARTED),
        (1, JobStatus.IN_PROGRESS),
        ("1", JobStatus.IN_PROGRESS),
        (2, JobStatus.DONE),
        ("2", JobStatus.DONE),
        (2.0, JobStatus.DONE),
        (3, JobStatus.CANCELED),
        (4, JobStatus.FAILED),
        (5, JobStatus.UNKNOWN),
        (-1, JobStatus.UNKNOWN),
        ("DONE", JobStatus.DONE),
        ("done", JobStatus.DONE),
        ("Finished", JobStatus.DONE),
        ("not started", JobStatus.NOT_STARTED),
        ("pending", JobStatus.NOT_STARTED),
        ("In-Progress", JobStatus.IN_PROGRESS),
        ("RUNNING", JobStatus.IN_PROGRESS),
        ("cancelled", JobStatus.CANCELED),
        ("CANCELED", JobStatus.CANCELED),
        ("failed", JobStatus.FAILED),
        ("archived", JobStatus.UNKNOWN),
        (None, JobStatus.NOT_STARTED),
        (True, JobStatus.UNKNOWN),
        ({}, JobStatus.UNKNOWN),
    ],
)
def test_a_job_status_may_be_a_number_a_text_or_a_name(value: Any, status: JobStatus) -> None:
    assert read_job_status(value) is status


def test_waiting_for_a_job_ends_with_every_status_but_the_first_two() -> None:
    assert {status for status in JobStatus if not status.ended} == {JobStatus.NOT_STARTED, JobStatus.IN_PROGRESS}


def test_a_job_of_texts_is_that_of_numbers() -> None:
    numbers = {"uuid": UUID, "status": 2, "total": 10, "retrieved": 9, "results_ttl": 600, "max_last_events": 50}
    texts = {name: str(value) for name, value in numbers.items()}
    assert SearchJob.model_validate(texts) == SearchJob.model_validate(numbers)


def test_a_job_may_hold_nulls_and_unknown_keys() -> None:
    names = [name for name in SearchJob.model_fields if name != "uuid"]
    job = SearchJob.model_validate({**dict.fromkeys(names), "uuid": UUID.upper(), "new": {"key": 1}})
    assert job == SearchJob.model_validate({"uuid": UUID})
    assert (job.uuid, job.total, job.expired) == (UUID, None, False)


@pytest.mark.parametrize("uuid", [None, "", "../../me", 7, [UUID]])
def test_a_job_without_a_uuid_is_not_understood(uuid: Any) -> None:
    with pytest.raises(ValidationError):
        SearchJob.model_validate({"uuid": uuid})


@pytest.mark.parametrize(("value", "expired"), [(True, True), ("true", True), (1, True), ("False", False), (0, False)])
def test_expired_may_be_text(value: Any, *, expired: bool) -> None:
    assert SearchJob.model_validate({"uuid": UUID, "expired": value}).expired is expired


# Tasks


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ("PENDING", TaskStatus.PENDING),
        ("running", TaskStatus.RUNNING),
        ("Finished", TaskStatus.FINISHED),
        ("SUCCESS", TaskStatus.FINISHED),
        ("done", TaskStatus.FINISHED),
        ("FAILED", TaskStatus.FAILED),
        ("error", TaskStatus.FAILED),
        ("CANCELED", TaskStatus.CANCELED),
        (" cancelled ", TaskStatus.CANCELED),
        ("uploading", TaskStatus.UNKNOWN),
        (None, TaskStatus.UNKNOWN),
        (2, TaskStatus.UNKNOWN),
        (TaskStatus.RUNNING, TaskStatus.RUNNING),
    ],
)
def test_a_task_status_is_read_without_case(value: Any, status: TaskStatus) -> None:
    assert read_task_status(value) is status


def test_an_unknown_task_status_counts_as_running() -> None:
    assert not TaskStatus.UNKNOWN.ended


def test_a_finished_task_carries_its_link() -> None:
    task = Task.model_validate(
        {"status": "FINISHED", "progress": "5", "total": 5, "message": None, "attributes": {"download_url": URL}}
    )
    assert (task.progress, task.total) == (5, 5)
    assert task.attributes.download_url is not None
    assert task.attributes.download_url.get_secret_value() == URL
    assert "canary" not in repr(task)


@pytest.mark.parametrize("attributes", [None, [], "text", {}, {"download_url": None, "error": ""}])
def test_a_task_may_carry_nothing(attributes: Any) -> None:
    task = Task.model_validate({"attributes": attributes, "progress": None})
    assert (task.status, task.progress, task.attributes.download_url) == (TaskStatus.UNKNOWN, None, None)


# Exports

ENTRY = {
    "download_url": URL,
    "expire_at": "2026-01-31T08:00:00Z",
    "exported_events_count": "12",
    "export_size_compressed": 345,
    "format": "jsonl",
    "task_uuid": UUID,
    "status": "FINISHED",
    "fields": ["@timestamp", "message"],
    "created_at": "2026-01-30T08:00:00Z",
}


@pytest.mark.parametrize("payload", [ENTRY, [ENTRY], {"items": [ENTRY]}, {"items": [ENTRY], "total": 1}])
def test_the_exports_of_each_shape(payload: Any) -> None:
    (entry,) = read_exports(payload)
    assert (entry.identity, entry.status, entry.finished) == (UUID, TaskStatus.FINISHED, True)
    assert (entry.exported_events_count, entry.export_size_compressed, entry.expire_at) == (12, 345, MOMENT)
    assert entry.fields == ["@timestamp", "message"]
    assert "canary" not in repr(entry)


@pytest.mark.parametrize(
    "payload",
    [
        None,
        [],
        {},
        {"items": []},
        {"items": None},
        {"total": 0},
        {"message": "none yet"},
        [None, 7, "text", {}, [ENTRY]],
    ],
)
def test_what_holds_nothing_of_an_export_is_no_export(payload: Any) -> None:
    assert read_exports(payload) == []


@pytest.mark.parametrize("payload", ["text", 7, True, 1.5])
def test_what_is_no_list_is_not_taken_for_an_empty_one(payload: Any) -> None:
    with pytest.raises(ValueError, match="not a list of exports"):
        read_exports(payload)


@pytest.mark.parametrize("place", ["entry", "s3"])
@pytest.mark.parametrize("name", KEY_NAMES)
def test_the_platforms_key_is_found_under_each_name(name: str, place: str) -> None:
    named = {name: EXPLICIT_KEY}
    (entry,) = read_exports({**ENTRY, **(named if place == "entry" else {"s3": named})})
    assert entry.platform_key is not None
    assert entry.platform_key.get_secret_value() == EXPLICIT_KEY
    assert EXPLICIT_KEY not in repr(entry)


@pytest.mark.parametrize("s3", [None, [], "text", {"sse_customer_key": None}, {"sse_customer_key_md5": EXPLICIT_KEY}])
def test_no_key_is_none(s3: Any) -> None:
    (entry,) = read_exports({**ENTRY, "s3": s3, "encryption_key": ""})
    assert entry.platform_key is None


@pytest.mark.parametrize(
    ("entry", "finished"),
    [
        ({"status": "FINISHED"}, True),
        ({"status": "success"}, True),
        ({"download_url": URL}, True),
        ({"download_url": URL, "status": None}, True),
        ({"download_url": URL, "status": "AVAILABLE"}, True),
        ({"download_url": URL, "status": "RUNNING"}, False),
        ({"download_url": URL, "status": "FAILED"}, False),
        ({"status": "AVAILABLE"}, False),
        ({"status": None}, False),
    ],
)
def test_an_entry_has_finished_when_it_says_so_or_has_a_link(entry: dict[str, Any], *, finished: bool) -> None:
    assert ExportEntry.model_validate(entry).finished is finished


def test_an_entry_is_named_by_either_id() -> None:
    other = UUID.replace("0", "1")
    entry = ExportEntry.model_validate({"task_uuid": UUID.upper(), "uuid": other})
    assert entry.names(UUID)
    assert entry.names(other.upper())
    assert not ExportEntry().names(UUID)
    assert ExportEntry.model_validate({"uuid": other}).identity == other


# Anything

NAMES = sorted({name for model in (SearchJob, Task, ExportEntry) for name in model.model_fields})
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([UUID, URL, "2", "-1", "FINISHED", "2026-01-31T08:00:00Z", "9" * 400])
)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from([*NAMES, *KEY_NAMES, "items", "s3", "attributes"]), inner, max_size=12)
    ),
    max_leaves=20,
)


@given(payload=JSON)
@pytest.mark.parametrize("model", [SearchJob, Task, ExportEntry])
def test_any_json_is_read_or_not_understood(model: type[BaseModel], payload: Any) -> None:
    try:
        read = model.model_validate(payload)
    except ValidationError:
        return
    assert read.model_dump_json() is not None


@given(payload=JSON)
def test_any_objects_but_those_of_a_job_are_understood(payload: Any) -> None:
    if isinstance(payload, dict):
        Task.model_validate(payload)
        ExportEntry.model_validate(payload)
        SearchJob.model_validate({**payload, "uuid": UUID})


@given(payload=JSON)
def test_any_listing_is_read_or_not_understood(payload: Any) -> None:
    try:
        exports = read_exports(payload)
    except ValueError:
        return
    assert all(isinstance(export, ExportEntry) for export in exports)
