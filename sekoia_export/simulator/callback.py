"""Where nodes report: the engine's callback, its secrets and its logs, as a WSGI application."""

from __future__ import annotations

import hmac
import json
import re
import threading
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from wsgiref.types import StartResponse, WSGIEnvironment

VALIDATION = "validate_module_configuration"
_PATH = re.compile(r"/api/v1/playbooks/node-runs/(?P<run>[0-9a-f-]{36})/(?P<what>callback|secrets|logs)")


@dataclass(slots=True)
class Report:
    """What a node has said of itself so far.

    Attributes:
        status: "pending" until it says "running", at last "finished".
        secrets_sent: whether it was given the secrets.
        changed_secrets: the secrets that it reported as changed.
        events: what a trigger sent.
    """

    command: str
    token: str = field(repr=False)
    node_run_uuid: str = field(default_factory=lambda: str(uuid.uuid4()))
    status: str = "pending"
    results: Any = None
    error: str | None = None
    logs: str | None = None
    outputs: dict[str, bool] = field(default_factory=dict)
    secrets_sent: bool = False
    changed_secrets: dict[str, Any] | None = field(default=None, repr=False)
    events: list[dict[str, Any]] = field(default_factory=list)
    trigger_logs: list[dict[str, Any]] = field(default_factory=list)


class Callbacks:
    """The WSGI application; the reports of all nodes, by the uuid of their run."""

    def __init__(self, configuration: Mapping[str, Any], secrets: Mapping[str, Any]) -> None:
        self._configuration = configuration
        self._secrets = secrets
        self._reports: dict[str, Report] = {}
        self._lock = threading.Lock()

    def expect(self, report: Report) -> None:
        """Take what this node will say."""
        with self._lock:
            self._reports[report.node_run_uuid] = report

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        status, answer = self._answer(environ)
        body = json.dumps(answer).encode()
        start_response(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]

    def _answer(self, environ: WSGIEnvironment) -> tuple[str, dict[str, Any]]:
        found = _PATH.fullmatch(environ["PATH_INFO"])
        report = None if found is None else self._reports.get(found["run"])
        if found is None or report is None:
            return "404 Not Found", {"message": "no such run"}
        if not hmac.compare_digest(environ.get("HTTP_AUTHORIZATION", ""), f"Bearer {report.token}"):
            return "401 Unauthorized", {"message": "wrong token"}
        raw = environ["wsgi.input"].read()
        try:
            body = json.loads(raw) if raw else {}
        except ValueError:
            return "400 Bad Request", {"message": "not JSON"}
        with self._lock:
            match environ["REQUEST_METHOD"], found["what"]:
                case "PATCH", "callback":
                    return self._patch(report, body)
                case "POST", "callback":
                    report.events.append(body)
                    return "200 OK", {"uuid": str(uuid.uuid4())}
                case "GET", "secrets":
                    report.secrets_sent = True
                    return "200 OK", {"value": dict(self._secrets), "node_value": {}}
                case "POST", "logs":
                    report.trigger_logs.extend(body.get("logs", []))
                    return "200 OK", {}
                case _:
                    return "405 Method Not Allowed", {"message": "not so"}

    def _patch(self, report: Report, body: dict[str, Any]) -> tuple[str, dict[str, Any]]:
        match body.get("status"):
            case "running":
                report.status = "running"
                # An account validator does not ask for the secrets and reads them all the same.
                report.secrets_sent = bool(body.get("need_secrets")) or report.command == VALIDATION
                value = {**self._configuration, **(self._secrets if report.secrets_sent else {})}
                return "200 OK", {"module_configuration": {"value": value}}
            case "finished":
                report.results = body.get("results")
                report.error = body.get("error")
                report.logs = body.get("logs")
                report.outputs = body.get("outputs") or {}
                report.changed_secrets = body.get("secrets")
                report.status = "finished"
                return "200 OK", {}
            case other:
                return "400 Bad Request", {"message": f"unknown status {other}"}
