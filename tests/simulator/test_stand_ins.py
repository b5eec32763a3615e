"""What stands in for other modules' nodes: it acts on the simulated platform, and answers as the real one does."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jsonschema
import pytest
from pydantic import SecretStr

from sekoia_export.errors import KeyRejected, NotFound, PermissionMissing, UsageError
from sekoia_export.playbooks.components import Component, load_catalogue
from sekoia_export.simulator import COMMENT_ON_CASES, Simulator
from sekoia_export.simulator.services import Indicator, Message
from sekoia_export.simulator.stand_ins import StandIns


@pytest.fixture
def simulator() -> Iterator[Simulator]:
    with Simulator() as started:
        yield started


@pytest.fixture
def stand_ins(simulator: Simulator) -> StandIns:
    return of(simulator)


def of(simulator: Simulator, *, api_key: str | None = None, real: bool = False) -> StandIns:
    key = SecretStr(api_key or simulator.api_key)
    return StandIns(base_url=simulator.base_url, api_key=key, simulator=None if real else simulator)


def named(name: str) -> Component:
    return load_catalogue().named(name)


def run(stand_ins: StandIns, name: str, **arguments: Any) -> dict[str, Any]:
    """Run an action, and hold its results against what its manifest says of them."""
    component = named(name)
    results = stand_ins.run(component, arguments)
    jsonschema.validate(results, dict(component.results))
    assert set(results) <= set(component.results.get("properties", {}))
    return results


@pytest.mark.parametrize("real", [False, True])
def test_a_case_is_read_and_commented_on(simulator: Simulator, real: bool) -> None:
    stand_ins = of(simulator, real=real)
    case = next(iter(simulator.cases.values()))
    assert run(stand_ins, "Get case", uuid=case.uuid)["alerts"][0]["short_id"] == case.alerts[0].short_id
    assert run(stand_ins, "Comment case", uuid=case.short_id, content="**said**")["content"] == "**said**"
    assert [comment.content for comment in case.comments] == ["**said**"]


@pytest.mark.parametrize("real", [False, True])
def test_an_alert_is_read_and_commented_on(simulator: Simulator, real: bool) -> None:
    stand_ins = of(simulator, real=real)
    alert = next(iter(simulator.cases.values())).alerts[0]
    assert run(stand_ins, "Get Alert", uuid=alert.uuid, stix=False)["short_id"] == alert.short_id
    assert run(stand_ins, "Comment Alert", uuid=alert.uuid, content="said", author="me")["author"] == "me"
    assert run(stand_ins, "Comment Alert", uuid=alert.uuid, content="said")["content"] == "said"
    assert [comment.author for comment in alert.comments] == ["me", None]


def test_messages_and_indicators_are_kept(simulator: Simulator, stand_ins: StandIns) -> None:
    assert run(stand_ins, "Post Message", message="hello", channel="soc") == {}
    run(stand_ins, "Post Message", message="and", username="bot")
    assert simulator.messages == [Message("hello", "soc"), Message("and", None, "bot")]
    add = "Add IOC to IOC Collection"
    run(stand_ins, add, ioc_collection_id="c", indicator_type="IP address", indicators=["1.1.1.1", "2.2.2.2"])
    run(stand_ins, add, ioc_collection_id="c", indicator_type="domain", indicator="x.example", valid_for=3)
    run(stand_ins, add, ioc_collection_id="d", indicator_type="hash", indicators='["00"]')
    assert simulator.indicators == {
        "c": [
            Indicator("1.1.1.1", "IP address"),
            Indicator("2.2.2.2", "IP address"),
            Indicator("x.example", "domain", 3),
        ],
        "d": [Indicator("00", "hash")],
    }


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("Get case", {}, "The argument uuid is missing"),
        ("Comment case", {"uuid": "x", "content": ""}, "The argument content is empty"),
        ("Comment Alert", {"uuid": 5, "content": "x"}, "The argument uuid is not a text"),
        ("Comment Alert", {"uuid": "x", "content": "x", "author": 5}, "The argument author is not a text"),
        ("Post Message", {"channel": "x"}, "The argument message is missing"),
        ("Add IOC to IOC Collection", {"indicators": "no list", "indicator_type": "url"}, "not a list of texts"),
        ("Add IOC to IOC Collection", {"indicators": [1], "indicator_type": "url"}, "not a list of texts"),
    ],
)
def test_arguments_that_the_real_one_would_refuse_are_refused(
    stand_ins: StandIns, name: str, arguments: dict[str, Any], said: str
) -> None:
    with pytest.raises(UsageError, match=said):
        run(stand_ins, name, **arguments)


def test_a_refusal_of_the_platform_says_what_to_mend(simulator: Simulator) -> None:
    case = next(iter(simulator.cases))
    with pytest.raises(NotFound, match=r"reading the case CAnone.*Check its uuid or short id"):
        run(of(simulator), "Get case", uuid="CAnone")
    with pytest.raises(NotFound, match=r"reading the alert \.\./\.\./me"):
        run(of(simulator), "Get Alert", uuid="../../me")
    with pytest.raises(KeyRejected):
        run(of(simulator, api_key="wrong"), "Get case", uuid=case)
    simulator.api_keys["small"] = set()
    with pytest.raises(PermissionMissing, match="to view cases and alerts and to comment on them"):
        run(of(simulator, api_key="small"), "Comment case", uuid=case, content="x")
    assert COMMENT_ON_CASES in simulator.api_keys[simulator.api_key]


def test_against_a_platform_only_what_its_api_does_is_known(simulator: Simulator) -> None:
    known = {component.name for component in load_catalogue() if of(simulator, real=True).knows(component.uuid)}
    assert known == {"Get case", "Comment case", "Get Alert", "Comment Alert"}
    also = {component.name for component in load_catalogue() if of(simulator).knows(component.uuid)} - known
    assert also == {"Post Message", "Add IOC to IOC Collection"}
    assert of(simulator, real=True).event_of("511d6f60-2166-4a16-9815-f86b42e8f689") is None
