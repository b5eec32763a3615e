"""What refusals mean: statuses, codes and words."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekoia_export.api.refusals import is_busy, is_quota, read_refusal, refusal
from sekoia_export.errors import (
    ExportBusy,
    JobExpired,
    KeyRejected,
    NotFound,
    PermissionMissing,
    PlatformError,
    QuotaExceeded,
    SseCUnsupported,
)
from tests.canaries import EXPLICIT_KEY

BUSY = [
    "Another export is already running for this community",
    "An export is already in progress",
    "There is already an active export",
    "Only 1 concurrent export is allowed",
    "Maximum number of concurrent exports reached (1)",
    "Concurrent export limit reached",
    "Concurrent exports quota exceeded",
    "Too many exports running, try again in 10 minutes",
    "The export 6ffbe55b-d30a-4dc4-bc52-a213dce0af29 is still running",
    "A massive export job (task 12) is already running",
    "An export of this search job is already running",
    "You already have an export running",
    "Export already started",
    "Retry in 10 seconds, another export is running",
    "EXPORT_IN_PROGRESS",
    "TOO_MANY_CONCURRENT_EXPORTS",
    "export-already-running",
    "ConcurrentExportLimit",
    "concurrency_limit_reached",
    "Limit of active exports reached",
]
QUOTA = [
    "Monthly export quota exceeded",
    "QUOTA_EXCEEDED",
    "The community has used its 10 GB per month",
    "Export volume exceeded",
    "This search job already has 10 exports",
    "The maximum of ten export jobs per search has been reached",
    "Maximum number of exports for this search job reached",
    "Too many exports for this search job",
    "max_exports_reached",
    "Export limit reached",
    "exports per search job: limit used up",
]
NEITHER = [
    "The search job is still running; it cannot be exported",
    "Search job still in progress. Export refused",
    "Cannot export a running search job",
    "Cannot export the search job while it is running",
    "Too many concurrent requests",
    "Rate limit exceeded: 10 requests a second",
    "Permission denied: SIC_MASSIVE_EXPORT_EVENTS is required",
    "The API key is not active for exports",
    "fields: unknown field",
    "",
]


@pytest.mark.parametrize("words", BUSY)
def test_words_of_a_running_export(words: str) -> None:
    assert is_busy("", words)
    assert not is_quota("", words)
    assert is_busy(words, "")


@pytest.mark.parametrize("words", QUOTA)
def test_words_of_a_quota(words: str) -> None:
    assert is_quota("", words)
    assert is_quota(words, "")


@pytest.mark.parametrize("words", NEITHER)
def test_words_of_neither(words: str) -> None:
    assert not is_busy("", words)
    assert not is_quota("", words)


def refused(status: int, message: str = "", *, code: str = "", starts_export: bool = True) -> PlatformError:
    return refusal(status=status, code=code, message=message, what="doing it", starts_export=starts_export)


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, PlatformError),
        (401, KeyRejected),
        (403, PermissionMissing),
        (404, NotFound),
        (409, ExportBusy),
        (410, JobExpired),
        (422, PlatformError),
    ],
)
def test_statuses(status: int, kind: type[PlatformError]) -> None:
    error = refused(status)
    assert type(error) is kind
    assert error.status == status
    assert f"HTTP status {status}, without a reason" in error.cause


@pytest.mark.parametrize("status", [400, 403, 409, 422, 429])
def test_a_quota_is_an_error_under_any_status(status: int) -> None:
    assert type(refused(status, QUOTA[0])) is QuotaExceeded
    assert type(refused(status, "nothing to read", code="EXPORT_QUOTA_EXCEEDED")) is QuotaExceeded


@pytest.mark.parametrize("status", [400, 403, 409, 422, 429])
def test_a_running_export_is_busy_under_any_status_of_four_hundred(status: int) -> None:
    assert type(refused(status, BUSY[0])) is ExportBusy


@pytest.mark.parametrize(("status", "kind"), [(401, KeyRejected), (404, NotFound), (410, JobExpired)])
def test_some_statuses_mean_one_thing_whatever_the_words(status: int, kind: type[PlatformError]) -> None:
    assert type(refused(status, BUSY[0])) is kind


def test_only_the_start_of_an_export_is_busy_or_over_a_quota() -> None:
    assert type(refused(409, BUSY[0], starts_export=False)) is PlatformError
    assert type(refused(403, QUOTA[0], starts_export=False)) is PermissionMissing
    assert type(refused(400, code="ES110", starts_export=False)) is PlatformError


@pytest.mark.parametrize(("code", "message"), [("ES110", ""), ("es110", "no"), ("", "ES110: SSE-C not supported")])
def test_es110_is_a_region_without_sse_c(code: str, message: str) -> None:
    assert type(refused(400, message, code=code)) is SseCUnsupported


def test_code_and_message_are_both_shown() -> None:
    error = refused(400, "the fields are wrong", code="F7")
    assert "(the platform says: F7: the fields are wrong)." in str(error)
    assert (error.code, error.detail) == ("F7", "the fields are wrong")


@pytest.mark.parametrize(
    ("body", "read"),
    [
        ({"message": "no", "code": "F1"}, ("F1", "no")),
        ({"message": "No. "}, ("", "No")),
        ({"error": "no"}, ("", "no")),
        ({"detail": "no", "code": 42}, ("42", "no")),
        ({"description": "no", "message": ""}, ("", "no")),
        ({"detail": [{"loc": ["body", "s3"], "msg": "bad"}]}, ("", '[{"loc": ["body", "s3"], "msg": "bad"}]')),
        ({"message": {"field": ["bad"]}}, ("", '{"field": ["bad"]}')),
        ({}, ("", "")),
        ([], ("", "")),
        (None, ("", "")),
        ("text", ("", "")),
    ],
)
def test_each_form_of_a_body(body: Any, read: tuple[str, str]) -> None:
    assert read_refusal(body) == read


def test_a_message_nested_deeper_than_can_be_written_is_left_out() -> None:
    deep: Any = "end"
    for _ in range(100_000):
        deep = [deep]
    assert read_refusal({"message": deep, "code": "F1"}) == ("F1", "")


def test_a_long_message_is_cut() -> None:
    code, message = read_refusal({"message": "m" * 5000, "code": "c" * 5000})
    assert (len(code), len(message)) == (80, 300)


@pytest.mark.parametrize(
    "body",
    [
        {"message": f"sse_customer_key {EXPLICIT_KEY} is not valid"},
        {"code": EXPLICIT_KEY},
        {"message": {EXPLICIT_KEY: [EXPLICIT_KEY]}},
        {"detail": [{"input": {"s3": {"sse_customer_key": EXPLICIT_KEY}}}]},
        {"message": "x" * 280 + EXPLICIT_KEY},
    ],
)
def test_what_the_request_had_sent_does_not_come_back(body: Any) -> None:
    text = " ".join(read_refusal(body, secrets=(EXPLICIT_KEY,)))
    assert EXPLICIT_KEY[:10] not in text


def test_a_secret_that_json_writes_otherwise_does_not_come_back() -> None:
    secret = 'a"b\\cé-and-longer'
    assert read_refusal({"message": [secret]}, secrets=(secret,)) == ("", '["***"]')


def test_an_url_in_a_message_loses_its_query() -> None:
    message = "not found: https://user:pass@storage.example/object?X-Amz-Signature=secret"
    assert read_refusal({"message": message}) == ("", "not found: https://storage.example/object")


JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["code", "message", "error"]) | st.text(), inner),
)


@given(body=JSON)
def test_any_json_is_read(body: Any) -> None:
    code, message = read_refusal(body, secrets=("secret",))
    assert len(code) <= 80
    assert len(message) <= 300
    assert isinstance(refused(400, message, code=code), PlatformError)
