"""Whatever events hold is text: on the page, in the comment and on the terminal, and never more than has room."""

from __future__ import annotations

import json
import re
import unicodedata
from html.parser import HTMLParser

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sekoia_export.analysis.report.comment import COMMENT_LIMIT, comment
from sekoia_export.analysis.report.given import hunt_of, observables_of
from sekoia_export.analysis.report.measuring import Group, Measured, ShownEvent, TopValues, Value
from sekoia_export.analysis.report.page import PAGE_LIMIT_BYTES, page
from sekoia_export.analysis.report.plain import plain
from sekoia_export.analysis.report.timeline import Span, Timeline
from sekoia_export.analysis.report.told import Told
from sekoia_export.analysis.report.visible import visible
from tests.analysis.report.conftest import Desk

HOSTILE = [
    "<script>alert(1)</script>", "</style><script>x</script>", "<img src=x onerror=alert(1)>", "</title><b>", "]]>",
    "<!--",
    "'\"><svg onload=x>", "&lt;b&gt;", "{{ 7*7 }}{% raw %}", "\u202egnp.exe\u2066", "\x00\x1b[2J\x9b", "a\nb\rc\td",
    "\ufeff\u200b\u200d", "e" + "\u0301" * 50, "\u3164\u2800", "`` ` ```\n\n# h", "[a](http://x) ![i](http://x)",
    "\U000e0041",
    "javascript:alert(1)", "-->", "\ud800", "ع" * 3, "\u2028\u2029", "**b** _i_ | c |",
]  # fmt: skip
TEXTS = st.text(max_size=40) | st.sampled_from(HOSTILE) | st.text(alphabet="`<>&\"'{}[]()*\n\u202e", max_size=40)
UNSEEN = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}


def measured_of(texts: list[str], *, times: int = 1) -> Measured:
    values = [Value(text[:400], len(text)) for text in texts]
    event = ShownEvent(0, [(text, value) for text, value in zip(texts, values, strict=True)])
    top = TopValues(texts[0], [(value, 1) for value in values][:10], len(values), len(values))
    return Measured(
        count=2,
        bad_lines=0,
        timed=2,
        outside=0,
        span=Span(0, 1),
        timeline=Timeline(Span(0, 1_000), 1_000, 0, [0], [], 1_000),
        groups=[Group("Chosen fields", [top] * times)],
        missing_fields=texts,
        first=[event] * 5,
        last=[event] * 5,
        fields_count=len(texts),
    )


def told_of(texts: list[str], *, rules: int = 1) -> Told:
    text = texts[0]
    rule = {
        "title": text, "level": text, "tags": texts, "matches": 1, "first": text, "last": text,
        "examples": [dict.fromkeys(texts, text)] * 3, "missing_fields": texts,
    }  # fmt: skip
    unusable = {"title": text, "reason": text}
    observable = {"type": text, "value": text or "x", "count": 1, "first_seen": text, "last_seen": text}
    return Told(
        title=text,
        case=text or None,
        author=text or None,
        made_at="2026-01-01T00:00:00.000Z",
        program="sekoia-event-export",
        queries=texts,
        period_text=(text, text),
        period=None,
        fields=texts,
        files=[],
        hunt=hunt_of({"rules": [rule] * rules, "unusable_rules": [unusable] * rules}),
        observables=observables_of([observable, {**observable, "private": True}] * rules),
        observable_counts=dict.fromkeys(texts, 2),
    )


class Tags(HTMLParser):
    """The elements of a page, with their attributes' names, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes.update(name for name, _ in attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


PLAIN = Tags(page(told_of(["a"]), measured_of(["a"])))


@settings(deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_a_page_has_the_same_elements_whatever_it_is_about(texts: list[str]) -> None:
    made = page(told_of(texts), measured_of(texts))
    found = Tags(made)
    assert found.tags <= PLAIN.tags
    assert found.attributes <= PLAIN.attributes
    assert not {"script", "img", "iframe", "object", "form", "base"} & found.tags
    assert not any(name.startswith("on") or name in {"style", "src"} for name in found.attributes)
    assert not [character for character in made if unicodedata.category(character) in UNSEEN and character != "\n"]


@settings(deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_a_comment_is_paragraphs_and_lists_whatever_it_is_about(texts: list[str]) -> None:
    made = comment(told_of(texts), measured_of(texts), page_name="a.html")
    assert len(made) <= COMMENT_LIMIT
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(made)
    kinds = {token.type.rsplit("_", 1)[0] for token in tokens}
    assert kinds <= {"paragraph", "bullet_list", "list_item", "inline"}
    inner = {child.type for token in tokens for child in token.children or []}
    assert inner <= {"text", "strong_open", "strong_close", "code_inline", "softbreak", "em_open", "em_close"}
    assert not [character for character in made if unicodedata.category(character) in UNSEEN and character != "\n"]


@settings(deadline=None)
@given(texts=st.lists(TEXTS, min_size=1, max_size=4))
def test_a_line_of_text_moves_no_cursor(texts: list[str]) -> None:
    for line in plain(told_of(texts), measured_of(texts), width=80):
        assert not [character for character in line if unicodedata.category(character) in UNSEEN]


@settings(deadline=None)
@given(text=TEXTS, most=st.integers(1, 60))
def test_a_shown_text_is_the_text_or_says_that_it_was_cut(text: str, most: int) -> None:
    shown = visible(text, most)
    assert sum(len(part.text) for part in shown.parts) <= most
    read = "".join("." if part.mark else re.escape(part.text) for part in shown.parts)
    if shown.length is None:
        assert re.fullmatch(read, text, re.DOTALL)
    else:
        assert re.match(read, text, re.DOTALL)
        assert shown.length == len(text)


@pytest.mark.parametrize("text", ["\u202e" * 5_000, "<\U0001f600" * 5_000])
def test_a_page_stays_small_whatever_there_is(text: str) -> None:
    texts = [f"{at}{text}" for at in range(30)]
    made = page(told_of(texts, rules=500), measured_of(texts, times=30))
    assert len(made.encode()) < PAGE_LIMIT_BYTES
    assert len(comment(told_of(texts, rules=500), measured_of(texts, times=30), page_name="a")) <= COMMENT_LIMIT


def test_hostile_events_are_reported_as_they_read(desk: Desk) -> None:
    usable = [text for text in HOSTILE if all(not part.mark for part in visible(text, 100).parts)][:10]
    events = [{"@timestamp": "2026-01-01T00:00:00Z", "user.name": text, text: text} for text in usable]
    name = desk.folder.raw("a.jsonl", b"".join(json.dumps(event).encode() + b"\n" for event in events))
    made = desk.report(file_path=name, fields=["user.name"])
    for text in usable:
        assert " ".join(text.split()) in made.text


def test_what_cannot_be_seen_is_told_by_its_number(desk: Desk) -> None:
    events = [{"user.name": "a\u202eb\u200bc\x1b[31m\n"}]
    made = desk.report(file_path=desk.folder.jsonl("a.jsonl", events))
    assert "aU+202EbU+200BcU+001B[31m\\n" in made.text
    assert "a[U+202E]b[U+200B]c[U+001B][31m[\\n]" in made.results.markdown
