"""`doctor` against simulators and bad places: what it finds, what it says to do, how it ends."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest

from sekoia_export.cli.settings.places import Places
from sekoia_export.clock import SystemClock
from sekoia_export.configuration import Configuration
from sekoia_export.operations.doctor import diagnose
from sekoia_export.simulator import MASSIVE_EXPORT, Fault, Kind, Settings, Simulator
from sekoia_export.simulator.certificates import VALID, make_certificates
from tests.canaries import ENCRYPTION_SECRET, S3_SECRET
from tests.cli.bench import CommandLine, Done
from tests.clock import ManualClock


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator(Settings()) as running:
        yield running


def found(done: Done) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in json.loads(done.stdout)["checks"]}


def verdicts(done: Done) -> dict[str, str]:
    return {name: check["verdict"] for name, check in found(done).items()}


def test_all_is_well_at_a_platform_that_takes_the_key(command_line: CommandLine, simulator: Simulator) -> None:
    command_line.configure(simulator)
    command_line.environment["SEKOIA_ENCRYPTION_SECRET"] = ENCRYPTION_SECRET
    done = command_line.run("doctor")
    assert (done.status, done.stderr) == (0, "")
    assert "ok    clock: This machine's clock is" in done.stdout
    assert "ok    API key: It is valid." in done.stdout
    assert "ok    permission Massive export of events: The API key has it." in done.stdout
    assert "shows only when an export is started" in done.stdout
    assert "BAD" not in done.stdout
    assert simulator.exports == {}
    assert simulator.jobs == {}


def test_every_bad_check_has_a_remedy_and_what_follows_is_left_open(command_line: CommandLine) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        command_line.environment |= {
            "SEKOIA_BASE_URL": f"http://127.0.0.1:{listener.getsockname()[1]}",
            "SEKOIA_API_KEY": "canary-api-key",
        }
        done = command_line.run("doctor", "--json")
    checks = found(done)
    assert done.status == 1
    assert checks["address"]["verdict"] == "bad"
    assert "could not be reached" in checks["address"]["found"]
    assert checks["API key"]["verdict"] == checks["clock"]["verdict"] == "unknown"
    assert all(check["remedy"] for check in checks.values() if check["verdict"] == "bad")


def test_a_refused_key_and_a_missing_permission_are_told_apart(command_line: CommandLine, simulator: Simulator) -> None:
    command_line.configure(simulator)
    simulator.api_keys[simulator.api_key].remove(MASSIVE_EXPORT)
    lacking = command_line.run("doctor", "--json")
    command_line.environment["SEKOIA_API_KEY"] = "canary-wrong-key"
    refused = command_line.run("doctor", "--json")
    del command_line.environment["SEKOIA_API_KEY"]
    missing = command_line.run("doctor", "--json")
    assert (lacking.status, refused.status, missing.status) == (2, 2, 2)
    assert verdicts(lacking)["permission View events"] == "good"
    assert verdicts(lacking)["permission Massive export of events"] == "bad"
    assert verdicts(refused)["address"] == "good"
    assert verdicts(refused)["API key"] == "bad"
    assert "API key is missing" in found(missing)["API key"]["found"]


def test_the_clock_is_compared_with_the_platforms(command_line: CommandLine, simulator: Simulator) -> None:
    command_line.configure(simulator)
    for off, verdict in ((timedelta(0), "good"), (timedelta(minutes=-5), "warning"), (timedelta(hours=2), "bad")):
        clock = ManualClock()
        date = format_datetime(clock.now() - off, usegmt=True)
        simulator.faults.add(Fault(Kind.STATUS, path="/auth/validate", status=401, headers={"Date": date}))
        command_line.clock = clock
        checks = found(command_line.run("doctor", "--json"))
        assert checks["clock"]["verdict"] == verdict, checks["clock"]
    assert "7200 s ahead of" in checks["clock"]["found"]


def test_the_region_is_named_and_a_strange_address_is_questioned(command_line: CommandLine) -> None:
    from sekoia_export.operations.doctor import _region

    assert _region("https://app.fra2.sekoia.io/api/v1").found == "It is FRA2."
    assert _region("https://sekoia.example/v1").verdict == "unknown"


@pytest.mark.parametrize(
    ("configured", "name", "status"),
    [
        ({"SEKOIA_BASE_URL": "http://api.sekoia.io"}, "address", 2),
        ({"SEKOIA_BASE_URL": "http://127.0.0.1:1", "SEKOIA_ENCRYPTION_SECRET": "short"}, "encryption secret", 2),
        ({"SEKOIA_BASE_URL": "http://127.0.0.1:1", "S3_BUCKET": "mine"}, "own bucket, SSE-C", 2),
        ({"SEKOIA_BASE_URL": "http://127.0.0.1:1", "S3_ACCESS_KEY_ID": "mine"}, "own bucket, SSE-C", 2),
    ],
)
def test_a_configuration_that_cannot_be_used_is_bad(
    command_line: CommandLine, configured: dict[str, str], name: str, status: int
) -> None:
    command_line.environment |= configured
    done = command_line.run("doctor", "--json")
    assert done.status == status
    assert verdicts(done)[name] == "bad"


def test_an_own_bucket_is_tried_with_a_customer_key(command_line: CommandLine, simulator: Simulator) -> None:
    bucket = simulator.buckets.create("mine")
    command_line.configure(simulator)
    command_line.environment |= {
        "S3_BUCKET": "mine",
        "S3_REGION_NAME": "eu-west-3",
        "S3_ENDPOINT_URL": simulator.storage_url,
        "S3_ACCESS_KEY_ID": bucket.access_key_id,
        "S3_SECRET_ACCESS_KEY": bucket.secret_access_key,
    }
    done = command_line.run("doctor", "--json")
    assert verdicts(done)["own bucket, SSE-C"] == "good", done.stdout
    assert done.status == 0
    assert bucket.objects == {}
    command_line.environment["S3_SECRET_ACCESS_KEY"] = S3_SECRET
    done = command_line.run("doctor", "--json")
    assert verdicts(done)["own bucket, SSE-C"] == "bad"
    assert done.status == 1


@pytest.mark.parametrize(("age_days", "verdict"), [(0, "good"), (25, "warning")])
def test_tls_is_told_with_the_end_of_the_certificate(
    command_line: CommandLine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, age_days: int, verdict: str
) -> None:
    made_at = datetime.now(UTC) - timedelta(days=age_days)
    made = make_certificates(tmp_path, authority=tmp_path / "ca.pem", now=made_at)
    with Simulator(Settings(tls_certificate=made.certificate, tls_key=made.key)) as simulator:
        command_line.configure(simulator)
        untrusted = command_line.run("doctor", "--json")
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(made.authority))
        trusted = command_line.run("doctor", "--json")
    assert (untrusted.status, trusted.status) == (1, 0)
    assert "REQUESTS_CA_BUNDLE" in found(untrusted)["address"]["remedy"]
    assert found(trusted)["TLS"]["verdict"] == verdict
    assert (
        f"TLSv1.3, and the certificate is trusted until {made_at + VALID:%Y-%m-%d}." == found(trusted)["TLS"]["found"]
    )


@pytest.mark.parametrize(("supported", "verdict"), [(True, "good"), (False, "warning")])
def test_what_an_earlier_export_told_of_customer_keys_is_told_again(
    command_line: CommandLine, supported: bool, verdict: str
) -> None:
    command_line.clock = ManualClock()
    settings = Settings(total_events=5, search_duration_s=0, export_duration_s=0, sse_c_supported=supported)
    with Simulator(settings, command_line.clock) as simulator:
        command_line.configure(simulator)
        assert verdicts(command_line.run("doctor", "--json"))["SSE-C"] == "unknown"
        # Without a secret no key is sent, so this one tells nothing.
        assert command_line.run("run", "--query", "a", "--since", "-1h", "-o", "a.jsonl").status == 0
        assert verdicts(command_line.run("doctor", "--json"))["SSE-C"] == "unknown"
        command_line.environment["SEKOIA_ENCRYPTION_SECRET"] = ENCRYPTION_SECRET
        assert command_line.run("run", "--query", "b", "--since", "-1h", "-o", "b.jsonl").status == 0
        assert verdicts(command_line.run("doctor", "--json"))["SSE-C"] == verdict
        [run_file, *_] = (command_line.home / "state" / ".sekoia-export" / "runs").iterdir()
        run_file.write_text("damaged")
        assert verdicts(command_line.run("doctor", "--json"))["SSE-C"] == "unknown"


def test_an_address_that_is_not_the_platforms_is_told_from_a_refused_key(
    command_line: CommandLine, simulator: Simulator
) -> None:
    command_line.configure(simulator)
    command_line.environment["SEKOIA_BASE_URL"] = f"{simulator.base_url}/elsewhere"
    done = command_line.run("doctor", "--json")
    assert done.status == 2
    assert "is not the platform's API" in found(done)["API key"]["found"]


def test_folders_are_written_to_and_room_is_told(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    rooms = {tmp_path: 5_000_000_000, tmp_path.parent: 50_000_000_000}
    results = diagnose(
        Configuration(base_url="http://127.0.0.1:1"),
        folders={"little": tmp_path / "made" / "later", "much": tmp_path.parent, "no folder": file},
        clock=SystemClock(),
        free=lambda folder: rooms[folder],
    )
    checks = {check.name: check for check in results.checks}
    assert (checks["little"].verdict, checks["much"].verdict) == ("warning", "good")
    assert "5.0 GB" in checks["little"].found
    assert checks["no folder"].verdict == "bad"
    assert checks["no folder"].remedy
    assert list(tmp_path.iterdir()) == [file]
    full = diagnose(
        Configuration(base_url="http://127.0.0.1:1"), folders={"full": tmp_path}, clock=SystemClock(), free=lambda _: 0
    )
    assert full.bad[-1].name == "full"


def test_places_that_are_looked_at_are_those_that_are_used(command_line: CommandLine) -> None:
    command_line.environment["SEKOIA_BASE_URL"] = "http://127.0.0.1:1"
    checks = found(command_line.run("doctor", "--json"))
    assert str(command_line.folder) in checks["current folder"]["found"]
    assert str(Places.of({"SEKOIA_EXPORT_HOME": str(command_line.home)}).state) in checks["state folder"]["found"]
