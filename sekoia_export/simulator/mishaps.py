"""What can happen to an export on a simulated platform, so that a playbook's other branches can be seen."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from sekoia_export.simulator.faults import Fault, Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sekoia_export.playbooks.components import Catalogue
    from sekoia_export.playbooks.model import Playbook
    from sekoia_export.simulator.settings import Settings
    from sekoia_export.simulator.simulator import Simulator

_NEVER_S = 1e9
_SHORT_S = 2
"""The `timeout` of the steps that are to time out: nobody waits for four hours to see what happens then."""


class Mishap(StrEnum):
    """What happens."""

    EMPTY = "empty"
    """The search finds nothing."""
    SEARCH_FAILED = "search_failed"
    SEARCH_TIMED_OUT = "search_timed_out"
    BUSY = "busy"
    """Another export of the community is running, and goes on running."""
    EXPORT_FAILED = "export_failed"
    EXPORT_TIMED_OUT = "export_timed_out"
    INCOMPLETE = "incomplete"
    """The file holds fewer events than were exported."""
    EXPIRED = "expired"
    """The download window is over before the file is fetched."""


def _busy(simulator: Simulator) -> None:
    body = json.dumps({"code": "export_running", "message": "Another export is already running"}).encode()
    simulator.faults.add(Fault(Kind.STATUS, method="POST", path="/export$", status=409, body=body, times=None))


def _expired(simulator: Simulator) -> None:
    body = b"<Error><Code>AccessDenied</Code><Message>Request has expired</Message></Error>"
    simulator.faults.add(
        Fault(Kind.STATUS, server="storage", method="GET", status=403, body=body, content_type="text/xml", times=None)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """What a mishap changes.

    Attributes:
        settings: of the simulator.
        arguments: of this module's actions, by command: what their author set would take too long.
        prepare: what is done to the simulator before the run.
    """

    settings: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    prepare: Callable[[Simulator], None] | None = None


_SHORT = {"timeout": _SHORT_S}
_CHANGES: dict[Mishap, _Change] = {
    Mishap.EMPTY: _Change(settings={"total_events": 0}),
    Mishap.SEARCH_FAILED: _Change(settings={"search_outcome": "failed"}),
    Mishap.SEARCH_TIMED_OUT: _Change(
        settings={"search_duration_s": _NEVER_S}, arguments={"search_events": _SHORT, "export_events": _SHORT}
    ),
    Mishap.BUSY: _Change(
        prepare=_busy, arguments={"trigger_export": {"wait_for_slot": 0}, "export_events": {"wait_for_slot": 0}}
    ),
    Mishap.EXPORT_FAILED: _Change(settings={"task_outcome": "failed"}),
    Mishap.EXPORT_TIMED_OUT: _Change(
        settings={"export_duration_s": _NEVER_S}, arguments={"wait_until_finished": _SHORT, "export_events": _SHORT}
    ),
    Mishap.INCOMPLETE: _Change(settings={"count_off_by": 7}),
    Mishap.EXPIRED: _Change(prepare=_expired),
}


def settings_of(mishap: Mishap, settings: Settings) -> Settings:
    """Return `settings` as the mishap has them."""
    return replace(settings, **_CHANGES[mishap].settings)


def prepare(mishap: Mishap, simulator: Simulator) -> None:
    """Have the simulator answer as the mishap has it."""
    if (change := _CHANGES[mishap].prepare) is not None:
        change(simulator)


def arguments_of(mishap: Mishap, playbook: Playbook, catalogue: Catalogue) -> dict[int, dict[str, Any]]:
    """Return the arguments that the mishap replaces, by node: times that nobody would wait for."""
    changed = _CHANGES[mishap].arguments
    found: dict[int, dict[str, Any]] = {}
    for node in playbook.nodes.values():
        component = catalogue.of(node)
        if component is not None and component.command is not None and component.command in changed:
            found[node.number] = dict(changed[component.command])
    return found
