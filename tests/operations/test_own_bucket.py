"""An own bucket as the target of an export: tried, exported to, and fetched from."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pytest

from sekoia_export.errors import ConfigurationError, StorageError
from tests.canaries import EXPLICIT_KEY
from tests.operations.bench import OTHER_RUN, Bench

if TYPE_CHECKING:
    from tests.operations.conftest import Start


# Exported to.


def test_an_own_bucket_is_tried_and_exported_to(bench: Bench) -> None:
    bucket = bench.own_bucket()
    outcome = bench.trigger(bench.job(), s3_prefix="case/7")
    assert outcome.results.s3_bucket == "own-bucket"
    export = bench.only_export()
    assert (export.bucket, export.sealed_by) == ("own-bucket", "customer")
    assert export.key.startswith("case/7/")
    assert list(bucket.objects) == [export.key]
    assert len(bench.asked("DELETE", "", server="storage")) == 1


def test_an_own_bucket_is_not_tried_again_for_an_export_that_is_there(bench: Bench) -> None:
    bucket = bench.own_bucket()
    job, task = bench.exported()
    bucket.writable = False
    assert bench.trigger(job, options={"run": OTHER_RUN}).results.task_uuid == str(task)


@pytest.mark.parametrize("options", [{"allows_sse_c": False}, {"writable": False}])
def test_an_own_bucket_that_refuses_the_trial_is_told_before_the_export_is_asked_for(
    bench: Bench, options: dict[str, Any]
) -> None:
    bench.own_bucket(**options)
    job = bench.job()
    with pytest.raises(StorageError, match="SSE-C"):
        bench.trigger(job)
    assert bench.asked("POST", "/export") == []
    assert bench.state_files() == {}


def test_an_own_bucket_without_customer_keys_takes_an_export_without_one(bench: Bench) -> None:
    bench.own_bucket(allows_sse_c=False)
    assert bench.trigger(bench.job(), encryption="platform").branch == "triggered"


@pytest.mark.parametrize("missing", ["s3_region", "s3_access_key_id", "s3_secret_access_key", "s3_bucket"])
def test_a_partly_configured_bucket_is_refused_naming_what_is_missing(bench: Bench, missing: str) -> None:
    bench.own_bucket()
    bench.configure(**{missing: None})
    with pytest.raises(ConfigurationError, match=rf"without {missing}\b"):
        bench.trigger(uuid4())
    assert bench.simulator.requests == []


def test_no_bucket_in_words_is_the_platforms(bench: Bench) -> None:
    bench.own_bucket()
    outcome = bench.trigger(bench.job(), s3_bucket="")
    assert (outcome.results.s3_bucket, bench.only_export().bucket) == (None, "sekoia-event-exports")


# Fetched from.


@pytest.mark.parametrize("url", [True, False])
@pytest.mark.parametrize("arguments", [{}, {"encryption_key": EXPLICIT_KEY}, {"encryption": "platform"}])
@pytest.mark.parametrize("prefix", [None, "cases/7"])
def test_an_own_bucket_end_to_end(start: Start, url: bool, arguments: dict[str, Any], prefix: str | None) -> None:
    bench = start(own_bucket_url=url)
    bench.own_bucket()
    job, task = bench.exported(s3_prefix=prefix, **arguments)
    bench.configure(s3_prefix="changed-since")
    key = {name: value for name, value in arguments.items() if name == "encryption_key"}
    outcome = bench.fetch(job, task, **key)
    assert (outcome.branch, outcome.results.complete) == ("fetched", True)
    assert outcome.results.encryption == {"encryption_key": "provided", "encryption": "none"}.get(
        next(iter(arguments), ""), "derived"
    )
    signed = [r for r in bench.asked("GET", ".jsonl.gz", server="storage") if "authorization" in r.headers]
    assert bool(signed) is not url


def test_an_own_bucket_is_read_without_a_record_of_the_task(start: Start) -> None:
    bench = start(own_bucket_url=False)
    bench.own_bucket()
    job, task = bench.exported()
    for name, path in bench.state_files().items():
        if name.startswith("tasks/"):
            path.unlink()
    assert bench.fetch(job, task).branch == "fetched"


def test_an_own_bucket_is_read_without_a_task(start: Start) -> None:
    bench = start(own_bucket_url=False, entry_status=False)
    bench.own_bucket()
    job, _ = bench.exported()
    assert bench.fetch(job).branch == "fetched"


def test_a_dead_link_to_an_own_bucket_leaves_the_bucket_itself(start: Start) -> None:
    bench = start()
    bench.own_bucket()
    job, task = bench.exported()
    bench.clock.advance(48 * 3600)
    outcome = bench.fetch(job, task)
    assert (outcome.branch, outcome.results.complete) == ("fetched", True)


def test_a_dead_link_to_a_bucket_that_is_not_configured_here_has_expired(start: Start) -> None:
    bench = start()
    bench.own_bucket()
    job, task = bench.exported()
    bench.configure(
        s3_bucket=None, s3_region=None, s3_endpoint_url=None, s3_access_key_id=None, s3_secret_access_key=None
    )
    bench.clock.advance(48 * 3600)
    assert bench.fetch(job, task).branch == "expired"


def test_a_bucket_that_is_no_longer_configured_is_named(start: Start) -> None:
    bench = start(own_bucket_url=False)
    bench.own_bucket()
    job, task = bench.exported()
    bench.configure(
        s3_bucket=None, s3_region=None, s3_endpoint_url=None, s3_access_key_id=None, s3_secret_access_key=None
    )
    with pytest.raises(ConfigurationError, match="s3_region"):
        bench.fetch(job, task)
