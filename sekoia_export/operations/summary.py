"""Summaries of an export, in Markdown, as they go into a case's comment: what it is, and what to do where it is not.

What one says of the search comes from the state, where this module triggered the export, and else from the search job,
where the platform still has it; that it cannot be read changes nothing but the summary. No key and no URL is in one.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sekoia_export.clock import Deadline
from sekoia_export.errors import ExportError
from sekoia_export.markdown import code, codes, lines, readable_size
from sekoia_export.operations.outcome import Branch
from sekoia_export.redaction import redact
from sekoia_export.state import Searched
from sekoia_export.times import format_moment, read_moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from sekoia_export.api.models import SearchJob
    from sekoia_export.operations.step import Step
    from sekoia_export.state import FetchRecord

log = logging.getLogger(__name__)

_LOOK_TIMEOUT_S = 10.0
_QUERY_LENGTH = 500


def searched_by(job: SearchJob) -> Searched:
    """Return what a search job searched for; a relative period is told as it was when the job was made."""

    def moment(text: str | None) -> str | None:
        if text is None or job.created_at is None:
            return text
        try:
            return format_moment(read_moment(text).at(job.created_at))
        except (ValueError, OverflowError):
            return text

    query = redact(job.term) if job.term else None
    return Searched(query=query, earliest_time=moment(job.earliest_time), latest_time=moment(job.latest_time))


def look_up(step: Step, job_uuid: UUID) -> Searched | None:
    """Return what the search job searched for; None when the platform does not tell, for whatever reason."""
    try:
        # A time of its own: the step's own may be up, and must not be spent on this either.
        step = step.within(Deadline(step.clock, _LOOK_TIMEOUT_S), patience_s=_LOOK_TIMEOUT_S)
        return searched_by(step.platform.search_job(job_uuid))
    except ExportError as failure:
        log.info("What was searched for cannot be told: %s", redact(failure.cause))
        return None


def of_file(record: FetchRecord, *, folder: str | None) -> str:
    """Return the summary of a fetched file.

    Args:
        record: of the file.
        folder: where it lies, where that is not a playbook's data storage.
    """
    events, expected = record.events_count, record.expected_events
    title, advice = "Events exported", None
    if expected is None:
        told = f"{events:,}; the platform told no number to compare with"
    elif events == expected:
        told = f"{events:,}, complete: as many as the platform exported"
    else:
        title = f"Events exported, {'but not all' if events < expected else 'and more than the platform counted'}"
        told = f"{events:,}, and the platform exported **{expected:,}**"
        advice = (
            "The file is sound: every byte of it was checked. The two numbers should be the same; where it matters, "
            "trigger a new export with `reuse` set to false, and compare again."
        )
    expiry = f"the platform keeps the export until {_moment(record.expire_at)}" if record.expire_at else None
    where = "the playbook's data storage" if folder is None else code(folder, most=1000)
    facts = [
        *_of_search(record.searched),
        ("Fields", codes(record.fields) if record.fields else None),
        ("Events", told),
        ("Size", readable_size(record.file_size)),
        ("SHA-256", code(record.sha256)),
        ("Expiry", expiry),
        ("File", f"{code(record.file_path, most=1000)} in {where}"),
    ]
    return lines(title, facts, advice=advice)


def of_expired(searched: Searched | None, *, fields: Sequence[str] | None, expire_at: datetime | None) -> str:
    """Return the summary of an export whose file is gone."""
    facts = [
        *_of_search(searched),
        ("Fields", codes(fields) if fields else None),
        ("Expiry", f"{_moment(expire_at)}, as the platform stated it" if expire_at else None),
    ]
    return lines(
        "The export has expired, and its file was not fetched",
        facts,
        advice="The platform keeps a file for 24 hours. Export the events again: what has expired is not taken up.",
    )


def of_early_end(branch: Branch, reached: Mapping[str, Any], searched: Searched | None) -> str:
    """Return the summary of an export that ended without a file.

    Args:
        branch: how it ended.
        reached: the results of the steps that were reached.
        searched: what was searched for, where it is known.
    """
    title, advice = _told(branch, reached)
    fields, message = reached.get("fields"), reached.get("message")
    facts = [
        *_of_search(searched),
        ("Fields", codes(fields) if fields else None),
        ("Progress", _progress(reached) if branch is Branch.TIMED_OUT else None),
        ("The platform says", code(redact(message)) if message and branch is Branch.FAILED else None),
        ("Search job", code(reached["job_uuid"]) if reached.get("job_uuid") else None),
        ("Export task", code(reached["task_uuid"]) if reached.get("task_uuid") else None),
    ]
    return lines(title, facts, advice=advice)


def _told(branch: Branch, reached: Mapping[str, Any]) -> tuple[str, str]:
    """Return what happened, and what to do."""
    exporting, status = reached.get("task_uuid") is not None, reached.get("status")
    match branch:
        case Branch.EMPTY:
            return "No event matches: nothing was exported", "Check the query and the period, and run it again."
        case Branch.BUSY:
            return (
                "Another export of the community is running: nothing was exported",
                "Run it again when that one has ended, or set `wait_for_slot` to the seconds that it may wait.",
            )
        case Branch.TIMED_OUT:
            if exporting and status == "FINISHED":
                title = "The export has finished, and the time was up before its file was fetched"
            elif exporting:
                title = "The export was still running when the time was up"
            elif status in {"DONE", None}:
                title = "The time was up before an export was started"
            else:
                title = "The search was not done when the time was up"
            return title, "Run it again, with a longer `timeout`: what is done is not done again."
    again = "Run it again; when it fails the same way, export fewer fields or a shorter period."
    return ("The export failed" if exporting else "The search failed: nothing was exported"), again


def _of_search(searched: Searched | None) -> list[tuple[str, str | None]]:
    if searched is None:
        return []
    start, end = searched.earliest_time, searched.latest_time
    return [
        ("Query", code(searched.query, most=_QUERY_LENGTH) if searched.query else None),
        ("Period", f"{_moment(start)} to {_moment(end)}" if start and end else None),
    ]


def _progress(reached: Mapping[str, Any]) -> str | None:
    done, total, percent = (reached.get(name) for name in ("progress", "total", "percent"))
    if done is None:
        return None
    share = "" if percent is None else f" ({percent:g} %)"
    return f"{done:,} of {total:,} events{share}" if total else f"{done:,} events"


def _moment(moment: datetime | str) -> str:
    """Return a moment for people: without milliseconds that are none."""
    text = moment if isinstance(moment, str) else format_moment(moment)
    return code(text.replace(".000Z", "Z"), most=40)
