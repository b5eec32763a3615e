"""The account check tells apart what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from pydantic import SecretStr

from sekoia_export.errors import ConfigurationError, KeyRejected, NetworkError, PermissionMissing
from sekoia_export.simulator import MASSIVE_EXPORT, PERMISSIONS, VIEW_EVENTS, VIEW_INTAKES, Kind
from tests.operations.bench import Bench

if TYPE_CHECKING:
    from tests.operations.conftest import Start


@pytest.mark.parametrize("shape", ["list", "items"])
def test_a_usable_account_passes(start: Start, shape: str) -> None:
    start(permissions_shape=shape).check()


@pytest.mark.parametrize(
    ("missing", "named"),
    [
        ([VIEW_INTAKES], "lacks the permission View intakes."),
        ([VIEW_EVENTS], "lacks the permission View events."),
        ([MASSIVE_EXPORT], "lacks the permission Massive export of events."),
        (
            [VIEW_INTAKES, VIEW_EVENTS, MASSIVE_EXPORT],
            "lacks the permissions View intakes, View events, Massive export of events.",
        ),
    ],
)
def test_each_missing_permission_is_named(bench: Bench, missing: list[str], named: str) -> None:
    bench.simulator.api_keys[bench.simulator.api_key] = set(PERMISSIONS) - set(missing)
    with pytest.raises(PermissionMissing) as error:
        bench.check()
    assert named in str(error.value)


def test_permissions_that_carry_names_only_are_understood(bench: Bench) -> None:
    body = b'[{"name": "SIC_READ_INTAKES"}, "View events", {"name": "sic_massive_export_events", "uuid": null}]'
    bench.fault(Kind.GARBAGE, r"/me/permissions$", body=body)
    bench.check()


@pytest.mark.parametrize("state", ["unknown", "expired", "revoked"])
def test_a_refused_key_is_told(bench: Bench, state: str) -> None:
    match state:
        case "unknown":
            bench.configure(api_key=SecretStr("canary-wrong-api-key"))
        case "expired":
            bench.simulator.expired_keys.add(bench.simulator.api_key)
        case _:
            bench.simulator.revoked_keys.add(bench.simulator.api_key)
    with pytest.raises(KeyRejected, match="API key"):
        bench.check()


def test_a_missing_key_is_told(bench: Bench) -> None:
    bench.configure(api_key=None)
    with pytest.raises(ConfigurationError, match="API key is missing"):
        bench.check()


def test_an_address_that_nobody_listens_at_is_told(bench: Bench) -> None:
    bench.configure(base_url="http://127.0.0.1:9")
    with pytest.raises(NetworkError, match="base URL"):
        bench.check()


@pytest.mark.parametrize(
    "fault",
    [
        {"kind": Kind.RESET_BEFORE},
        {"kind": Kind.STATUS, "status": 503},
        {"kind": Kind.STATUS, "status": 200, "body": b"<html>", "content_type": "text/html"},
        {"kind": Kind.STATUS, "status": 429, "headers": {"Retry-After": "40"}},
    ],
)
def test_an_address_that_makes_no_sense_is_told_in_time(bench: Bench, fault: dict[str, Any]) -> None:
    bench.fault(times=None, **fault)
    with pytest.raises(NetworkError, match="checking the API key"):
        bench.check()
    assert bench.clock.monotonic() - 1000 <= 46


@pytest.mark.parametrize("body", [b'{"message": "no such path"}', b"<html>Not found</html>"])
def test_an_address_of_something_else_is_told(bench: Bench, body: bytes) -> None:
    bench.fault(Kind.STATUS, status=404, body=body, times=None)
    with pytest.raises((ConfigurationError, NetworkError), match=r"base_url|base URL"):
        bench.check()


def test_a_region_without_the_first_path_is_read_by_the_second(bench: Bench) -> None:
    bench.fault(Kind.STATUS, r"/auth/validate$", status=404, body=b'{"message": "no"}')
    bench.check()


@pytest.mark.parametrize(
    ("configuration", "named"),
    [
        ({"encryption_secret": SecretStr("x" * 31)}, "encryption_secret is too short"),
        ({"encryption_secret_previous": SecretStr("x" * 31)}, "encryption_secret_previous is too short"),
        ({"s3_bucket": "mine"}, "without s3_region, s3_access_key_id, s3_secret_access_key"),
        ({"base_url": "http://192.0.2.7"}, "plain http"),
    ],
)
def test_what_cannot_work_is_told_before_anything_is_asked(
    bench: Bench, configuration: dict[str, Any], named: str
) -> None:
    bench.configure(**configuration)
    with pytest.raises(ConfigurationError, match=named):
        bench.check()
    assert bench.simulator.requests == []
