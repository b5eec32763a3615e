"""How many of the Sigma cases with known outcomes pySigma's backend for Databricks is right on, on plain Spark.

It needs PySpark, Java and `pip install pysigma-backend-databricks`; each case is a table with a column for each field.

Usage: python benchmarks/sigma_on_spark.py [--wrong]
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import re
import shutil
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sigma_backends import columns_of, kind_of, rules_of, show, text_of

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from sekoia_export.analysis.sigma.backend import KEYWORDS_COLUMN, EventsBackend, bits_column, bits_of, keywords_of
from sekoia_export.analysis.spark.dialect import to_spark
from sekoia_export.analysis.spark.session import Spark
from sekoia_export.clock import Deadline, SystemClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.analysis.sigma_cases import Case

KINDS = {"BOOLEAN": "BOOLEAN", "BIGINT": "BIGINT", "VARCHAR": "STRING"}


def make_table(spark: Spark, case: Case) -> None:
    """Make the view `logs` of a case's events."""
    kinds = {name: kind_of(case, name) for name in columns_of(case)}
    selects = []
    for number, event in enumerate(case.events):
        values = [f"{number} AS _n"]
        for name, kind in kinds.items():
            value = text_of(event.get(name)) if kind == "VARCHAR" else event.get(name)
            values.append(f"CAST({literal(value)} AS {KINDS[kind]}) AS `{name}`")
        selects.append(f"SELECT {', '.join(values)}")
    spark.make_view("logs", " UNION ALL ".join(selects))


def literal(value: Any) -> str:
    """Return a value as Spark's SQL has it."""
    if value is None:
        return "NULL"
    if isinstance(value, bool | int):
        return str(value).lower()
    return "'" + "".join(f"\\u{ord(one):04x}" if one in "\\'" or not one.isprintable() else one for one in value) + "'"


def numbers(spark: Spark, condition: str, source: str = "logs") -> tuple[int, ...]:
    return tuple(row[0] for row in spark.rows(f"SELECT _n FROM {source} WHERE {condition} ORDER BY 1"))


def databricks(spark: Spark, *, quoted: bool) -> Callable[[Case], tuple[int, ...]]:
    """Return what finds by the backend as it is, or with every field name in quotes."""
    from sigma.processing.pipeline import ProcessingPipeline

    as_it_is = importlib.import_module("sigma.backends.databricks").DatabricksBackend
    quoting = type("Quoting", (as_it_is,), {"field_quote_pattern": re.compile(r"^\w+$")})

    def find(case: Case) -> tuple[int, ...]:
        backend = (quoting if quoted else as_it_is)(ProcessingPipeline())
        [condition] = backend.convert(rules_of(case))
        make_table(spark, case)
        return numbers(spark, str(condition))

    return find


def ours(spark: Spark) -> Callable[[Case], tuple[int, ...]]:
    """Return what finds by this project's conditions, said in Spark's SQL."""

    def find(case: Case) -> tuple[int, ...]:
        backend = EventsBackend()
        condition = backend.condition(rules_of(case).rules[0])  # type: ignore[arg-type]  # no case is a correlation
        make_table(spark, case)
        bits = [f'{bits_of(field)} AS "{bits_column(field)}"' for field in sorted(backend.networks)]
        columns = ", ".join(["*", f'{keywords_of(columns_of(case))} AS "{KEYWORDS_COLUMN}"', *bits])
        spark.make_view("prepared", to_spark(f"SELECT {columns} FROM logs"))
        said = to_spark(f"SELECT _n FROM prepared WHERE {condition} ORDER BY 1")
        return tuple(row[0] for row in spark.rows(said))

    return find


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--wrong", action="store_true", help="name the cases that each is wrong on")
    arguments = parser.parse_args()
    missing = [name for name in ("pyspark", "sigma.backends.databricks") if importlib.util.find_spec(name) is None]
    if missing or shutil.which("java") is None:
        print(f"Left out for want of {', '.join(missing) or 'Java'}.")
        return 0
    with (
        tempfile.TemporaryDirectory() as private,
        Spark(master="local[2]", private=Path(private), deadline=Deadline(SystemClock(), None)) as spark,
    ):
        spark.make_functions()
        candidates = {
            "pySigma's Databricks backend": databricks(spark, quoted=False),
            "... with every name quoted": databricks(spark, quoted=True),
            "this project's": ours(spark),
        }
        show(candidates, wrong_too=arguments.wrong)
    return 0


if __name__ == "__main__":
    sys.exit(main())
