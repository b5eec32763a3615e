"""What an export tells while it runs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from sekoia_export.arguments.base import read_arguments
from sekoia_export.arguments.chain import ExportArguments, SearchArguments
from sekoia_export.operations.export import export_events
from sekoia_export.operations.search import search_events
from sekoia_export.operations.watching import Phase, Watcher, Watchers
from sekoia_export.transfer.local_storage import LocalDataStorage
from tests.operations.bench import PERIOD, Bench

if TYPE_CHECKING:
    from uuid import UUID

    from sekoia_export.transfer.progress import TransferProgress
    from sekoia_export.waiting import Progress
    from tests.operations.conftest import Start


class Notes(Watcher):
    """Writes down what is told; progress once for each phase.

    Attributes:
        told: one word, or two, for each.
        last: the last progress of each kind.
    """

    def __init__(self) -> None:
        self.told: list[str] = []
        self.last: dict[str, Any] = {}

    def entered(self, phase: Phase) -> None:
        self.told.append(phase.value)

    def search_job(self, job_uuid: UUID) -> None:
        self.told.append(f"job {job_uuid}")

    def export_task(self, job_uuid: UUID, task_uuid: UUID) -> None:
        self.told.append(f"task {task_uuid}")

    def searching(self, progress: Progress) -> None:
        self._progress("events found", progress)

    def exporting(self, progress: Progress) -> None:
        self._progress("events exported", progress)

    def fetching(self, progress: TransferProgress) -> None:
        self._progress("bytes", progress)

    def _progress(self, kind: str, progress: Any) -> None:
        if kind not in self.last:
            self.told.append(kind)
        self.last[kind] = progress


def export(bench: Bench, **arguments: Any) -> Notes:
    notes = Notes()
    given = arguments if "job_uuid" in arguments else {"query": "*", **PERIOD, **arguments}
    with bench.step(3600) as step:
        assert export_events(step, read_arguments(ExportArguments, given), watcher=Watchers(Watcher(), notes)).branch
    return notes


def test_a_watcher_is_told_each_phase_and_uuid_before_the_progress_of_it(start: Start) -> None:
    bench = start(search_duration_s=5.0, export_duration_s=60.0)
    notes = export(bench)
    job, task = next(iter(bench.simulator.jobs)), bench.only_export().task_uuid
    assert notes.told == [
        "searching", f"job {job}", "events found",
        "triggering", f"task {task}",
        "exporting", "events exported",
        "fetching", "bytes",
    ]  # fmt: skip
    assert notes.last["events found"].total == notes.last["events exported"].done == 500
    assert notes.last["bytes"].done_bytes == notes.last["bytes"].total_bytes


def test_a_search_job_and_what_an_earlier_run_did_are_told_as_well(bench: Bench) -> None:
    first = export(bench)
    again = export(bench)
    # Fetched before: there is nothing to transfer, and the search is known to be done.
    assert [told for told in first.told if told not in again.told] == ["events found", "bytes"]
    job = bench.job()
    assert export(bench, job_uuid=str(job)).told[:2] == [f"job {job}", "triggering"]


def test_a_search_alone_is_told_as_well(bench: Bench) -> None:
    notes = Notes()
    with bench.step(60) as step:
        search_events(step, read_arguments(SearchArguments, {"query": "*", **PERIOD}), watcher=notes)
    assert notes.told == ["searching", f"job {next(iter(bench.simulator.jobs))}", "events found"]


def test_state_with_a_place_of_its_own_serves_files_in_many_places(bench: Bench) -> None:
    with bench.step(600) as step:
        surroundings = step.surroundings
    home = LocalDataStorage(bench.folder / "home")
    files = []
    for name in ("one", "two"):
        storage = LocalDataStorage(bench.folder / name)
        with replace(surroundings, storage=storage, state_storage=home).step(600) as step:
            arguments = read_arguments(ExportArguments, {"query": "*", **PERIOD, "file_name": "events"})
            assert export_events(step, arguments).branch == "fetched"
        files.append((bench.folder / name / "events").read_bytes())
        storage.tidy()
        assert [path.name for path in storage.root.iterdir()] == ["events"]
    assert files[0] == files[1]
    bench.only_export()
    assert len(bench.simulator.jobs) == 1
