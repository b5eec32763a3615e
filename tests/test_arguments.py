from __future__ import annotations

import logging
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekoia_export.archive import ArchiveFormat
from sekoia_export.arguments.alternatives import EncryptionChoice
from sekoia_export.arguments.base import Arguments, read_arguments
from sekoia_export.arguments.chain import (
    ExportArguments,
    FetchArguments,
    SearchArguments,
    TriggerArguments,
    WaitArguments,
)
from sekoia_export.errors import UsageError
from tests.canaries import EXPLICIT_KEY

JOB = "6ba7b810-9dad-11d1-80b4-00c04fd430c8"
SEARCH = {"query": "*", "earliest_time": "-1h"}
MODELS: list[type[Arguments]] = [SearchArguments, TriggerArguments, WaitArguments, FetchArguments, ExportArguments]


def test_what_is_not_given_has_the_contract_s_defaults() -> None:
    search = read_arguments(SearchArguments, SEARCH)
    assert (search.latest_time, search.timeout, search.max_events, search.community_uuids) == ("now", 1800, None, None)
    trigger = read_arguments(TriggerArguments, {"job_uuid": JOB})
    assert trigger.all_fields == ["@timestamp", "message"]
    assert (trigger.encryption, trigger.wait_for_slot, trigger.reuse) == (EncryptionChoice.AUTOMATIC, 0, True)
    fetch = read_arguments(FetchArguments, {"job_uuid": JOB})
    assert (fetch.format, fetch.preview, fetch.file_name) == (ArchiveFormat.JSONL_GZ, 10, None)


@pytest.mark.parametrize("empty", [None, "", "  "])
def test_null_and_empty_text_count_as_not_given(empty: str | None) -> None:
    trigger = read_arguments(TriggerArguments, {"job_uuid": JOB, "field_set": empty, "wait_for_slot": empty})
    assert (trigger.field_set, trigger.wait_for_slot) == (None, 0)
    with pytest.raises(UsageError, match="The argument job_uuid is missing"):
        read_arguments(TriggerArguments, {"job_uuid": empty})


def test_an_empty_bucket_means_the_platform_s_own() -> None:
    assert read_arguments(TriggerArguments, {"job_uuid": JOB, "s3_bucket": ""}).s3_bucket == ""
    assert read_arguments(TriggerArguments, {"job_uuid": JOB, "s3_bucket": None}).s3_bucket is None


def test_templates_make_text_of_everything() -> None:
    arguments = {
        "job_uuid": f" {JOB.upper()} ",
        "wait_for_slot": "60",
        "reuse": "false",
        "fields": '["source.ip", "message"]',
    }
    trigger = read_arguments(TriggerArguments, arguments)
    assert (trigger.job_uuid, trigger.wait_for_slot, trigger.reuse) == (UUID(JOB), 60, False)
    assert trigger.all_fields == ["@timestamp", "source.ip", "message"]
    for text in ("source.ip, message", "['source.ip', 'message']"):
        assert read_arguments(TriggerArguments, {"job_uuid": JOB, "fields": text}).fields == ["source.ip", "message"]


def test_a_field_set_is_added_and_no_field_comes_twice() -> None:
    trigger = read_arguments(TriggerArguments, {"job_uuid": JOB, "fields": ["source.ip", "x"], "field_set": "network"})
    assert trigger.all_fields == [
        "@timestamp",
        "source.ip",
        "x",
        "source.port",
        "destination.ip",
        "destination.port",
        "network.protocol",
        "network.transport",
        "event.action",
    ]


@pytest.mark.parametrize(
    ("model", "arguments", "said"),
    [
        (TriggerArguments, {"job_uuid": "7"}, "The argument job_uuid is not a uuid."),
        (
            TriggerArguments,
            {"job_uuid": JOB, "fields": ["a", "b.*"]},
            "The argument fields is not valid: it holds the wildcard 'b.*'",
        ),
        (TriggerArguments, {"job_uuid": JOB, "fields": ["a", " "]}, "it holds an empty field name"),
        (TriggerArguments, {"job_uuid": JOB, "fields": []}, "it must name at least one field"),
        (TriggerArguments, {"job_uuid": JOB, "fields": ["a b"]}, "white space"),
        (TriggerArguments, {"job_uuid": JOB, "field_set": "dns"}, "must be 'network', 'identity' or 'endpoint'"),
        (TriggerArguments, {"job_uuid": JOB, "wait_for_slot": -1}, "must be greater than or equal to 0"),
        (SearchArguments, {**SEARCH, "max_events": 0}, "The argument max_events is not valid"),
        (SearchArguments, {**SEARCH, "earliest_time": "soon"}, "relative to now such as -7d"),
        (SearchArguments, {**SEARCH, "community_uuids": ["x"]}, "community_uuids"),
        (WaitArguments, {"task_uuid": JOB, "timeout": "soon"}, "The argument timeout is not valid"),
        (FetchArguments, {"job_uuid": JOB, "format": "csv"}, "must be 'jsonl.gz', 'jsonl' or 'json'"),
        (FetchArguments, {"job_uuid": JOB, "preview": 1001}, "The argument preview is not valid"),
    ],
)
def test_a_broken_rule_names_the_argument_and_the_rule(
    model: type[Arguments], arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError) as refused:
        read_arguments(model, arguments)
    assert said in str(refused.value)


def test_a_secret_s_value_is_never_shown() -> None:
    with pytest.raises(UsageError) as refused:
        read_arguments(FetchArguments, {"job_uuid": JOB, "encryption_key": [EXPLICIT_KEY]})
    assert "encryption_key" in str(refused.value)
    assert EXPLICIT_KEY not in str(refused.value)
    assert EXPLICIT_KEY not in repr(read_arguments(FetchArguments, {"job_uuid": JOB, "encryption_key": EXPLICIT_KEY}))


def test_an_unknown_argument_is_told_and_ignored(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        read_arguments(WaitArguments, {"task_uuid": JOB, "tiemout": 5})
    assert "The argument tiemout is not known" in caplog.text


def test_a_period_that_ends_before_it_starts_is_refused() -> None:
    now = datetime(2026, 1, 15, tzinfo=UTC)
    read_arguments(SearchArguments, {**SEARCH, "latest_time": "now"}).check_period(now)
    for latest in ("-2h", "2026-01-01", "-1h"):
        with pytest.raises(UsageError, match="latest_time is not after earliest_time"):
            read_arguments(SearchArguments, {**SEARCH, "latest_time": latest}).check_period(now)


def test_an_export_takes_a_query_or_a_search_job() -> None:
    read_arguments(ExportArguments, SEARCH).check_source()
    read_arguments(ExportArguments, {"job_uuid": JOB}).check_source()
    for arguments, said in (
        ({}, "The argument query is missing"),
        ({"query": "*"}, "The argument earliest_time is missing"),
        ({**SEARCH, "job_uuid": JOB}, "together with a query"),
    ):
        with pytest.raises(UsageError, match=said):
            read_arguments(ExportArguments, arguments).check_source()


def test_the_steps_of_an_export_get_their_own_arguments() -> None:
    export = read_arguments(ExportArguments, {**SEARCH, "field_set": "identity", "preview": 3, "max_events": 9})
    assert export.search().max_events == 9
    assert "user.name" in export.trigger(UUID(JOB)).all_fields
    assert export.fetch(UUID(JOB), None).preview == 3


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@given(st.sampled_from(MODELS), st.data())
def test_no_arguments_fail_in_another_way(model: type[Arguments], data: st.DataObject) -> None:
    raw = data.draw(st.dictionaries(st.sampled_from(sorted(model.model_fields)), ANYTHING))
    with suppress(UsageError):
        assert read_arguments(model, raw).model_dump()
