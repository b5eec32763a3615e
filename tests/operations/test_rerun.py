"""All steps in one, run again: it searches, triggers and fetches once, wherever the last run stopped."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest

from sekoia_export.errors import DeadlineExceeded, ExportError, NetworkError, StateCorrupt
from sekoia_export.simulator import Damage, Fault, Kind
from tests.operations.bench import EXPORT, OTHER_RUN, TASK, Bench, HookedClock, Killed, MortalStorage, killed_at

if TYPE_CHECKING:
    from tests.operations.conftest import Start

RELATIVE: dict[str, Any] = {"earliest_time": "-7d", "latest_time": "now"}


def checked_rerun(bench: Bench, **arguments: Any) -> Any:
    """Run again to the end, see that all was done once, and return the results."""
    bench.simulator.faults.clear()
    outcome = bench.export(**arguments)
    assert outcome.branch == "fetched"
    results = outcome.results.model_dump()
    assert results["task_uuid"] == bench.only_export().task_uuid
    assert results["job_uuid"] == bench.only_export().job.uuid
    assert (results["total"], results["complete"], results["events_count"]) == (500, True, 500)
    assert len([path for path in bench.folder.iterdir() if path.is_file()]) == 1
    return results


def test_a_rerun_after_a_kill_anywhere_does_everything_once(start: Start) -> None:
    for number in range(1, 100):
        bench = start(search_duration_s=8.0, export_duration_s=30.0)
        clock = killed_at(bench.clock, number)
        try:
            bench.export(**RELATIVE, options={"clock": clock})
        except Killed:
            checked_rerun(bench, **RELATIVE)
            assert len(bench.simulator.jobs) == 1
        else:
            break
    assert number > 12


@pytest.mark.parametrize("before", [True, False])
def test_a_rerun_after_a_kill_around_any_write_exports_once(start: Start, before: bool) -> None:
    for number in range(1, 50):
        bench = start(export_duration_s=30.0)
        storage = MortalStorage(bench.folder, last=number, before=before)
        try:
            bench.export(**RELATIVE, options={"storage": storage})
        except Killed:
            checked_rerun(bench, **RELATIVE)
            # A search whose uuid was not yet written is not found again; it costs nothing.
            assert len(bench.simulator.jobs) == (2 if (number, before) == (1, True) else 1)
        else:
            break
    assert number > 5


@pytest.mark.parametrize("loss", [{"kind": Kind.RESET_AFTER}, {"kind": Kind.RESET_BEFORE}])
@pytest.mark.parametrize("number", range(6, 14))
def test_a_rerun_after_a_lost_answer_and_a_kill_exports_once(start: Start, loss: dict[str, Any], number: int) -> None:
    bench = start(export_duration_s=30.0)
    bench.simulator.faults.add(Fault(path=EXPORT, **loss))
    with suppress(Killed):
        bench.export(**RELATIVE, options={"clock": killed_at(bench.clock, number)})
    checked_rerun(bench, **RELATIVE)


@pytest.mark.parametrize("ttl_s", [60, 1800])
def test_a_rerun_long_after_the_search_job_expired_goes_on_with_its_export(start: Start, ttl_s: int) -> None:
    bench = start(results_ttl_s=ttl_s, export_duration_s=3 * 3600.0)
    first = bench.export(**RELATIVE, timeout=3600)
    assert first.branch == "timed_out"
    bench.clock.advance(9000)
    results = checked_rerun(bench, **RELATIVE)
    assert len(bench.simulator.jobs) == 1
    assert results["reused"] is True
    # The period as it was when the search began, not seen from the rerun.
    assert (results["earliest_time"], results["latest_time"]) == (
        "2026-01-08T12:00:00.000Z",
        "2026-01-15T12:00:00.000Z",
    )


def test_a_rerun_whose_search_job_expired_before_the_trigger_searches_again(start: Start) -> None:
    bench = start(results_ttl_s=60)
    with pytest.raises(Killed):
        bench.export(**RELATIVE, options={"clock": HookedClock(bench.clock, {5: killer(bench)})})
    bench.clock.advance(600)
    checked_rerun(bench, **RELATIVE)
    assert len(bench.simulator.jobs) == 2


def killer(bench: Bench) -> Any:
    def kill() -> None:
        assert bench.exports == []
        raise Killed

    return kill


@pytest.mark.parametrize("outcome", ["failed", "canceled"])
def test_a_rerun_of_a_search_that_failed_searches_again(start: Start, outcome: str) -> None:
    bench = start(search_outcome=outcome)
    assert bench.export().branch == "failed"
    bench.set(search_outcome="done")
    checked_rerun(bench)
    assert len(bench.simulator.jobs) == 2


def test_a_rerun_of_a_search_that_was_canceled_for_want_of_time_searches_again(start: Start) -> None:
    bench = start(search_duration_s=900.0)
    assert bench.export(timeout=60).branch == "timed_out"
    checked_rerun(bench)
    assert len(bench.simulator.jobs) == 2


def test_a_rerun_while_the_search_runs_goes_on_with_it(start: Start) -> None:
    bench = start(search_duration_s=900.0)
    with pytest.raises(Killed):
        bench.export(**RELATIVE, options={"clock": killed_at(bench.clock, 5)})
    checked_rerun(bench, **RELATIVE)
    assert len(bench.simulator.jobs) == 1


def test_a_rerun_of_an_empty_search_looks_again(start: Start) -> None:
    bench = start(total_events=0)
    assert bench.export().branch == "empty"
    assert bench.export().branch == "empty"
    assert len(bench.simulator.jobs) == 1


def test_another_run_with_a_relative_period_does_it_anew(bench: Bench) -> None:
    bench.export(**RELATIVE)
    outcome = bench.export(**RELATIVE, options={"run": OTHER_RUN})
    assert outcome.results.model_dump()["reused"] is False
    assert (len(bench.simulator.jobs), len(bench.exports)) == (2, 2)


def test_another_run_with_a_period_that_is_over_takes_up_the_export(bench: Bench) -> None:
    first = bench.export().results.model_dump()
    asked = bench.at_storage()
    outcome = bench.export(options={"run": OTHER_RUN})
    again = outcome.results.model_dump()
    assert (again["reused"], again["job_uuid"], again["sha256"]) == (True, first["job_uuid"], first["sha256"])
    assert bench.at_storage() == asked
    bench.only_export()


@pytest.mark.parametrize(
    ("period", "searches"),
    [
        ({}, 1),
        (RELATIVE, 2),
        ({"earliest_time": "2026-01-01T00:00:00Z", "latest_time": "2027-01-01T00:00:00Z"}, 2),
    ],
)
def test_outside_a_playbook_only_a_period_that_is_over_is_searched_once(
    bench: Bench, period: dict[str, Any], searches: int
) -> None:
    for _ in range(2):
        bench.export(**period, options={"run": None})
    assert (len(bench.simulator.jobs), len(bench.exports)) == (searches, searches)


def test_other_arguments_in_the_same_run_are_other_searches(bench: Bench) -> None:
    bench.export(**RELATIVE)
    bench.export(**RELATIVE, query="user.name:*")
    bench.export(**RELATIVE, max_events=10)
    assert len(bench.simulator.jobs) == 3
    outcome = bench.export(**RELATIVE, fields=["source.ip"])
    assert (outcome.branch, len(bench.simulator.jobs), len(bench.exports)) == ("fetched", 3, 4)


def test_a_failed_export_is_exported_again_by_the_rerun(start: Start) -> None:
    bench = start(task_outcome="failed")
    assert bench.export().branch == "failed"
    bench.set(task_outcome="finished")
    outcome = bench.export()
    assert (outcome.branch, len(bench.exports), len(bench.simulator.jobs)) == ("fetched", 2, 1)


def test_a_damaged_file_is_an_error_and_the_rerun_fetches_the_same_export(start: Start) -> None:
    bench = start(damage=Damage.TRUNCATED)
    with pytest.raises(ExportError):
        bench.export()
    with pytest.raises(ExportError):
        bench.export()
    assert (len(bench.simulator.jobs), len(bench.exports)) == (1, 1)


def test_a_platform_that_stays_away_while_waiting_is_a_network_error_and_the_rerun_goes_on(start: Start) -> None:
    bench = start(export_duration_s=3600.0)
    bench.fault(Kind.RESET_BEFORE, TASK, times=None)
    with pytest.raises((NetworkError, DeadlineExceeded)):
        bench.export(**RELATIVE)
    checked_rerun(bench, **RELATIVE)
    assert len(bench.simulator.jobs) == 1


def test_a_recorded_search_that_cannot_be_read_is_an_error(bench: Bench) -> None:
    bench.export()
    for name, path in bench.state_files().items():
        if name.startswith("searches/"):
            path.write_text("[]")
    with pytest.raises(StateCorrupt, match="searches/"):
        bench.export()
    assert len(bench.simulator.jobs) == 1
