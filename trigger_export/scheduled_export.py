"""The trigger `scheduled_export`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.arguments.schedule import ScheduleArguments
from sekoia_export.playbook_trigger import ExportTrigger
from sekoia_export.results.schedule import ScheduledWindow

if TYPE_CHECKING:
    from collections.abc import Callable

    from sekoia_export.clock import Clock
    from sekoia_export.playbook_trigger import Watcher
    from sekoia_export.state import State


class ScheduledExport(ExportTrigger[ScheduleArguments, ScheduledWindow]):
    """Start a playbook run for each hour, day or week."""

    name = "Scheduled export"
    description = (
        "Start a playbook run for each hour, day or week of events, one after the other without gap or overlap"
    )
    uuid = "ce9268a0-2aca-4bea-9ccd-459a782cc0ce"
    configuration_type = ScheduleArguments
    event_type = ScheduledWindow

    def watcher(
        self,
        state: State,
        clock: Clock,
        configuration: ScheduleArguments,
        *,
        trigger: str,
        send: Callable[[str, ScheduledWindow], None],
    ) -> Watcher:
        """Return the schedule."""
        from sekoia_export.operations.scheduled import Scheduler

        return Scheduler(state, clock, configuration, trigger=trigger, send=send)
