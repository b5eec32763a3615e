"""Spark Connect when it fails: every failure is an error of the tree, with a remedy and without a secret."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sekoia_export.analysis.purpose import Purpose
from sekoia_export.analysis.spark.session import Spark
from sekoia_export.clock import Deadline, SystemClock
from sekoia_export.errors import DeadlineExceeded, ExportError, NetworkError, UsageError
from tests.analysis.spark.conftest import TOKEN, environment

pytest.importorskip("pyspark")

from tests.analysis.spark.connect_server import Faults, serving


def spark_at(master: str, private: Path, *, timeout_s: float | None = 60, purpose: Purpose = Purpose.QUERY) -> Spark:
    deadline = Deadline(SystemClock(), timeout_s)
    return Spark(master=master, private=private, deadline=deadline, purpose=purpose, retries=1, grace_s=0.2)


@pytest.fixture
def silent_port() -> Iterator[int]:
    """Give a port that is taken, and that nobody listens at."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@pytest.fixture
def another_server() -> Iterator[int]:
    """Give the port of a server that speaks HTTP, and not Spark Connect."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.recv(1024)
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join()


def refusal(master: str, private: Path) -> ExportError:
    with pytest.raises(ExportError) as refused, spark_at(master, private):
        pass
    error = refused.value
    assert TOKEN not in str(error)
    assert error.__cause__ is None
    assert "\n" not in error.cause
    assert error.remedy
    return error


def test_a_server_that_answers_is_asked_and_left(tmp_path: Path) -> None:
    faults = Faults()
    with serving(faults) as master, spark_at(master, tmp_path):
        assert {"AnalyzePlan", "Config"} <= set(faults.asked)
    assert faults.asked[-1] == "ReleaseSession"


def test_nobody_listens(tmp_path: Path, silent_port: int) -> None:
    error = refusal(f"sc://127.0.0.1:{silent_port}", tmp_path)
    assert isinstance(error, NetworkError)
    assert f"No Spark answers at sc://127.0.0.1:{silent_port}" in error.cause
    assert "master" in error.remedy


def test_another_server_listens(tmp_path: Path, another_server: int) -> None:
    assert isinstance(refusal(f"sc://127.0.0.1:{another_server}", tmp_path), NetworkError)


@pytest.mark.parametrize("version", ["3.5.1", "2.4"])
def test_an_older_spark_is_named(tmp_path: Path, version: str) -> None:
    with serving(Faults(version=version)) as master:
        error = refusal(master, tmp_path)
    assert isinstance(error, UsageError)
    assert f"version {version}" in error.cause


@pytest.mark.parametrize("at", ["", "/;use_ssl", "/;token", "/path"])
def test_an_address_that_is_none_is_refused(tmp_path: Path, at: str) -> None:
    host = "127.0.0.1:1" if at else ""
    error = refusal(f"sc://{host}{at}", tmp_path)
    assert isinstance(error, UsageError)
    assert "master" in error.cause


@pytest.mark.parametrize("given", ["argument", "variable"])
def test_a_token_opens_and_is_not_told(tmp_path: Path, given: str) -> None:
    with serving(Faults(token=TOKEN)) as master:
        if given == "argument":
            with spark_at(f"{master}/;token={TOKEN}", tmp_path):
                pass
        else:
            with environment(SPARK_CONNECT_AUTHENTICATE_TOKEN=TOKEN), spark_at(master, tmp_path):
                pass


def test_a_token_that_is_wrong_is_not_told(tmp_path: Path) -> None:
    with serving(Faults(token="another")) as master:
        error = refusal(f"{master}/;token={TOKEN}", tmp_path)
        assert isinstance(error, UsageError)
        assert f"{master}/ refuses" in error.cause
        assert "SPARK_CONNECT_AUTHENTICATE_TOKEN" in error.remedy


def test_a_token_in_the_address_of_nobody_is_not_told(tmp_path: Path, silent_port: int) -> None:
    error = refusal(f"sc://127.0.0.1:{silent_port}/;use_ssl=true;token={TOKEN}", tmp_path)
    assert isinstance(error, NetworkError)


@pytest.mark.parametrize("ask", ["rows", "stream", "make_functions"])
def test_a_connection_that_is_lost_is_told(tmp_path: Path, ask: str) -> None:
    def asked(spark: Any) -> None:
        if ask == "make_functions":
            spark.make_functions()
        else:
            list(getattr(spark, ask)("SELECT 1"))

    faults = Faults(lost=True)
    with serving(faults) as master, spark_at(master, tmp_path) as spark, pytest.raises(NetworkError) as lost:
        asked(spark)
    assert "does not answer any more" in lost.value.cause
    assert "Socket closed" in lost.value.cause
    assert "ReleaseSession" not in faults.asked


def test_a_server_that_hangs_is_left_when_the_time_is_over(tmp_path: Path) -> None:
    faults = Faults(hangs=True)
    with (
        serving(faults) as master,
        spark_at(master, tmp_path, timeout_s=1.5, purpose=Purpose.HUNT) as spark,
        pytest.raises(DeadlineExceeded, match="The hunt took longer"),
    ):
        spark.rows("SELECT 1")
    assert "Interrupt" in faults.asked
