"""What stands in for the nodes of other modules: by uuid, acting on the simulated platform as the real one would.

Actions that are plain calls of the platform's API (cases and alerts) are made through the library's client, so they
work against a real platform too. What other services do is kept in the simulator, and cannot be done against a
platform.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sekoia_export.api.cases import Cases
from sekoia_export.api.client import Client
from sekoia_export.api.regions import api_root
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.errors import UsageError
from sekoia_export.simulator.services import Indicator, Message

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from pydantic import SecretStr

    from sekoia_export.playbooks.components import Component
    from sekoia_export.simulator.simulator import Simulator

    Act = Callable[[Mapping[str, Any]], dict[str, Any]]

GET_CASE = "0ecabc04-43b4-4564-b9b2-08b80e0e1ecf"
COMMENT_CASE = "0fcabc04-43b4-4564-b9b2-08b80e0e1ecf"
GET_ALERT = "8d189665-5401-4098-8d60-944de9a6199a"
COMMENT_ALERT = "0d323de3-a864-4afe-a0c3-e7ff45883d7a"
ADD_INDICATORS = "0acabc04-43b4-4564-b9b2-08b80e0e1ecf"
POST_MESSAGE = "e682ce5e-57aa-49b0-aace-9849448b2082"
CASE_TRIGGER = "511d6f60-2166-4a16-9815-f86b42e8f689"
ALERT_TRIGGER = "fc26eb9f-b272-4c15-b3bf-ace397c0dc57"

_TIMEOUT_S = 120.0


class StandIns:
    """The stand-ins of one platform; any thread may run them.

    Args:
        base_url, api_key: of the platform.
        simulator: the platform, when it is a simulated one; None for a real one.
    """

    def __init__(self, *, base_url: str, api_key: SecretStr, simulator: Simulator | None) -> None:
        self._root = api_root(base_url)
        self._api_key = api_key
        self._simulator = simulator
        self._of_api: dict[str, Callable[[Cases, Mapping[str, Any]], dict[str, Any]]] = {
            GET_CASE: lambda cases, given: cases.case(_text(given, "uuid")),
            COMMENT_CASE: lambda cases, given: cases.comment_on_case(_text(given, "uuid"), _text(given, "content")),
            GET_ALERT: lambda cases, given: cases.alert(_text(given, "uuid")),
            COMMENT_ALERT: lambda cases, given: cases.comment_on_alert(
                _text(given, "uuid"), _text(given, "content"), author=_optional_text(given, "author")
            ),
        }
        self._simulated: dict[str, Act] = {POST_MESSAGE: self._post_message, ADD_INDICATORS: self._add_indicators}

    def knows(self, component_uuid: str) -> bool:
        """Return whether there is a stand-in for an action."""
        return component_uuid in self._of_api or (self._simulator is not None and component_uuid in self._simulated)

    def run(self, component: Component, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Do what the action does and return its results.

        Raises:
            UsageError: an argument is missing or of another kind.
            ExportError: what the platform refused, or that it did not answer.
        """
        if (act := self._simulated.get(component.uuid)) is not None:
            return act(arguments)
        client = Client(root=self._root, api_key=self._api_key, deadline=Deadline(SystemClock(), _TIMEOUT_S))
        try:
            return self._of_api[component.uuid](Cases(client), arguments)
        finally:
            client.close()

    def event_of(self, trigger_uuid: str) -> dict[str, Any] | None:
        """Return what a manual trigger sends when it is used on the simulator's first case or its first alert.

        None when it is another trigger, or there is no simulator to have a case.
        """
        case = next(iter(self._simulator.cases.values()), None) if self._simulator is not None else None
        if case is None:
            return None
        events = {CASE_TRIGGER: {"case_uuid": case.uuid}, ALERT_TRIGGER: {"alert_uuid": case.alerts[0].uuid}}
        return events.get(trigger_uuid)

    def _post_message(self, given: Mapping[str, Any]) -> dict[str, Any]:
        message = Message(_text(given, "message"), _optional_text(given, "channel"), _optional_text(given, "username"))
        self._simulated_platform.messages.append(message)
        return {}

    def _add_indicators(self, given: Mapping[str, Any]) -> dict[str, Any]:
        found = given.get("indicators")
        if isinstance(found, str):
            found = _read_list(found)
        if found is None:
            found = [_text(given, "indicator")]
        if not isinstance(found, list) or not all(isinstance(each, str) for each in found):
            raise UsageError("The argument indicators is not a list of texts.", "Give a list of texts.")
        kind, valid_for = _text(given, "indicator_type"), given.get("valid_for")
        collection = self._simulated_platform.indicators.setdefault(_text(given, "ioc_collection_id"), [])
        collection.extend(Indicator(each, kind, valid_for) for each in found)
        return {}

    @property
    def _simulated_platform(self) -> Simulator:
        assert self._simulator is not None  # noqa: S101 - `knows` was asked
        return self._simulator


def _text(given: Mapping[str, Any], name: str) -> str:
    value = given.get(name)
    if not isinstance(value, str) or not value.strip():
        what = "missing" if value is None else "empty" if value == "" else "not a text"
        raise UsageError(f"The argument {name} is {what}.", f"Give {name} a text.")
    return value


def _optional_text(given: Mapping[str, Any], name: str) -> str | None:
    return None if given.get(name) is None else _text(given, name)


def _read_list(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
