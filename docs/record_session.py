"""Record docs/session.svg, which the README shows: a run in a terminal, interrupted and gone on with.

What is recorded is what a person sees: bash in a pseudo-terminal, the installed command, a simulated platform. The
picture moves by CSS alone, one frame below the other and a window that jumps from one to the next.

Usage: python docs/record_session.py [FILE]
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import dataclass, field
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

import pexpect
import pyte

from sekoia_export.simulator import Settings, Simulator

COLUMNS, ROWS = 96, 22
CELL_WIDTH, CELL_HEIGHT = 8.4, 18
MARGIN = 12
LOOK_S = 0.25
STAY_S = 6.0
"""How long the last frame stays before the picture begins again."""
COMMAND = "sekoia-export run --query 'user.name:\"j.doe\"' --since -7d --field-set identity -o jdoe.jsonl"
PROMPT = "$ "
COLOURS = {
    "default": "#d4d4d4",
    "black": "#6b7280",
    "red": "#f87171",
    "green": "#4ade80",
    "brown": "#facc15",
    "blue": "#60a5fa",
    "magenta": "#e879f9",
    "cyan": "#22d3ee",
    "white": "#f3f4f6",
}
SIMULATED = Settings(total_events=120_000, search_duration_s=3.0, export_duration_s=14.0)


@dataclass
class Recording:
    """What a terminal showed, and when.

    Attributes:
        frames: seconds from the start, and the screen's lines as SVG.
    """

    terminal: Any
    screen: pyte.Screen = field(default_factory=lambda: pyte.Screen(COLUMNS, ROWS))
    frames: list[tuple[float, tuple[str, ...]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._stream = pyte.Stream(self.screen)
        self._begun = time.monotonic()

    def watch(self, until: str, *, timeout_s: float = 60) -> None:
        """Record until a text stands on the screen.

        Raises:
            TimeoutError: it did not come.
        """
        end = time.monotonic() + timeout_s
        while until not in "\n".join(self.screen.display):
            if time.monotonic() > end:
                raise TimeoutError(f"{until!r} did not come; the screen is:\n" + "\n".join(self.screen.display))
            self.look()

    def look(self) -> None:
        """Read for a moment what came, and keep the screen when it changed."""
        end = time.monotonic() + LOOK_S
        while (left := end - time.monotonic()) > 0:
            try:
                self._stream.feed(self.terminal.read_nonblocking(65536, timeout=left))
            except pexpect.TIMEOUT:
                break
        lines = tuple(svg_of(self.screen.buffer[row]) for row in range(ROWS))
        if not self.frames or self.frames[-1][1] != lines:
            self.frames.append((time.monotonic() - self._begun, lines))

    def type(self, text: str) -> None:
        """Type a line as a person does, a few letters at a time."""
        for start in range(0, len(text), 4):
            self.terminal.send(text[start : start + 4])
            self.look()
        self.terminal.send("\r")


def svg_of(row: Any) -> str:
    """Return a line of the screen as SVG, "" for an empty one."""
    cells = [row[column] for column in range(COLUMNS)]
    spans = []
    column = 0
    for style, group in groupby(cells, key=lambda cell: (cell.fg, cell.bold)):
        text = "".join(cell.data for cell in group)
        if shown := text.rstrip():
            colour = COLOURS.get(style[0], f"#{style[0]}" if len(style[0]) == 6 else COLOURS["default"])
            bold = ' font-weight="bold"' if style[1] else ""
            # Fonts differ in their width: what a cell is stays the same.
            place = f'x="{column * CELL_WIDTH:.1f}" textLength="{len(shown) * CELL_WIDTH:.1f}"'
            spans.append(f'<tspan {place} fill="{colour}"{bold}>{escape(shown)}</tspan>')
        column += len(text)
    return "".join(spans)


def picture(frames: list[tuple[float, tuple[str, ...]]]) -> str:
    """Return the frames as one moving SVG; a line that stands in many of them is written once."""
    width, height = COLUMNS * CELL_WIDTH + 2 * MARGIN, ROWS * CELL_HEIGHT + 2 * MARGIN
    duration_s = frames[-1][0] + STAY_S
    names = {
        line: f"l{number}" for number, line in enumerate(dict.fromkeys(line for _, f in frames for line in f if line))
    }
    definitions = [f'<text id="{name}" xml:space="preserve">{line}</text>' for line, name in names.items()]
    strip, steps = [], []
    for number, (at_s, lines) in enumerate(frames):
        top = number * height
        strip += [
            f'<use href="#{names[line]}" y="{top + (row + 0.75) * CELL_HEIGHT:.0f}"/>'
            for row, line in enumerate(lines)
            if line
        ]
        begun = 0 if number == 0 else 100 * at_s / duration_s
        steps.append(f"{begun:.3f}%{{transform:translateY(-{top:.0f}px)}}")
    steps.append(f"100%{{transform:translateY(-{(len(frames) - 1) * height:.0f}px)}}")
    style = (
        f"text{{font-family:ui-monospace,Menlo,Consolas,monospace;font-size:14px}}@keyframes s{{{''.join(steps)}}}"
        f".s{{animation:s {duration_s:.1f}s step-end infinite}}"
    )
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" width="{width:.0f}">',
            f"<style>{style}</style>",
            '<rect width="100%" height="100%" rx="8" fill="#1e1e2e"/>',
            f"<defs>{''.join(definitions)}</defs>",
            f'<svg x="{MARGIN}" y="{MARGIN}" width="{width - 2 * MARGIN:.0f}" height="{height - 2 * MARGIN}">',
            f'<g class="s">{"".join(strip)}</g></svg></svg>',
            "",
        ]
    )


def record() -> list[tuple[float, tuple[str, ...]]]:
    with Simulator(SIMULATED) as simulator, tempfile.TemporaryDirectory() as folder:
        environment = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "TERM": "xterm-256color",
            "LANG": "C.UTF-8",
            "PS1": PROMPT,
            "SEKOIA_BASE_URL": simulator.base_url,
            "SEKOIA_API_KEY": simulator.api_key,
            "SEKOIA_ENCRYPTION_SECRET": "of-a-simulated-platform-and-no-secret",
            "SEKOIA_EXPORT_HOME": f"{folder}/home",
        }
        bash = pexpect.spawn(
            "bash", ["--norc", "--noprofile"], cwd=folder, env=environment, dimensions=(ROWS, COLUMNS), encoding="utf-8"
        )
        recording = Recording(bash)
        recording.watch(PROMPT.strip())
        recording.type(COMMAND)
        recording.watch("of 120,000 events")
        for _ in range(8):
            recording.look()
        bash.sendintr()
        recording.watch("sekoia-export resume")
        recording.look()
        recording.type("sekoia-export resume")
        while not (Path(folder) / "jdoe.jsonl").exists():
            recording.look()
        for _ in range(6):
            recording.look()
        bash.close(force=True)
        return recording.frames


def main() -> None:
    parser = argparse.ArgumentParser(description="Record the session that the README shows.")
    parser.add_argument("file", type=Path, nargs="?", default=Path(__file__).parent / "session.svg")
    file: Path = parser.parse_args().file
    frames = record()
    file.write_text(picture(frames), encoding="utf-8")
    print(f"wrote {file}: {len(frames)} frames, {frames[-1][0]:.0f} s, {file.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
