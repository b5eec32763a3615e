from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sekoia_export.simulator import JobStatus
from tests.simulator.client import JOBS, SEARCH, Client

if TYPE_CHECKING:
    from tests.simulator.conftest import Connect


@pytest.mark.parametrize("prefix", ["", "/api"])
def test_a_search_job_goes_through_its_states(connect: Connect, prefix: str) -> None:
    client = connect(search_pending_s=2, search_duration_s=10, total_events=500)
    job = client.ask("POST", prefix + JOBS, json=SEARCH).json()
    path = f"{prefix}{JOBS}/{job['uuid']}"
    assert (job["status"], job["total"], job["started_at"], job["ended_at"]) == (0, 0, None, None)
    client.clock.advance(7)
    running = client.get(path)
    assert (running["status"], running["total"], running["ended_at"]) == (1, 250, None)
    client.clock.advance(5)
    done = client.get(path)
    assert (done["status"], done["total"], done["ended_at"]) == (2, 500, "2026-01-15T12:00:12.000Z")
    assert done["expiration_date"] == "2026-01-15T12:30:12.000Z"
    assert client.simulator.jobs[job["uuid"]].body == SEARCH


def test_what_was_asked_comes_back(client: Client) -> None:
    body = {
        **SEARCH,
        "earliest_time": "2026-01-01T00:00:00.000Z",
        "latest_time": "2026-01-02T00:00:00+01:00",
        "max_last_events": 7,
        "community_uuids": ["11111111-2222-4333-8444-555555555555"],
        "filters": [{"field": "source.ip", "operator": "is", "value": "10.0.0.1"}],
    }
    job = client.ask("POST", JOBS, json=body).json()
    assert {name: job[name] for name in body} == body
    client.clock.advance(1)
    assert client.get(f"{JOBS}/{job['uuid']}")["total"] == 7


@pytest.mark.parametrize(
    "body",
    [
        [],
        {},
        {**SEARCH, "nonsense": 1},
        {**SEARCH, "term": 1},
        {**SEARCH, "visible": "false"},
        {**SEARCH, "earliest_time": "yesterday"},
        {**SEARCH, "earliest_time": "2026-01-01T00:00:00.123456Z"},
        {**SEARCH, "earliest_time": "+99999999999w"},
        {**SEARCH, "latest_time": "-2h"},
        {**SEARCH, "filters": ["source.ip"]},
        {"earliest_time": "-1h", "latest_time": "now"},
        {"term": "*", "earliest_time": "-1h"},
    ],
)
def test_a_search_that_cannot_be_understood_is_refused(client: Client, body: Any) -> None:
    answer = client.ask("POST", JOBS, json=body)
    assert (answer.status_code, answer.json()["code"]) == (400, "validation_error")
    assert not client.simulator.jobs


def test_a_time_can_lie_ahead(client: Client) -> None:
    job = client.search(earliest_time="2026-01-15T10:00:00", latest_time="+1d")
    assert client.simulator.jobs[job].period.span_ms == 26 * 3_600_000


@pytest.mark.parametrize(("outcome", "status"), [("canceled", 3), ("failed", 4)])
def test_a_search_can_end_badly(connect: Connect, outcome: str, status: int) -> None:
    client = connect(search_outcome=outcome)
    job = client.get(f"{JOBS}/{client.search()}")
    assert (job["status"], job["total"]) == (status, 0 if outcome == "failed" else 1_000)


def test_a_search_can_be_canceled_once(connect: Connect) -> None:
    client = connect(search_duration_s=100)
    uuid = client.ask("POST", JOBS, json=SEARCH).json()["uuid"]
    client.clock.advance(50)
    canceled = client.ask("POST", f"{JOBS}/{uuid}/cancel").json()
    assert (canceled["status"], canceled["total"]) == (3, 500)
    client.clock.advance(100)
    assert client.get(f"{JOBS}/{uuid}")["status"] == 3
    assert client.ask("POST", f"{JOBS}/{uuid}/cancel").status_code == 400


def test_the_job_as_strings_and_by_name(connect: Connect) -> None:
    client = connect(status_style="str", ended_at_early=True, search_duration_s=10)
    running = client.ask("POST", JOBS, json=SEARCH).json()
    assert (running["status"], running["total"], running["results_ttl"]) == ("1", "0", "1800")
    assert running["max_last_events"] is None
    assert running["ended_at"] is not None
    client.simulator.settings = replace(client.simulator.settings, status_style="name")
    client.clock.advance(10)
    assert client.get(f"{JOBS}/{running['uuid']}")["status"] == "DONE"


def test_an_expired_job_is_gone_and_one_that_is_kept_is_not(client: Client) -> None:
    first, second = client.search(), client.search()
    kept = client.ask("PUT", f"{JOBS}/{second}", json={"results_ttl": 7_200}).json()
    assert kept["results_ttl"] == 7_200
    client.clock.advance(1_800)
    assert client.ask("GET", f"{JOBS}/{first}").status_code == 410
    assert client.ask("PUT", f"{JOBS}/{first}", json={"results_ttl": 7_200}).status_code == 410
    assert client.get(f"{JOBS}/{second}")["expired"] is False
    assert client.simulator.jobs[first].expired(client.clock.now())


def test_the_time_to_live_can_count_from_the_put(connect: Connect) -> None:
    client = connect(results_ttl_counts_from="now")
    uuid = client.search()
    client.clock.advance(1_000)
    client.ask("PUT", f"{JOBS}/{uuid}", json={"results_ttl": 1_000})
    client.clock.advance(999)
    assert client.ask("GET", f"{JOBS}/{uuid}").status_code == 200
    client.clock.advance(1)
    assert client.ask("GET", f"{JOBS}/{uuid}").status_code == 410


@pytest.mark.parametrize("body", [[], {}, {"results_ttl": "600"}, {"results_ttl": 0}])
def test_a_time_to_live_is_a_number_of_seconds(client: Client, body: Any) -> None:
    assert client.ask("PUT", f"{JOBS}/{client.search()}", json=body).status_code == 400


def test_the_events_come_in_pages(connect: Connect) -> None:
    client = connect(total_events=2_050)
    uuid = client.search()
    pages = [client.get(f"{JOBS}/{uuid}/events", params={"limit": 1_000, "offset": at}) for at in (0, 1_000, 2_000)]
    assert [len(page["items"]) for page in pages] == [1_000, 1_000, 50]
    assert pages[0]["total"] == 2_050
    times = [event["@timestamp"] for page in pages for event in page["items"]]
    assert times == sorted(times)
    assert times[0] >= "2026-01-15T11:00:00.000Z"
    assert times[-1] < "2026-01-15T12:00:00.000Z"
    assert len(client.get(f"{JOBS}/{uuid}/events")["items"]) == 100


@pytest.mark.parametrize("query", ["limit=1001", "limit=-1", "offset=x"])
def test_a_page_has_bounds(client: Client, query: str) -> None:
    assert client.ask("GET", f"{JOBS}/{client.search()}/events?{query}").status_code == 400


def test_fields_and_histograms(client: Client) -> None:
    uuid = client.search()
    fields = client.get(f"{JOBS}/{uuid}/fields", params={"limit": 10, "offset": 2})
    assert len(fields["items"]) == 10
    names = {item["name"] for item in client.get(f"{JOBS}/{uuid}/fields")["items"]}
    assert {"@timestamp", "message", "source.ip", "file.hash.sha256", "dns.question.name", "url.full"} <= names
    assert sum(item["count"] for item in client.get(f"{JOBS}/{uuid}/histograms")["items"]) == 1_000


def test_nothing_found_has_no_fields(connect: Connect) -> None:
    client = connect(total_events=0)
    uuid = client.search()
    assert client.get(f"{JOBS}/{uuid}/fields") == {"items": [], "total": 0}
    assert client.get(f"{JOBS}/{uuid}/events") == {"items": [], "total": 0}


def test_the_small_export_ends_at_a_thousand(connect: Connect) -> None:
    client = connect(total_events=1_500)
    path = f"{JOBS}/{client.search()}/export"
    lines = client.ask("GET", path).text.splitlines()
    assert len(lines) == 1_000
    assert set(json.loads(lines[0])) == {"@timestamp", "message"}
    rows = client.get(path, params={"format": "json", "fields": "user.name,url.full"})
    assert len(rows) == 1_000
    assert set(rows[0]) == {"user.name", "url.full"}
    table = list(csv.DictReader(io.StringIO(client.ask("GET", path, params={"format": "csv"}).text)))
    assert [row["message"] for row in table] == [json.loads(line)["message"] for line in lines]
    assert client.ask("GET", path, params={"format": "xlsx"}).status_code == 400


def test_an_unknown_job_is_not_found(client: Client) -> None:
    answer = client.ask("GET", f"{JOBS}/11111111-2222-4333-8444-555555555555")
    assert (answer.status_code, answer.json()["code"]) == (404, "not_found")
    assert client.ask("GET", "/v1/nowhere").status_code == 404
    assert client.ask("DELETE", JOBS).status_code == 405


def test_a_test_can_change_a_job(client: Client) -> None:
    uuid = client.search()
    job = client.simulator.jobs[uuid]
    job.total = 3
    job.outcome = JobStatus.FAILED
    assert client.get(f"{JOBS}/{uuid}")["status"] == 4
