"""Runs a playbook file from the command line: reads it, finds what starts it, follows it, says what came of it."""

from __future__ import annotations

import json
import threading
import uuid
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sekoia_export.cli.exit_status import ExitStatus
from sekoia_export.cli.interruption import Interruption, Stopped
from sekoia_export.cli.playbook_run.report import keep_keys, say_failures, say_json, say_results
from sekoia_export.cli.playbook_run.view import shown
from sekoia_export.cli.playbook_run.where import Place, a_simulator, bucket_named_in, the_platform
from sekoia_export.cli.wording import CommandLineError, unreadable
from sekoia_export.playbooks.components import load_catalogue
from sekoia_export.playbooks.reader import read_playbook
from sekoia_export.simulator import Engine
from sekoia_export.simulator.mishaps import Mishap, arguments_of
from sekoia_export.simulator.node import message_of
from sekoia_export.simulator.playbook_run import PlaybookRun
from sekoia_export.simulator.playbook_start import choose_trigger, events_of, refuse, with_arguments
from sekoia_export.simulator.stand_ins import StandIns

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sekoia_export.cli.session import Session
    from sekoia_export.playbooks.components import Catalogue
    from sekoia_export.playbooks.model import Node, Playbook
    from sekoia_export.simulator.playbook_steps import Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked for on the command line.

    Attributes:
        file: the playbook.
        event: JSON, or `@` and the name of a file that holds it; None for what the trigger sends.
        on_platform: whether it runs against the configured platform, and not against a simulated one.
        module: the module's folder; this checkout when None.
        folder: the playbook's data storage.
        trigger: the number of the trigger to start from; the first when None.
        events: how many events of a trigger that runs by itself are waited for.
        settings: arguments to replace, each `NODE.ARGUMENT=JSON`.
        mishap: the name of what happens on the simulated platform; None when all goes well.
        own_bucket: whether the module is configured with a bucket of the simulated storage.
        total_events: what a search finds on the simulated platform.
        as_json: whether the results are JSON.
    """

    file: Path
    event: str | None = None
    on_platform: bool = False
    module: Path | None = None
    folder: Path = field(default_factory=Path)
    trigger: int | None = None
    events: int = 1
    settings: tuple[str, ...] = ()
    mishap: str | None = None
    own_bucket: bool = False
    total_events: int = 1_000
    as_json: bool = False


def run(session: Session, request: Request) -> ExitStatus:
    """Carry it out.

    Raises:
        UsageError: the playbook, or what was given with it, cannot be run; nothing has run then.
    """
    module = _module_folder(None if request.module is None else session.folder / request.module)
    catalogue = load_catalogue(None if request.module is None else module)
    mishap = None if request.mishap is None else read_mishap(request.mishap)
    if request.on_platform and mishap is not None:
        raise CommandLineError("The option --mishap is for the simulator, not for the platform.")
    reading = read_playbook(session.folder / request.file)
    playbook = with_arguments(reading.playbook, read_settings(request.settings))
    if mishap is not None:
        playbook = with_arguments(playbook, arguments_of(mishap, playbook, catalogue))
    event = None if request.event is None else read_event(request.event, session.folder)
    with ExitStack() as stack:
        if request.on_platform:
            where = the_platform(session)
        else:
            bucket = bucket_named_in(playbook, catalogue) or ("own-bucket" if request.own_bucket else None)
            where = stack.enter_context(
                a_simulator(session, events=request.total_events, mishap=mishap, own_bucket=bucket)
            )
        stand_ins = StandIns(base_url=where.configuration.base_url, api_key=where.api_key, simulator=where.simulator)
        refuse(reading, catalogue=catalogue, stand_ins=stand_ins, where=where.name)
        running = _Running(session, playbook, catalogue, stand_ins, where, choose_trigger(playbook, request.trigger))
        interruption = Interruption(
            status=ExitStatus.INTERRUPTED,
            tell=lambda: session.terminal.error("sekoia-export: Interrupted. The nodes that ran were told to stop."),
            stopping=_nothing,
            terminal=session.terminal,
        )
        try:
            with interruption:
                outcomes = running.run(module, session.folder / request.folder, event, request.events)
        except Stopped:
            interruption.tell_once()
            return ExitStatus.INTERRUPTED
        if request.as_json:
            say_json(session.terminal, outcomes, where.simulator)
        else:
            say_results(session.terminal, outcomes, where.simulator, catalogue)
    return ExitStatus.DONE if all(outcome.succeeded for outcome in outcomes) else ExitStatus.FAILED


def _nothing() -> None:
    """Leave it to the run, which stops its nodes when it is left by Stopped: a signal's handler must take no lock."""


@dataclass(frozen=True, slots=True)
class _Running:
    session: Session
    playbook: Playbook
    catalogue: Catalogue
    stand_ins: StandIns
    where: Place
    trigger: Node

    def run(self, module: Path, data: Path, event: dict[str, Any] | None, most: int) -> list[Outcome]:
        """Run the playbook for `event`, or for the first `most` events of its trigger."""
        outcomes: list[Outcome] = []
        with Engine(
            module_folder=module, data_folder=data, configuration=self.where.plain(), secrets=self.where.secrets()
        ) as engine:
            for each in [event] if event is not None else self._events(engine, most):
                engine.playbook_uuid = self.playbook.uuid or engine.playbook_uuid
                engine.playbook_run_uuid = str(uuid.uuid4())
                with shown(self.session.terminal, self.playbook.name or "playbook") as observer:
                    outcome = PlaybookRun(
                        self.playbook,
                        engine=engine,
                        stand_ins=self.stand_ins,
                        catalogue=self.catalogue,
                        observer=observer,
                    ).run(self.trigger, each)
                keep_keys(self.session.terminal, outcome)
                say_failures(self.session.terminal, outcome)
                outcomes.append(outcome)
        return outcomes

    def _events(self, engine: Engine, most: int) -> Iterator[dict[str, Any]]:
        stopping, waiting = threading.Event(), threading.Event()
        component = self.catalogue.of(self.trigger)
        if component is not None and component.ours:
            self.session.terminal.say(f"Waiting for the trigger {self.trigger.title} to send an event.")
        events = events_of(
            self.trigger,
            catalogue=self.catalogue,
            engine=engine,
            stand_ins=self.stand_ins,
            stopping=stopping,
            on_output=lambda line: self._tell(line) if waiting.is_set() else None,
        )
        waiting.set()
        for number, event in enumerate(events, start=1):
            waiting.clear()
            yield event
            waiting.set()
            if number == most:
                stopping.set()

    def _tell(self, line: str) -> None:
        """Say what the trigger logs: when its next event is due, for instance."""
        self.session.terminal.say(self.session.terminal.without_secrets(f"  {message_of(line)}"), style="dim")


def read_event(given: str, folder: Path) -> dict[str, Any]:
    """Return the event that is given as JSON, or as `@` and the name of a file.

    Raises:
        UsageError: it is no JSON object, or the file cannot be read.
    """
    text = given
    if given.startswith("@"):
        try:
            text = (folder / given[1:]).read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise CommandLineError(f"The event's file {given[1:]} cannot be read: {unreadable(error)}.") from error
    try:
        event = json.loads(text)
    except ValueError as error:
        raise CommandLineError("The event given with --event is not JSON.", _EVENT_REMEDY) from error
    if not isinstance(event, dict):
        raise CommandLineError("The event given with --event is not a JSON object.", _EVENT_REMEDY)
    return event


_EVENT_REMEDY = """Give an object such as '{"case_uuid": "..."}', or @ and the name of a file that holds it."""


def read_mishap(name: str) -> Mishap:
    """Return the mishap of this name.

    Raises:
        UsageError: there is none.
    """
    try:
        return Mishap(name)
    except ValueError:
        raise CommandLineError(f"There is no mishap {name}.", f"Choose one of: {', '.join(Mishap)}.") from None


def read_settings(given: Iterable[str]) -> dict[int, dict[str, Any]]:
    """Return arguments by node and name from texts such as `4.timeout=60`; what is no JSON is text.

    Raises:
        UsageError: one has another form.
    """
    found: dict[int, dict[str, Any]] = {}
    for text in given:
        place_, equals, value = text.partition("=")
        node, dot, name = place_.partition(".")
        if not (equals and dot and name and node.isascii() and node.isdigit()):
            raise CommandLineError(
                f"The option --set {place_ or text} has another form than NODE.ARGUMENT=VALUE.",
                "Write for instance --set 4.timeout=60.",
            )
        try:
            read = json.loads(value)
        except ValueError:
            read = value
        found.setdefault(int(node), {})[name] = read
    return found


def _module_folder(given: Path | None) -> Path:
    folder = given or Path(__file__).resolve().parents[3]
    if not (folder / "main.py").is_file():
        raise CommandLineError(
            f"There is no module in {folder}: it has no main.py.",
            "Run it in a checkout, or name the module's folder with --module.",
        )
    return folder
