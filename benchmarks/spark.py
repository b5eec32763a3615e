"""What Spark spends on the questions that DuckDB answers: wall time and CPU of the same dataset, in one run.

The dataset is Parquet, a file a day, as convert_export writes it, of seeded events. DuckDB has as many threads as there
are processors. Spark is a local cluster of two workers with a core each, started before; its CPU is that of its Python
process, its driver and its workers, from the question to the answer. The first time includes what Java compiles; a
cluster that goes on answers as in the last. Without PySpark and Java, DuckDB's rows stand alone.

Usage: python benchmarks/spark.py [--events 10000000] [--rounds 4] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import contextlib
import importlib.util
import os
import shutil
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from _here import run_here
from _seeded import FIELDS, PER_MEMBER

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sekoia_export.analysis.answering import Asked, answer
from sekoia_export.analysis.database import Limits
from sekoia_export.analysis.events import OnBadLine
from sekoia_export.analysis.files import FoundFiles, finding
from sekoia_export.analysis.questions import Question
from sekoia_export.analysis.sigma.hunting import Hunt, hunt
from sekoia_export.analysis.sigma.rules import RuleText
from sekoia_export.analysis.spark.asking import Cluster
from sekoia_export.arguments.analysis import ConvertArguments
from sekoia_export.arguments.base import read_arguments
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.operations.convert import convert_export
from sekoia_export.simulator.content import members
from sekoia_export.simulator.events import Events, Period
from sekoia_export.transfer.local_storage import LocalDataStorage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

DAYS = 7
MASTER = "local-cluster[2,1,1024]"
QUESTIONS = {
    "ten most frequent source.ip": Question(top="source.ip"),
    "events by hour": Question(over_time="1h"),
    "users of failures that a text has": Question(top="user.name", where="message LIKE '%fail%'"),
}
RULE = """title: rule {at}
logsource:
    category: any
detection:
    selection:
        message|contains: '{word}'
        event.outcome: failure
    inside:
        source.ip|startswith: '10.{at}'
    condition: selection and not inside
"""
WORDS = ("rundll32", "failed to log on", "wp-admin", ":3389", "curl", "/login", "denied", "POST", "certutil", "-enc ")
HUNT = "a hunt with 10 rules"


def make(folder: Path, count: int) -> tuple[int, int]:
    """Write a dataset of seeded events, a file each day, and return the size of the jsonl.gz and its own in bytes."""
    sizes = folder / "sizes"
    if sizes.exists():
        gzip_bytes, parquet_bytes = map(int, sizes.read_text().split())
        return gzip_bytes, parquet_bytes
    export = folder / "events.jsonl.gz"
    with export.open("wb") as file:
        for day in range(DAYS):
            first = datetime(2026, 1, 1 + day, tzinfo=UTC)
            events = Events(seed=day, total=count // DAYS, period=Period(first, first + timedelta(days=1)))
            file.writelines(members(events, FIELDS, per_member=PER_MEMBER))
    given = {"file_path": export.name, "by_day": True, "file_name": "dataset"}
    convert_export(LocalDataStorage(folder), SystemClock(), read_arguments(ConvertArguments, given))
    gzip_bytes = export.stat().st_size
    export.unlink()
    parquet_bytes = sum(path.stat().st_size for path in (folder / "dataset").rglob("*.parquet"))
    sizes.write_text(f"{gzip_bytes} {parquet_bytes}")
    return gzip_bytes, parquet_bytes


def cpu_s() -> float:
    """Return the CPU seconds of this process and of all processes below it that live."""
    ticks: dict[int, tuple[int, int]] = {}
    for stat in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = stat.read_text().rpartition(")")[2].split()
            ticks[int(stat.parent.name)] = int(fields[1]), int(fields[11]) + int(fields[12])
    below, waiting = set[int](), [os.getpid()]
    while waiting:
        one = waiting.pop()
        below.add(one)
        waiting += [pid for pid, (parent, _) in ticks.items() if parent == one]
    return sum(ticks[pid][1] for pid in below if pid in ticks) / os.sysconf("SC_CLK_TCK")


def taken(ask: Callable[[], Any]) -> tuple[float, float]:
    """Return the wall and the CPU seconds of something."""
    begun, spent = time.perf_counter(), cpu_s()
    ask()
    return time.perf_counter() - begun, cpu_s() - spent


def show(name: str, rounds: list[tuple[float, float]]) -> None:
    """Print a row: the first time, and the best of the later ones."""
    later = min(rounds[1:] or rounds, key=lambda one: one[1])
    print(f"  {name:<44}{rounds[0][0]:>9.2f}{rounds[0][1]:>9.2f}{later[0]:>9.2f}{later[1]:>9.2f}", flush=True)


@contextlib.contextmanager
def started(private: Path) -> Iterator[Any]:
    """Give a session of Spark, None where there is none."""
    missing = [] if importlib.util.find_spec("pyspark") else ["PySpark (pip install -r requirements-spark.txt)"]
    missing += [] if shutil.which("java") else ["Java"]
    if missing:
        print(f"  Spark is left out: no {' and no '.join(missing)} here.")
        yield None
        return
    from sekoia_export.analysis.spark.session import Spark

    os.environ.setdefault("PYSPARK_SUBMIT_ARGS", "--driver-memory 1g pyspark-shell")
    kept: list[Spark] = []
    wall_s, spent_s = taken(
        lambda: kept.append(Spark(master=MASTER, private=private, deadline=Deadline(SystemClock(), None)))
    )
    with kept[0] as spark:
        print(f"  {'Spark: its start':<44}{wall_s:>9.2f}{spent_s:>9.2f}", flush=True)
        yield spark


def by_duckdb(found: FoundFiles, limits: Limits, question: Question | None) -> Any:
    if question is None:
        return hunt(Hunt(found=found, texts=texts(), examples=3, on_bad_line=OnBadLine.SKIP, limits=limits), None)
    asked = Asked(
        found=found, question=question, limit=100, file_format=None, on_bad_line=OnBadLine.SKIP, limits=limits
    )
    return answer(asked, None)


def by_spark(found: FoundFiles, limits: Limits, question: Question | None, spark: Any) -> Any:
    cluster = Cluster(
        master=MASTER,
        found=found,
        deadline=Deadline(SystemClock(), None),
        limits=limits,
        run=run_here,
        session=lambda **_: contextlib.nullcontext(spark),  # type: ignore[arg-type]  # one that goes on
    )
    return cluster.hunt(texts(), examples=3) if question is None else cluster.answer(question, limit=100)


def texts() -> list[RuleText]:
    return [RuleText("rules", RULE.format(at=at, word=word)) for at, word in enumerate(WORDS)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, default=10_000_000)
    parser.add_argument("--rounds", type=int, default=4, help="how often each question is asked")
    parser.add_argument("--folder", type=Path, help="where the dataset is made, kept, and found the next time")
    parser.add_argument("--only-make", action="store_true", help="make it and ask nothing")
    given = parser.parse_args()
    limits = Limits.of_this_machine()
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        gzip_bytes, bytes_read = make(folder, given.events)
        if given.only_make:
            return
        print(
            f"\n{given.events:,} events, {gzip_bytes / 1e6:.0f} MB of jsonl.gz, {bytes_read / 1e6:.0f} MB of Parquet "
            f"by day; {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n"
            f"{'':<46}{'first: s':>9}{'CPU s':>9}{'later: s':>9}{'CPU s':>9}",
            flush=True,
        )
        with finding(LocalDataStorage(folder), ["dataset"]) as found:
            questions = {**QUESTIONS, HUNT: None}
            for title, question in questions.items():
                ask = partial(by_duckdb, found, limits, question)
                show(f"DuckDB: {title}", [taken(ask) for _ in range(given.rounds)])
            with started(folder) as spark:
                for title, question in questions.items() if spark is not None else ():
                    ask = partial(by_spark, found, limits, question, spark)
                    show(f"Spark: {title}", [taken(ask) for _ in range(given.rounds)])


if __name__ == "__main__":
    main()
