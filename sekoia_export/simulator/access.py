"""Who may do what at the platform: API keys, their permissions, and the answers about them."""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from flask import Blueprint, Response, jsonify, request

from sekoia_export.simulator.errors import Refused
from sekoia_export.simulator.state import PERMISSIONS, State

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")


class Access:
    """The check of API keys."""

    def __init__(self, state: State) -> None:
        self._state = state

    def permissions(self) -> set[str]:
        """Return the permissions of the request's API key.

        Raises:
            Refused: there is no valid one.
        """
        scheme, _, key = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer" or key not in self._state.api_keys:
            raise Refused(401, "T300", "The token is invalid")
        if key in self._state.expired_keys:
            raise Refused(401, "T301", "The token has expired")
        if key in self._state.revoked_keys:
            raise Refused(401, "T302", "The token has been revoked")
        return self._state.api_keys[key]

    def requires(self, *permissions: str) -> Callable[[Callable[P, R]], Callable[P, R]]:
        """Return a decorator for endpoints that only keys with all `permissions` may use."""

        def decorate(endpoint: Callable[P, R]) -> Callable[P, R]:
            @wraps(endpoint)
            def guarded(*args: P.args, **kwargs: P.kwargs) -> R:
                held = self.permissions()
                for permission in permissions:
                    if permission not in held:
                        name = PERMISSIONS[permission]
                        raise Refused(403, "F403", f"Permission denied: {name} ({permission}) is required")
                return endpoint(*args, **kwargs)

            return guarded

        return decorate


def access_blueprint(access: Access, state: State) -> Blueprint:
    """Return the endpoints about the API key itself."""
    blueprint = Blueprint("access", __name__)

    @blueprint.get("/auth/validate")
    @access.requires()
    def validate() -> Response:
        return jsonify({"valid": True})

    @blueprint.get("/me")
    @access.requires()
    def me() -> Response:
        return jsonify({"uuid": "5e1f0a3b-7c2d-4e8f-9a6b-3c4d5e6f7a8b", "type": "apikey", "name": "simulated key",
                        "community_uuid": state.community_uuid})  # fmt: skip

    @blueprint.get("/me/permissions")
    @access.requires()
    def permissions() -> Response:
        held = [{"uuid": uuid, "name": PERMISSIONS.get(uuid, "OTHER")} for uuid in sorted(access.permissions())]
        return jsonify({"items": held, "total": len(held)} if state.settings.permissions_shape == "items" else held)

    return blueprint
