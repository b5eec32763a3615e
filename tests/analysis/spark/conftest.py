"""A local cluster of Spark with two workers, one for all tests; a data storage with a dataset of Parquet files."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Self

import pytest

from sekoia_export.analysis.spark.session import Spark
from sekoia_export.clock import Deadline, SystemClock

MASTER = "local-cluster[2,1,1024]"
FEW_TASKS = {"spark.sql.shuffle.partitions": "2"}
MISSING = [
    *([] if importlib.util.find_spec("pyspark") else ["PySpark"]),
    *([] if shutil.which("java") else ["Java (default-jre-headless of Debian)"]),
]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip loudly where there is no Spark."""
    for item in items:
        if MISSING and Path(__file__).parent in item.path.parents:
            reason = f"Spark is NOT tested here for want of {' and '.join(MISSING)}: make test-spark installs it"
            item.add_marker(pytest.mark.skip(reason=reason))


class KeptSpark:
    """A session that goes on when a question is answered: starting one takes longer than all questions together."""

    def __init__(self, spark: Spark) -> None:
        self._spark = spark

    def __call__(self, **_: Any) -> KeptSpark:
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def __getattr__(self, name: str) -> Any:
        return getattr(self._spark, name)


@pytest.fixture(scope="session")
def spark(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[..., Any]]:
    private, deadline = tmp_path_factory.mktemp("spark"), Deadline(SystemClock(), None)
    with Spark(master=MASTER, private=private, deadline=deadline, configuration=FEW_TASKS) as session:
        yield KeptSpark(session)
