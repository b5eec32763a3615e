"""Comments: what comes from outside is shown as it is and never becomes markup."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from sekoia_export.markdown import code, codes, lines, readable_size

HOSTILE = [
    "`", "``", "```", "` `", "a`b``c", "`x", "x`", "<script>alert(1)</script>", "</code><img src=x onerror=y>",
    "**bold** _it_ [a](http://x) ![i](http://x)", "\n\n# heading\n\n- item", "a\r\n```\nfence", "|a|b|", "\\`", "\\",
    "&lt;b&gt; &#96;", "http://evil.example/x", "<http://evil.example>", "a\u2028b\u2029c\x85d", "\u202egnp.exe",
    "\x00\x1b[31m", "\ud800", "{{ node.1 }}", "  ", "", "@someone #1", "~~~", "<!-- ", "]]>", "a\tb", "\ufeff",
]  # fmt: skip


def spans(markdown: str) -> list[tuple[str, str]]:
    """Return the inline tokens of a rendered comment, as type and content."""
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(markdown)
    return [(child.type, child.content) for token in tokens for child in token.children or []]


def shown(text: str) -> str:
    """Return what of a text can be shown on one line."""
    return "".join(character if character.isprintable() else " " for character in text).strip()


@given(text=st.text(max_size=80) | st.text(alphabet="` <>*_[]()\\\n#-|!&;~a", max_size=40) | st.sampled_from(HOSTILE))
@example(text="`")
def test_whatever_a_text_holds_it_is_one_code_span_that_shows_it(text: str) -> None:
    comment = lines("Title", [("Query", code(text)), ("Next", "plain")], advice="Advice.")
    tokens = MarkdownIt("gfm-like", {"linkify": False}).parse(comment)
    assert [token.type for token in tokens if token.type.endswith("_open")] == [
        "paragraph_open",
        "bullet_list_open",
        *["list_item_open", "paragraph_open"] * 2,
        "paragraph_open",
    ]
    found = [(kind, content) for kind, content in spans(comment) if kind == "code_inline"]
    assert found == ([("code_inline", shown(text))] if shown(text) else [])
    allowed = {"text", "strong_open", "strong_close", "code_inline"}
    assert {kind for kind, _ in spans(comment)} <= allowed


def test_a_long_text_is_cut_and_says_so() -> None:
    assert code("x" * 301) == f"`{'x' * 299}…`"
    assert code("x" * 300) == f"`{'x' * 300}`"


def test_many_texts_are_counted() -> None:
    assert codes(["a", "b"]) == "`a`, `b`"
    assert codes([str(number) for number in range(1021)]).endswith(", `19` and 1,001 more")


def test_a_fact_that_is_not_known_has_no_line() -> None:
    assert lines("Title", [("A", None), ("B", "1")]) == "**Title**\n\n- **B:** 1"
    assert lines("Title", []) == "**Title**"


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1_000, "1.0 kB (1,000 bytes)"),
        (12_345_678, "12.3 MB (12,345,678 bytes)"),
        (9_876_543_210, "9.9 GB (9,876,543,210 bytes)"),
    ],
)
def test_a_size_is_told_in_full_and_for_people(size: int, text: str) -> None:
    assert readable_size(size) == text
