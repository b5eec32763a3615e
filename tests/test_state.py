from __future__ import annotations

import json
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekoia_export.encryption import Encryption
from sekoia_export.errors import StateCorrupt
from sekoia_export.state import (
    BegunRecord,
    ExportRecord,
    FetchRecord,
    Record,
    SearchRecord,
    State,
    TaskRecord,
    fingerprint,
)
from sekoia_export.transfer.local_storage import LocalDataStorage

JOB, TASK = "6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6ba7b811-9dad-11d1-80b4-00c04fd430c8"
NOW = datetime(2026, 1, 15, 12, tzinfo=UTC)
EXPORT = ExportRecord(
    job_uuid=JOB,
    fields=["@timestamp"],
    encryption=Encryption.DERIVED,
    sent_encryption=Encryption.NONE,
    s3_bucket=None,
    s3_prefix=None,
    playbook_run_uuid=None,
    asked_at=NOW,
    before=[],
)
FETCH = FetchRecord(
    job_uuid=JOB,
    task_uuid=TASK,
    file_path="a.jsonl.gz",
    file_size=1,
    compressed_size=1,
    events_count=1,
    expected_events=None,
    sha256="0" * 64,
    encryption=Encryption.NONE,
    expire_at=None,
    fetched_at=NOW,
)
RECORDS: list[Record] = [
    EXPORT,
    EXPORT.model_copy(update={"task_uuid": TASK}),
    TaskRecord(**EXPORT.model_dump()),
    SearchRecord(job_uuid=JOB, asked_at=NOW),
    FETCH,
    BegunRecord(job_uuid=JOB, task_uuid="", file_path="a/b.json", began_at=NOW),
]


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(LocalDataStorage(tmp_path))


def path_of(folder: Path, record: Record) -> Path:
    return folder / ".sekoia-export" / record.folder / "name.json"


@pytest.mark.parametrize("record", RECORDS)
def test_a_record_is_read_as_it_was_written(state: State, tmp_path: Path, record: Record) -> None:
    assert state.read(type(record), "name") is None
    state.write(record, "name")
    assert state.read(type(record), "name") == record
    assert path_of(tmp_path, record).stat().st_mode & 0o777 == 0o600
    state.delete(type(record), "name")
    assert state.read(type(record), "name") is None
    state.delete(type(record), "name")


@pytest.mark.parametrize(
    "data",
    [b"", b"{}", b"[]", b"null", b"{", b"\xff\xfe", b"[" * 100_000, b'{"version": 1}', b"\x00" * 100],
    ids=lambda data: repr(data[:12]),
)
def test_a_record_that_is_not_understood_is_never_taken_for_none(state: State, tmp_path: Path, data: bytes) -> None:
    state.write(EXPORT, "name")
    path_of(tmp_path, EXPORT).write_bytes(data)
    with pytest.raises(StateCorrupt, match=r"\.sekoia-export/exports/name\.json") as raised:
        state.read(ExportRecord, "name")
    assert "delete it" in raised.value.remedy


@pytest.mark.parametrize(
    "change",
    [
        {"version": 2},
        {"of_another_version": 1},
        {"job_uuid": "../../me"},
        {"job_uuid": None},
        {"task_uuid": "of no task"},
        {"fields": "@timestamp"},
        {"encryption": "rot13"},
        {"asked_at": "yesterday"},
        {"asked_at": "2026-01-15T12:00:00"},
    ],
    ids=str,
)
def test_a_record_with_one_wrong_value_is_not_understood(state: State, tmp_path: Path, change: dict[str, Any]) -> None:
    state.write(EXPORT, "name")
    path = path_of(tmp_path, EXPORT)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(StateCorrupt):
        state.read(ExportRecord, "name")


@given(cut=st.integers(0, 1000), flipped=st.integers(0, 1000))
def test_a_damaged_record_is_an_error_or_still_a_record(
    tmp_path_factory: pytest.TempPathFactory, cut: int, flipped: int
) -> None:
    folder = tmp_path_factory.getbasetemp() / "damaged"
    state = State(LocalDataStorage(folder))
    state.write(EXPORT, "name")
    path = path_of(folder, EXPORT)
    data = bytearray(path.read_bytes())
    data[flipped % len(data)] ^= 0x01
    path.write_bytes(data[: cut % (2 * len(data))])
    with suppress(StateCorrupt):
        assert isinstance(state.read(ExportRecord, "name"), ExportRecord)


def test_a_fingerprint_depends_on_every_part_and_on_nothing_else() -> None:
    parts = ["root", ["query", "*", NOW], ["a", "b"], Encryption.DERIVED, None]
    prints = {fingerprint(*parts)} | {
        fingerprint(*parts[:place], "another", *parts[place + 1 :]) for place in range(len(parts))
    }
    assert len(prints) == len(parts) + 1
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    assert fingerprint("ab", "c") != fingerprint("a", "bc")


@pytest.mark.parametrize(
    ("change", "same"),
    [
        ({"fields": ["@timestamp"]}, True),
        ({"asked_at": NOW.replace(year=2027)}, True),
        ({"fields": ["message"]}, False),
        ({"job_uuid": TASK}, False),
        ({"encryption": Encryption.PLATFORM}, False),
        ({"s3_bucket": "mine"}, False),
        ({"s3_prefix": "there"}, False),
    ],
    ids=str,
)
def test_what_makes_two_records_ask_the_same(change: dict[str, Any], *, same: bool) -> None:
    assert EXPORT.asks_the_same_as(EXPORT.model_copy(update=change)) is same


def test_which_records_sent_a_key() -> None:
    sent = {way: EXPORT.model_copy(update={"sent_encryption": way}).sent_a_key for way in Encryption}
    assert sent == {"derived": True, "provided": True, "platform": False, "none": False}
