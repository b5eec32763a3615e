"""The timeline as a drawing, by matplotlib: SVG for the page, PNG for whatever shows pictures.

The SVG becomes a part of the page, whose Content-Security-Policy knows no style attributes: what matplotlib writes as
such becomes attributes of SVG, and colours become classes, so that light, dark and print each have their own. Nothing
of the events is in a drawing but numbers and times. The same numbers give the same bytes.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from sekoia_export.analysis.report.words import moment_of
from sekoia_export.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from matplotlib.figure import Figure

    from sekoia_export.analysis.report.timeline import Timeline

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
_REFERENCE = re.compile(r"#([A-Za-z0-9_.-]+)")
_DIGIT_WIDTH, _RIGHT, _TOP, _BOTTOM = 0.085, 0.14, 0.3, 0.42
"""Inches of a digit, and of the margins."""
_FONTS = ["DejaVu Sans"]  # matplotlib brings it along: no picture depends on what a machine has installed


@dataclass(frozen=True, slots=True)
class Palette:
    """The colours of a drawing."""

    ink: str
    grid: str
    bar: str
    gap: str
    background: str


# Colours that stand for classes of the page.
_CLASSES = {"#010101": "c-ink", "#020202": "c-grid", "#030303": "c-bar", "#040404": "c-gap"}
_BY_CLASS = Palette(ink="#010101", grid="#020202", bar="#030303", gap="#040404", background="none")
_LIGHT = Palette(ink="#1b2430", grid="#d8dee6", bar="#1f5fa8", gap="#b3261e", background="#ffffff")


@dataclass(frozen=True, slots=True)
class Drawing:
    """How large a drawing is, in inches, and with how many marks of time."""

    width: float
    height: float
    marks: int


WIDE = Drawing(9.4, 2.7, 9)
NARROW = Drawing(3.9, 2.6, 5)


def prepare(folder: Path) -> None:
    """Have matplotlib keep what it writes in a private folder, and its libraries one thread: before its first import.

    Raises:
        UsageError: it is not installed.
    """
    folder.mkdir(mode=0o700, exist_ok=True)
    os.environ["MPLCONFIGDIR"] = str(folder)
    # Each thread of OpenBLAS takes memory that the process may not have, and a chart needs none.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    try:
        import jinja2  # noqa: F401
        import matplotlib as mpl  # noqa: F401
    except ImportError:
        raise UsageError(
            "A report needs matplotlib and Jinja2, which are not installed.",
            "Install them with: pip install 'sekoia-event-export[analysis]'",
        ) from None


def as_svg(line: Timeline, drawing: Drawing, *, salt: str) -> str:
    """Return the drawing as an SVG element for the page.

    Args:
        line: what is drawn.
        drawing: how large.
        salt: of the ids in it: two drawings on a page have different ones.
    """
    with _style(_BY_CLASS, salt):
        figure = _figure(line, drawing, _BY_CLASS)
        written = io.BytesIO()
        unstamped = dict.fromkeys(("Date", "Creator", "Format", "Type"))
        figure.savefig(written, format="svg", transparent=True, metadata=unstamped)
    return _for_page(written.getvalue(), salt)


def write_png(line: Timeline, path: Path, title: str) -> None:
    """Write the drawing as a PNG of about 1900 pixels width."""
    with _style(_LIGHT, "png"):
        figure = _figure(line, WIDE, _LIGHT)
        figure.axes[0].set_title(title, loc="left", fontsize=10, color=_LIGHT.ink)
        figure.savefig(path, format="png", dpi=200, metadata={"Software": None})


@contextlib.contextmanager
def _style(palette: Palette, salt: str) -> Iterator[None]:
    import matplotlib as mpl

    settings: Any = {
        "svg.fonttype": "none",
        "svg.hashsalt": salt,
        "font.family": _FONTS,
        "font.size": 9,
        "axes.edgecolor": palette.grid,
        "axes.labelcolor": palette.ink,
        "xtick.color": palette.ink,
        "ytick.color": palette.ink,
        "text.color": palette.ink,
        "figure.facecolor": palette.background,
        "axes.facecolor": palette.background,
        "hatch.linewidth": 0.8,
    }
    with mpl.rc_context(settings):
        yield


def _figure(line: Timeline, drawing: Drawing, palette: Palette) -> Figure:
    from matplotlib import dates as mpl_dates
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    figure = Figure(figsize=(drawing.width, drawing.height))
    axes = figure.add_subplot()
    edges = [moment_of(line.bar(at).start_ms) for at in range(len(line.bars) + 1)]
    axes.set_axisbelow(True)
    axes.grid(axis="y", color=palette.grid, linewidth=0.8)
    # matplotlib's types know numbers only where it takes times too, and none of its dates' functions.
    plot: Any = axes
    dates: Any = mpl_dates
    plot.stairs(line.bars, dates.date2num(edges), fill=True, color=palette.bar, linewidth=0)
    for gap in line.gaps:
        start, end = moment_of(gap.start_ms), moment_of(gap.end_ms)
        plot.axvspan(start, end, facecolor="none", edgecolor=palette.gap, hatch="////", linewidth=0)
        plot.plot([start, end], [0, 0], color=palette.gap, linewidth=4, solid_capstyle="butt", clip_on=False)
    plot.set_xlim(edges[0], edges[-1])
    axes.set_ylim(0, max(1.0, max(line.bars) * 1.08))
    locator = dates.AutoDateLocator(minticks=2, maxticks=drawing.marks)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(dates.ConciseDateFormatter(locator))
    axes.yaxis.set_major_locator(MaxNLocator(nbins=4, integer=True))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _at: f"{value:,.0f}"))
    axes.tick_params(axis="y", length=0)
    # A layout that measures would draw each drawing twice; the longest number is known.
    longest = len(f"{max(line.bars):,}") + 1
    figure.subplots_adjust(
        left=longest * _DIGIT_WIDTH / drawing.width,
        right=1 - _RIGHT / drawing.width,
        top=1 - _TOP / drawing.height,
        bottom=_BOTTOM / drawing.height,
    )
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    return figure


def _for_page(svg: bytes, salt: str) -> str:
    """Return an SVG as the page can have it: no style, no ids but those that are referred to, no fixed size."""
    ET.register_namespace("", _SVG)
    ET.register_namespace("xlink", _XLINK)
    root = ET.fromstring(svg)  # noqa: S314 - matplotlib's own, of a moment ago
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in {f"{{{_SVG}}}style", f"{{{_SVG}}}metadata"}:
                parent.remove(child)
    referred = {
        name for element in root.iter() for value in element.attrib.values() for name in _REFERENCE.findall(value)
    }
    for element in root.iter():
        if element.get("id") not in referred:
            element.attrib.pop("id", None)
        _without_style(element)
    for name in ("width", "height", "version"):
        root.attrib.pop(name, None)
    root.set("class", f"chart {salt}")
    root.set("aria-hidden", "true")
    root.set("focusable", "false")
    return ET.tostring(root, encoding="unicode")


def _without_style(element: ET.Element) -> None:
    classes = []
    declarations = [part.partition(":") for part in element.attrib.pop("style", "").split(";")]
    for name, value in ((name.strip(), value.strip()) for name, colon, value in declarations if colon):
        if value in _CLASSES and name in {"fill", "stroke"}:
            classes.append(f"{_CLASSES[value]}-{name}")
        elif name == "font":
            element.set("font-size", value.split()[0])
        elif name != "font-family":
            element.set(name, value)
    coloured = [name for name in ("fill", "stroke") if element.get(name) in _CLASSES]
    classes += [f"{_CLASSES[element.attrib.pop(name)]}-{name}" for name in coloured]
    if classes:
        element.set("class", " ".join(classes))
