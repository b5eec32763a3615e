"""How soon `sekoia-export --help` answers, beside the official exporter: `python benchmarks/cli_startup.py [--help]`.

Each program is a process of its own, as a person starts it, in turns, so that whatever else the machine does hits all.
A completion is measured too: it runs at a keystroke.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

BIN = Path(sys.executable).parent
OFFICIAL = "sekoia-event-exporter --help"
OURS = "sekoia-export --help"
BOUND = 1.5  # times the official exporter's
COMPLETION = {"COMP_WORDS": "sekoia-export do", "COMP_CWORD": "1", "_SEKOIA_EXPORT_COMPLETE": "complete_bash"}
OF_RUNS = {"COMP_WORDS": "sekoia-export resume ", "COMP_CWORD": "2"}
PROGRAMS: dict[str, tuple[list[str], dict[str, str]]] = {
    "python -c pass": ([sys.executable, "-c", "pass"], {}),
    OFFICIAL: ([str(BIN / "sekoia-event-exporter"), "--help"], {}),
    OURS: ([str(BIN / "sekoia-export"), "--help"], {}),
    "sekoia-export doctor --help": ([str(BIN / "sekoia-export"), "doctor", "--help"], {}),
    "completion of a command": ([str(BIN / "sekoia-export")], COMPLETION),
    "completion of a run's uuid": ([str(BIN / "sekoia-export")], {**COMPLETION, **OF_RUNS}),
}


def seconds_of(command: list[str], variables: dict[str, str]) -> float:
    """Return the wall time of one process, from before its start to after its end."""
    # Coverage and warnings set for this process are not what a person has.
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COVERAGE_"))}
    begun = time.perf_counter()
    subprocess.run(command, env={**inherited, **variables}, check=True, capture_output=True)
    return time.perf_counter() - begun


def main() -> None:
    parser = argparse.ArgumentParser(description="Measure how soon the command line answers.")
    parser.add_argument("--repetitions", type=int, default=15)
    repetitions = parser.parse_args().repetitions

    measured: dict[str, list[float]] = {name: [] for name in PROGRAMS}
    for command, variables in PROGRAMS.values():  # the first start reads the files and writes the bytecode
        seconds_of(command, variables)
    for _ in range(repetitions):
        for name, (command, variables) in PROGRAMS.items():
            measured[name].append(seconds_of(command, variables))

    official = min(measured[OFFICIAL])
    print(f"{'program':<34} {'best s':>7} {'median s':>9} {'ratio':>6}")
    for name, seconds in measured.items():
        print(f"{name:<34} {min(seconds):>7.3f} {statistics.median(seconds):>9.3f} {min(seconds) / official:>6.2f}")
    print(f"bound of {OURS}: {BOUND} times {OFFICIAL}")


if __name__ == "__main__":
    main()
