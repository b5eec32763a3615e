"""How fast exported files answer and are converted, beside what people use: jq with sort and uniq, and DuckDB alone.

The file is a gzip export of seeded events. Every candidate is a process of its own, from its start to its end; the
table has its wall time, its CPU time, its peak memory (the largest process of it), and how many times as fast as the
first row of its section it was. DuckDB's own command line is the one of PyPI's `duckdb-cli` where it is installed (or
`duckdb` is in PATH), and else a plain Python process with the library; both run what a user would type.

Usage: python benchmarks/analysis.py [--events 1000000,10000000] [--fit] [--only query] [--folder FOLDER]

With `--folder` the files are made in a folder and stay there: the next run takes them up.

`--fit` converts and asks three sizes more, and tells what the peak memory of a 10 GB export is by the line through
them.

A row more: a function that takes the Files and returns the command, under `@row(section, name)`; what `sekoia-export`
does not do goes into TASKS and is run by `own(task, ...)`.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from _seeded import FIELDS, make_export

ASKED_FIELDS = [*FIELDS, "source.port"]
FIELD = "source.ip"
TEN_GB = 10_000_000_000
MEBIBYTE = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Files:
    """What candidates read, and where they write.

    Attributes:
        export: gzip of JSON Lines.
        parquet: the same events, converted by this project.
        out: a name that nothing has; what is there afterwards is deleted.
    """

    export: Path
    parquet: Path
    out: Path


@dataclass(frozen=True, slots=True)
class Taken:
    """What a process took."""

    wall_s: float
    cpu_s: float
    peak_mib: float


Command = Callable[[Files], list[str] | None]
SECTIONS: dict[str, dict[str, Command]] = {}


def row(section: str, name: str) -> Callable[[Command], Command]:
    """Add a candidate to a section of the table; one that returns None is left out."""

    def add(command: Command) -> Command:
        SECTIONS.setdefault(section, {})[name] = command
        return command

    return add


def own(task: str, *arguments: object) -> list[str]:
    """Return the command of a task of this script's."""
    return [sys.executable, __file__, "--task", task, *map(str, arguments)]


def command_line(*words: object) -> list[str]:
    """Return a command of this project's as it is typed."""
    return [str(Path(sys.executable).with_name("sekoia-export")), *map(str, words)]


def duckdb_command(sql: str) -> list[str]:
    """Return how DuckDB alone runs a statement."""
    found = Path(sys.executable).with_name("duckdb")
    program = str(found) if found.exists() else shutil.which("duckdb")
    if program:
        return [program, "-c", sql]
    return [sys.executable, "-c", "import sys, duckdb; print(duckdb.sql(sys.argv[1]))", sql]


def top_sql(source: Path) -> str:
    return f"SELECT \"{FIELD}\", count(*) AS n FROM '{source}' GROUP BY 1 ORDER BY 2 DESC LIMIT 10"


GZIP, PARQUET = "query: top 10 of a field, from jsonl.gz", "query: the same, from Parquet"
CONVERT, CSV = "convert to Parquet", "convert to CSV"


@row(GZIP, "zcat | jq | sort | uniq -c")
@row(PARQUET, "zcat | jq | sort | uniq -c")
def _jq(files: Files) -> list[str] | None:
    if shutil.which("jq") is None:
        return None
    pipe = f"zcat {files.export} | jq -r '.[\"{FIELD}\"]' | sort | uniq -c | sort -rn | head -10"
    return ["sh", "-c", pipe]


@row(GZIP, "DuckDB alone")
def _duckdb_gzip(files: Files) -> list[str]:
    return duckdb_command(top_sql(files.export))


@row(GZIP, "this")
def _own_gzip(files: Files) -> list[str]:
    return command_line("query", files.export, "--top", FIELD, "--limit", 10)


@row(PARQUET, "DuckDB alone")
def _duckdb_parquet(files: Files) -> list[str]:
    return duckdb_command(top_sql(files.parquet))


@row(PARQUET, "this")
def _own_parquet(files: Files) -> list[str]:
    return command_line("query", files.parquet, "--top", FIELD, "--limit", 10)


@row(CONVERT, "DuckDB's COPY")
def _copy(files: Files) -> list[str]:
    return duckdb_command(f"COPY (FROM '{files.export}') TO '{files.out}' (FORMAT parquet, COMPRESSION zstd)")


@row(CONVERT, "this")
def _own_convert(files: Files) -> list[str]:
    return command_line("convert", files.export, "-o", files.out)


@row(CONVERT, "this, a dataset by day")
def _own_dataset(files: Files) -> list[str]:
    return command_line("convert", files.export, "-o", files.out, "--by-day")


@row(CSV, "DuckDB's COPY")
def _copy_csv(files: Files) -> list[str]:
    return duckdb_command(f"COPY (FROM '{files.export}') TO '{files.out}' (FORMAT csv, HEADER true)")


@row(CSV, "this")
def _own_csv(files: Files) -> list[str]:
    return command_line("convert", files.export, "-o", files.out, "--format", "csv")


def make(path: str, count: str) -> None:
    make_export(path, count, ASKED_FIELDS)


def alone(path: str) -> None:
    """Print the seconds of the query alone, in a process that has begun."""
    from sekoia_export.analysis.database import Limits
    from sekoia_export.analysis.events import EventTable
    from sekoia_export.analysis.files import finding
    from sekoia_export.analysis.questions import Question
    from sekoia_export.clock import Deadline, SystemClock
    from sekoia_export.transfer.local_storage import LocalDataStorage

    file = Path(path)
    with (
        finding(LocalDataStorage(file.parent), [file.name]) as found,
        EventTable(found, deadline=Deadline(SystemClock(), None), limits=Limits.of_this_machine()) as table,
    ):
        begun = time.perf_counter()
        table.rows(Question(top=FIELD).as_sql(most=10))
        print(time.perf_counter() - begun)


TASKS: dict[str, Callable[..., None]] = {"make": make, "alone": alone}


def measure(command: list[str]) -> Taken:
    """Run a command to its end and return what it, and what it started, took."""
    begun = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    assert process.stderr is not None
    said = process.stderr.read()
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - begun
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise SystemExit(f"{' '.join(command)[:200]} ended with {process.returncode}: {said.decode()[-500:]}")
    return Taken(wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024)


def remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    path.unlink(missing_ok=True)


def made(folder: Path, events: int) -> Files:
    """Return an export of so many events, and the same as Parquet; what is there already is taken."""
    files = Files(folder / f"{events}.jsonl.gz", folder / f"{events}.parquet", folder / "out")
    for path, command in (
        (files.export, own("make", files.export, events)),
        (files.parquet, command_line("convert", files.export, "-o", files.parquet)),
    ):
        if not path.exists():
            subprocess.run(command, check=True, capture_output=True)
    return files


def tables(files: Files, events: int, only: str) -> None:
    """Print a table a section; a command that stands in two of them is run once."""
    known: dict[tuple[str, ...], Taken] = {}
    sizes = (
        f"{files.export.stat().st_size / 1e6:.0f} MB of jsonl.gz, {files.parquet.stat().st_size / 1e6:.0f} of Parquet"
    )
    print(f"\n{events:,} events, {sizes}; {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}")
    for section, rows in SECTIONS.items():
        if only not in section:
            continue
        print(f"\n{section:<42}{'wall s':>9}{'CPU s':>9}{'peak MiB':>10}{'times':>8}", flush=True)
        first: float | None = None
        for name, command in rows.items():
            words = command(files)
            if words is None:
                continue
            taken = known.get(tuple(words)) or measure(words)
            known[tuple(words)] = taken
            remove(files.out)
            first = first or taken.wall_s
            times = first / taken.wall_s
            print(
                f"  {name:<40}{taken.wall_s:>9.2f}{taken.cpu_s:>9.2f}{taken.peak_mib:>10.0f}{times:>8.1f}", flush=True
            )
        if section == PARQUET and first is not None:
            seconds = float(subprocess.run(own("alone", files.parquet), check=True, capture_output=True).stdout)
            print(
                f"  {'this, the query without its process':<40}{seconds:>9.3f}{'':>19}{first / seconds:>8.1f}",
                flush=True,
            )


def fit(folder: Path, events: int) -> None:
    """Tell the peak memory of three sizes, and by the line through them of a 10 GB export."""
    sizes: list[int] = []
    peaks: dict[str, list[float]] = {"top": [], "convert": [], "by day": []}
    for part in (events // 4, events // 2, events):
        files = made(folder, part)
        sizes.append(files.export.stat().st_size)
        for name, command in (("top", _own_gzip), ("convert", _own_convert), ("by day", _own_dataset)):
            words = command(files)
            assert words is not None
            peaks[name].append(measure(words).peak_mib)
            remove(files.out)
    mean_size = sum(sizes) / len(sizes)
    print("\npeak memory in MiB by the size of the jsonl.gz")
    for name, values in peaks.items():
        mean = sum(values) / len(values)
        spread = sum((size - mean_size) ** 2 for size in sizes)
        slope = sum((size - mean_size) * (value - mean) for size, value in zip(sizes, values, strict=True)) / spread
        shown = ", ".join(f"{value:.0f} at {size / 1e6:.0f} MB" for size, value in zip(sizes, values, strict=True))
        at_ten = mean + slope * (TEN_GB - mean_size)
        print(f"  {name:<10}{shown}: {slope * 1e9:+.1f} a GB, {at_ten:.0f} at 10 GB by that line")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", default="1000000", help="numbers of events, with commas between them")
    parser.add_argument("--only", default="", help="the sections with this in their name")
    parser.add_argument("--fit", action="store_true", help="the peak memory of a 10 GB export, by three sizes")
    parser.add_argument("--folder", type=Path, help="where the files are made, and stay")
    parser.add_argument("--task", nargs="+", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.task:
        TASKS[given.task[0]](*given.task[1:])
        return
    counts = [int(count) for count in given.events.split(",")]
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        for events in counts:
            tables(made(folder, events), events, given.only)
        if given.fit:
            fit(folder, counts[-1])


if __name__ == "__main__":
    main()
