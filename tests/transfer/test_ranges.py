"""Ranges are a set of offsets, whatever the order in which they are added and removed."""

from __future__ import annotations

import itertools

from hypothesis import given
from hypothesis import strategies as st

from sekoia_export.transfer.ranges import RangeSet, Span

SPANS = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda pair: Span(min(pair), max(pair)))


@given(steps=st.lists(st.tuples(st.booleans(), SPANS), max_size=20))
def test_against_a_set(steps: list[tuple[bool, Span]]) -> None:
    ranges, model = RangeSet(), set[int]()
    for adds, span in steps:
        if adds:
            ranges.add(span)
            model |= set(range(span.start, span.end))
        else:
            ranges.remove(span)
            model -= set(range(span.start, span.end))
        held = list(ranges)
        assert {offset for one in held for offset in range(one.start, one.end)} == model
        assert all(one.end < other.start for one, other in itertools.pairwise(held))
        assert ranges.size_bytes == len(model)
        assert ranges.prefix_end() == next(offset for offset in range(42) if offset not in model)
        missing = {offset for gap in ranges.gaps(41) for offset in range(gap.start, gap.end)}
        assert missing == set(range(41)) - model
