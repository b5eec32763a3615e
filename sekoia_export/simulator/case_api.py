"""The endpoints of cases, alerts and comments."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from flask import Blueprint, Response, jsonify, request

from sekoia_export.simulator.cases import Alert, Case, Comment, new_comment
from sekoia_export.simulator.errors import Refused
from sekoia_export.simulator.state import COMMENT_ON_CASES, State

if TYPE_CHECKING:
    from sekoia_export.simulator.access import Access


def case_blueprint(access: Access, state: State) -> Blueprint:
    """Return the endpoints."""
    blueprint = Blueprint("cases", __name__)

    def find(name: str) -> Case:
        found = next((case for case in state.cases.values() if name in {case.uuid, case.short_id}), None)
        if found is None:
            raise Refused(404, "not_found", "The case does not exist")
        return found

    @blueprint.get("/sic/cases/<name>")
    @access.requires()
    def get_case(name: str) -> Response:
        return jsonify(find(name).as_json())

    @blueprint.get("/sic/cases/<name>/alerts")
    @access.requires()
    def get_alerts(name: str) -> Response:
        case = find(name)
        items = [alert.as_json(case.community_uuid) for alert in case.alerts]
        return jsonify({"items": items, "total": len(items)})

    def find_alert(name: str) -> Alert:
        alerts = (alert for case in state.cases.values() for alert in case.alerts)
        found = next((alert for alert in alerts if name in {alert.uuid, alert.short_id}), None)
        if found is None:
            raise Refused(404, "not_found", "The alert does not exist")
        return found

    @blueprint.get("/sic/alerts/<name>")
    @access.requires()
    def get_alert(name: str) -> Response:
        return jsonify(find_alert(name).as_json(state.community_uuid))

    @blueprint.post("/sic/alerts/<name>/comments")
    @access.requires()
    def post_alert_comment(name: str) -> tuple[Response, int]:
        alert = find_alert(name)
        comment = read_comment(state)
        alert.comments.append(comment)
        return jsonify(comment.as_alert_json()), 201

    @blueprint.get("/sic/cases/<name>/comments")
    @access.requires()
    def get_comments(name: str) -> Response:
        items = [comment.as_json() for comment in find(name).comments]
        return jsonify({"items": items, "total": len(items)})

    @blueprint.post("/sic/cases/<name>/comments")
    @access.requires(COMMENT_ON_CASES)
    def post_comment(name: str) -> tuple[Response, int]:
        case = find(name)
        comment = read_comment(state)
        case.comments.append(comment)
        return jsonify(comment.as_json()), 201

    return blueprint


def read_comment(state: State) -> Comment:
    """Return the comment in the request's body.

    Raises:
        Refused: there is none, or it is empty.
    """
    body: Any = request.get_json(silent=True)
    content = body.get("content") if isinstance(body, dict) else None
    if not isinstance(content, str) or not content.strip():
        raise Refused(400, "validation_error", "content is required")
    return new_comment(content, body.get("author"), state.clock.now())
