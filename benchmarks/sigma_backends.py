"""How many of the Sigma cases with known outcomes each of pySigma's backends is right on, and this project's own.

pySigma's backends run on their own engines (SQLite, DuckDB), on a table with a column for each field.

Usage: python benchmarks/sigma_backends.py [--wrong]
"""

from __future__ import annotations

import argparse
import json
import re
import sqlite3
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
from sigma.backends.sqlite.sqlite import sqliteBackend
from sigma.collection import SigmaCollection
from sigma.processing.pipeline import ProcessingPipeline
from sigma_backend_duckdb import DuckDBBackend

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sekoia_export.analysis.sigma.backend import (
    KEYWORDS_COLUMN,
    EventsBackend,
    address_macros,
    bits_column,
    bits_of,
    keywords_of,
)
from tests.analysis.sigma_cases import CASES, Case

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HEAD = "title: T\nstatus: test\nlogsource:\n    category: test\n"


def rules_of(case: Case) -> SigmaCollection:
    return SigmaCollection.from_yaml(HEAD + case.detection)


def columns_of(case: Case) -> list[str]:
    backend = EventsBackend()
    backend.condition(rules_of(case).rules[0])  # type: ignore[arg-type]  # no case is a correlation
    return sorted({name for event in case.events for name in event} | backend.fields)


def kind_of(case: Case, column: str) -> str:
    values = [event[column] for event in case.events if event.get(column) is not None]
    if values and all(isinstance(value, bool) for value in values):
        return "BOOLEAN"
    if values and all(isinstance(value, int) and not isinstance(value, bool) for value in values):
        return "BIGINT"
    return "VARCHAR"


def text_of(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else json.dumps(value)


def on_sqlite(case: Case, **options: Any) -> tuple[int, ...]:
    """Return the numbers of the events that the rule finds, by pySigma's SQLite backend."""
    columns = columns_of(case)
    database = sqlite3.connect(":memory:")
    database.create_function(
        "REGEXP", 2, lambda pattern, value: value is not None and re.search(pattern, str(value)) is not None
    )
    names = ", ".join(f'"{name}"' for name in ["_n", *columns])
    database.execute(f"CREATE TABLE logs ({names})")
    for number, event in enumerate(case.events):
        values = [
            event.get(name) if isinstance(event.get(name), int | float) else text_of(event.get(name))
            for name in columns
        ]
        database.execute(f"INSERT INTO logs VALUES ({', '.join('?' * (len(columns) + 1))})", [number, *values])
    [sql] = sqliteBackend(**options).convert(rules_of(case))
    return tuple(row[0] for row in database.execute(sql.replace("SELECT *", "SELECT _n", 1) + " ORDER BY 1"))


def duckdb_table(case: Case) -> duckdb.DuckDBPyConnection:
    database = duckdb.connect()
    kinds = {name: kind_of(case, name) for name in columns_of(case)}
    columns = ", ".join(f'"{name}" {kind}' for name, kind in kinds.items())
    database.execute(f"CREATE TABLE logs (_n INT, {columns})")
    for number, event in enumerate(case.events):
        values = [text_of(event.get(name)) if kind == "VARCHAR" else event.get(name) for name, kind in kinds.items()]
        database.execute(f"INSERT INTO logs VALUES ({', '.join('?' * (len(kinds) + 1))})", [number, *values])
    return database


def on_duckdb(case: Case) -> tuple[int, ...]:
    """Return the numbers of the events that the rule finds, by pySigma's DuckDB backend."""
    [sql] = DuckDBBackend(ProcessingPipeline()).convert(rules_of(case))
    condition = re.sub(r"^SELECT \* FROM \w+ WHERE ", "", str(sql))
    return tuple(
        row[0] for row in duckdb_table(case).execute(f"SELECT _n FROM logs WHERE {condition} ORDER BY 1").fetchall()
    )


def on_ours(case: Case) -> tuple[int, ...]:
    """Return the numbers of the events that the rule finds, by this project's backend."""
    backend = EventsBackend()
    condition = backend.condition(rules_of(case).rules[0])  # type: ignore[arg-type]  # no case is a correlation
    database = duckdb_table(case)
    for statement in address_macros():
        database.execute(statement)
    bits = [f'{bits_of(field)} AS "{bits_column(field)}"' for field in sorted(backend.networks)]
    columns = ", ".join(["*", f'{keywords_of(columns_of(case))} AS "{KEYWORDS_COLUMN}"', *bits])
    events = f"SELECT {columns} FROM logs"
    return tuple(
        row[0] for row in database.execute(f"SELECT _n FROM ({events}) WHERE {condition} ORDER BY 1").fetchall()
    )


def outcome(find: Callable[[Case], tuple[int, ...]], case: Case) -> Any:
    try:
        return find(case)
    except Exception as failure:  # noqa: BLE001 - whatever a backend or an engine says to a case, it is not right
        return f"{type(failure).__name__}: {str(failure)[:80]}"


def show(candidates: Mapping[str, Callable[[Case], tuple[int, ...]]], *, wrong_too: bool) -> None:
    """Print on how many of the cases each candidate is right, and on which it is wrong if that is wanted."""
    for name, find in candidates.items():
        outcomes = {case.name: (outcome(find, case), case.found) for case in CASES}
        wrong = {case: pair for case, pair in outcomes.items() if pair[0] != pair[1]}
        print(f"{name:<30} {len(CASES) - len(wrong)} of {len(CASES)}", flush=True)
        if wrong_too:
            for case, (got, expected) in wrong.items():
                print(f"    {case}: {got} instead of {expected}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wrong", action="store_true", help="name the cases that each is wrong on")
    arguments = parser.parse_args()
    candidates: dict[str, Callable[[Case], tuple[int, ...]]] = {
        "pySigma's SQLite backend": on_sqlite,
        "... with collate_nocase": lambda case: on_sqlite(case, collate_nocase=True),
        "pySigma's DuckDB backend": on_duckdb,
        "this project's": on_ours,
    }
    show(candidates, wrong_too=arguments.wrong)
    return 0


if __name__ == "__main__":
    sys.exit(main())
