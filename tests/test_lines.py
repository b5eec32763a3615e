"""Lines that are only counted are counted as if they had been split."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekoia_export.errors import DamagedExport
from sekoia_export.lines import LINE_LIMIT_BYTES, LineFacts, LineReader, LineSplitter, counter_of_full_lines

if TYPE_CHECKING:
    from collections.abc import Sequence

pieces_of_lines = st.lists(
    st.lists(st.sampled_from([b"\n", b"\r", b"a", b'{"b": 1}\n', b'{"c": 2}\r\n', b"\n\n", b"{}"]), max_size=8).map(
        b"".join
    ),
    max_size=12,
)


def split(pieces: Sequence[bytes], *, preview: int) -> LineFacts:
    splitter, facts = LineSplitter(), LineFacts(preview)
    for piece in pieces:
        facts.feed(splitter.feed(piece))
    facts.feed(splitter.finish())
    return facts


def described(facts: LineFacts) -> tuple[Any, ...]:
    return facts.events_count, facts.timestamps(), facts.preview(), facts.ends_with_an_event(), facts.needs_lines


@given(pieces=pieces_of_lines, preview=st.integers(0, 3))
def test_counting_gives_what_splitting_gives(pieces: list[bytes], preview: int) -> None:
    pieces = [b'{"@timestamp": "first"}\n', *pieces, b'\n{"@timestamp": "last"}']
    reader = LineReader(preview, count_from_bytes=0)
    for piece in pieces:
        reader.count(piece)
    reader.finish()
    assert described(reader.facts) == described(split(pieces, preview=preview))


def test_a_line_without_end_is_refused_when_lines_are_counted() -> None:
    reader = LineReader(0, count_from_bytes=0)
    for piece in (b"{}\n" * 3, b"m" * (LINE_LIMIT_BYTES // 2), b"m" * (LINE_LIMIT_BYTES // 2)):
        reader.count(piece)
    with pytest.raises(DamagedExport, match="line of more than"):
        reader.count(b"m")


def test_what_is_no_event_is_refused_when_lines_are_counted() -> None:
    with pytest.raises(DamagedExport, match="not JSON Lines"):
        LineReader(0, count_from_bytes=0).count(b"a,b\n1,2\n")


@pytest.mark.parametrize(
    ("piece", "newlines"), [(b"{}\n{}\n{", 2), (b"{", 0), (b"", 0), (b"{}\n\n{}", None), (b"{}\r\n", None)]
)
def test_pieces_with_empty_lines_are_left_to_the_splitter(piece: bytes, newlines: int | None) -> None:
    assert counter_of_full_lines()(piece) == newlines


def test_without_numpy_every_line_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "numpy", None)  # to import it is an ImportError now
    reader = LineReader(1, count_from_bytes=0)
    for piece in (b'{"a": 1}\n{"b', b'": 2}\n\n', b"{}"):
        reader.count(piece)
    reader.finish()
    assert reader.facts.events_count == 3
