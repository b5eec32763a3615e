"""How fast 100 Sigma rules are asked of an export, beside one grep a rule, and observables beside grep -oE.

The file is a gzip export of seeded events. Every candidate is a process of its own, from its start to its end. A grep
looks for one word of its rule, and counts lines; a rule here has a word, a second condition and a network, every
tenth by its bits. `grep -oE`
finds what looks like an address anywhere; observables are of every type, from their fields.

Usage: python benchmarks/hunting.py [--events 1000000] [--rounds 1]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from _here import run_here
from _measuring import best_of, show
from _seeded import FIELDS, make_export

if TYPE_CHECKING:
    from collections.abc import Callable

HUNTED_FIELDS = [*FIELDS, "dns.question.name", "url.full", "file.name", "file.hash.sha256"]
RULES = 100
RULE = """title: rule {at}
level: medium
logsource:
    category: any
detection:
    selection:
        message|contains: '{word}'
        {item}
    inside:
        source.ip|{network}
    condition: selection and {negated}inside
"""
WORDS = (
    "rundll32", "backup.ps1", "failed to log on", "wp-admin", "NXDOMAIN", "TXT", ":3389", ":445", "curl", "x.dll",
    "/login", "denied", "explorer.exe", "winword.exe", "ProgramData", "POST", "a1b2c3d4", "mimikatz", "certutil",
    "-enc ",
)  # fmt: skip
ITEMS = (
    "host.name|startswith: par-",
    "user.name|endswith: .martin",
    "event.outcome: failure",
    "destination.port: [22, 445, 3389]",
    "message|re: '[0-9]+ [a-z]+[.][a-z]+'",
)


def rules() -> list[str]:
    """Return the rules: every word with every item."""
    return [
        RULE.format(
            at=at,
            word=WORDS[at % len(WORDS)],
            item=ITEMS[at // len(WORDS)],
            network=f"cidr: 10.{20 + at % 5}.0.0/16" if at % 10 == 0 else f"startswith: '10.{20 + at % 5}.'",
            negated="not " if at % 3 else "",
        )
        for at in range(RULES)
    ]


def make(path: str, count: str) -> None:
    make_export(path, count, HUNTED_FIELDS)


def hunt(path: str, examples: str, rules_a_pass: str = "") -> None:
    """Hunt as `hunt_export` does; with `rules_a_pass` in this process, with so many rules in a query."""
    from sekoia_export.analysis.apart import run_apart
    from sekoia_export.analysis.sigma import plan
    from sekoia_export.arguments.analysis import HuntArguments
    from sekoia_export.arguments.base import read_arguments
    from sekoia_export.clock import SystemClock
    from sekoia_export.operations.hunt import hunt_export
    from sekoia_export.transfer.local_storage import LocalDataStorage

    if rules_a_pass:
        plan._RULES_A_PASS = int(rules_a_pass)  # noqa: SLF001 - no user's choice, only this comparison's
    file = Path(path)
    asked = read_arguments(
        HuntArguments, {"file_path": file.name, "rules": "---\n".join(rules()), "examples": int(examples)}
    )
    run = run_here if rules_a_pass else run_apart
    results = hunt_export(LocalDataStorage(file.parent), SystemClock(), asked, run=run).results
    if results.rules_count != RULES:
        raise SystemExit(f"left out: {results.unusable_rules}")


def observables(path: str) -> None:
    """Extract as `extract_observables` does."""
    from sekoia_export.arguments.analysis import ObservablesArguments
    from sekoia_export.arguments.base import read_arguments
    from sekoia_export.clock import SystemClock
    from sekoia_export.operations.observables import extract_observables
    from sekoia_export.transfer.local_storage import LocalDataStorage

    file = Path(path)
    asked = read_arguments(ObservablesArguments, {"file_path": file.name})
    extract_observables(LocalDataStorage(file.parent), SystemClock(), asked)


def convert(path: str, target: str) -> None:
    """Write the export as Parquet."""
    from sekoia_export.arguments.analysis import ConvertArguments
    from sekoia_export.arguments.base import read_arguments
    from sekoia_export.clock import SystemClock
    from sekoia_export.operations.convert import convert_export
    from sekoia_export.transfer.local_storage import LocalDataStorage

    file = Path(path)
    asked = read_arguments(ConvertArguments, {"file_path": file.name, "file_name": Path(target).name})
    convert_export(LocalDataStorage(file.parent), SystemClock(), asked)


TASKS: dict[str, Callable[..., None]] = {"make": make, "hunt": hunt, "observables": observables, "convert": convert}


def own(task: str, *arguments: object) -> list[str]:
    """Return the command of a task of this script's."""
    return [sys.executable, __file__, "--task", task, *map(str, arguments)]


def compare(folder: Path, events: int, rounds: int) -> None:
    export, parquet, scratch = folder / "export.jsonl.gz", folder / "export.parquet", folder / "scratch"
    subprocess.run(own("make", export, events), check=True)
    subprocess.run(own("convert", export, parquet), check=True)
    size_bytes = export.stat().st_size
    print(f"{events:,} events, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}; MB of the jsonl.gz")
    lines = scratch / "lines.jsonl"
    greps = "; ".join(f"grep -ciF -e '{WORDS[at % len(WORDS)]}' {lines} || true" for at in range(RULES))
    hunts = {
        "zcat > lines; one grep a rule": ["sh", "-c", f"zcat {export} > {lines}; {greps}"],
        "the same in LC_ALL=C": ["sh", "-c", f"export LC_ALL=C; zcat {export} > {lines}; {greps}"],
        "this": own("hunt", export, 3),
        "this, Parquet": own("hunt", parquet, 3),
        "this, no examples": own("hunt", export, 0, 200),
        "this, no examples, a query a rule": own("hunt", export, 0, 1),
    }
    show(f"hunt, {RULES} rules", best_of(rounds, hunts, scratch), size_bytes=size_bytes)
    pipe = f"zcat {export} | grep -oE '([0-9]{{1,3}}\\.){{3}}[0-9]{{1,3}}' | sort | uniq -c | sort -rn"
    extractions = {
        "zcat | grep -oE | sort | uniq -c": ["sh", "-c", pipe],
        "the same in LC_ALL=C": ["sh", "-c", f"export LC_ALL=C; {pipe}"],
        "this": own("observables", export),
        "this, Parquet": own("observables", parquet),
    }
    show("observables", best_of(rounds, extractions, scratch), size_bytes=size_bytes)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--task", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.task:
        TASKS[given.task[0]](*given.task[1:])
        return
    with tempfile.TemporaryDirectory() as name:
        compare(Path(name), given.events, given.rounds)


if __name__ == "__main__":
    main()
