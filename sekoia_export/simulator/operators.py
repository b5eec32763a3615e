"""The operators of playbooks that work on values: how a condition compares, and how the store changes.

What the platform's documentation tells of comparisons holds; where it tells nothing, values of different kinds are not
equal and have no order. One thing is more than it tells: public playbooks compare numbers with texts such as "1", so a
number and a text that is one are compared as numbers.
"""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING, Any, assert_never

from sekoia_export.errors import UsageError
from sekoia_export.playbooks.model import Change, Comparison

if TYPE_CHECKING:
    from collections.abc import Callable

_ORDERS: dict[Comparison, Callable[[Any, Any], bool]] = {
    Comparison.LESS: lambda left, right: bool(left < right),
    Comparison.GREATER: lambda left, right: bool(left > right),
    Comparison.AT_MOST: lambda left, right: bool(left <= right),
    Comparison.AT_LEAST: lambda left, right: bool(left >= right),
}


def holds(comparison: Comparison, left: Any, right: Any) -> bool:
    """Return whether a case of a condition holds, of which both sides are rendered.

    `in` and `not in` look into a list, a text or an object's names; `range` is [lowest, highest], both included. A
    right side that is the text of a JSON list counts as the list there.

    Raises:
        UsageError: the two cannot be compared so.
    """
    match comparison:
        case Comparison.EQUAL:
            return _equal(left, right)
        case Comparison.NOT_EQUAL:
            return not _equal(left, right)
        case Comparison.IN:
            return _contains(_as_list(right), left)
        case Comparison.NOT_IN:
            return not _contains(_as_list(right), left)
        case Comparison.RANGE:
            ends = _as_list(right)
            if not isinstance(ends, list) or len(ends) != 2:
                raise _incomparable(f"a range is a list of two values, not {kind_of(ends)}")
            return _ordered(Comparison.AT_LEAST, left, ends[0]) and _ordered(Comparison.AT_MOST, left, ends[1])
        case Comparison.LESS | Comparison.GREATER | Comparison.AT_MOST | Comparison.AT_LEAST:
            return _ordered(comparison, left, right)
    assert_never(comparison)


def change_store(store: dict[str, Any], key: str, change: Change, value: Any) -> None:
    """Carry out a modification of `store`.

    `set` a value; `unset` it, which is fine when there is none; `append` to a list, which is made when there is none;
    `remove` the first equal value from a list, which is fine when there is none.

    Raises:
        UsageError: it works on a list, and what the store has is none.
    """
    if change is Change.SET:
        store[key] = value
        return
    if change is Change.UNSET:
        store.pop(key, None)
        return
    if change is Change.REMOVE and key not in store:
        return
    kept = store.get(key, [])
    if not isinstance(kept, list):
        raise UsageError(
            f"The store has {kind_of(kept)} under {key}, and {change} works on a list.",
            "Use another key, or set the key to a list first.",
        )
    if change is Change.APPEND:
        store[key] = [*kept, value]
        return
    place = next((index for index, item in enumerate(kept) if _equal(item, value)), None)
    store[key] = [item for index, item in enumerate(kept) if index != place]


def _equal(left: Any, right: Any) -> bool:
    left, right = _same_kind(left, right)
    # To Python true is 1, to JSON it is not.
    return isinstance(left, bool) == isinstance(right, bool) and bool(left == right)


def _ordered(comparison: Comparison, left: Any, right: Any) -> bool:
    left, right = _same_kind(left, right)
    both = (left, right)
    if all(_is_number(side) for side in both) or all(isinstance(side, str) for side in both):
        return _ORDERS[comparison](left, right)
    raise _incomparable(f"{kind_of(left)} and {kind_of(right)} have no order")


def _contains(container: Any, item: Any) -> bool:
    if isinstance(container, str):
        return str(item) in container
    if isinstance(container, list | dict):
        return any(_equal(each, item) for each in container)
    raise _incomparable(f"nothing is in {kind_of(container)}")


def _same_kind(left: Any, right: Any) -> tuple[Any, Any]:
    """Return both sides, a text that is a number as one where the other side is a number."""
    if _is_number(left):
        return left, _number(right)
    return (_number(left), right) if _is_number(right) else (left, right)


def _number(value: Any) -> Any:
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    if not math.isfinite(number):
        return value
    return int(number) if number.is_integer() and "." not in value and "e" not in value.lower() else number


def _as_list(value: Any) -> Any:
    """Return the list that a text such as `["a", "b"]` or `[10, 100]` is, anything else as it is."""
    if isinstance(value, str) and value.strip().startswith("["):
        try:
            return json.loads(value)
        except ValueError:
            return value
    return value


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def kind_of(value: Any) -> str:
    """Return what JSON calls the kind of a value, with its article."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if _is_number(value):
        return "a number"
    return "a text" if isinstance(value, str) else "a list" if isinstance(value, list) else "an object"


def _incomparable(why: str) -> UsageError:
    return UsageError(f"The comparison cannot be made: {why}.", "Correct the side that has the wrong kind.")
