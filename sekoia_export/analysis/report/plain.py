"""The report as lines of text for a terminal, the charts as bars of block characters."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.analysis.report.told import findings
from sekoia_export.analysis.report.visible import visible
from sekoia_export.analysis.report.words import counted, each_in_words, moment_in_words, span_in_words, time_in_words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sekoia_export.analysis.report.measuring import Measured, TopValues, Value
    from sekoia_export.analysis.report.timeline import Timeline
    from sekoia_export.analysis.report.told import Told

_EIGHTHS = " ▁▂▃▄▅▆▇█"
_BAR_EIGHTHS = " ▏▎▍▌▋▊▉█"
_HEIGHT = 6
_GAPS, _RULES, _OBSERVABLES, _VALUES = 10, 20, 20, 5
_VALUE, _QUERY = 48, 500


def plain(told: Told, measured: Measured, *, width: int) -> list[str]:
    """Return the report as lines; nothing in them moves a cursor or turns the direction of writing.

    Args:
        told: what the report says beside the events.
        measured: what it says of them.
        width: of the charts, in characters.
    """
    sections = [
        _opening(told, measured),
        _timeline(measured.timeline, width),
        _hunt(told),
        _observables(told),
        *(_top(top, width) for group in measured.groups for top in group.tops),
    ]
    return [line for section in sections for line in [*section, ""] if section][:-1]


def _opening(told: Told, measured: Measured) -> list[str]:
    facts = [("Case", told.case), ("By", told.author), *(("Query", query) for query in told.queries[:1])]
    lines = [_shown(told.title, 200), ""]
    lines += [f"{name:<11}{_shown(value, _QUERY)}" for name, value in facts if value]
    if told.period_text:
        lines.append(f"{'Period':<11}{' to '.join(_shown(time_in_words(text)) for text in told.period_text)}")
    lines.append(f"{'Events':<11}{measured.count:,}")
    if measured.span:
        start, end = moment_in_words(measured.span.start_ms), moment_in_words(measured.span.end_ms)
        lines.append(f"{'First':<11}{start}")
        lines.append(f"{'Last':<11}{end}")
    lines += [f"{'SHA-256':<11}{file.sha256}  {_shown(file.name)}" for file in told.files[:5]]
    return [*lines, "", *(f"{finding.weight.value:<11}{finding.text}" for finding in findings(told, measured))]


def _timeline(line: Timeline | None, width: int) -> list[str]:
    if line is None or not line.count:
        return []
    room = max(10, width - 10)
    merged = -(-len(line.bars) // room)
    columns = [sum(line.bars[at : at + merged]) for at in range(0, len(line.bars), merged)]
    each = merged * line.interval_ms
    # A few bars are drawn wider.
    wide = max(1, min(4, room // len(columns)))
    most = max(columns)
    lines = [f"Timeline, a bar for each {each_in_words(each)}", ""]
    for row in range(_HEIGHT - 1, -1, -1):
        label = f"{most:,}" if row == _HEIGHT - 1 else "0" if row == 0 else ""
        drawn = "".join(_EIGHTHS[_eighths(count, most, row)] * wide for count in columns)
        lines.append(f"{label:>8}  {drawn}".rstrip())
    if line.gaps:
        marks = "".join(("x" if _in_gap(line, at * each, each) else " ") * wide for at in range(len(columns)))
        lines.append(f"{'gaps':>8}  {marks}".rstrip())
    start, end = moment_in_words(line.period.start_ms), moment_in_words(line.period.end_ms)
    lines.append(f"{'':>8}  {start} to {end}")
    longest = sorted(sorted(line.gaps, key=lambda gap: -gap.length_ms)[:_GAPS], key=lambda gap: gap.start_ms)
    lines += [
        f"{'gap':>8}  {moment_in_words(gap.start_ms)} to {moment_in_words(gap.end_ms)}, {span_in_words(gap.length_ms)}"
        for gap in longest
    ]
    return [*lines, *_rest(len(line.gaps), _GAPS)]


def _eighths(count: int, most: int, row: int) -> int:
    # Whatever is there is seen: one event beside a million is an eighth.
    full = max(1, round(count / most * _HEIGHT * 8)) if count else 0
    return min(8, max(0, full - row * 8))


def _in_gap(line: Timeline, offset_ms: int, length_ms: int) -> bool:
    start = line.start_ms + offset_ms
    return any(gap.start_ms < start + length_ms / 2 < gap.end_ms for gap in line.gaps)


def _hunt(told: Told) -> list[str]:
    if told.hunt is None:
        return []
    matched = told.hunt.matched
    lines = [f"Hunt: {len(matched):,} of {counted(len(told.hunt.rules), 'rule')} matched"]
    for rule in matched[:_RULES]:
        tags = " ".join(_shown(tag) for tag in rule.tags[:5])
        lines.append(f"{rule.matches:>8,}  {_shown(rule.level, 13):<13}  {_shown(rule.title, 80)}  {tags}".rstrip())
    lines += _rest(len(matched), _RULES)
    unusable = told.hunt.unusable[:_RULES]
    return [*lines, *(f" not run  {_shown(title, 80)}: {_shown(reason, 200)}" for title, reason in unusable)]


def _observables(told: Told) -> list[str]:
    total = sum(told.observable_counts.values())
    lines = [counted(total, "observable")]
    for item in told.observables[:_OBSERVABLES]:
        count = "" if item.count is None else f"{item.count:,}"
        private = "  (private)" if item.private else ""
        lines.append(f"{count:>8}  {_shown(item.type, 12):<12}  {_shown(item.value, 80)}{private}")
    return [*lines, *_rest(total, min(len(told.observables), _OBSERVABLES))]


def _top(top: TopValues, width: int) -> list[str]:
    head = f"{_shown(top.field)}: {counted(top.different, 'different value')} in {counted(top.events, 'event')}"
    values = [(_value(value), times) for value, times in top.values[:_VALUES]]
    wide = max((len(text) for text, _ in values), default=0)
    room = max(10, width - wide - 14)
    most = max((times for _, times in values), default=1)
    lines = [f"{times:>8,}  {text:<{wide}}  {_bar(times / most, room)}" for text, times in values]
    return [head, *lines, *_rest(top.different, _VALUES)]


def _bar(share: float, room: int) -> str:
    whole, rest = divmod(max(1, round(share * room * 8)), 8)
    return "█" * whole + (_BAR_EIGHTHS[rest] if rest else "")


def _rest(total: int, most: int) -> Iterator[str]:
    if total > most:
        yield f"{'':>8}  and {total - most:,} more"


def _value(value: Value) -> str:
    shown = visible(value.text, _VALUE, length=value.length)
    return f"{shown.plain}…" if shown.length is not None else shown.plain or "(empty)"


def _shown(text: str, most: int = _VALUE) -> str:
    shown = visible(text, most)
    return f"{shown.plain}…" if shown.length is not None else shown.plain
