from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sekoia_export.simulator import Settings, Simulator
from tests.clock import ManualClock

if TYPE_CHECKING:
    from tests.simulator.client import Client


def test_a_case_has_its_alerts(client: Client) -> None:
    case = next(iter(client.simulator.cases.values()))
    shown = client.get(f"/v1/sic/cases/{case.uuid}")
    assert shown == client.get(f"/v1/sic/cases/{case.short_id}")
    assert shown["first_seen_at"] < shown["last_seen_at"] < "2026-01-15T12:00:00.000Z"
    alerts = client.get(f"/v1/sic/cases/{case.uuid}/alerts")
    assert [alert["short_id"] for alert in alerts["items"]] == [alert["short_id"] for alert in shown["alerts"]]
    first = alerts["items"][0]
    assert client.get(f"/v1/sic/alerts/{first['uuid']}") == client.get(f"/v1/sic/alerts/{first['short_id']}") == first


def test_comments_are_kept(client: Client) -> None:
    case = next(iter(client.simulator.cases.values()))
    path = f"/v1/sic/cases/{case.uuid}/comments"
    answer = client.ask("POST", path, json={"content": "**done**", "author": "playbook"})
    assert answer.status_code == 201
    assert [comment.content for comment in case.comments] == ["**done**"]
    assert client.get(path)["items"] == [answer.json()]
    assert client.get(f"/v1/sic/cases/{case.uuid}")["number_of_comments"] == 1


@pytest.mark.parametrize("body", [[], {}, {"content": " "}, {"content": 1}])
def test_an_empty_comment_is_refused(client: Client, body: Any) -> None:
    case = next(iter(client.simulator.cases))
    assert client.ask("POST", f"/v1/sic/cases/{case}/comments", json=body).status_code == 400


@pytest.mark.parametrize("path", ["cases/CAnone", "cases/CAnone/alerts", "cases/CAnone/comments", "alerts/ALnone"])
def test_what_is_not_there_is_not_found(client: Client, path: str) -> None:
    assert client.ask("GET", f"/v1/sic/{path}").status_code == 404


def test_the_same_seed_makes_the_same_cases() -> None:
    with Simulator(Settings(seed=5), ManualClock()) as first, Simulator(Settings(seed=5), ManualClock()) as second:
        assert first.cases == second.cases


def test_comments_on_an_alert_are_kept(client: Client) -> None:
    alert = next(iter(client.simulator.cases.values())).alerts[1]
    answer = client.ask("POST", f"/v1/sic/alerts/{alert.uuid}/comments", json={"content": "**done**", "author": "me"})
    assert answer.status_code == 201
    assert (answer.json()["content"], answer.json()["author"]) == ("**done**", "me")
    assert [comment.content for comment in alert.comments] == ["**done**"]
    assert client.get(f"/v1/sic/alerts/{alert.short_id}")["number_of_total_comments"] == 1
    assert client.ask("POST", "/v1/sic/alerts/none/comments", json={"content": "x"}).status_code == 404
