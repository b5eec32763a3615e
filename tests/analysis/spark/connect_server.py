"""A server of Spark Connect on a socket of this machine, with the faults that no Spark has at will."""

from __future__ import annotations

import contextlib
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any

# None of them has types, and where PySpark is missing there are none at all.
grpc: Any = import_module("grpc")
with warnings.catch_warnings():
    # PySpark warns of the versions of pandas, which nothing here uses.
    warnings.simplefilter("ignore", FutureWarning)
    messages: Any = import_module("pyspark.sql.connect.proto.base_pb2")
    protocol: Any = import_module("pyspark.sql.connect.proto.base_pb2_grpc")


@dataclass(slots=True)
class Faults:
    """What the server does.

    Attributes:
        version: of Spark, as it says.
        token: that it wants, None for any.
        lost: it breaks off every question, as a server that dies.
        hangs: it answers no question until it is ended.
        asked: the names of the requests.
        ended: it is.
    """

    version: str = "4.3.0"
    token: str | None = None
    lost: bool = False
    hangs: bool = False
    asked: list[str] = field(default_factory=list)
    ended: threading.Event = field(default_factory=threading.Event)


class Service(protocol.SparkConnectServiceServicer):  # type: ignore[misc]  # it has no types
    def __init__(self, faults: Faults) -> None:
        self._faults = faults

    def AnalyzePlan(self, request: Any, context: Any) -> Any:  # noqa: N802 - the protocol's name
        self._took("AnalyzePlan", context)
        answer = messages.AnalyzePlanResponse(session_id=request.session_id, server_side_session_id="one")
        answer.spark_version.version = self._faults.version
        return answer

    def Config(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._took("Config", context)
        return messages.ConfigResponse(session_id=request.session_id, server_side_session_id="one")

    def ExecutePlan(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        yield from self._question("ExecutePlan", context)

    def ReattachExecute(self, request: Any, context: Any) -> Iterator[Any]:  # noqa: N802
        yield from self._question("ReattachExecute", context)

    def ReleaseExecute(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._took("ReleaseExecute", context)
        return messages.ReleaseExecuteResponse(session_id=request.session_id, server_side_session_id="one")

    def ReleaseSession(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._took("ReleaseSession", context)
        return messages.ReleaseSessionResponse(session_id=request.session_id, server_side_session_id="one")

    def Interrupt(self, request: Any, context: Any) -> Any:  # noqa: N802
        self._took("Interrupt", context)
        self._faults.ended.wait()
        return messages.InterruptResponse(session_id=request.session_id, server_side_session_id="one")

    def _question(self, name: str, context: Any) -> Iterator[Any]:
        self._took(name, context)
        if self._faults.lost:
            context.abort(grpc.StatusCode.UNAVAILABLE, "Socket closed")
        self._faults.ended.wait()
        yield from ()

    def _took(self, name: str, context: Any) -> None:
        self._faults.asked.append(name)
        given = dict(context.invocation_metadata()).get("authorization")
        if self._faults.token is not None and given != f"Bearer {self._faults.token}":
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "Invalid authentication token")


@contextlib.contextmanager
def serving(faults: Faults) -> Iterator[str]:
    """Serve on loopback, and give the address as `master` has it."""
    with ThreadPoolExecutor(8) as threads:
        server = grpc.server(threads)
        protocol.add_SparkConnectServiceServicer_to_server(Service(faults), server)
        port = server.add_secure_port("localhost:0", grpc.local_server_credentials())
        plain = server.add_insecure_port("127.0.0.1:0")
        server.start()
        try:
            yield f"sc://localhost:{port}" if faults.token is not None else f"sc://127.0.0.1:{plain}"
        finally:
            faults.ended.set()
            server.stop(grace=None).wait()
