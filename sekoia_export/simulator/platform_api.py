"""The platform: its Flask application, with massive exports and tasks; the other endpoints are blueprints beside it."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any

from flask import Blueprint, Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException
from werkzeug.local import LocalProxy

from sekoia_export.simulator.access import Access, access_blueprint
from sekoia_export.simulator.case_api import case_blueprint
from sekoia_export.simulator.errors import Refused
from sekoia_export.simulator.exports import entry_json, task_json
from sekoia_export.simulator.launch import read_request, start_export
from sekoia_export.simulator.search_api import JOBS, find_job, search_blueprint
from sekoia_export.simulator.state import MASSIVE_EXPORT, VIEW_EVENTS, VIEW_INTAKES, State

if TYPE_CHECKING:
    from collections.abc import Iterable
    from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

PREFIXES = ("/v1", "/api/v1")
_STATE = "simulator.state"


def export_blueprint(access: Access, state: State) -> Blueprint:
    """Return the endpoints of massive exports and of tasks."""
    blueprint = Blueprint("exports", __name__)
    exporting = access.requires(VIEW_INTAKES, VIEW_EVENTS, MASSIVE_EXPORT)

    @blueprint.post(f"{JOBS}/<uuid>/export")
    @exporting
    def trigger(uuid: str) -> tuple[Response, int]:
        job = find_job(state, uuid, alive=False)
        body: Any = request.get_json(silent=True) if request.data else {}
        if not isinstance(body, dict):
            raise Refused(400, "validation_error", "The body must be a JSON object")
        export = start_export(state, job, read_request(body))
        return jsonify({"task_uuid": export.task_uuid}), state.settings.trigger_status

    @blueprint.get("/tasks/<uuid>")
    @access.requires()
    def task(uuid: str) -> Response:
        export = state.exports.get(uuid)
        if export is None:
            raise Refused(404, "not_found", "The task does not exist")
        url = state.download_url(export, "task")
        return jsonify(task_json(export, state.clock.now(), state.settings, url))

    @blueprint.get(f"{JOBS}/<uuid>/export-jobs")
    @exporting
    def export_jobs(uuid: str) -> Response:
        job, now, settings = find_job(state, uuid, alive=False), state.clock.now(), state.settings
        exports = [export for export in state.exports_of(job) if settings.running_listed or not export.active(now)]
        entries = [entry_json(export, now, settings, state.download_url(export, "export_jobs")) for export in exports]
        match settings.export_jobs_shape:
            case "list":
                return jsonify(entries)
            case "items":
                return jsonify({"items": entries, "total": len(entries)})
            case "object":
                return jsonify(entries[-1] if entries else {})

    return blueprint


def platform_application(state: State) -> WSGIApplication:
    """Return the platform as a WSGI application, its endpoints under /v1 and under /api/v1."""
    app = _application()

    def of_this_state(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        return app({**environ, _STATE: state}, start_response)

    return of_this_state


@functools.cache
def _application() -> Flask:
    """Return the one application of all simulators: to make its table of URLs takes longer than most tests.

    Its endpoints take the state from the request that they answer.
    """
    app = Flask("simulated-platform")
    state: Any = LocalProxy(lambda: request.environ[_STATE])
    access = Access(state)
    made = (access_blueprint(access, state), search_blueprint(access, state), export_blueprint(access, state),
            case_blueprint(access, state))  # fmt: skip
    for blueprint in made:
        for prefix in PREFIXES:
            app.register_blueprint(
                blueprint, url_prefix=prefix, name=f"{prefix.strip('/').replace('/', '-')}-{blueprint.name}"
            )

    @app.errorhandler(Refused)
    def refused(error: Refused) -> tuple[Response, int]:
        body = {"message": error.message, **({"code": error.code} if error.code else {})}
        return jsonify(body), error.status

    @app.errorhandler(HTTPException)
    def unknown(error: HTTPException) -> tuple[Response, int]:
        return jsonify({"message": error.name, "code": "not_found"}), error.code or 500

    return app
