"""The paths a run can take through a playbook: what is reached, what runs before what, what runs for each item.

Sets of nodes are integers with a bit for each node, so that a thousand nodes cost nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sekoia_export.playbooks.model import LOOP_BRANCH, Node, Playbook, Subtype

if TYPE_CHECKING:
    from collections.abc import Iterable

_MOST_CYCLES = 20
_MOST_NAMED = 12


class Graph:
    """The edges of a playbook between nodes that exist.

    Attributes:
        cycles: circles of nodes that lead back to where they start, each as the numbers in their order.
        reachable: the numbers of the nodes that a trigger leads to, triggers included.
    """

    def __init__(self, playbook: Playbook) -> None:
        self._nodes = playbook.nodes
        self._bits = {number: 1 << position for position, number in enumerate(playbook.nodes)}
        self._followers: dict[int, set[int]] = {
            number: {follower for _, follower in node.edges() if follower in playbook.nodes}
            for number, node in playbook.nodes.items()
        }
        self.cycles, order = _sorted(self._followers)
        self.reachable = self._reached(trigger.number for trigger in playbook.triggers)
        self._bodies = {
            number: self._reached(follower for follower in node.loop if follower in playbook.nodes)
            for number, node in playbook.nodes.items()
            if node.subtype is Subtype.FOREACH
        }
        self._before, self._always = self._ancestors(order)

    def precedes(self, earlier: int, later: int) -> bool:
        """Return whether a path of a run leads from one node to the other."""
        return bool(self._before[later] & self._bits[earlier])

    def always_precedes(self, earlier: int, later: int) -> bool:
        """Return whether every path that leads from a trigger to the one node passes the other before."""
        return bool(self._always[later] & self._bits[earlier])

    def in_loop(self, number: int, foreach: int) -> bool:
        """Return whether a node runs for each item of a foreach."""
        return number in self._bodies.get(foreach, ())

    def body(self, foreach: int) -> set[int]:
        """Return the numbers of the nodes that run for each item of a foreach."""
        return self._bodies.get(foreach, set())

    def after_loop(self, foreach: int) -> set[int]:
        """Return the numbers of the nodes that a foreach leads to when it is through with its items."""
        followers = (follower for numbers in self._nodes[foreach].outputs.values() for follower in numbers)
        return self._reached(follower for follower in followers if follower in self._nodes)

    def _reached(self, starts: Iterable[int]) -> set[int]:
        waiting = list(starts)
        reached = set(waiting)
        while waiting:
            new = self._followers[waiting.pop()] - reached
            reached |= new
            waiting.extend(new)
        return reached

    def _set_of(self, numbers: Iterable[int]) -> int:
        found = 0
        for number in numbers:
            found |= self._bits[number]
        return found

    def _ancestors(self, order: list[int]) -> tuple[dict[int, int], dict[int, int]]:
        """Return for each node the set of those that may have run before it, and of those that surely have."""
        before = dict.fromkeys(self._nodes, 0)
        always: dict[int, int | None] = dict.fromkeys(self._nodes)
        bodies = {foreach: self._set_of(body) for foreach, body in self._bodies.items()}
        for number in order:
            surely = (always[number] or 0) | self._bits[number]
            for branch, follower in self._nodes[number].edges():
                if follower not in self._nodes:
                    continue
                before[follower] |= before[number] | self._bits[number]
                if branch != LOOP_BRANCH:
                    before[follower] |= bodies.get(number, 0)
                if number not in self.reachable:
                    continue
                known = always[follower]
                together = self._nodes[follower].subtype is Subtype.ALL
                always[follower] = surely if known is None else known | surely if together else known & surely
        return before, {number: found or 0 for number, found in always.items()}


def _sorted(followers: dict[int, set[int]]) -> tuple[list[tuple[int, ...]], list[int]]:
    """Return the circles, and the nodes with each after what leads to it, but for the edges that close circles.

    One walk in depth, without recursion: an edge to a node that the walk has not left yet closes a circle.
    """
    circles: dict[tuple[int, ...], None] = {}
    left: list[int] = []
    seen: set[int] = set()
    for start, first in followers.items():
        if start in seen:
            continue
        seen.add(start)
        path = {start: iter(sorted(first))}
        while path:
            number = next(reversed(path))
            follower = next(path[number], None)
            if follower is None:
                del path[number]
                left.append(number)
            elif follower in path:
                if len(circles) < _MOST_CYCLES:
                    circles[_circle(list(path), follower)] = None
            elif follower not in seen:
                seen.add(follower)
                path[follower] = iter(sorted(followers[follower]))
    return list(circles), left[::-1]


def _circle(path: list[int], closing: int) -> tuple[int, ...]:
    """Return the end of a path from where it is closed, starting with its lowest number."""
    circle = path[path.index(closing) :]
    first = circle.index(min(circle))
    return (*circle[first:], *circle[:first])


def described(nodes: dict[int, Node], numbers: Iterable[int]) -> str:
    """Return numbers with their names, for a sentence; of many the first."""
    all_of_them = list(numbers)
    told = ", ".join(f"{number} ({nodes[number].title})" for number in all_of_them[:_MOST_NAMED])
    left_out = len(all_of_them) - _MOST_NAMED
    return f"{told} and {left_out:,} more" if left_out > 0 else told
