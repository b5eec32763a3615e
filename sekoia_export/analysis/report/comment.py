"""The report as Markdown for a comment on a case: short, and whatever stands in events stays in code spans."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.analysis.report.told import findings
from sekoia_export.analysis.report.visible import visible
from sekoia_export.analysis.report.words import counted, moment_in_words, span_in_words, time_in_words
from sekoia_export.markdown import code, codes

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sekoia_export.analysis.report.given import Observable, Rule
    from sekoia_export.analysis.report.measuring import Measured, TopValues
    from sekoia_export.analysis.report.told import Told

COMMENT_LIMIT = 12_000
"""Characters that a comment has at most."""
_CUT = "*The rest is in the page.*"
_VALUE, _QUERY = 80, 500
_FILES, _GAPS, _RULES, _TYPES, _OBSERVABLES, _FIELDS, _VALUES = 5, 5, 10, 10, 5, 8, 3


def comment(told: Told, measured: Measured, *, page_name: str) -> str:
    """Return the report as Markdown of at most `COMMENT_LIMIT` characters.

    Args:
        told: what the report says beside the events.
        measured: what it says of them.
        page_name: of the page, as it is found in the data storage.
    """
    sections: list[str | None] = [_opening(told, measured, page_name), _findings(told, measured)]
    sections += [_gaps(measured), _hunt(told), _observables(told), *_top(measured)]
    text = ""
    for section in sections:
        if section is None:
            continue
        if len(text) + len(section) + len(_CUT) + 4 > COMMENT_LIMIT:
            return f"{text}\n\n{_CUT}"
        text = f"{text}\n\n{section}" if text else section
    return text


def _opening(told: Told, measured: Measured, page_name: str) -> str:
    span = measured.span
    facts = [
        ("Case", _shown(told.case) if told.case else None),
        ("By", _shown(told.author) if told.author else None),
        *(("Query", _shown(query, _QUERY)) for query in told.queries[:1]),
        ("Period", " to ".join(_shown(time_in_words(text)) for text in told.period_text) if told.period_text else None),
        ("Events", f"{measured.count:,}"),
        ("First and last", f"{moment_in_words(span.start_ms)} to {moment_in_words(span.end_ms)}" if span else None),
        *((f"SHA-256 of {_shown(file.name)}", code(file.sha256)) for file in told.files[:_FILES]),
        ("Page", f"{code(page_name)} in the playbook's data storage"),
    ]
    return "\n".join(
        [f"**Report: {_shown(told.title)}**", "", *(f"- **{name}:** {value}" for name, value in facts if value)]
    )


def _findings(told: Told, measured: Measured) -> str:
    return "\n".join(f"- **{finding.weight.value}:** {finding.text}" for finding in findings(told, measured))


def _gaps(measured: Measured) -> str | None:
    line = measured.timeline
    if line is None or not line.gaps:
        return None
    longest = sorted(sorted(line.gaps, key=lambda gap: -gap.length_ms)[:_GAPS], key=lambda gap: gap.start_ms)
    told = [
        f"{moment_in_words(gap.start_ms)} to {moment_in_words(gap.end_ms)} ({span_in_words(gap.length_ms)})"
        for gap in longest
    ]
    return _section("Gaps", told, len(line.gaps))


def _hunt(told: Told) -> str | None:
    if told.hunt is None:
        return None
    matched = told.hunt.matched
    title = f"Hunt: {len(matched):,} of {counted(len(told.hunt.rules), 'rule')} matched"
    left_out = len(told.hunt.unusable)
    note = f", {counted(left_out, 'rule')} could not run" if left_out else ""
    return _section(title + note, [_rule(rule) for rule in matched[:_RULES]], len(matched))


def _rule(rule: Rule) -> str:
    parts = [f"{_shown(rule.title)}: {counted(rule.matches, 'event')}"]
    if rule.level:
        parts.append(f"level {_shown(rule.level, 20)}")
    if rule.tags:
        parts.append(codes(rule.tags, most=5))
    return ", ".join(parts)


def _observables(told: Told) -> str:
    total = sum(told.observable_counts.values())
    types = list(told.observable_counts)[:_TYPES]
    public = {kind: [item for item in told.observables if item.type == kind and not item.private] for kind in types}
    shown = [_of_a_type(kind, items, told.observable_counts[kind]) for kind, items in public.items()]
    private = ", the private and reserved ones not shown" if any(item.private for item in told.observables) else ""
    return _section(f"Observables: {total:,}{private}", shown, len(told.observable_counts))


def _of_a_type(kind: str, public: Sequence[Observable], total: int) -> str:
    values = ", ".join(
        _shown(item.value) + (f" ({item.count:,})" if item.count is not None else "") for item in public[:_OBSERVABLES]
    )
    return f"{_shown(kind, 40)}, {total:,} in all" + (f": {values}" if values else "")


def _top(measured: Measured) -> list[str]:
    tops = [top for group in measured.groups for top in group.tops][:_FIELDS]
    return [_section("Top values", [_top_of(top) for top in tops], len(tops))] if tops else []


def _top_of(top: TopValues) -> str:
    values = ", ".join(f"{_shown(value.text)} ({times:,})" for value, times in top.values[:_VALUES])
    rest = f" and {top.different - _VALUES:,} more" if top.different > _VALUES else ""
    return f"{_shown(top.field)}: {values}{rest}"


def _section(title: str, items: Iterable[str], total: int) -> str:
    listed: Sequence[str] = [f"- {item}" for item in items]
    rest = [f"- and {total - len(listed):,} more"] if total > len(listed) else []
    return "\n".join([f"**{title}**", *([""] if listed else []), *listed, *rest])


def _shown(text: str, most: int = _VALUE) -> str:
    """Return a code span, what cannot be seen in it by its number."""
    return code(visible(text, most).plain, most=most)
