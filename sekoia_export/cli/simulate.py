"""A simulator that a person or another tool uses: started with a scenario, its requests told, stopped by a signal."""

from __future__ import annotations

import signal
import tempfile
import threading
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sekoia_export.cli.wording import CommandLineError, unreadable
from sekoia_export.simulator import Settings, Simulator
from sekoia_export.simulator.certificates import make_certificates
from sekoia_export.simulator.scenario import Scenario, read_fault, read_scenario

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sekoia_export.cli.terminal import Terminal
    from sekoia_export.clock import Clock

_TOLD_EVERY_S = 0.2
_ANSWERED_AFTER_S = 2.0  # what has no status by then is taken to have no answer


class Simulation:
    """A simulator as it was asked for.

    Args:
        terminal: where requests are told.
        clock: where time comes from.
        scenario: a JSON file; its settings win over `settings`.
        faults: as text, before those of the scenario.
        settings: fields of the simulator's settings.
        authority: where the made-up authority's certificate goes; plain http when None.

    Raises:
        UsageError: the scenario or a fault cannot be understood.
    """

    def __init__(
        self,
        terminal: Terminal,
        *,
        clock: Clock,
        scenario: Path | None,
        faults: Sequence[str],
        settings: dict[str, Any],
        authority: Path | None,
    ) -> None:
        self._terminal = terminal
        self._clock = clock
        described = Scenario() if scenario is None else read_scenario(_text(scenario))
        self._faults = [*map(read_fault, faults), *described.faults]
        self._settings = {**settings, **described.settings}
        self._authority = authority
        self._simulator: Simulator | None = None
        self._told = 0

    @contextmanager
    def started(self, *, port: int, storage_port: int) -> Iterator[dict[str, str]]:
        """Serve, and give the variables with which a client finds and trusts it.

        Raises:
            CommandLineError: a port is taken, or the authority's certificate cannot be written.
        """
        with tempfile.TemporaryDirectory(prefix="sekoia-simulate-") as folder:
            try:
                settings = Settings(**self._settings, **self._tls(Path(folder)))
                simulator = Simulator(settings, self._clock, port=port, storage_port=storage_port)
            except OSError as failure:
                raise CommandLineError(
                    f"The simulator cannot be started: {failure.strerror or type(failure).__name__}.",
                    "Choose another --port, --storage-port or --ca-file.",
                ) from failure
            with simulator:
                simulator.faults.add(*self._faults)
                self._simulator = simulator
                variables = {"SEKOIA_BASE_URL": simulator.base_url, "SEKOIA_API_KEY": simulator.api_key}
                if self._authority is not None:
                    variables["REQUESTS_CA_BUNDLE"] = str(self._authority.absolute())
                yield variables

    def tell_until_stopped(self) -> None:
        """Tell of each request once it was answered; return on Ctrl-C or SIGTERM."""
        stopped = threading.Event()
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        for number in before:
            signal.signal(number, lambda *_: stopped.set())
        try:
            self._terminal.say("Serving until Ctrl-C.")
            while not stopped.wait(_TOLD_EVERY_S):
                self._tell()
            self._tell()
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _tell(self) -> None:
        requests = [] if self._simulator is None else self._simulator.requests
        while self._told < len(requests):
            request = requests[self._told]
            if not request.status and self._clock.monotonic() - request.at_s < _ANSWERED_AFTER_S:
                return
            fault = "" if request.fault is None else f" (fault: {request.fault.kind})"
            status = request.status or "no answer"
            self._terminal.say(f"{request.server} {request.method} {request.path} {status}{fault}")
            self._told += 1

    def _tls(self, folder: Path) -> dict[str, Any]:
        if self._authority is None:
            return {}
        made = make_certificates(folder, authority=self._authority, now=self._clock.now())
        return {"tls_certificate": made.certificate, "tls_key": made.key}


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise CommandLineError(f"The scenario {path} cannot be read: {unreadable(failure)}.") from None
