"""An own bucket: complete or refused, tried before it is used, searched for an export's object."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import trustme
from pydantic import SecretStr

from sekoia_export.configuration import Configuration
from sekoia_export.errors import ConfigurationError, ExportError, ObjectMissing, StorageError, UsageError
from sekoia_export.operations.bucket import OwnBucket, own_bucket
from sekoia_export.simulator import Bucket, Fault, Kind, Settings, Simulator
from sekoia_export.simulator.objects import store
from tests.canaries import S3_SECRET
from tests.clock import ManualClock
from tests.environment import forget_connections
from tests.proxy import Proxy
from tests.transfer.shelf import sse_key

COMPLETE = {
    "s3_bucket": "mine",
    "s3_region": "eu-west-3",
    "s3_access_key_id": "AKIA0000",
    "s3_secret_access_key": S3_SECRET,
}
OPTIONAL = {"s3_prefix": "exports/", "s3_endpoint_url": "https://minio.example:9000"}


@pytest.fixture(autouse=True)
def _own_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    forget_connections(monkeypatch)


# What is configured


def target(bucket: str | None = None, prefix: str | None = None, **configured: Any) -> OwnBucket | None:
    return own_bucket(Configuration.model_validate(configured), bucket=bucket, prefix=prefix)


def test_nothing_configured_is_the_platforms_bucket() -> None:
    assert target() is None


def test_a_complete_bucket_is_the_target() -> None:
    bucket = target(**COMPLETE, **OPTIONAL)
    assert bucket is not None
    assert bucket.export_fields() == {
        "bucket_name": "mine",
        "region_name": "eu-west-3",
        "access_key_id": "AKIA0000",
        "secret_access_key": S3_SECRET,
        "prefix": "exports/",
        "endpoint_url": "https://minio.example:9000",
    }
    assert "canary" not in repr(bucket)


def test_endpoint_and_prefix_are_optional() -> None:
    bucket = target(**COMPLETE)
    assert bucket is not None
    assert set(bucket.export_fields()) == {"bucket_name", "region_name", "access_key_id", "secret_access_key"}


def test_arguments_win_over_the_configuration() -> None:
    bucket = target(" other ", "there", **COMPLETE, **OPTIONAL)
    assert bucket is not None
    assert (bucket.name, bucket.prefix) == ("other", "there")


@pytest.mark.parametrize("empty", ["", "  "])
def test_an_empty_bucket_is_the_platforms_whatever_is_configured(empty: str) -> None:
    assert target(empty, **COMPLETE, **OPTIONAL) is None
    assert target(empty, s3_region="eu-west-3") is None
    with pytest.raises(UsageError, match="s3_prefix is given for the platform's own bucket"):
        target(empty, "there", **COMPLETE)


@pytest.mark.parametrize("missing", COMPLETE)
def test_a_bucket_without_one_part_is_refused_naming_it(missing: str) -> None:
    with pytest.raises(ConfigurationError, match=f"configured in part, without {missing}\\.") as raised:
        target(**{name: value for name, value in COMPLETE.items() if name != missing})
    assert "canary" not in str(raised.value)


@pytest.mark.parametrize("only", [*COMPLETE, *OPTIONAL])
def test_a_bucket_of_one_part_is_refused_naming_the_others(only: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        target(**{only: {**COMPLETE, **OPTIONAL}[only]})
    assert all(name in raised.value.cause for name in COMPLETE if name != only)


def test_an_argument_alone_is_a_part_too() -> None:
    with pytest.raises(ConfigurationError, match="without s3_region, s3_access_key_id, s3_secret_access_key"):
        target("mine")
    with pytest.raises(ConfigurationError, match="without s3_bucket"):
        target(None, "there")


@pytest.mark.parametrize(
    ("endpoint", "said"),
    [
        ("http://minio.example:9000", "is plain http"),
        ("http://127.0.0.1.evil.example", "is plain http"),
        ("minio.example:9000", "is not an http"),
        ("ftp://minio.example", "is not an http"),
        ("https://", "is not an http"),
        ("https://minio.example:0", "is not an http"),
        ("https://[", "is not a URL"),
        ("https://minio.example:port", "is not a URL"),
        ("https://user:canary-password@minio.example", "carries credentials"),
        ("https://minio.example/?canary-password", "carries credentials or a query"),
        ("https://minio.example/#canary-password", "carries credentials or a query"),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_refused(endpoint: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as raised:
        target(**COMPLETE, s3_endpoint_url=endpoint)
    assert "canary" not in str(raised.value)
    assert "s3_endpoint_url" in str(raised.value)


@pytest.mark.parametrize("endpoint", ["http://127.0.0.1:9000", "http://localhost", "http://[::1]:9000"])
def test_plain_http_is_spoken_within_this_machine(endpoint: str) -> None:
    assert target(**COMPLETE, s3_endpoint_url=endpoint) is not None


# What the storage says


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(clock=ManualClock()) as simulator:
        yield simulator


def of(simulator: Simulator, bucket: Bucket, **changed: Any) -> OwnBucket:
    made = OwnBucket(
        name=bucket.name,
        region="eu-west-3",
        access_key_id=bucket.access_key_id,
        secret_access_key=SecretStr(bucket.secret_access_key),
        endpoint_url=simulator.storage_url,
    )
    return replace(made, **changed)


def refusal_of(bucket: OwnBucket, *, key: bool = False) -> StorageError:
    with pytest.raises(StorageError) as raised:
        bucket.try_out(key=sse_key() if key else None)
    assert bucket.secret_access_key.get_secret_value() not in str(raised.value)
    return raised.value


@pytest.mark.parametrize("prefix", [None, "exports", "exports/"])
@pytest.mark.parametrize("key", [None, sse_key()], ids=["no key", "key"])
def test_a_trial_writes_one_object_under_the_prefix_and_removes_it(
    simulator: Simulator, prefix: str | None, key: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bucket = simulator.buckets.create("mine")
    of(simulator, bucket, prefix=prefix).try_out(key=key)
    put, delete = simulator.requests
    assert (put.method, delete.method) == ("PUT", "DELETE")
    assert put.path == delete.path
    assert put.path.startswith("/mine/exports/." if prefix else "/mine/.")
    assert ("x-amz-server-side-encryption-customer-key" in put.headers) is (key is not None)
    assert bucket.objects == {}
    assert [record for record in caplog.records if record.name.startswith("sekoia_export")] == []


def test_a_bucket_that_refuses_sse_c_says_what_to_allow(simulator: Simulator) -> None:
    bucket = of(simulator, simulator.buckets.create("mine", allows_sse_c=False))
    bucket.try_out(key=None)
    error = refusal_of(bucket, key=True)
    assert "SSE-C" in error.cause
    assert "AccessDenied" in error.cause
    assert "until their owner enables it" in error.remedy


def test_a_bucket_that_may_not_be_written_to_says_what_to_allow(simulator: Simulator) -> None:
    error = refusal_of(of(simulator, simulator.buckets.create("mine", writable=False)))
    assert "refused access" in error.cause
    assert "s3:PutObject" in error.remedy


@pytest.mark.parametrize("key", [True, False])
@pytest.mark.parametrize(
    "wrong", [{"access_key_id": "AKIANOBODY"}, {"secret_access_key": SecretStr("canary-wrong-secret")}]
)
def test_wrong_credentials_are_told(simulator: Simulator, wrong: dict[str, Any], *, key: bool) -> None:
    error = refusal_of(of(simulator, simulator.buckets.create("mine"), **wrong), key=key)
    assert "refused the credentials" in error.cause
    assert "s3_secret_access_key" in error.remedy


@pytest.mark.parametrize("key", [True, False])
def test_a_bucket_that_does_not_exist_is_told(simulator: Simulator, *, key: bool) -> None:
    error = refusal_of(of(simulator, simulator.buckets.create("mine"), name="not-there"), key=key)
    assert "The own bucket not-there does not exist" in error.cause


def s3_error(code: str, message: str = "") -> bytes:
    return f"<Error><Code>{code}</Code><Message>{message}</Message></Error>".encode()


@pytest.mark.parametrize(
    ("code", "status", "said"),
    [
        ("AuthorizationHeaderMalformed", 400, "is in another region"),
        ("PermanentRedirect", 301, "is in another region"),
        ("AccessDenied", 403, "refused access"),
        ("InvalidStorageClass", 400, "refused the request"),
    ],
)
def test_other_refusals_are_told_as_the_storage_says_them(
    simulator: Simulator, code: str, status: int, said: str
) -> None:
    body = s3_error(code, "see https://mine.example/x?X-Amz-Credential=canary-credential")
    simulator.faults.add(Fault(Kind.STATUS, server="storage", method="PUT", status=status, body=body, times=None))
    error = refusal_of(of(simulator, simulator.buckets.create("mine")))
    assert said in error.cause
    assert f"{code}: see https://mine.example/x)." in error.cause
    assert "canary" not in str(error)


def test_a_bucket_that_cannot_be_reached_is_only_warned_about(
    simulator: Simulator, caplog: pytest.LogCaptureFixture
) -> None:
    bucket = of(simulator, simulator.buckets.create("mine"))
    simulator.stop()
    bucket.try_out(key=sse_key())
    assert "could not be tried from here (EndpointConnectionError); the platform may still reach it" in caplog.text
    with pytest.raises(StorageError, match="could not be reached"):
        bucket.find("x")


def test_a_storage_in_trouble_is_only_warned_about(simulator: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    body = s3_error("SlowDown")
    simulator.faults.add(Fault(Kind.STATUS, server="storage", method="PUT", status=503, body=body, times=None))
    of(simulator, simulator.buckets.create("mine")).try_out(key=None)
    assert "could not be tried from here (status 503)" in caplog.text


def test_a_trial_object_that_stays_is_told(simulator: Simulator, caplog: pytest.LogCaptureFixture) -> None:
    body = s3_error("AccessDenied")
    simulator.faults.add(Fault(Kind.STATUS, server="storage", method="DELETE", status=403, body=body))
    bucket = simulator.buckets.create("mine")
    of(simulator, bucket).try_out(key=None)
    (name,) = bucket.objects
    assert f"The trial object {name} stays in the own bucket" in caplog.text


@pytest.mark.parametrize("name", ["not a name", "mine/yours", "Ü"])
def test_a_name_that_no_bucket_can_have_is_told(simulator: Simulator, name: str) -> None:
    bucket = of(simulator, simulator.buckets.create("mine"), name=name)
    for use in (lambda: bucket.try_out(key=None), lambda: bucket.find("x")):
        with pytest.raises(ConfigurationError, match="cannot be one of S3"):
            use()
    assert simulator.requests == []


@pytest.mark.parametrize("wrong", [{"region": "eu west 3"}, {"endpoint_url": "https://a b"}])
def test_a_region_or_an_endpoint_that_cannot_be_one_is_told(simulator: Simulator, wrong: dict[str, Any]) -> None:
    bucket = of(simulator, simulator.buckets.create("mine"), **wrong)
    with pytest.raises(ConfigurationError, match="No client of the own bucket mine can be made"):
        bucket.try_out(key=None)


def test_settings_of_the_engines_own_storage_are_not_taken(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://storage-of-the-engine.example")
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIAENGINE")
    client = of(simulator, simulator.buckets.create("mine"), endpoint_url=None).client()
    assert client.meta.endpoint_url == "https://s3.eu-west-3.amazonaws.com"
    client.close()


def test_plain_http_within_this_machine_goes_past_the_proxy(
    simulator: Simulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    of(simulator, simulator.buckets.create("mine")).try_out(key=None)
    assert simulator.requests


def test_the_proxy_and_the_authority_of_the_environment_are_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    authority = trustme.CA()
    server = authority.issue_cert("127.0.0.1")
    (tmp_path / "server.pem").write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    server.private_key_pem.write_to_path(tmp_path / "server.key")
    authority.cert_pem.write_to_path(tmp_path / "authority.pem")
    settings = Settings(tls_certificate=tmp_path / "server.pem", tls_key=tmp_path / "server.key")
    with Simulator(settings, ManualClock()) as simulator:
        bucket = of(simulator, simulator.buckets.create("mine"))
        bucket.try_out(key=None)
        assert "could not be tried from here (SSLError)" in caplog.text
        assert simulator.requests == []
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(tmp_path / "authority.pem"))
        with Proxy(int(simulator.storage_url.rpartition(":")[2])) as proxy:
            monkeypatch.setenv("HTTPS_PROXY", proxy.url)
            bucket.try_out(key=sse_key())
        assert proxy.asked == [simulator.storage_url.removeprefix("https://")]
        assert [request.method for request in simulator.requests] == ["PUT", "DELETE"]


# Where an export's object is


def fill(simulator: Simulator, bucket: Bucket, *names: str) -> None:
    for number, name in enumerate(names):
        path = simulator.folder / f"object-{number}"
        bucket.objects[name] = store([b"x"], path, key=None, now=simulator.clock.now())


def test_an_object_is_found_by_the_tasks_uuid_else_by_the_jobs(simulator: Simulator) -> None:
    job, task, other = (str(uuid4()) for _ in range(3))
    bucket = simulator.buckets.create("mine")
    fill(simulator, bucket, f"exports/{job}/{task}.jsonl.gz", f"elsewhere/{other}.jsonl.gz")
    own = of(simulator, bucket, prefix="exports")
    assert own.find(task, job) == f"exports/{job}/{task}.jsonl.gz"
    assert own.find(str(uuid4()), job) == f"exports/{job}/{task}.jsonl.gz"
    with pytest.raises(ObjectMissing, match="holds no object under exports"):
        own.find(other)
    assert replace(own, prefix=None).find(other) == f"elsewhere/{other}.jsonl.gz"


def test_nothing_is_taken_where_several_objects_could_be_meant(simulator: Simulator) -> None:
    job = str(uuid4())
    bucket = simulator.buckets.create("mine")
    fill(simulator, bucket, f"{job}/1.jsonl.gz", f"{job}/2.jsonl.gz")
    with pytest.raises(ObjectMissing, match=f"holds 2 objects with {job} in their names") as raised:
        of(simulator, bucket).find(str(uuid4()), job)
    assert "task_uuid" in raised.value.remedy


def test_an_empty_bucket_holds_nothing(simulator: Simulator) -> None:
    with pytest.raises(ObjectMissing, match="holds no object under its root"):
        of(simulator, simulator.buckets.create("mine")).find("x")


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"name": "not-there"}, "does not exist"),
        ({"access_key_id": "AKIANOBODY"}, "refused the credentials"),
    ],
)
def test_a_bucket_that_cannot_be_listed_is_told(simulator: Simulator, changed: dict[str, Any], said: str) -> None:
    with pytest.raises(StorageError, match=said):
        of(simulator, simulator.buckets.create("mine"), **changed).find("x")


@pytest.mark.parametrize("kind", [Kind.RESET_BEFORE, Kind.SWALLOW, Kind.GARBAGE, Kind.TRUNCATE_BODY])
def test_nothing_but_our_errors_escapes(simulator: Simulator, kind: Kind, caplog: pytest.LogCaptureFixture) -> None:
    bucket = of(simulator, simulator.buckets.create("mine"))
    simulator.faults.add(Fault(kind, server="storage", times=None, after_bytes=3))
    with pytest.raises(ExportError):
        bucket.find("x")
    bucket.try_out(key=None)
