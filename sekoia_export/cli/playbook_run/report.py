"""What is said when a playbook has run: results of nodes, the store, and what it left on the simulated platform."""

from __future__ import annotations

import json
import textwrap
from typing import TYPE_CHECKING, Any

from pydantic import SecretStr

from sekoia_export.cli.playbook_run.view import in_items
from sekoia_export.playbooks.model import NodeType
from sekoia_export.simulator.playbook_steps import StepStatus

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sekoia_export.cli.terminal import Terminal
    from sekoia_export.playbooks.components import Catalogue
    from sekoia_export.simulator import Simulator
    from sekoia_export.simulator.cases import Comment
    from sekoia_export.simulator.playbook_steps import Outcome, Step

_SECRET_RESULTS = {"encryption_key"}
_LONGEST_VALUE = 160
_INDENT = "  "


def say_results(terminal: Terminal, outcomes: list[Outcome], simulator: Simulator | None, catalogue: Catalogue) -> None:
    """Write what this module's nodes reported, the store, and what is on the simulated platform, for a person."""
    for number, outcome in enumerate(outcomes, start=1):
        if len(outcomes) > 1:
            _write(terminal, f"Run {number} of {len(outcomes)}")
        for step in outcome.steps:
            if (component := catalogue.of(step.node)) is not None and step.node.type is NodeType.ACTION:
                _write(terminal, *_lines_of(step, with_results=component.ours))
        if outcome.store:
            _write(terminal, "In the store", *_values(outcome.store))
    if simulator is not None and (left := list(_left_behind(simulator))):
        _write(terminal, "On the simulated platform", *left)


def say_json(terminal: Terminal, outcomes: list[Outcome], simulator: Simulator | None) -> None:
    """Write what every node reported, and what is on the simulated platform, as one JSON object."""
    told: dict[str, Any] = {"runs": [_as_json(outcome) for outcome in outcomes]}
    if simulator is not None:
        told["simulated"] = {
            "comments": [{"on": name, "content": comment.content} for name, comment in _comments(simulator)],
            "messages": [{"channel": message.channel, "text": message.text} for message in simulator.messages],
            "indicators": {name: [each.value for each in found] for name, found in simulator.indicators.items()},
        }
    terminal.data(terminal.without_secrets(json.dumps(told, indent=2, ensure_ascii=False)))


def say_failures(terminal: Terminal, outcome: Outcome) -> None:
    """Say why nodes failed."""
    for step in outcome.failed:
        terminal.error(f"node {step.node.number} ({step.node.title}): {step.error}")


def _lines_of(step: Step, *, with_results: bool) -> Iterator[str]:
    ended = ", ".join(step.branches) if step.status is StepStatus.SUCCEEDED else str(step.status)
    yield f"{in_items(step)}node {step.node.number}  {step.node.title}: {ended}"
    if step.error is not None:
        yield _INDENT + step.error
    if with_results and isinstance(step.results, dict):
        yield from _values(step.results)


def _values(values: Mapping[str, Any]) -> Iterator[str]:
    width = max((len(name) for name, value in values.items() if value is not None), default=0)
    for name, value in values.items():
        if value is None:
            continue
        if isinstance(value, str) and "\n" in value:
            yield f"{_INDENT}{name}"
            yield textwrap.indent(value.strip(), _INDENT * 2)
        else:
            yield f"{_INDENT}{name:<{width}}  {_short(value)}"


def _comments(simulator: Simulator) -> Iterator[tuple[str, Comment]]:
    for case in simulator.cases.values():
        yield from ((f"case {case.short_id}", comment) for comment in case.comments)
        for alert in case.alerts:
            yield from ((f"alert {alert.short_id}", comment) for comment in alert.comments)


def _left_behind(simulator: Simulator) -> Iterator[str]:
    for name, comment in _comments(simulator):
        yield f"{_INDENT}comment on the {name}"
        yield textwrap.indent(comment.content.strip(), _INDENT * 2)
    for message in simulator.messages:
        yield f"{_INDENT}message in {message.channel or 'the channel of the webhook'}"
        yield textwrap.indent(message.text.strip(), _INDENT * 2)
    for name, found in simulator.indicators.items():
        yield f"{_INDENT}indicators in {name}: {', '.join(each.value for each in found)}"


def _as_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "event": outcome.event,
        "succeeded": outcome.succeeded,
        "steps": [
            {
                "node": step.node.number,
                "name": step.node.title,
                "items": [index for index, _ in step.items],
                "status": str(step.status),
                "branches": list(step.branches),
                "seconds": None if step.ended_s is None else round(step.ended_s - step.started_s, 3),
                "error": step.error,
                "results": step.results,
            }
            for step in outcome.steps
        ],
        "store": outcome.store,
    }


def _short(value: Any) -> str:
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= _LONGEST_VALUE else f"{text[:_LONGEST_VALUE]}..."


def _write(terminal: Terminal, *lines: str) -> None:
    terminal.data(terminal.without_secrets("\n".join(lines)))


def keep_keys(terminal: Terminal, outcome: Outcome) -> None:
    """Hide from now on, wherever it turns up, what a node was asked to reveal to the next one: this is a screen."""
    for step in outcome.steps:
        results = step.results if isinstance(step.results, dict) else {}
        for name in _SECRET_RESULTS & set(results):
            if isinstance(results[name], str):
                terminal.keep_secret(SecretStr(results[name]))
