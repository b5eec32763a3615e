"""The chain, end to end: each way of encryption, each form of the base URL, each shape of the platform's answers."""

from __future__ import annotations

import gzip
import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
import trustme

from sekoia_export.simulator import Engine
from tests.canaries import ENCRYPTION_SECRET, EXPLICIT_KEY
from tests.playbook.conftest import COLD, Bench
from tests.proxy import Proxy

Start = Callable[..., Bench]
SEARCH = {"query": 'user.name:"j.doe"', "earliest_time": "2026-01-01T00:00:00Z", "latest_time": "2026-01-02T00:00:00Z"}


def run_chain(bench: Bench, engine: Engine, *, trigger: dict[str, Any], fetch: dict[str, Any]) -> dict[str, Any]:
    """Run the four nodes, each with the results of the one before, and return the last one's."""
    nodes: dict[int, tuple[str, str, dict[str, Any]]] = {
        1: ("search_events", "done", SEARCH),
        2: ("trigger_export", "triggered", {"job_uuid": "{{ node.1.job_uuid }}", **trigger}),
        3: ("wait_until_finished", "finished", {"task_uuid": "{{ node.2.task_uuid }}"}),
        4: (
            "fetch_and_decrypt",
            "fetched",
            {"job_uuid": "{{ node.2.job_uuid }}", "task_uuid": "{{ node.2.task_uuid }}", **fetch},
        ),
    }
    for node, (command, branch, arguments) in nodes.items():
        run = bench.checked(engine.run_node(command, arguments, node=node))
        assert (run.error, run.branches) == (None, [branch]), run.stderr
    results: dict[str, Any] = engine.results[4]
    return results


def events_in(path: Path) -> list[dict[str, Any]]:
    return [orjson.loads(line) for line in gzip.decompress(path.read_bytes()).splitlines()]


@pytest.mark.parametrize(
    ("way", "settings", "secrets", "trigger", "fetch", "triggered", "fetched"),
    [
        ("derived", {}, {"encryption_secret": ENCRYPTION_SECRET}, {}, {}, "derived", "derived"),
        (
            "provided",
            {},
            {"encryption_secret": ENCRYPTION_SECRET},
            {"encryption_key": EXPLICIT_KEY},
            {"encryption_key": EXPLICIT_KEY},
            "provided",
            "provided",
        ),
        ("platform", {"platform_key": "sse_customer_key"}, {}, {}, {}, "platform", "platform"),
        ("none", {}, {}, {}, {}, "platform", "none"),
        ("es110", {"sse_c_supported": False}, {"encryption_secret": ENCRYPTION_SECRET}, {}, {}, "none", "none"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_the_four_actions_as_four_processes(
    bench: Start,
    way: str,
    settings: dict[str, Any],
    secrets: dict[str, Any],
    trigger: dict[str, Any],
    fetch: dict[str, Any],
    triggered: str,
    fetched: str,
) -> None:
    # The chain that most will run is started as the platform's engine starts it.
    bed = bench(**settings, **({"start": COLD} if way == "derived" else {}))
    engine = bed.engine(secrets={"api_key": bed.simulator.api_key, **secrets})
    results = run_chain(bed, engine, trigger=trigger, fetch=fetch)
    file = bed.data / results["file_path"]
    assert engine.results[2]["encryption"] == triggered
    assert results["encryption"] == fetched
    assert results["events_count"] == results["expected_events"] == 500
    assert results["complete"] is True
    assert results["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    assert results["file_size"] == results["compressed_size"] == file.stat().st_size
    assert results["preview"] == events_in(file)[:10]
    assert all(set(event) <= {"@timestamp", "message"} for event in events_in(file))


@pytest.mark.parametrize("file_format", ["jsonl.gz", "jsonl", "json"])
def test_export_events_is_the_chain_in_one_node(bench: Start, file_format: str) -> None:
    bed = bench(**({"start": COLD} if file_format == "jsonl.gz" else {}))
    run = bed.run("export_events", {**SEARCH, "format": file_format, "field_set": "identity", "preview": 2})
    assert (run.error, run.branches) == (None, ["fetched"]), run.stderr
    data = (bed.data / run.results["file_path"]).read_bytes()
    assert run.results["file_path"].endswith(f".{file_format}")
    match file_format:
        case "jsonl.gz":
            events = [json.loads(line) for line in gzip.decompress(data).splitlines()]
        case "jsonl":
            events = [json.loads(line) for line in data.splitlines()]
        case _:
            events = json.loads(data)
    assert len(events) == run.results["events_count"] == 500
    assert run.results["preview"] == events[:2]
    assert run.results["fields"][:3] == ["@timestamp", "message", "user.name"]
    # the results of the earlier steps are there as well
    assert run.results["total"] == 500
    assert run.results["status"] == "FINISHED"


@pytest.mark.parametrize(
    ("shape", "url_in"),
    [("list", "task"), ("list", "export_jobs"), ("object", "both"), ("object", "export_jobs"), ("items", "both")],
)
def test_each_shape_of_export_jobs(bench: Start, shape: str, url_in: str) -> None:
    bed = bench(export_jobs_shape=shape, download_url_in=url_in, entry_id=None if shape == "object" else "uuid")
    run = bed.run("export_events", SEARCH)
    assert (run.error, run.branches) == (None, ["fetched"]), run.stderr
    assert run.results["complete"] is True


@pytest.mark.parametrize("suffix", ["", "/", "/api", "/api/", "/v1"])
def test_each_path_of_a_base_url(bench: Start, suffix: str) -> None:
    bed = bench()
    run = bed.run("search_events", SEARCH, base_url=f"{bed.simulator.base_url}{suffix}")
    assert (run.error, run.branches) == (None, ["done"])


REGION_FORMS = {
    "https://api.sekoia.io": "/v1",
    "https://api.sekoia.io/": "/v1",
    "api.sekoia.io": "/v1",
    "https://app.sekoia.io": "/api/v1",
    "https://app.fra2.sekoia.io/api": "/api/v1",
    "https://api.fra2.sekoia.io/api": "/api/v1",
    "https://app.mco1.sekoia.io/api/": "/api/v1",
    "app.uae1.sekoia.io": "/api/v1",
    "https://api.usa1.sekoia.io": "/v1",
    "https://api.sgp1.sekoia.io": "/v1",
}


@pytest.fixture(scope="module")
def regions(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """PEM files of a server that is every region, and of the private authority that says so."""
    folder = tmp_path_factory.mktemp("regions")
    files = {name: folder / f"{name}.pem" for name in ("certificate", "key", "authority")}
    authority = trustme.CA()
    server = authority.issue_cert(
        "*.sekoia.io",
        "*.fra2.sekoia.io",
        "*.mco1.sekoia.io",
        "*.uae1.sekoia.io",
        "*.usa1.sekoia.io",
        "*.sgp1.sekoia.io",
        "127.0.0.1",
    )
    files["certificate"].write_bytes(b"".join(blob.bytes() for blob in server.cert_chain_pems))
    server.private_key_pem.write_to_path(files["key"])
    authority.cert_pem.write_to_path(files["authority"])
    return files


@pytest.mark.parametrize("base_url", REGION_FORMS)
def test_each_region_through_a_proxy_and_a_private_authority(
    tmp_path: Path, regions: dict[str, Path], bench: Start, base_url: str
) -> None:
    bed = bench(tls_certificate=regions["certificate"], tls_key=regions["key"])
    port = int(bed.simulator.base_url.rsplit(":", 1)[1])
    with Proxy(port) as proxy:
        env = {"HTTPS_PROXY": proxy.url, "NO_PROXY": "127.0.0.1", "REQUESTS_CA_BUNDLE": str(regions["authority"])}
        run = bed.run("export_events", SEARCH, base_url=base_url, env=env)
    assert (run.error, run.branches) == (None, ["fetched"]), run.stderr
    host = base_url.removeprefix("https://").split("/")[0]
    assert set(proxy.asked) == {f"{host}:443"}
    paths = {request.path for request in bed.simulator.requests if request.server == "platform"}
    assert all(path.startswith(f"{REGION_FORMS[base_url]}/") for path in paths)


def test_a_rerun_of_the_chain_starts_and_fetches_nothing_again(bench: Start) -> None:
    bed = bench()
    engine = bed.engine()
    first = run_chain(bed, engine, trigger={}, fetch={})
    fetched_before = sum(request.server == "storage" for request in bed.simulator.requests)
    trigger = bed.checked(engine.run_node("trigger_export", {"job_uuid": "{{ node.1.job_uuid }}"}, node=2))
    assert trigger.results["reused"] is True
    again = bed.checked(
        engine.run_node(
            "fetch_and_decrypt", {"job_uuid": "{{ node.1.job_uuid }}", "task_uuid": "{{ node.2.task_uuid }}"}
        )
    )
    assert {**again.results, "duration_seconds": 0} == {**first, "duration_seconds": 0}
    assert len(bed.simulator.exports) == 1
    assert sum(request.server == "storage" for request in bed.simulator.requests) == fetched_before


def test_a_rerun_of_the_one_node_chain_searches_once(bench: Start) -> None:
    bed = bench()
    engine = bed.engine()
    arguments = {"query": "*", "earliest_time": "-1h"}
    first = bed.checked(engine.run_node("export_events", arguments, node=1))
    again = bed.checked(engine.run_node("export_events", arguments, node=1))
    assert again.results["job_uuid"] == first.results["job_uuid"]
    assert (len(bed.simulator.jobs), len(bed.simulator.exports)) == (1, 1)
