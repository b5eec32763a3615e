"""Waiting for a slot: a community has one export at a time, and the search job must not expire before its turn."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING
from uuid import UUID

from sekoia_export.errors import NetworkError, PlatformError
from sekoia_export.operations.watching import UNWATCHED, Watcher

if TYPE_CHECKING:
    from sekoia_export.api.models import SearchJob
    from sekoia_export.operations.step import Step

log = logging.getLogger(__name__)

_FIRST_INTERVAL_S = 5.0
_LONGEST_INTERVAL_S = 30.0
_KEEP_ALIVE_INTERVAL_S = 120.0
_KEEP_ALIVE_S = 1800


class Slot:
    """The slot that a search job's export waits for.

    Args:
        step: whose platform and clock are used, and whose deadline ends the waiting too.
        job: kept alive while it waits.
        wait_s: how long it may wait, from now.
        watcher: told of each pause.
    """

    def __init__(self, step: Step, job: SearchJob, *, wait_s: float, watcher: Watcher = UNWATCHED) -> None:
        self._step = step
        self._job = job
        self._watcher = watcher
        self._wait = step.deadline.within(wait_s)
        self._created_at = job.created_at or step.clock.now()
        self._interval_s = _FIRST_INTERVAL_S
        self._keep_alive_at_s = step.clock.monotonic()

    @property
    def remaining_s(self) -> float:
        return self._wait.remaining_s()

    def pause(self) -> None:
        """Return when it is time to ask for the slot again."""
        self._watcher.waiting_for_slot(self.remaining_s)
        clock = self._step.clock
        if clock.monotonic() >= self._keep_alive_at_s:
            self._keep_job()
            self._keep_alive_at_s = clock.monotonic() + _KEEP_ALIVE_INTERVAL_S
        clock.sleep(min(self._interval_s, self.remaining_s))
        self._interval_s = min(_LONGEST_INTERVAL_S, self._interval_s * 1.5)

    def _keep_job(self) -> None:
        # Whether the platform counts `results_ttl` from now or from the search's end is not documented.
        age_s = max(0.0, (self._step.clock.now() - self._created_at).total_seconds())
        ttl_s = max(self._job.results_ttl or 0, int(age_s) + _KEEP_ALIVE_S)
        try:
            self._step.platform.keep_search_job(UUID(self._job.uuid), results_ttl_s=ttl_s)
        except (PlatformError, NetworkError) as failure:
            log.warning("The search job could not be kept alive: %s", failure.cause)
