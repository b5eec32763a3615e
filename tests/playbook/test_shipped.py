"""Every shipped playbook in every branch, each of its nodes a process, and what it left in the case or the channel."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from sekoia_export.playbooks.components import load_catalogue
from sekoia_export.playbooks.model import DEFAULT_BRANCH, Playbook
from sekoia_export.playbooks.reader import read_playbook
from sekoia_export.simulator import Engine, Settings, Simulator, StartProcess
from sekoia_export.simulator.expressions import Expressions
from sekoia_export.simulator.mishaps import Mishap, arguments_of, prepare, settings_of
from sekoia_export.simulator.playbook_run import PlaybookRun
from sekoia_export.simulator.playbook_start import choose_trigger, refuse, with_arguments
from sekoia_export.simulator.playbook_steps import Outcome, Silent, Step
from sekoia_export.simulator.stand_ins import StandIns
from tests.canaries import ENCRYPTION_SECRET, check_sent, check_text
from tests.playbook.conftest import MODULE_FOLDER
from tests.warm.starter import WarmStarter

QUICK = Settings(total_events=500, search_duration_s=0.05, export_duration_s=0.1)
CASE, ALERT, LONG = "export-case-events", "export-alert-events", "export-long-period"
ARCHIVE, PARTNER, HUNT = "archive-to-our-bucket", "hand-a-file-to-a-partner", "hunt-in-a-case"
NEVER = {HUNT: {(7, "empty")}}
"""Branches that no run takes: a file in which a rule finds events is not empty."""
FILES = sorted((MODULE_FOLDER / "playbooks").glob("*.json"))
WINDOW = {
    "window_id": "0f8fad5b-d9cb-469f-a165-70867728950e", "query": "source.ip:*", "fields": ["@timestamp", "message"],
    "earliest_time": "2026-01-01T00:00:00.000Z", "latest_time": "2026-01-02T00:00:00.000Z", "community_uuids": [],
    "every": "day", "due_at": "2026-01-02T00:15:00.000Z",
}  # fmt: skip


NOTHING = "title: Nothing\nlogsource: {product: any}\ndetection: {a: {event.action: no-such-action}, condition: a}\n"
ANY_PROCESS = "title: Anything\nlogsource: {product: any}\ndetection: {a: {event.action|exists: true}, condition: a}\n"


@dataclass(frozen=True)
class Way:
    """A way through a playbook.

    Attributes:
        taken: the branches that its nodes end in, those that have only `default` left out.
        left: what it leaves, as regular expressions: in the case's comments, else in the alert's, in channels, in the
            store under `archived`.
        arguments: that are others than in the file, by node.
        windows: what happens at each item of the foreach, from the first; nothing at later ones.
        later: settings of the simulator that change when a node starts, by node.
        event: of the trigger; what the simulator has when None.
        case: which of the simulator's cases the playbook is run on.
    """

    playbook: str
    taken: Mapping[int, tuple[str, ...]]
    left: tuple[str, ...]
    mishap: Mishap | None = None
    arguments: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    windows: tuple[Mishap | None, ...] = ()
    later: Mapping[int, Mapping[str, Any]] = field(default_factory=dict)
    event: Mapping[str, Any] | None = None
    case: int = 0

    @property
    def title(self) -> str:
        branches = " ".join(f"{node}-{'-'.join(dict.fromkeys(names))}" for node, names in self.taken.items())
        return f"{self.playbook} {branches}"


def chain(playbook: str, first: int, *before: tuple[int, str]) -> Iterator[Way]:
    """Give the ways through search, trigger, wait and fetch, which are the nodes `first` and the next three."""
    search, trigger, wait, fetch = range(first, first + 4)
    start = {node: (branch,) for node, branch in before}
    done = {**start, search: ("done",)}
    triggered = {**done, trigger: ("triggered",)}
    finished = {**triggered, wait: ("finished",)}
    ways: list[tuple[Mishap | None, dict[int, tuple[str, ...]], str]] = [
        (None, {**finished, fetch: ("fetched",)}, r"Events exported.*\*\*Events:\*\* 500, complete.*SHA-256"),
        (Mishap.EMPTY, {**start, search: ("empty",)}, r"No event was found.*What to do:"),
        (Mishap.SEARCH_FAILED, {**start, search: ("failed",)}, r"search .* failed\*\* \(status FAILED.*What to do:"),
        (Mishap.SEARCH_TIMED_OUT, {**start, search: ("timed_out",)}, r"took too long and was canceled.*What to do:"),
        (Mishap.BUSY, {**done, trigger: ("busy",)}, r"Another export of this community was running.*What to do:"),
        (Mishap.EXPORT_FAILED, {**triggered, wait: ("failed",)}, r"The export failed.*What to do:"),
        (
            Mishap.EXPORT_TIMED_OUT,
            {**triggered, wait: ("timed_out",)},
            r"The export still runs, and the playbook.*What to do:",
        ),
        (Mishap.INCOMPLETE, {**finished, fetch: ("incomplete",)}, r"incomplete.*holds 500 events.*507.*What to do:"),
        (Mishap.EXPIRED, {**finished, fetch: ("expired",)}, r"can no longer be fetched.*What to do:"),
    ]
    for mishap, taken, said in ways:
        yield Way(playbook, taken, (said,), mishap)


def long_period() -> Iterator[Way]:
    windows = (Mishap.EMPTY, Mishap.SEARCH_FAILED, Mishap.SEARCH_TIMED_OUT, Mishap.BUSY, Mishap.EXPORT_FAILED,
               Mishap.INCOMPLETE, Mishap.EXPIRED, Mishap.EXPORT_TIMED_OUT)  # fmt: skip
    hurry = "{{{{ 2 if node.2.default.index == {} else 600 }}}}"
    # One after the other, each window meets something else; the plan makes eight windows of 500 events.
    yield Way(
        LONG,
        {
            1: ("planned",),
            3: ("empty", "failed", "timed_out", "done", "done", "done", "done", "done"),
            4: ("busy", "triggered", "triggered", "triggered", "triggered"),
            5: ("failed", "finished", "finished", "timed_out"),
            6: ("incomplete", "expired"),
            14: ("else",),
        },
        (
            r"Some windows are not exported",
            r"the search ended as FAILED",
            r"another export of the community was running all the time",
            r"the export is FAILED",
            r"incomplete, \d+ of \d+ events in `",
            r"can no longer be fetched",
            r"the export is RUNNING",
            r"Exported:\n- .*: no events\n\nWhat to do:",
        ),
        arguments={
            1: {"max_events": 63},
            3: {"timeout": hurry.format(windows.index(Mishap.SEARCH_TIMED_OUT))},
            4: {"wait_for_slot": 0},
            5: {"timeout": hurry.format(windows.index(Mishap.EXPORT_TIMED_OUT))},
        },
        windows=windows,
    )
    whole = {1: ("planned",), 3: ("done",), 4: ("triggered",), 5: ("finished",), 6: ("fetched",)}
    said = r"All windows are exported.*1 window,.*500 events in.*SHA-256"
    yield Way(LONG, {**whole, 14: ("all are there",)}, (said,))
    yield Way(
        LONG,
        {1: ("too_dense",)},
        (r"cannot be split far enough.*What to do:",),
        arguments={1: {"max_events": 1, "earliest_time": "2026-01-01T00:00:00.000Z",
                       "latest_time": "2026-01-01T00:00:00.001Z"}},
    )  # fmt: skip
    yield Way(LONG, {1: ("empty",)}, (r"No event matches.*What to do:",), Mishap.EMPTY)
    yield Way(LONG, {1: ("failed",)}, (r"A search failed while.*What to do:",), Mishap.SEARCH_FAILED)
    yield Way(
        LONG, {1: ("timed_out",)}, (r"The time was up while.*What to do:",), Mishap.SEARCH_TIMED_OUT,
        {1: {"timeout": 2}},
    )  # fmt: skip


def archive() -> Iterator[Way]:
    done, triggered = {1: ("done",)}, {1: ("done",), 2: ("triggered",)}
    ways: list[tuple[Mishap | None, dict[int, tuple[str, ...]], str]] = [
        (None, {**triggered, 3: ("finished",)}, r"500 events in event-archive, window 0f8fad5b"),
        (Mishap.EMPTY, {1: ("empty",)}, r"no events, window 0f8fad5b"),
        (Mishap.SEARCH_FAILED, {1: ("failed",)}, r"Not archived.*ended as FAILED.*What to do:"),
        (Mishap.SEARCH_TIMED_OUT, {1: ("timed_out",)}, r"Not archived.*took too long.*What to do:"),
        (Mishap.BUSY, {**done, 2: ("busy",)}, r"Not archived.*was running all the time.*What to do:"),
        (Mishap.EXPORT_FAILED, {**triggered, 3: ("failed",)}, r"Not archived.*The export failed.*What to do:"),
        (Mishap.EXPORT_TIMED_OUT, {**triggered, 3: ("timed_out",)}, r"Perhaps not archived.*What to do:"),
    ]
    for mishap, taken, said in ways:
        yield Way(ARCHIVE, taken, (said,), mishap, event=WINDOW)


def partner() -> Iterator[Way]:
    ready = {1: ("fetched",), 2: ("ready",)}
    link = r"A file of events is ready for you.*500 events.*curl"
    yield Way(
        PARTNER, {**ready, 4: ("a key",)},
        (link, r"The key of the file.*`[A-Za-z0-9+/]{43}=`", r"Handed over.*, the key to `partner-keys`\."),
    )  # fmt: skip
    yield Way(
        PARTNER, {**ready, 4: ("else",)},
        (link, r"Its key is handed over in person", r"Handed over.*; no key was sent\."),
        arguments={2: {"reveal_key": False}},
    )  # fmt: skip
    yield Way(
        PARTNER, {1: ("fetched",), 2: ("expired",)}, (r"Nothing was handed over.*can no longer be fetched",),
        later={2: {"download_window_s": 0}},
    )  # fmt: skip
    for branch, mishap, said in (
        ("empty", Mishap.EMPTY, r"no event matches"),
        ("failed", Mishap.EXPORT_FAILED, r"the search or the export failed"),
        ("busy", Mishap.BUSY, r"another export of this community"),
        ("timed_out", Mishap.EXPORT_TIMED_OUT, r"the playbook.s time was up"),
        ("incomplete", Mishap.INCOMPLETE, r"the export is incomplete\*\*: 500 events.*507"),
        ("expired", Mishap.EXPIRED, r"can no longer be fetched"),
    ):
        yield Way(PARTNER, {1: (branch,)}, (rf"Nothing was handed over.*{said}.*What to do:",), mishap)


def hunt() -> Iterator[Way]:
    start = {2: ("it has alerts",)}
    fetched = {**start, 4: ("fetched",)}
    found = r"Sigma rules find events.*1 of 3 rules.*the report"
    added = r"IOC collection for seven days\*\*: \d+ public IP addresses.*What to do:"
    bare: dict[int, dict[str, Any]] = {4: {"fields": ["event.action"]}, 5: {"rules": ANY_PROCESS}}
    yield Way(HUNT, {**fetched, 5: ("matched",), 7: ("done",), 8: ("found",)}, (found, added))
    yield Way(
        HUNT,
        {**fetched, 5: ("clean",)},
        (r"No Sigma rule finds an event.*What to do:",),
        arguments={5: {"rules": NOTHING}},
    )
    yield Way(
        HUNT, {**fetched, 5: ("matched",), 7: ("done",), 8: ("none",)},
        (r"Sigma rules find events.*1 of 1 rules", r"hold no observables.*What to do:"), arguments=bare,
    )  # fmt: skip
    yield Way(
        HUNT, {**start, 4: ("incomplete",), 5: ("clean",)}, (r"exported, but not all", r"No Sigma rule finds an event"),
        Mishap.INCOMPLETE, {5: {"rules": NOTHING}},
    )  # fmt: skip
    for branch, mishap, said in (
        ("empty", Mishap.EMPTY, r"No event matches"),
        ("failed", Mishap.EXPORT_FAILED, r"The export failed"),
        ("busy", Mishap.BUSY, r"Another export of the community"),
        ("timed_out", Mishap.EXPORT_TIMED_OUT, r"time was up"),
        ("expired", Mishap.EXPIRED, r"."),
    ):
        yield Way(HUNT, {**start, 4: (branch,)}, (said,), mishap)
    yield Way(HUNT, {2: ("else",)}, (r"this case has no alerts.*What to do:",), case=2)


WAYS = [
    *hunt(),
    *chain(CASE, 4, (2, "it has alerts")),
    Way(CASE, {2: ("else",)}, (r"this case has no alerts.*What to do:",), case=2),
    *chain(ALERT, 2),
    *long_period(),
    *archive(),
    *partner(),
]


class _Weather(Silent):
    """Changes the simulator while a playbook runs: at a node, or at each item of its foreach."""

    def __init__(self, simulator: Simulator, way: Way) -> None:
        self._simulator = simulator
        self._way = way

    def started(self, step: Step) -> None:
        if (changed := self._way.later.get(step.node.number)) is not None:
            self._simulator.settings = replace(self._simulator.settings, **changed)
        if step.item is None or not self._way.windows:
            return
        mishap = self._way.windows[step.item[0]] if step.item[0] < len(self._way.windows) else None
        self._simulator.faults.clear()
        self._simulator.settings = QUICK if mishap is None else settings_of(mishap, QUICK)
        if mishap is not None:
            prepare(mishap, self._simulator)


@pytest.fixture(autouse=True)
def _nodes_without_coverage(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nodes do is covered by the tests of their actions; here are a hundred of them, and it slows each start."""
    monkeypatch.delenv("COVERAGE_PROCESS_CONFIG", raising=False)


@contextmanager
def started(
    way: Way, folder: Path, start: StartProcess
) -> Iterator[tuple[Simulator, PlaybookRun, Playbook, Mapping[str, Any]]]:
    """Give a simulator on which the way's mishap happens, and the run of the playbook against it."""
    catalogue = load_catalogue()
    reading = read_playbook(MODULE_FOLDER / "playbooks" / f"{way.playbook}.json")
    playbook = reading.playbook
    if way.mishap is not None:
        playbook = with_arguments(playbook, arguments_of(way.mishap, playbook, catalogue))
    playbook = with_arguments(playbook, way.arguments)
    with ExitStack() as stack:
        simulator = stack.enter_context(Simulator(QUICK if way.mishap is None else settings_of(way.mishap, QUICK)))
        if way.mishap is not None:
            prepare(way.mishap, simulator)
        bucket = simulator.buckets.create("event-archive")
        configuration = {
            "base_url": simulator.base_url, "s3_region": "eu-west-3", "s3_endpoint_url": simulator.storage_url,
            "s3_bucket": "event-archive", "s3_access_key_id": bucket.access_key_id,
        }  # fmt: skip
        secrets = {"api_key": simulator.api_key, "encryption_secret": ENCRYPTION_SECRET}
        if way.playbook == ARCHIVE:
            secrets["s3_secret_access_key"] = bucket.secret_access_key
        else:
            configuration = {"base_url": simulator.base_url}
        stand_ins = StandIns(base_url=simulator.base_url, api_key=SecretStr(simulator.api_key), simulator=simulator)
        engine = stack.enter_context(
            Engine(
                module_folder=MODULE_FOLDER,
                data_folder=folder,
                configuration=configuration,
                secrets=secrets,
                start=start,
            )
        )
        refuse(reading, catalogue=catalogue, stand_ins=stand_ins, where="the simulator")
        run = PlaybookRun(
            playbook, engine=engine, stand_ins=stand_ins, catalogue=catalogue, observer=_Weather(simulator, way)
        )
        event = way.event or {
            "case_uuid": list(simulator.cases)[way.case],
            "alert_uuid": next(iter(simulator.cases.values())).alerts[0].uuid,
        }
        yield simulator, run, playbook, event


def branches_of(outcome: Outcome) -> dict[int, tuple[str, ...]]:
    """Return the named branches that nodes ended in."""
    taken: dict[int, tuple[str, ...]] = {}
    for step in outcome.steps:
        named = tuple(branch for branch in step.branches if branch != DEFAULT_BRANCH)
        if named:
            taken[step.node.number] = (*taken.get(step.node.number, ()), *named)
    return taken


def left_by(simulator: Simulator, outcome: Outcome, way: Way) -> list[str]:
    """Return everything that the run left: comments, messages, and what it noted of the archive."""
    case = list(simulator.cases.values())[way.case]
    comments = [comment.content for comment in (*case.comments, *(c for alert in case.alerts for c in alert.comments))]
    noted = [str(outcome.store["archived"])] if "archived" in outcome.store else []
    return [*comments, *(message.text for message in simulator.messages), *noted]


@pytest.mark.parametrize("way", WAYS, ids=[way.title for way in WAYS])
def test_a_shipped_playbook_tells_what_happened(way: Way, tmp_path: Path, warm: WarmStarter) -> None:
    with started(way, tmp_path / "data", warm) as (simulator, run, playbook, event):
        outcome = run.run(choose_trigger(playbook, None), event)
        left = left_by(simulator, outcome, way)
    assert outcome.succeeded, [(step.node.title, step.error) for step in outcome.failed]
    assert branches_of(outcome) == way.taken
    texts = left if len(left) == len(way.left) else left * len(way.left)
    assert len(left) in {1, len(way.left)}, left
    for said in way.left:
        assert any(re.search(said, text, re.DOTALL) for text in texts), (said, texts)
    check_sent(simulator)
    if way.playbook != PARTNER:
        check_text(json.dumps([step.results for step in outcome.steps]), "the results")
        check_text("\n".join(texts), "what it left")


def test_a_window_whose_node_failed_is_not_told_as_exported(tmp_path: Path, warm: WarmStarter) -> None:
    way = Way(LONG, {}, (), arguments={1: {"max_events": 250}})
    with started(way, tmp_path / "data", warm) as (simulator, run, playbook, event):
        simulator.settings = replace(simulator.settings, monthly_quota_bytes=1)
        outcome = run.run(choose_trigger(playbook, None), event)
        [text] = left_by(simulator, outcome, way)
    assert [step.node.number for step in outcome.failed] == [4]
    assert re.search(r"Some windows are not exported.*1 of 2 windows are.*neither list failed", text, re.DOTALL), text


@pytest.mark.parametrize(("name", "node"), [(CASE, 4), (HUNT, 4)])
def test_a_case_that_says_no_times_has_those_of_its_alerts(name: str, node: int) -> None:
    playbook = read_playbook(MODULE_FOLDER / "playbooks" / f"{name}.json").playbook
    seen = [("2026-01-02T08:00:00Z", "2026-01-02T09:00:00Z"), ("2026-01-01T08:00:00Z", "2026-01-01T09:00:00Z")]
    alerts = [{"short_id": "AL1", "first_seen_at": first, "last_seen_at": last} for first, last in seen]
    case = {"alerts": alerts, "first_seen_at": None, "last_seen_at": None, "community_uuid": WINDOW["window_id"]}
    expressions = Expressions()
    try:
        arguments = expressions.arguments(playbook.nodes[node].arguments, node="it", results={1: case}, store={})
    finally:
        expressions.close()
    assert (arguments["earliest_time"], arguments["latest_time"]) == ("2026-01-01T08:00:00Z", "2026-01-02T09:00:00Z")


@pytest.mark.parametrize("path", FILES, ids=[path.stem for path in FILES])
def test_every_branch_of_a_shipped_playbook_is_run(path: Path) -> None:
    playbook = read_playbook(path).playbook
    written = {
        (node.number, branch) for node in playbook.nodes.values() for branch in node.outputs if branch != DEFAULT_BRANCH
    }
    run = {
        (node, branch)
        for way in WAYS
        if way.playbook == path.stem
        for node, names in way.taken.items()
        for branch in names
    }
    assert written - run == NEVER.get(path.stem, set())
    assert run <= written
