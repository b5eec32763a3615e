from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sekoia_export.simulator import COMMENT_ON_CASES, MASSIVE_EXPORT, PERMISSIONS, VIEW_EVENTS, VIEW_INTAKES
from tests.simulator.client import JOBS, SEARCH, Client

if TYPE_CHECKING:
    from tests.simulator.conftest import Connect


def bearer(key: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {key}"}


def test_a_valid_key_is_told_so(client: Client) -> None:
    assert client.get("/v1/auth/validate") == {"valid": True}
    assert client.get("/api/v1/me")["community_uuid"] == client.simulator.community_uuid


@pytest.mark.parametrize("shape", ["list", "items"])
def test_the_permissions_of_a_key(connect: Connect, shape: str) -> None:
    client = connect(permissions_shape=shape)
    answer = client.get("/v1/me/permissions")
    held = answer["items"] if shape == "items" else answer
    assert {item["uuid"]: item["name"] for item in held} == PERMISSIONS


def test_wrong_expired_and_revoked_keys_are_told_apart(client: Client) -> None:
    simulator = client.simulator
    simulator.api_keys.update({"old": set(PERMISSIONS), "stolen": set(PERMISSIONS)})
    simulator.expired_keys.add("old")
    simulator.revoked_keys.add("stolen")
    for key, code in {"wrong": "T300", "": "T300", "old": "T301", "stolen": "T302"}.items():
        answer = client.ask("GET", "/v1/auth/validate", headers=bearer(key))
        assert (answer.status_code, answer.json()["code"]) == (401, code)
    basic = client.ask("GET", "/v1/me", headers={"Authorization": f"Basic {simulator.api_key}"})
    assert basic.status_code == 401


@pytest.mark.parametrize(
    ("method", "path", "body", "lacking"),
    [
        ("POST", JOBS, SEARCH, VIEW_INTAKES),
        ("POST", JOBS, SEARCH, VIEW_EVENTS),
        ("POST", f"{JOBS}/x/export", {}, MASSIVE_EXPORT),
        ("GET", f"{JOBS}/x/export-jobs", None, MASSIVE_EXPORT),
        ("POST", "/v1/sic/cases/x/comments", {"content": "x"}, COMMENT_ON_CASES),
    ],
)
def test_a_lacking_permission_is_named(client: Client, method: str, path: str, body: Any, lacking: str) -> None:
    client.simulator.api_keys["limited"] = set(PERMISSIONS) - {lacking}
    answer = client.ask(method, path, json=body, headers=bearer("limited"))
    assert answer.status_code == 403
    assert answer.json()["code"] == "F403"
    assert lacking in answer.json()["message"]
    assert PERMISSIONS[lacking] in answer.json()["message"]
