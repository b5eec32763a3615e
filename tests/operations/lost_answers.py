"""How the answer to a trigger can be lost, and what the platform's listing may leave out."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sekoia_export.simulator import Fault, Kind
from tests.operations.bench import EXPORT, Bench

if TYPE_CHECKING:
    from sekoia_export.simulator import Recorded

# How an answer can be lost: (whether the platform had carried the request out, the fault).
LOSSES: dict[str, tuple[bool, dict[str, Any]]] = {
    "reset before": (False, {"kind": Kind.RESET_BEFORE}),
    "closed before": (False, {"kind": Kind.SWALLOW}),
    "502 before": (False, {"kind": Kind.STATUS, "status": 502}),
    "reset after": (True, {"kind": Kind.RESET_AFTER}),
    "reset body": (True, {"kind": Kind.RESET_BODY, "after_bytes": 20}),
    "truncated body": (True, {"kind": Kind.TRUNCATE_BODY, "after_bytes": 20}),
    "502 page after": (
        True,
        {"kind": Kind.STATUS, "status": 502, "carried_out": True, "body": b"<html>", "content_type": "text/html"},
    ),
    "500 after": (True, {"kind": Kind.STATUS, "status": 500, "carried_out": True, "body": b"{}"}),
    "not JSON": (True, {"kind": Kind.GARBAGE}),
    "no task_uuid": (True, {"kind": Kind.GARBAGE, "body": b"{}"}),
    "task_uuid null": (True, {"kind": Kind.GARBAGE, "body": b'{"task_uuid": null}'}),
}
LISTINGS: dict[str, dict[str, Any]] = {
    "full": {},
    "without fields": {"entry_fields": False},
    "without created_at": {"entry_created_at": False},
    "without status": {"entry_status": False},
    "id called uuid": {"entry_id": "uuid"},
    "both ids": {"entry_id": "both"},
    "an object": {"export_jobs_shape": "object"},
    "items": {"export_jobs_shape": "items"},
    "bare": {"entry_fields": False, "entry_created_at": False, "entry_status": False},
}


def is_ours(request: Recorded) -> bool:
    """Return whether a request is the module's, and not someone else's."""
    return request.headers["user-agent"].startswith("sekoia-event-export")


def lose(bench: Bench, loss: str, **more: Any) -> bool:
    """Let the next trigger's answer be lost; return whether the platform carries the request out."""
    carried_out, fault = LOSSES[loss]
    bench.simulator.faults.add(Fault(method="POST", path=EXPORT, when=is_ours, **fault, **more))
    return carried_out
