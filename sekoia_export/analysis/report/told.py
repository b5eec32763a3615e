"""What the report says beside the events: what was asked, of which files, and what that proves."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from sekoia_export.analysis.report.words import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sekoia_export.analysis.report.given import Hunt, Observable
    from sekoia_export.analysis.report.measuring import Measured
    from sekoia_export.analysis.report.timeline import Span


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What was recorded when a file was fetched and verified; times are ISO 8601 in UTC."""

    job_uuid: str
    task_uuid: str
    sha256: str
    events_count: int
    expected_events: int | None
    encryption: str
    fetched_at: str
    expire_at: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportedFile:
    """A file that the report is of.

    Attributes:
        name: in the data storage.
        size_bytes: of the file.
        sha256: hexadecimal, of the bytes that were just read.
        fetched: None where no record of its fetch is known.
    """

    name: str
    size_bytes: int
    sha256: str
    fetched: Fetched | None

    @property
    def is_unchanged(self) -> bool | None:
        """Return whether the bytes are those that were fetched; None where that is not known."""
        return None if self.fetched is None else self.sha256 == self.fetched.sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the report says beside the events.

    Attributes:
        title: of the page.
        case: that it belongs to, None for none.
        author: by whom, None where nobody is named.
        made_at: when, ISO 8601 in UTC.
        program: what made it, with its version.
        queries: what was searched for.
        period_text: start and end as they were given, None where they are not known.
        period: the same as milliseconds, None where one of them is not an absolute time.
        fields: that were exported, None where that is not known.
        files: that the report is of.
        hunt: what a hunt found, None where there was none.
        observables: the most frequent ones.
        observable_counts: how many there are of each type.
    """

    title: str
    case: str | None
    author: str | None
    made_at: str
    program: str
    queries: Sequence[str]
    period_text: tuple[str, str] | None
    period: Span | None
    fields: Sequence[str] | None
    files: Sequence[ReportedFile]
    hunt: Hunt | None
    observables: Sequence[Observable]
    observable_counts: Mapping[str, int]


class Weight(StrEnum):
    """How a finding is to be taken; the value is the word that says so."""

    GOOD = "OK"
    NOTE = "Note"
    WARNING = "Attention"
    BAD = "Problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence on what the report can be relied on for."""

    weight: Weight
    text: str


def findings(told: Told, measured: Measured) -> list[Finding]:
    """Return what the files prove and what they do not, the gravest first."""
    found = [_integrity(told), _completeness(told, measured)]
    if measured.bad_lines:
        verb = "is no JSON object and was" if measured.bad_lines == 1 else "are no JSON objects and were"
        found.append(Finding(Weight.WARNING, f"{counted(measured.bad_lines, 'line')} {verb} left out."))
    untimed = measured.count - measured.timed
    if untimed:
        found.append(
            Finding(Weight.WARNING, f"{counted(untimed, 'event')} without a usable @timestamp: not in the timeline.")
        )
    if measured.outside:
        found.append(
            Finding(Weight.WARNING, f"{counted(measured.outside, 'event')} outside of the period that was asked for.")
        )
    if measured.timeline is not None and measured.timeline.gaps:
        verb = "is a gap" if len(measured.timeline.gaps) == 1 else f"are {len(measured.timeline.gaps):,} gaps"
        found.append(Finding(Weight.NOTE, f"There {verb} in the timeline: times without any event, listed below it."))
    order = [Weight.BAD, Weight.WARNING, Weight.GOOD, Weight.NOTE]
    return sorted(found, key=lambda finding: order.index(finding.weight))


def _integrity(told: Told) -> Finding:
    states = [file.is_unchanged for file in told.files]
    changed = states.count(False)
    if changed:
        which = "The file is" if len(states) == 1 else f"{changed:,} of {len(states):,} files are"
        return Finding(
            Weight.BAD, f"{which} not what was fetched: the SHA-256 differs from the one recorded at the fetch."
        )
    unknown = states.count(None)
    if unknown:
        which = "the file was" if len(states) == 1 else f"{unknown:,} of {len(states):,} files were"
        return Finding(
            Weight.NOTE,
            f"No record says how {which} fetched: the SHA-256 below is the one of now, with none to compare it with.",
        )
    which = "The file is" if len(states) == 1 else f"All {len(states):,} files are"
    return Finding(Weight.GOOD, f"{which} unchanged: the SHA-256 is the one recorded when it was fetched and verified.")


def _completeness(told: Told, measured: Measured) -> Finding:
    expected = [file.fetched.expected_events if file.fetched else None for file in told.files]
    known = [number for number in expected if number is not None]
    if len(known) < len(expected):
        return Finding(
            Weight.NOTE,
            f"{counted(measured.count, 'event')}; how many the platform exported is not known here, so whether they "
            "are all cannot be told.",
        )
    total = sum(known)
    if measured.count == total:
        return Finding(Weight.GOOD, f"Complete: {counted(measured.count, 'event')}, as many as the platform exported.")
    return Finding(
        Weight.BAD, f"Not complete: {counted(measured.count, 'event')}, and the platform exported {total:,}."
    )
