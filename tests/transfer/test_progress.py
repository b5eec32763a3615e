"""The observer is told the rate, the rest, and that bytes were lost."""

from __future__ import annotations

import pytest

from sekoia_export.transfer.progress import ProgressMeter, TransferProgress, silent
from tests.clock import ManualClock


def test_a_steady_transfer() -> None:
    clock, told = ManualClock(), list[TransferProgress]()
    meter = ProgressMeter(clock, 1000, told.append)
    for done in range(100, 1001, 100):
        clock.advance(1)
        meter.at(done, parts=1, retries=0)
    assert [progress.done_bytes for progress in told] == list(range(100, 1001, 100))
    assert told[4].rate_bytes_per_s == pytest.approx(100)
    assert told[4].remaining_s == pytest.approx(5)
    assert told[-1].remaining_s == 0


def test_an_observer_is_not_called_for_every_byte_but_for_every_loss() -> None:
    clock, told = ManualClock(), list[TransferProgress]()
    meter = ProgressMeter(clock, None, told.append)
    for done in range(100):
        meter.at(done, parts=1, retries=0)
    assert told == []
    clock.advance(1)
    meter.at(100, parts=1, retries=0)
    meter.at(0, parts=1, retries=1)
    meter.at(5, parts=1, retries=1, now=True)
    assert [(progress.done_bytes, progress.retries) for progress in told] == [(100, 0), (0, 1), (5, 1)]
    assert told[-1].remaining_s is None
    silent(told[-1])
