"""The report as one HTML page that needs nothing beside itself.

Jinja2 escapes every value, `visible` takes what a browser would not show as it is, and the Content-Security-Policy
allows nothing but the one style sheet, by its digest: no script, no picture, no font, no request, whatever the events
hold. A page that came out too large is written again with less room for each thing.
"""

from __future__ import annotations

import base64
import functools
import hashlib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from sekoia_export.analysis.report import chart
from sekoia_export.analysis.report.told import findings
from sekoia_export.analysis.report.visible import Shown, visible
from sekoia_export.analysis.report.words import counted, each_in_words, moment_in_words, span_in_words, time_in_words
from sekoia_export.markdown import readable_size

if TYPE_CHECKING:
    from jinja2 import Template

    from sekoia_export.analysis.report.measuring import Measured, Value
    from sekoia_export.analysis.report.timeline import Timeline
    from sekoia_export.analysis.report.told import Told

PAGE_LIMIT_BYTES = 2_000_000
_FOLDER = Path(__file__).parent
_SCALES = (1.0, 0.5, 0.2, 0.05)


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """How much of each thing is shown: characters of texts, and numbers of things."""

    query: int = 4_000
    name: int = 200
    value: int = 200
    event_value: int = 400
    event_fields: int = 30
    export_fields: int = 100
    files: int = 20
    gaps: int = 20
    rules: int = 50
    examples: int = 3
    example_fields: int = 12
    clean_rules: int = 200
    observables: int = 100
    missing_fields: int = 50

    def scaled(self, factor: float) -> Room:
        """Return so much of the room, and of each at least a little."""
        return Room(**{field.name: _scaled(getattr(self, field.name), factor) for field in fields(self)})


def _scaled(number: int, factor: float) -> int:
    return max(min(number, 3), int(number * factor))


def page(told: Told, measured: Measured) -> str:
    """Return the page, of fewer than `PAGE_LIMIT_BYTES` bytes in UTF-8 whatever the events hold."""
    drawings = _drawings(measured.timeline)
    text = ""
    for scale in _SCALES:
        text = _rendered(told, measured, drawings, Room().scaled(scale))
        if len(text.encode()) < PAGE_LIMIT_BYTES:
            break
    return text


def _drawings(line: Timeline | None) -> list[str]:
    if line is None or not line.count:
        return []
    return [
        chart.as_svg(line, chart.WIDE, salt="wide"),
        chart.as_svg(line, chart.NARROW, salt="narrow"),
    ]


def _rendered(told: Told, measured: Measured, drawings: list[str], room: Room) -> str:
    from markupsafe import Markup

    style = (_FOLDER / "style.css").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    # Of this project's own making: the style sheet, and drawings that hold nothing of the events but numbers.
    trusted = [Markup(drawing) for drawing in drawings]  # noqa: S704
    return _template().render(
        told=told,
        measured=measured,
        line=measured.timeline,
        findings=findings(told, measured),
        drawings=trusted,
        style=Markup(style),  # noqa: S704
        style_digest=digest,
        room=room,
    )


@functools.cache
def _template() -> Template:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= {
        "seen": visible,
        "value": _value,
        "any": _any,
        "moment": moment_in_words,
        "span": span_in_words,
        "time": time_in_words,
        "each": each_in_words,
        "counted": counted,
        "size": readable_size,
        "number": "{:,}".format,
    }
    return environment.get_template("page.html.j2")


def _value(value: Value, most: int) -> Shown:
    return visible(value.text, most, length=value.length)


def _any(value: Any, most: int) -> Shown:
    """Return any value of a JSON object as it is shown."""
    if isinstance(value, str):
        return visible(value, most)
    try:
        return visible(orjson.dumps(value, default=str).decode(), most)
    except (orjson.JSONEncodeError, UnicodeEncodeError):
        return visible(str(value), most)
