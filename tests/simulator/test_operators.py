from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sekoia_export.errors import UsageError
from sekoia_export.playbooks.model import Change, Comparison
from sekoia_export.simulator.operators import change_store, holds

SIMPLE = st.none() | st.booleans() | st.integers() | st.text() | st.lists(st.integers() | st.text())


@pytest.mark.parametrize(
    ("left", "comparison", "right", "expected"),
    [
        ("a", "==", "a", True),
        ("a", "==", "b", False),
        (5, "==", 5.0, True),
        (5, "==", "5", True),
        ("5.0", "==", 5, True),
        ("5", "==", "5.0", False),
        (1, "==", True, False),
        (True, "==", True, True),
        (True, "==", "true", False),
        (None, "==", None, True),
        (["a"], "==", ["a"], True),
        ("a", "!=", "b", True),
        (0, "!=", False, True),
        (3, "<", 4, True),
        (4, "<", 4, False),
        (10, "<", "9", False),
        ("10", "<", "9", True),
        ("2026-01-01T00:00:00Z", "<", "2026-01-02T00:00:00Z", True),
        (5, ">", 4.5, True),
        (4, "<=", 4, True),
        (4, ">=", "4", True),
        (3, ">=", 4, False),
        ("a", "in", ["a", "b"], True),
        ("c", "in", ["a", "b"], False),
        ("a", "in", '["a", "b"]', True),
        (10, "in", "[10, 20]", True),
        ("10", "in", "[10, 20]", True),
        ("ell", "in", "hello", True),
        ("[x", "in", "a [x", True),
        ("k", "in", {"k": 1}, True),
        ("c", "not in", ["a", "b"], True),
        ("a", "not in", '["a"]', False),
        (10, "range", [10, 100], True),
        (100, "range", "[10, 100]", True),
        (101, "range", "[10, 100]", False),
        (9, "range", [10, 100], False),
        ("b", "range", ["a", "c"], True),
    ],
)
def test_two_sides_are_compared(left: Any, comparison: str, right: Any, expected: bool) -> None:
    assert holds(Comparison(comparison), left, right) is expected


@pytest.mark.parametrize(
    ("left", "comparison", "right", "cause"),
    [
        (1, "<", "many", "a number and a text have no order"),
        (None, ">", 1, "nothing and a number have no order"),
        ({}, "<=", {}, "an object and an object have no order"),
        (True, ">=", 0, "true or false and a number have no order"),
        ("a", "in", 5, "nothing is in a number"),
        ("a", "not in", None, "nothing is in nothing"),
        (5, "range", 5, "a list of two values, not a number"),
        (5, "range", "[1", "a list of two values, not a text"),
        (5, "range", [1, 2, 3], "a list of two values, not a list"),
        (5, "range", ["a", "b"], "a number and a text have no order"),
    ],
)
def test_what_has_no_order_is_an_error_and_no_answer(left: Any, comparison: str, right: Any, cause: str) -> None:
    with pytest.raises(UsageError, match=cause):
        holds(Comparison(comparison), left, right)


@given(left=SIMPLE, right=SIMPLE)
def test_equal_and_not_equal_are_opposites_in_both_directions(left: Any, right: Any) -> None:
    assert holds(Comparison.EQUAL, left, right) is not holds(Comparison.NOT_EQUAL, left, right)
    assert holds(Comparison.EQUAL, left, right) is holds(Comparison.EQUAL, right, left)
    assert holds(Comparison.EQUAL, left, left)


@given(value=st.integers(), low=st.integers(), high=st.integers())
def test_a_range_is_two_comparisons(value: int, low: int, high: int) -> None:
    assert holds(Comparison.RANGE, value, [low, high]) is (
        holds(Comparison.AT_LEAST, value, low) and holds(Comparison.AT_MOST, value, high)
    )


def test_the_store_is_set_unset_appended_to_and_removed_from() -> None:
    store: dict[str, Any] = {}
    for key, change, value in (
        ("a", Change.SET, 1),
        ("a", Change.SET, 2),
        ("list", Change.APPEND, "x"),
        ("list", Change.APPEND, ["y"]),
        ("list", Change.APPEND, "x"),
        ("list", Change.REMOVE, "x"),
        ("list", Change.REMOVE, "gone"),
        ("none", Change.UNSET, None),
        ("none", Change.REMOVE, 1),
        ("b", Change.SET, "b"),
        ("b", Change.UNSET, None),
    ):
        change_store(store, key, change, value)
    assert store == {"a": 2, "list": [["y"], "x"]}


@pytest.mark.parametrize("change", [Change.APPEND, Change.REMOVE])
def test_a_list_is_not_made_of_another_value(change: Change) -> None:
    store = {"a": "text"}
    with pytest.raises(UsageError, match="a text under a"):
        change_store(store, "a", change, 1)
    assert store == {"a": "text"}


def test_a_list_that_was_handed_out_does_not_change() -> None:
    store: dict[str, Any] = {"a": [1]}
    handed_out = store["a"]
    change_store(store, "a", Change.APPEND, 2)
    assert (handed_out, store["a"]) == ([1], [1, 2])
