"""The task that makes a report. Runs in a process of its own, see `apart`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sekoia_export.analysis.events import EventTable, OnBadLine
from sekoia_export.analysis.files import work_in
from sekoia_export.analysis.purpose import Purpose
from sekoia_export.analysis.report import chart
from sekoia_export.analysis.report.comment import comment
from sekoia_export.analysis.report.measuring import measure
from sekoia_export.analysis.report.page import page
from sekoia_export.analysis.report.plain import plain
from sekoia_export.analysis.report.words import counted, moment_of
from sekoia_export.analysis.values import moment
from sekoia_export.clock import Deadline, SystemClock

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sekoia_export.analysis.database import Limits
    from sekoia_export.analysis.files import FoundFiles
    from sekoia_export.analysis.report.told import Told


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """A report to make.

    Attributes:
        found: the files it is of.
        told: what it says beside the events.
        wanted: fields whose values are counted, by the name of their group.
        page_name: of the page in the data storage, for the comment.
        text_width: the report is wanted as text of this width, and neither as a page nor as a picture; None for these.
        on_bad_line: what is done about a line that is no JSON object.
        limits: of memory, threads and disk.
    """

    found: FoundFiles
    told: Told
    wanted: Mapping[str, Sequence[str]]
    page_name: str
    text_width: int | None
    on_bad_line: OnBadLine
    limits: Limits


def make(report: Report, timeout_s: float | None) -> dict[str, Any]:
    """Return what was made.

    `page` and `timeline` are paths of files, `timeline` None where no event has a time; `markdown` and `lines` (of text
    for a terminal) are texts; `events_count`, `bad_lines`, `gaps_count`, `first_event` and `last_event` (ISO 8601, or
    None) say what the events are.

    Raises:
        UsageError: a library is missing, or a limit is too small.
        DamagedExport, DeadlineExceeded, DataStorageError, DiskFull: as their names say.
    """
    deadline = Deadline(SystemClock(), timeout_s)
    work = work_in(report.found.private)
    draws = report.text_width is None
    if draws:
        chart.prepare(report.found.private / "matplotlib")
    with EventTable(
        report.found, deadline=deadline, limits=report.limits, on_bad_line=report.on_bad_line, purpose=Purpose.REPORT
    ) as table:
        measured = measure(table, report.wanted, report.told.period)
    line, span = measured.timeline, measured.span
    made: dict[str, Any] = {
        "page": None,
        "timeline": None,
        "markdown": comment(report.told, measured, page_name=report.page_name),
        "lines": plain(report.told, measured, width=report.text_width) if report.text_width is not None else [],
        "events_count": measured.count,
        "bad_lines": measured.bad_lines,
        "gaps_count": len(line.gaps) if line else 0,
        "first_event": moment(moment_of(span.start_ms)) if span else None,
        "last_event": moment(moment_of(span.end_ms)) if span else None,
    }
    if draws:
        path = work / "report.html"
        path.write_text(page(report.told, measured), encoding="utf-8")
        made["page"] = str(path)
        if line is not None and line.count:
            picture = work / "timeline.png"
            hatched = "; hatched: gaps without any event" if line.gaps else ""
            chart.write_png(line, picture, f"{counted(line.count, 'event')}, times in UTC{hatched}")
            made["timeline"] = str(picture)
    return made
