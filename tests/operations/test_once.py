"""Whatever goes wrong, in whatever order: one ask is one export, and nothing else is ever handed over."""

from __future__ import annotations

import itertools
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import Phase, given, note, settings
from hypothesis import strategies as st

from sekoia_export.errors import ExportError
from sekoia_export.operations.outcome import Branch
from sekoia_export.simulator import Fault, Kind, Settings, Simulator
from tests.canaries import check_files, check_sent
from tests.clock import ManualClock
from tests.operations.bench import EXPORT, LISTING, OTHER_RUN, RUN, Bench, HookedClock, Killed
from tests.operations.lost_answers import LISTINGS, LOSSES, is_ours

if TYPE_CHECKING:
    from sekoia_export.simulator import Recorded

# An example takes tens of milliseconds, and shrinking tries thousands; the notes tell the story of one as it is.
WITHOUT_SHRINKING = (Phase.explicit, Phase.reuse, Phase.generate)
OURS, THEIRS = ["@timestamp", "source.ip"], ["user.name"]


@dataclass(frozen=True)
class Attempt:
    """One run of the trigger.

    Attributes:
        losses: what becomes of the answers to its requests, in order.
        hidden_reads: so many reads of the listing after the request show nothing.
        dies_at: the sleep at which its process is killed; None when it lives.
        theirs_at: the sleep at which someone else's export begins; None when none does.
        wait_for_slot: the argument.
        ends_at_read: the reading of the listing just before which what runs ends; None when it goes on.
        ends_after: whether what runs ends after this run.
        searches_again: whether it exports a new search job for the same query.
        run: the playbook run it belongs to.
    """

    losses: list[str | None] = field(default_factory=list)
    hidden_reads: int = 0
    dies_at: int | None = None
    theirs_at: int | None = None
    wait_for_slot: int = 0
    ends_at_read: int | None = None
    ends_after: bool = False
    searches_again: bool = False
    run: str | None = RUN


ATTEMPTS = st.builds(
    Attempt,
    losses=st.lists(st.sampled_from([*LOSSES, None]), max_size=3),
    hidden_reads=st.integers(0, 30),
    dies_at=st.none() | st.integers(1, 25),
    theirs_at=st.none() | st.integers(1, 12),
    wait_for_slot=st.sampled_from([0, 0, 100, 400]),
    ends_at_read=st.none() | st.integers(1, 30),
    ends_after=st.booleans(),
    searches_again=st.booleans(),
    run=st.sampled_from([RUN, OTHER_RUN, None]),
)
PLATFORMS = st.sampled_from([*LISTINGS, "late"]).map(
    lambda name: {"running_listed": False} if name == "late" else LISTINGS[name]
)


def end_exports(bench: Bench) -> None:
    """Let every export that runs finish now."""
    now = bench.clock.now()
    for export in bench.exports:
        if export.active(now):
            export.duration_s = (now - export.started_at).total_seconds()


def run(bench: Bench, attempt: Attempt, job: str) -> Any:
    """Run the trigger once and return its outcome, None when it was killed or failed."""
    bench.simulator.faults.clear()
    for number, loss in enumerate(attempt.losses):
        if loss is not None:
            fault = Fault(method="POST", path=EXPORT, when=is_ours, nth=number + 1, **LOSSES[loss][1])
            bench.simulator.faults.add(fault)
    reads = itertools.count(1)

    def is_hidden(request: Recorded) -> bool:
        # What has ended is listed: else nobody could tell that it was there.
        if next(reads) == attempt.ends_at_read:
            end_exports(bench)
        return any(export.active(bench.clock.now()) and export.fields == OURS for export in bench.exports)

    bench.fault(Kind.GARBAGE, LISTING, body=b"[]", times=attempt.hidden_reads, when=is_hidden)
    # A fault that has hit as often as it was to is not asked any more.
    bench.fault(Kind.DELAY, LISTING, times=None, when=lambda request: is_hidden(request) and False)

    def die() -> None:
        raise Killed

    def theirs() -> None:
        now = bench.clock.now()
        if not any(export.active(now) for export in bench.exports):
            bench.others_export(job, THEIRS)

    hooks: dict[int, Any] = {}
    if attempt.theirs_at is not None:
        hooks[attempt.theirs_at] = theirs
    if attempt.dies_at is not None:
        hooks[attempt.dies_at] = die
    try:
        return bench.trigger(
            job,
            fields=["source.ip"],
            wait_for_slot=attempt.wait_for_slot,
            options={"clock": HookedClock(bench.clock, hooks), "run": attempt.run},
        )
    except (Killed, ExportError) as failure:
        note(f"{type(failure).__name__}: {failure}")
        return None


@settings(max_examples=40, deadline=None, phases=WITHOUT_SHRINKING)
@given(platform=PLATFORMS, attempts=st.lists(ATTEMPTS, min_size=1, max_size=4))
def test_one_ask_is_one_export(platform: dict[str, Any], attempts: list[Attempt]) -> None:
    clock = ManualClock()
    chosen = Settings(
        total_events=20,
        export_duration_s=1e8,
        results_ttl_s=100_000,
        max_exports_of_a_job=100,
        **platform,
    )
    with tempfile.TemporaryDirectory() as folder, Simulator(chosen, clock) as simulator:
        bench = Bench(simulator, clock, Path(folder))
        job = str(bench.job())
        for attempt in [*attempts, Attempt(wait_for_slot=1000, ends_at_read=3)]:
            if attempt.searches_again:
                simulator.faults.clear()
                job = str(bench.job())
            # Someone else's exports can be told from ours by their fields alone.
            told_apart = attempt if chosen.entry_fields else replace(attempt, theirs_at=None)
            outcome = run(bench, told_apart, job)
            ours = [export for export in bench.exports if export.fields == OURS]
            note(f"{attempt}: {outcome and outcome.branch}, {len(ours)} of ours")
            assert len(ours) <= 1
            if outcome is not None and outcome.branch is Branch.TRIGGERED:
                assert outcome.results.task_uuid == ours[0].task_uuid
                assert outcome.results.job_uuid == ours[0].job.uuid
                assert outcome.results.fields == OURS
            if attempt.ends_after:
                end_exports(bench)
        assert outcome is not None
        assert outcome.branch is Branch.TRIGGERED
        check_sent(simulator)
        check_files(Path(folder))
