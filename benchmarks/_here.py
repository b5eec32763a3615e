"""Tasks of the analysis run in a benchmark's own process, and not in one of their own."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sekoia_export.analysis.database import Limits
    from sekoia_export.clock import Deadline


def run_here(task: str, argument: Any, *, deadline: Deadline, limits: Limits) -> Any:  # noqa: ARG001 - of Runner
    """Run a task, as a Runner does."""
    module, _, name = task.partition(":")
    return getattr(importlib.import_module(module), name)(argument, deadline.remaining_s())
