"""A link to hand on: it works with a real curl, and holds no key but the one that was asked for."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import subprocess
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import pexpect
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from sekoia_export.errors import JobNotReady, KeyRefused, NotFound, UsageError
from sekoia_export.results.management import LinkResults
from sekoia_export.simulator import Kind, Settings, Simulator
from sekoia_export.transfer.command_line import curl_command
from sekoia_export.transfer.source import expiry_of
from tests.canaries import ENCRYPTION_SECRET, EXPLICIT_KEY, PREVIOUS_SECRET, check_sent, check_text, derived_keys
from tests.clock import ManualClock
from tests.operations.bench import Bench
from tests.operations.promises import check

if TYPE_CHECKING:
    from tests.operations.conftest import Start

SSE_C = "x-amz-server-side-encryption-customer-"
NEEDED = {f"{SSE_C}algorithm": "AES256", f"{SSE_C}key": None, f"{SSE_C}key-MD5": None}
SHELLS = [shell for shell in ("sh", "bash", "zsh", "ksh") if shutil.which(shell)]
with_curl = pytest.mark.skipif(not (shutil.which("curl") and shutil.which("openssl")), reason="needs curl and openssl")


def link(bench: Bench, *arguments: Any, **more: Any) -> dict[str, Any]:
    """Return a link's results, checked: what holds no key is searched for it."""
    outcome = bench.link(*arguments, **more)
    results = check("get_download_link", outcome)
    assert outcome.branch == ("ready" if results["download_url"] else "expired")
    url = results["download_url"] or "-none-"
    keys = derived_keys(bench.simulator)
    for name in set(results) - {"download_url", "encryption_key"}:
        check_text(str(results[name]).replace(url, ""), f"the result {name}", keys)
    assert not any(key in url.encode() or key.replace(b"=", b"%3D") in url.encode() for key in keys)
    return results


def run(command: str, folder: Path, *, key: str = "", shell: str = "sh") -> subprocess.CompletedProcess[str]:
    """Run a command line as someone would, the key in a file beside it that is gone afterwards."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write(key)
        file.flush()
        environment = {"PATH": os.environ["PATH"], "NO_PROXY": "*", "HOME": str(folder)}
        line = f"{command} < {file.name}" if key else command
        return subprocess.run(
            [shell, "-c", line], cwd=folder, env=environment, capture_output=True, text=True, timeout=30, check=False
        )


def events_in(path: Path) -> int:
    return len(gzip.decompress(path.read_bytes()).splitlines())


def test_what_a_partner_needs_is_told_and_the_key_is_not(bench: Bench) -> None:
    job, task = bench.exported()
    results = link(bench, job, task)
    export = bench.only_export()
    assert (results["job_uuid"], results["task_uuid"]) == (str(job), str(task))
    assert results["headers_needed"] == NEEDED
    assert (results["encryption"], results["encryption_key"]) == ("derived", None)
    assert results["compressed_size"] == export.size_bytes
    ends = expiry_of(SecretStr(results["download_url"]))
    assert ends is not None
    assert results["expire_at"] == ends.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    assert "only with reveal_key" in results["message"]


def test_the_key_is_given_when_it_is_asked_for_and_is_hidden_in_every_text(bench: Bench) -> None:
    outcome = bench.link(*bench.exported(), reveal_key=True)
    (key, *_) = derived_keys(bench.simulator)
    assert outcome.results.model_dump(mode="json")["encryption_key"] == key.decode()
    for text in (repr(outcome), str(outcome.results), str(outcome.results.model_dump())):
        check_text(text, "a text of the results", [key])


@with_curl
@pytest.mark.parametrize(("shell", "end"), [*((shell, "\n") for shell in SHELLS), ("sh", ""), ("sh", " \r\n")])
def test_the_command_line_downloads_the_file_with_the_key_from_a_file(
    bench: Bench, tmp_path: Path, shell: str, end: str
) -> None:
    job, task = bench.exported()
    results = link(bench, job, task, reveal_key=True)
    ran = run(results["curl_command"], tmp_path, key=f"{results['encryption_key']}{end}", shell=shell)
    assert ran.returncode == 0, ran.stderr
    assert events_in(tmp_path / f"{job}-{task}.jsonl.gz") == 500


@with_curl
@pytest.mark.parametrize("style", ["aws", "ceph", "seaweedfs"])
def test_a_link_that_signs_the_key_s_headers_works_too_and_a_wrong_key_leaves_no_file(
    start: Start, tmp_path: Path, style: str
) -> None:
    bench = start(storage_style=style, url_signs_sse_c=True, refuses_unsigned_sse_c=True)
    job, task = bench.exported()
    results = link(bench, job, task, reveal_key=True)
    wrong = run(results["curl_command"], tmp_path, key=EXPLICIT_KEY)
    assert wrong.returncode == 22
    assert not list(tmp_path.glob("*.gz"))
    assert run(results["curl_command"], tmp_path, key=results["encryption_key"]).returncode == 0
    assert events_in(tmp_path / f"{job}-{task}.jsonl.gz") == 500


@with_curl
def test_the_command_line_asks_a_person_for_the_key_without_showing_it(bench: Bench, tmp_path: Path) -> None:
    job, task = bench.exported()
    results = link(bench, job, task, reveal_key=True)
    child = pexpect.spawn("sh", ["-c", results["curl_command"]], cwd=str(tmp_path), timeout=20, encoding="utf-8")
    try:
        child.expect_exact("Encryption key (base64): ")
        child.waitnoecho()
        child.sendline(results["encryption_key"])
        child.expect(pexpect.EOF)
        assert results["encryption_key"] not in str(child.before)
    finally:
        child.close()
    assert child.exitstatus == 0
    assert events_in(tmp_path / f"{job}-{task}.jsonl.gz") == 500


@with_curl
def test_no_process_of_the_command_line_has_the_key_among_its_arguments(bench: Bench, tmp_path: Path) -> None:
    results = link(bench, *bench.exported(), reveal_key=True)
    with tempfile.TemporaryDirectory() as outside:  # what is logged there holds the URL
        folder = Path(outside)
        for name in ("curl", "openssl", "tr"):
            real = shutil.which(name)
            (folder / name).write_text(f'#!/bin/sh\nprintf "%s\\n" "{name} $*" >> "{folder}/log"\nexec {real} "$@"\n')
            (folder / name).chmod(0o755)
        command = f"PATH={folder}:$PATH; export PATH; {results['curl_command']}"
        assert run(command, tmp_path, key=results["encryption_key"]).returncode == 0
        logged = (folder / "log").read_text()
    assert re.findall(r"^\w+", logged, re.MULTILINE).count("openssl") == 3
    assert "curl --fail" in logged
    assert results["encryption_key"] not in logged


@with_curl
def test_a_file_without_a_key_needs_none(start: Start, tmp_path: Path) -> None:
    bench = start(sse_c_supported=False)
    job, task = bench.exported()
    results = link(bench, job, task, reveal_key=True)
    assert (results["encryption"], results["headers_needed"], results["encryption_key"]) == ("none", {}, None)
    assert "needs no key" in results["message"]
    assert run(results["curl_command"], tmp_path).returncode == 0
    assert events_in(tmp_path / f"{job}-{task}.jsonl.gz") == 500


@with_curl
@pytest.mark.parametrize(("region", "encrypted"), [("us-east-1", True), ("eu-west-3", False)])
def test_an_own_bucket_that_the_platform_gives_no_url_for_gets_one_signed_here(
    tmp_path: Path, region: str, encrypted: bool
) -> None:
    clock = ManualClock(datetime.now(UTC))  # boto3 signs with the machine's
    behaviour = Settings(total_events=500, own_bucket_url=False, refuses_unsigned_sse_c=True)
    with Simulator(behaviour, clock) as simulator:
        bench = Bench(simulator, clock, tmp_path / "data")
        bench.own_bucket()
        bench.configure(s3_region=region)
        job, task = bench.exported(encryption="automatic" if encrypted else "platform")
        results = link(bench, job, task, reveal_key=True)
        assert "X-Amz-Signature=" in results["download_url"]
        assert results["headers_needed"] == (NEEDED if encrypted else {})
        left = datetime.fromisoformat(results["expire_at"]) - clock.now()
        assert timedelta(hours=23) < left <= timedelta(hours=24)
        ran = run(results["curl_command"], tmp_path, key=results["encryption_key"] or "")
        assert ran.returncode == 0, ran.stderr
        assert events_in(tmp_path / f"{job}-{task}.jsonl.gz") == 500
    check_sent(simulator)


def test_an_explicit_key_is_found_and_only_revealed_when_asked_for(bench: Bench) -> None:
    job, task = bench.exported(encryption_key=EXPLICIT_KEY)
    with pytest.raises(KeyRefused, match="tried: derived"):
        bench.link(job, task)
    results = link(bench, job, task, encryption_key=EXPLICIT_KEY)
    assert (results["encryption"], results["encryption_key"]) == ("provided", None)
    assert "opens 1 of the search job's exports that the platform lists." in results["message"]
    assert "it opens nothing else" in results["message"]
    assert link(bench, job, task, encryption_key=EXPLICIT_KEY, reveal_key=True)["encryption_key"] == EXPLICIT_KEY


def test_the_key_of_a_rotated_secret_and_the_platform_s_are_found(start: Start) -> None:
    bench = start()
    bench.configure(encryption_secret=SecretStr(PREVIOUS_SECRET))
    job, task = bench.exported()
    bench.configure(encryption_secret=SecretStr(ENCRYPTION_SECRET), encryption_secret_previous=PREVIOUS_SECRET)
    assert link(bench, job, task, reveal_key=True)["encryption_key"].encode() == derived_keys(bench.simulator)[1]
    other = start(platform_key="sse_customer_key")
    other.configure(encryption_secret=None)
    job, task = other.exported()
    results = link(other, job, task, reveal_key=True)
    assert (results["encryption"], results["encryption_key"]) == ("platform", other.only_export().platform_key)
    assert "is the platform's own: it opens 1 of" in results["message"]


def test_how_many_exports_the_same_key_opens_is_told(bench: Bench) -> None:
    job, task = bench.exported()
    bench.exported(job, fields=["user.name"])
    bench.exported(job, fields=["host.name"], encryption_key=EXPLICIT_KEY)
    bench.exported(job, fields=["host.ip"], encryption="platform")
    message = link(bench, job, task)["message"]
    assert "opens 2 of the search job's exports that the platform lists, and perhaps 1 more." in message
    assert "a random encryption_key suits better" in message
    bench.others_export(job, ["process.name"])
    bench.finish_exports()
    assert "and perhaps 2 more." in link(bench, job, task)["message"]
    explicit = link(bench, job, bench.exports[2].task_uuid, encryption_key=EXPLICIT_KEY)["message"]
    assert "opens 1 of the search job's exports that the platform lists, and perhaps 1 more." in explicit


def test_the_platform_s_key_opens_the_exports_that_are_listed_with_it(start: Start) -> None:
    bench = start(platform_key="sse_customer_key")
    bench.configure(encryption_secret=None)
    job, task = bench.exported()
    bench.exported(job, fields=["user.name"])
    assert "opens 1 of" in link(bench, job, task)["message"]
    bench.exports[1].platform_key = bench.exports[0].platform_key
    assert "opens 2 of the search job's exports that the platform lists. " in link(bench, job, task)["message"]
    bench.configure(encryption_secret=SecretStr(ENCRYPTION_SECRET))
    _, derived = bench.exported(job, fields=["host.name"])
    assert "opens 1 of the search job's exports that the platform lists. " in link(bench, job, derived)["message"]


def test_the_newest_export_is_the_one_without_a_task(bench: Bench) -> None:
    job, _ = bench.exported()
    bench.clock.advance(60)
    _, second = bench.exported(job, fields=["user.name"])
    assert link(bench, job)["task_uuid"] == str(second)


def test_one_that_has_expired_is_a_branch_with_what_to_do(bench: Bench) -> None:
    job, task = bench.exported()
    bench.clock.advance(25 * 3600)
    results = link(bench, job, task)
    assert (results["download_url"], results["curl_command"], results["headers_needed"]) == (None, None, {})
    assert results["message"].startswith("The export has expired. Trigger a new export")
    assert results["expire_at"] == bench.only_export().window_end(bench.simulator.settings).isoformat(
        timespec="milliseconds"
    ).replace("+00:00", "Z")


def test_a_link_that_died_early_is_read_again(start: Start) -> None:
    bench = start(url_ttl_s=100)
    job, task = bench.exported()
    bench.clock.advance(3600)
    results = link(bench, job, task)
    assert datetime.fromisoformat(results["expire_at"]) > bench.clock.now()


def test_one_that_is_not_there_or_not_finished_is_an_error(start: Start) -> None:
    bench = start(export_duration_s=1000.0)
    job = bench.job()
    with pytest.raises(NotFound):
        bench.link(job, uuid4())
    bench.trigger(job)
    with pytest.raises(JobNotReady):
        bench.link(job)
    with pytest.raises(UsageError, match="encryption_key is not base64"):
        bench.link(job, encryption_key="no key")


def test_the_storage_sees_one_byte_of_it_asked_for(bench: Bench) -> None:
    job, task = bench.exported()
    bench.link(job, task)
    asked = [request for request in bench.simulator.requests if request.server == "storage"]
    assert {request.headers.get("Range", request.headers.get("range")) for request in asked} == {"bytes=0-0"}


def test_a_refusal_of_the_storage_is_told_as_when_fetching(bench: Bench) -> None:
    job, task = bench.exported()
    body = b"<Error><Code>NoSuchKey</Code><Message>gone</Message></Error>"
    bench.fault(Kind.STATUS, server="storage", status=404, body=body, content_type="text/xml", times=None)
    with pytest.raises(Exception, match="Trigger a new export"):
        bench.link(job, task)
    bench.clock.advance(25 * 3600)
    assert link(bench, job, task)["download_url"] is None


URLS = st.text(st.characters(min_codepoint=33, max_codepoint=126), max_size=60).map(
    lambda rest: f"http://127.0.0.1:9/{rest}"
)


@settings(max_examples=25, deadline=None)
@given(url=URLS, needs_key=st.booleans())
def test_whatever_a_link_holds_the_shell_takes_it_for_one_argument(url: str, *, needs_key: bool) -> None:
    headers = list(NEEDED.items()) if needs_key else []
    command = curl_command(SecretStr(url), file_name="it's.gz", headers=headers).get_secret_value()
    seen = subprocess.run(
        ["sh", "-c", f'curl() {{ for a; do last=$a; done; printf %s "$last"; }}; {command}'],
        input="k",
        capture_output=True,
        text=True,
        check=True,
    )
    assert seen.stdout == url


def test_the_results_of_a_link_are_hidden_until_they_are_json() -> None:
    secret = {name for name, field in LinkResults.model_fields.items() if "SecretStr" in str(field.annotation)}
    assert secret == {"download_url", "curl_command", "encryption_key"}
