"""A local cluster of Spark with two workers, one for all tests, asked as its driver and through Spark Connect."""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self
from unittest import mock

import pytest

from sekoia_export.analysis.spark.session import Spark
from sekoia_export.clock import Deadline, SystemClock

MASTER = "local-cluster[2,1,512]"
TOKEN = "canary-token-of-spark-connect"
SMALL_JVM = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"
STARTED_WITH = {
    "spark.driver.memory": "512m",
    "spark.executor.memory": "512m",
    "spark.driver.extraJavaOptions": SMALL_JVM,
    "spark.executor.extraJavaOptions": SMALL_JVM,
    "spark.plugins": "org.apache.spark.sql.connect.SparkConnectPlugin",
    "spark.connect.grpc.binding.address": "127.0.0.1",
    "spark.connect.authenticate.token": TOKEN,
}
FEW_TASKS = {"spark.sql.shuffle.partitions": "2"}
INTERPRETED = {
    "spark.sql.codegen.wholeStage": "false",
    "spark.sql.codegen.factoryMode": "NO_CODEGEN",
    "spark.sql.adaptive.enabled": "false",
}
"""Compiling a question takes longer than asking it of so few events: the driver compiles them, as always."""
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


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalCluster:
    """A cluster that runs.

    Attributes:
        driver: a session of its driver, in this process.
        connect: where its driver answers Spark Connect; TOKEN opens it.
    """

    driver: KeptSpark
    connect: str


@pytest.fixture(scope="session")
def local_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCluster]:
    private, deadline = tmp_path_factory.mktemp("spark"), Deadline(SystemClock(), None)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]  # of Spark nothing public tells the port that it chose itself
    started_with = {**STARTED_WITH, "spark.connect.grpc.binding.port": str(port)}
    with environment(PYSPARK_SUBMIT_ARGS=submit_arguments(started_with)):
        spark = Spark(master=MASTER, private=private, deadline=deadline, configuration=FEW_TASKS)
    with spark:
        yield LocalCluster(driver=KeptSpark(spark), connect=f"sc://localhost:{port}")


@pytest.fixture(scope="session")
def connected(local_cluster: LocalCluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[KeptSpark]:
    private, deadline = tmp_path_factory.mktemp("spark-connect"), Deadline(SystemClock(), None)
    # The variable of the token would stay until the last test: one without a token would then be sent it, over TLS.
    master, configuration = f"{local_cluster.connect}/;token={TOKEN}", {**FEW_TASKS, **INTERPRETED}
    with Spark(master=master, private=private, deadline=deadline, configuration=configuration) as spark:
        yield KeptSpark(spark)


@pytest.fixture(params=["driver", "connect"])
def spark(request: pytest.FixtureRequest, local_cluster: LocalCluster) -> Callable[..., Any]:
    """Give what answers: the cluster's driver in this process, or the same driver through Spark Connect."""
    if request.param == "driver":
        return local_cluster.driver
    kept: KeptSpark = request.getfixturevalue("connected")
    return kept


def environment(**variables: str) -> Any:
    return mock.patch.dict(os.environ, variables)


def submit_arguments(configuration: Mapping[str, str]) -> str:
    return " ".join([*(f"--conf '{name}={value}'" for name, value in configuration.items()), "pyspark-shell"])
