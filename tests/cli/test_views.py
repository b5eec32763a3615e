"""How progress looks: drawn for what a terminal can show, as sentences, and with what is not known left out."""

from __future__ import annotations

import io
import json
import re
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pyte
import pytest

from sekoia_export.cli.event_view import EVENTS, EventView
from sekoia_export.cli.live_view import LiveView
from sekoia_export.cli.terminal import Streams, Terminal, Verbosity
from sekoia_export.cli.view import ProgressStyle, View, view_for
from sekoia_export.operations.outcome import Branch
from sekoia_export.operations.watching import Phase
from sekoia_export.transfer.progress import TransferProgress
from sekoia_export.waiting import Progress
from tests.cli.bench import Screen
from tests.clock import ManualClock

JOB, TASK = UUID("5f3c0a3e-7e4b-4a51-9d59-0c4f7d2f8f11"), UUID("0d4b6c0e-3f2e-4c4e-9a3f-7b9a1f0c2d11")
ROOT = Path(__file__).resolve().parents[2]


class Tty(io.TextIOWrapper):
    """A terminal of an encoding."""

    def __init__(self, encoding: str) -> None:
        self.bytes = io.BytesIO()
        super().__init__(self.bytes, encoding=encoding, write_through=True)

    def isatty(self) -> bool:
        return True


def terminal_on(stderr: io.TextIOWrapper, verbosity: Verbosity = Verbosity.NORMAL) -> Terminal:
    return Terminal(Streams(Screen(), Screen(), stderr), environment={"TERM": "xterm"}, verbosity=verbosity)


def seen(done: int, total: int | None, **known: float | None) -> Progress:
    share = 100 * done / total if total else None
    values = {"rate_per_s": None, "remaining_s": None, "elapsed_s": 0.0, "percent": share, **known}
    return Progress(done=done, total=total, **values)  # type: ignore[arg-type]  # floats


def transferred(done: int, total: int | None, *, retries: int = 0) -> TransferProgress:
    rate, left = (1e6, 2.5) if total else (None, None)
    return TransferProgress(
        done_bytes=done, total_bytes=total, rate_bytes_per_s=rate, remaining_s=left, parts=4, retries=retries
    )


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> Drawn:
    monkeypatch.setenv("COLUMNS", "80")
    return Drawn()


class Drawn:
    """A live view, and its picture as text."""

    def __init__(self, encoding: str = "utf-8") -> None:
        self.clock = ManualClock()
        self.terminal = terminal_on(Tty(encoding))
        self.view = LiveView(self.terminal, clock=self.clock, phases=list(Phase))

    @property
    def text(self) -> str:
        console = self.terminal.console
        with console.capture() as captured:
            console.print(self.view.picture(), soft_wrap=False)
        plain = re.sub(r"\x1b\[[0-9;]*m", "", captured.get())
        return "\n".join(line.rstrip() for line in plain.splitlines())


def test_each_phase_has_its_line_and_the_one_under_way_its_bar(drawn: Drawn) -> None:
    view, clock = drawn.view, drawn.clock
    assert re.fullmatch(r"· Search\n· Trigger\n· Export\n· Fetch", drawn.text)
    view.entered(Phase.SEARCHING)
    clock.advance(65)
    view.searching(seen(1200, 1200))
    assert re.search(r"^\S Search    1,200 events match so far +65 s$", drawn.text, re.MULTILINE)
    view.searching(seen(1300, 1300, remaining_s=0))
    view.entered(Phase.TRIGGERING)
    view.waiting_for_slot(600)
    assert "another export is running; waiting for 10 min at most" in drawn.text
    view.export_task(JOB, TASK)
    view.entered(Phase.EXPORTING)
    view.exporting(seen(620, 1000, rate_per_s=5.25, remaining_s=72.0))
    assert re.search(r"\S Export +━+.* 62 %\n +620 of 1,000 events, 5\.2 a second, about 72 s left", drawn.text)
    clock.advance(10)
    assert "about 62 s left" in drawn.text, "an estimate counts down between two looks"
    view.entered(Phase.FETCHING)
    view.fetching(transferred(1_500_000, 4_000_000, retries=1))
    assert "1.5 MB of 4.0 MB, 1.0 MB/s, about 2 s left, 1 retry" in drawn.text
    assert re.search(rf"✓ Search    1,300 events match +65 s\n✓ Trigger   task {TASK} +0 s\n✓ Export ", drawn.text)
    view.ended(Branch.FETCHED)
    assert re.search(r"✓ Fetch     1\.5 MB of 4\.0 MB +0 s$", drawn.text)
    assert max(map(len, drawn.text.splitlines())) <= 80


def test_what_is_not_known_is_left_out(drawn: Drawn) -> None:
    drawn.view.entered(Phase.EXPORTING)
    drawn.view.exporting(seen(0, None))
    assert re.search(r"Export +━*.*\n +0 events +0 s", drawn.text)
    drawn.view.fetching(transferred(10, None))
    assert "10 bytes" in drawn.text
    drawn.view.ended(Branch.FAILED)
    assert re.search(r"^✗ Export", drawn.text, re.MULTILINE)


def test_a_narrow_terminal_keeps_its_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "40")
    narrow = Drawn()
    narrow.view.entered(Phase.EXPORTING)
    narrow.view.exporting(seen(620_000, 1_000_000, rate_per_s=5000, remaining_s=72.0))
    assert max(map(len, narrow.text.splitlines())) <= 40
    assert len(narrow.text.splitlines()) == 5


def test_a_terminal_without_unicode_gets_ascii() -> None:
    plain = Drawn("latin-1")
    plain.view.entered(Phase.SEARCHING)
    plain.view.entered(Phase.EXPORTING)
    plain.view.exporting(seen(1, 2))
    assert plain.text.isascii()
    assert plain.text.startswith("+ Search")


def test_what_is_said_meanwhile_stands_above_the_picture(drawn: Drawn) -> None:
    screen = pyte.Screen(80, 24)
    with drawn.view.shown():
        drawn.view.entered(Phase.SEARCHING)
        drawn.terminal.warn("the first\nand the second line")
        drawn.terminal.say("said")
    pyte.ByteStream(screen).feed(drawn.terminal.streams.stderr.bytes.getvalue().replace(b"\n", b"\r\n"))  # type: ignore[attr-defined]
    lines = [line.rstrip() for line in screen.display if line.strip()]
    assert lines[:3] == ["warning: the first", "and the second line", "said"]
    assert [line[2:8] for line in lines[3:]] == ["Search", "Trigge", "Export", "Fetch"]


def test_the_style_and_the_terminal_choose_the_view() -> None:
    def chosen(style: ProgressStyle, stderr: io.TextIOWrapper, verbosity: Verbosity = Verbosity.NORMAL) -> str:
        view = view_for(terminal_on(stderr, verbosity), style=style, clock=ManualClock(), phases=list(Phase))
        return type(view).__name__

    assert chosen(ProgressStyle.AUTO, Tty("utf-8")) == "LiveView"
    assert chosen(ProgressStyle.AUTO, Tty("utf-8"), Verbosity.QUIET) == "View"
    assert chosen(ProgressStyle.AUTO, Screen()) == "PlainView"
    assert chosen(ProgressStyle.PLAIN, Tty("utf-8")) == "PlainView"
    assert chosen(ProgressStyle.JSON, Tty("utf-8"), Verbosity.QUIET) == "EventView"
    nothing = view_for(terminal_on(Tty("utf-8")), style=ProgressStyle.AUTO, clock=ManualClock(), phases=())
    assert type(nothing) is View


def test_the_events_that_are_documented_are_those_that_are_written() -> None:
    stderr = Screen()
    terminal = terminal_on(stderr)
    view = EventView(terminal)
    for phase in Phase:
        view.entered(phase)
    view.search_job(JOB)
    view.export_task(JOB, TASK)
    view.waiting_for_slot(298)
    view.searching(seen(1, 1))
    view.exporting(seen(1, None))
    view.fetching(transferred(1, None))
    terminal.say("said")
    terminal.advise("do", command="this")
    view.ended(Branch.FETCHED)

    def shapes(text: str) -> set[tuple[str, ...]]:
        events = [json.loads(line) for line in text.splitlines()]
        return {(event["event"].replace("advice", "message"), *sorted(event)) for event in events}

    assert shapes(stderr.getvalue()) == shapes(EVENTS)
    assert '"text": "do: this"' in stderr.getvalue()


SLOW_TO_STOP = """
import os, signal, sys
from sekoia_export.cli.interruption import Interruption, Stopped
from sekoia_export.cli.terminal import Streams, Terminal

def told(): print("told", flush=True)
signal.signal(signal.SIGINT, signal.SIG_DFL)
terminal = Terminal(Streams.of_process(), environment={})
with Interruption(status=130, tell=told, stopping=lambda: None, terminal=terminal) as interruption:
    try:
        os.kill(os.getpid(), signal.SIGTERM)
    except Stopped:
        print("stopping", flush=True)
        os.kill(os.getpid(), signal.SIGINT)
        print("never said", flush=True)
"""


def test_a_second_signal_ends_the_process_at_once_after_saying_how_to_go_on() -> None:
    done = subprocess.run([sys.executable, "-c", SLOW_TO_STOP], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (130, "stopping\ntold\n", "")


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    script = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN)\n{SLOW_TO_STOP}"
    script = script.replace("except Stopped:", '    print("went on")\n    except Stopped:')
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "went on\n")
