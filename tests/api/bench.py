"""A client and the simulated platform it talks to, on one clock: sockets are real, time passes by sleeping."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import UUID

from sekoia_export.api.client import Client
from sekoia_export.api.platform import Platform, SearchRequest
from sekoia_export.simulator import Fault, Kind, Recorded, Simulator
from tests.clock import ManualClock

JOBS = "/sic/conf/events/search/jobs"
SEARCH = SearchRequest(term="*", earliest_time="-1h", latest_time="now")


@dataclass(frozen=True)
class Tls:
    """PEM files of a server on loopback, and of the authority that vouches for it."""

    certificate: Path
    key: Path
    authority: Path


@dataclass
class Bench:
    """A client and the platform behind it."""

    simulator: Simulator
    client: Client
    clock: ManualClock

    @property
    def platform(self) -> Platform:
        return Platform(self.client)

    def fault(self, kind: Kind, **details: Any) -> Fault:
        fault = Fault(kind, **details)
        self.simulator.faults.add(fault)
        return fault

    def answer(self, body: bytes, *, status: int = 200, **details: Any) -> Fault:
        """Let the next request be answered so."""
        return self.fault(Kind.STATUS, status=status, body=body, **details)

    def read_me(self) -> Any:
        return self.client.read("/me", what="reading who I am")

    def search(self) -> UUID:
        """Search, wait until it is done and return the job's uuid."""
        job = self.platform.create_search_job(SEARCH)
        self.clock.advance(1)
        return UUID(job.uuid)

    def asked(self, method: str | None = None) -> list[Recorded]:
        """Return what the platform was asked."""
        return [request for request in self.simulator.requests if method in {None, request.method}]
