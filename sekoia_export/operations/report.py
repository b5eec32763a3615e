"""Report: exported files as one HTML page, with its timeline as a picture and the same in short as Markdown."""

from __future__ import annotations

import logging
import math
from collections import Counter
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from sekoia_export.analysis.apart import Runner, run_apart
from sekoia_export.analysis.database import Limits
from sekoia_export.analysis.files import FoundFiles, finding
from sekoia_export.analysis.report.given import hunt_of, observables_of
from sekoia_export.analysis.report.making import Report
from sekoia_export.analysis.report.timeline import Span
from sekoia_export.analysis.report.told import Fetched, ReportedFile, Told
from sekoia_export.arguments.alternatives import FIELD_SETS
from sekoia_export.arguments.analysis import ObservablesArguments
from sekoia_export.clock import Deadline
from sekoia_export.errors import UsageError
from sekoia_export.operations.observables import extract_observables
from sekoia_export.operations.outcome import Branch, Outcome
from sekoia_export.operations.produced import check_apart, publish, stem_of
from sekoia_export.operations.provenance import fetch_of, known_fetches, sha256_of
from sekoia_export.redaction import redact
from sekoia_export.results.report import ReportResults
from sekoia_export.state import State
from sekoia_export.times import absolute_moment, format_moment

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sekoia_export.arguments.report import ReportArguments
    from sekoia_export.clock import Clock
    from sekoia_export.state import FetchRecord
    from sekoia_export.transfer.data_storage import DataStorage

log = logging.getLogger(__name__)

_SUFFIX = ".html"
_TASK = "sekoia_export.analysis.report.making:make"
_CHOSEN = "Chosen fields"
_OBSERVABLES_OF_A_TYPE = 20
_ANY_NUMBER = ("source.port",)
"""Fields of the sets whose values say nothing: a client takes any port."""
_PROGRAM = "sekoia-event-export"


@dataclass(frozen=True, slots=True)
class Reporter:
    """Who makes reports, from what.

    Attributes:
        storage: where the files are.
        clock: where time comes from.
        state: what is remembered of fetches; None for that of the data storage.
        author: by whom, where the arguments do not say.
        limits: of memory, threads and disk; None for those that suit this machine.
        run: what runs the task.
    """

    storage: DataStorage
    clock: Clock
    state: State | None = None
    author: str | None = None
    limits: Limits | None = None
    run: Runner = run_apart

    def write(self, arguments: ReportArguments, *, into: DataStorage | None = None) -> Outcome[ReportResults]:
        """Write the report as a page and a picture.

        Args:
            arguments: what is reported of which files.
            into: where the page and the picture go; the data storage by default.

        Branches: done; empty, where there is no event: the report says so.

        Raises:
            UsageError: a name or an argument cannot be used as given, or a library is missing.
            DamagedExport: a file is damaged, or has a line that is no JSON object where that is an error.
            DeadlineExceeded: it took too long.
            DataStorageError, DiskFull: the data storage, or the temporary folder.
        """
        started_s = self.clock.monotonic()
        target_storage = into or self.storage
        target, picture = targets(target_storage, arguments)
        with finding(self.storage, arguments.names) as found:
            check_apart(target_storage, target, found, argument="file_name")
            check_apart(target_storage, picture, found, argument="file_name")
            told, made = self._made(arguments, found, page_name=target, text_width=None)
            size_bytes = publish(target_storage, Path(made["page"]), target)
            if made["timeline"] is not None:
                publish(target_storage, Path(made["timeline"]), picture)
        results = ReportResults(
            file_path=target,
            file_size=size_bytes,
            timeline_path=picture if made["timeline"] is not None else None,
            markdown=made["markdown"],
            events_count=made["events_count"],
            first_event=made["first_event"],
            last_event=made["last_event"],
            gaps_count=made["gaps_count"],
            complete=_complete(told.files, made["events_count"]),
            unchanged=_unchanged(told.files),
            bad_lines=made["bad_lines"],
            duration_seconds=round(self.clock.monotonic() - started_s, 3),
        )
        if results.unchanged is False:
            log.warning("The files are not what was fetched: their SHA-256 differs from the recorded one.")
        log.info("%s reports %s events.", target, f"{results.events_count:,}")
        return Outcome(Branch.DONE if results.events_count else Branch.EMPTY, results)

    def lines(self, arguments: ReportArguments, *, width: int) -> list[str]:
        """Return the report as lines of text for a terminal, its charts `width` characters wide; raises as `write`."""
        with finding(self.storage, arguments.names) as found:
            _, made = self._made(arguments, found, page_name="", text_width=width)
        return list(map(str, made["lines"]))

    def _made(
        self, arguments: ReportArguments, found: FoundFiles, *, page_name: str, text_width: int | None
    ) -> tuple[Told, dict[str, Any]]:
        deadline = Deadline(self.clock, arguments.timeout)
        told = self._told(arguments, found, deadline)
        report = Report(
            found=found,
            told=told,
            wanted=_wanted(arguments),
            page_name=page_name,
            text_width=text_width,
            on_bad_line=arguments.on_bad_line,
            limits=self.limits or Limits.of_this_machine(),
        )
        return told, self.run(_TASK, report, deadline=deadline, limits=report.limits)

    def _told(self, arguments: ReportArguments, found: FoundFiles, deadline: Deadline) -> Told:
        records = known_fetches(self.state or State(self.storage))
        files, fetches = [], []
        for file in found.files:
            sha256 = sha256_of(file.path, name=file.name, deadline=deadline)
            record = fetch_of(file.name, sha256, records)
            fetches.append(record)
            files.append(
                ReportedFile(
                    name=PurePosixPath(file.name).name,
                    size_bytes=file.size_bytes,
                    sha256=sha256,
                    fetched=None if record is None else _fetched(record),
                )
            )
        observables, counts = self._observables(arguments, deadline)
        period_text = _period(arguments, fetches)
        return Told(
            title=arguments.title or f"Events of {files[0].name}{' and others' if len(files) > 1 else ''}",
            case=arguments.case,
            author=arguments.author or self.author,
            made_at=format_moment(self.clock.now()),
            program=_program(),
            queries=_queries(arguments, fetches),
            period_text=period_text,
            period=_span(period_text),
            fields=_fields(fetches),
            files=files,
            hunt=None if arguments.hunt_results is None else hunt_of(arguments.hunt_results),
            observables=observables_of(observables),
            observable_counts=counts,
        )

    def _observables(
        self, arguments: ReportArguments, deadline: Deadline
    ) -> tuple[Sequence[Mapping[str, Any]], Mapping[str, int]]:
        """Return the observables that were given, or else those of the files, and how many there are of each type."""
        if arguments.observables is not None:
            return arguments.observables, Counter(str(item.get("type") or "other") for item in arguments.observables)
        deadline.check("The report")
        asked = ObservablesArguments(
            file_paths=list(arguments.names),
            on_bad_line=arguments.on_bad_line,
            limit=_OBSERVABLES_OF_A_TYPE,
            timeout=max(1, min(arguments.timeout, math.ceil(deadline.remaining_s()))),
        )
        found = extract_observables(self.storage, self.clock, asked, limits=self.limits, run=self.run).results
        return [item.model_dump(mode="json") for item in found.observables], found.counts


def targets(storage: DataStorage, arguments: ReportArguments) -> tuple[str, str]:
    """Return the names of page and picture.

    Raises:
        UsageError: they cannot be used as given.
    """
    argument = "file_name" if arguments.file_name else "file_path"
    target = storage.check_name(arguments.file_name or default_name(arguments), argument=argument)
    if not target.lower().endswith(_SUFFIX):
        raise UsageError("The argument file_name does not end in .html.", "Give file_name a name that ends in .html.")
    return target, storage.check_name(f"{target[: -len(_SUFFIX)]}.png", argument=argument)


def default_name(arguments: ReportArguments) -> str:
    """Return the page's name where none is given: the first file's, without what says how it is written."""
    return f"{stem_of(arguments.names[0])}.report{_SUFFIX}"


def _program() -> str:
    try:
        return f"{_PROGRAM} {version(_PROGRAM)}"
    except PackageNotFoundError:  # the image has the folder only
        return _PROGRAM


def _wanted(arguments: ReportArguments) -> Mapping[str, Sequence[str]]:
    """Return the fields whose values are counted, each once, by the name of their group."""
    if arguments.fields:
        return {_CHOSEN: list(dict.fromkeys(arguments.fields))}
    chosen = [arguments.field_set.value] if arguments.field_set else list(FIELD_SETS)
    wanted: dict[str, Sequence[str]] = {}
    for name in chosen:
        before = {field for fields in wanted.values() for field in fields}
        wanted[name.capitalize()] = [field for field in FIELD_SETS[name] if field not in {*before, *_ANY_NUMBER}]
    return wanted


def _fetched(record: FetchRecord) -> Fetched:
    return Fetched(
        job_uuid=record.job_uuid,
        task_uuid=record.task_uuid,
        sha256=record.sha256,
        events_count=record.events_count,
        expected_events=record.expected_events,
        encryption=record.encryption.value,
        fetched_at=format_moment(record.fetched_at),
        expire_at=format_moment(record.expire_at) if record.expire_at else None,
    )


def _queries(arguments: ReportArguments, fetches: Sequence[FetchRecord | None]) -> list[str]:
    if arguments.query:
        return [redact(arguments.query)]
    found = [record.searched.query for record in fetches if record and record.searched and record.searched.query]
    return list(dict.fromkeys(found))


def _period(arguments: ReportArguments, fetches: Sequence[FetchRecord | None]) -> tuple[str, str] | None:
    """Return the start and the end that were asked for: the arguments', or those that cover what each file is of."""
    searched = [record.searched if record else None for record in fetches]
    starts = [one.earliest_time if one else None for one in searched]
    ends = [one.latest_time if one else None for one in searched]
    if arguments.earliest_time:
        starts = [arguments.earliest_time]
    if arguments.latest_time:
        ends = [arguments.latest_time]
    known_starts = [start for start in starts if start is not None]
    known_ends = [end for end in ends if end is not None]
    if len(known_starts) < len(starts) or len(known_ends) < len(ends):
        return None
    return min(known_starts, key=_moment_key), max(known_ends, key=_moment_key)


def _moment_key(text: str) -> tuple[bool, float]:
    moment = absolute_moment(text)
    return (moment is not None, moment.timestamp() if moment else 0)


def _span(period: tuple[str, str] | None) -> Span | None:
    start, end = (absolute_moment(text) for text in period) if period else (None, None)
    if start is None or end is None or start >= end:
        return None
    return Span(round(start.timestamp() * 1_000), round(end.timestamp() * 1_000))


def _fields(fetches: Sequence[FetchRecord | None]) -> list[str] | None:
    known = [record.fields if record else None for record in fetches]
    if None in known:
        return None
    return list(dict.fromkeys(field for fields in known for field in fields or []))


def _complete(files: Sequence[ReportedFile], count: int) -> bool | None:
    expected = [file.fetched.expected_events if file.fetched else None for file in files]
    known = [number for number in expected if number is not None]
    return count == sum(known) if len(known) == len(expected) else None


def _unchanged(files: Sequence[ReportedFile]) -> bool | None:
    states = [file.is_unchanged for file in files]
    return False if False in states else None if None in states else True
