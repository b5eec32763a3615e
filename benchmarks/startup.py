"""What a start costs: processes that import main, beside one that imports only the SDK's action module.

The engine starts a process for every node, so its imports are paid on each. Prints a table: seconds (best and median
of the repetitions, taken in turns so that a busy moment of the machine hits all alike), peak memory, and the ratio of
the best to the SDK's best, which should stay under 1.15. Below it: the modules that main adds, and what they cost.

Usage: python benchmarks/startup.py [--repetitions N] [--components]
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
BASELINE = "sekoia_automation.action"
BOUND = 1.15
# One line of `-X importtime`: own and cumulative microseconds, then the module's name, indented by depth.
IMPORT_TIME = re.compile(r"import time:\s+(?P<own>\d+) \|\s+\d+ \|\s+(?P<module>\S+)")


@dataclass
class Start:
    """The measurements of one kind of start."""

    module: str
    seconds: list[float] = field(default_factory=list)
    peak_rss_kib: int = 0

    def measure(self) -> None:
        """Import the module in a fresh process and keep what it took, from before the start to after the end."""
        code = f"import {self.module}, resource; print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)"
        begun = time.perf_counter()
        process = start([sys.executable, "-c", code])
        self.seconds.append(time.perf_counter() - begun)
        self.peak_rss_kib = max(self.peak_rss_kib, int(process.stdout))


def start(command: list[str]) -> subprocess.CompletedProcess[str]:
    # Coverage, warnings and a profile set for this process are not what the engine starts with.
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COVERAGE_"))}
    return subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True, text=True)


def components() -> list[str]:
    return [
        f"{path.parent.name}.{path.stem}"
        for folder in ("trigger_export", "actions")
        for path in sorted((ROOT / folder).glob("[a-z]*.py"))
    ]


def import_times(module: str) -> dict[str, int]:
    """Return the own microseconds of every module that importing `module` loads."""
    report = start([sys.executable, "-X", "importtime", "-c", f"import {module}"]).stderr
    return {found["module"]: int(found["own"]) for found in IMPORT_TIME.finditer(report)}


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure what the start of an action's process costs.")
    parser.add_argument("--repetitions", type=int, default=15)
    parser.add_argument("--components", action="store_true", help="also measure each component's module on its own")
    options = parser.parse_args()

    starts = [Start("sys"), Start(BASELINE), Start("main"), *map(Start, components() if options.components else [])]
    for measured in starts:  # the first start reads the files and writes the bytecode
        measured.measure()
        measured.seconds.clear()
    for _ in range(options.repetitions):
        for measured in starts:
            measured.measure()

    baseline = min(next(measured for measured in starts if measured.module == BASELINE).seconds)
    print(f"{'process that imports':<34} {'best s':>7} {'median s':>9} {'peak MB':>8} {'ratio':>6}")
    for measured in starts:
        best, median = min(measured.seconds), statistics.median(measured.seconds)
        peak_mb = measured.peak_rss_kib * 1024 / 1e6
        print(f"{measured.module:<34} {best:>7.3f} {median:>9.3f} {peak_mb:>8.1f} {best / baseline:>6.2f}")
    print(f"bound of the ratio: {BOUND}")

    known = import_times(BASELINE)
    added = {module: own for module, own in import_times("main").items() if module not in known}
    total_ms = sum(added.values()) / 1e3
    print(f"\nmain loads {len(added)} modules more than the SDK, {total_ms:.1f} ms in all; the dearest:")
    for module, own in sorted(added.items(), key=lambda item: -item[1])[:10]:
        print(f"{own / 1e3:>8.1f} ms  {module}")


if __name__ == "__main__":
    main()
