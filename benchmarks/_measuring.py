"""Processes that are measured, and the tables that show it."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

LONG_S = 20.0


@dataclass(frozen=True)
class Taken:
    """What a process, and what it started, took: its wall time, its CPU time and its peak memory."""

    wall_s: float
    cpu_s: float
    peak_mib: float


def measure(command: Sequence[str]) -> Taken:
    """Run a command to its end; one that fails ends the benchmark."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} ended with {process.returncode}")
    return Taken(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def best_of(rounds: int, commands: Mapping[str, Sequence[str]], folder: Path) -> dict[str, Taken]:
    """Return the quickest run of each command; `folder` is emptied before each.

    The commands take turns, so that other work on the machine meets all of them. One that takes 20 s is not repeated.
    """
    best: dict[str, Taken] = {}
    for number in range(rounds):
        for name, command in commands.items():
            if number and best[name].wall_s > LONG_S:
                continue
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            taken = measure(command)
            best[name] = min(best.get(name, taken), taken, key=lambda one: one.wall_s)
    shutil.rmtree(folder, ignore_errors=True)
    return best


def show(title: str, results: Mapping[str, Taken], *, size_bytes: int) -> None:
    """Print a table."""
    print(f"\n{title}\n{'':<34}{'wall s':>9}{'MB/s':>9}{'CPU s':>9}{'peak MiB':>10}")
    for name, taken in results.items():
        rate = size_bytes / 1_000_000 / taken.wall_s
        print(f"{name:<34}{taken.wall_s:>9.2f}{rate:>9.0f}{taken.cpu_s:>9.2f}{taken.peak_mib:>10.0f}")
    print(end="", flush=True)


def compare(results: Mapping[str, Taken], this: str, others: Sequence[str], *, goal: float) -> None:
    """Print how many times as fast as the best of the others something was."""
    there = [name for name in others if name in results]
    if this in results and there:
        quickest = min(there, key=lambda name: results[name].wall_s)
        times = results[quickest].wall_s / results[this].wall_s
        print(f"  {this}: {times:.2f} x {quickest} (goal: {goal:g})", flush=True)
