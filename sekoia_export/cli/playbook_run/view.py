"""A run of a playbook on the screen: a tree that grows with it, or a line for each step where none can be drawn."""

from __future__ import annotations

import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sekoia_export.playbooks.model import DEFAULT_BRANCH, NodeType, Subtype
from sekoia_export.simulator.playbook_steps import Step, StepStatus

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.text import Text
    from rich.tree import Tree

    from sekoia_export.cli.terminal import Terminal
    from sekoia_export.simulator.playbook_steps import Observer

_REFRESHES_PER_S = 8
_ITEMS_SHOWN = 6
_LONGEST_NOTE = 60
_STYLES = {
    StepStatus.RUNNING: "cyan",
    StepStatus.WAITING: "yellow",
    StepStatus.SUCCEEDED: "green",
    StepStatus.FAILED: "red",
}


@contextmanager
def shown(terminal: Terminal, title: str) -> Iterator[Observer]:
    """Give an observer whose steps are on the screen while the `with` lasts, and stay there.

    Args:
        terminal: lines are said on it, or the tree is drawn.
        title: of the tree.
    """
    if not terminal.live:
        yield _Lines(terminal)
        return
    from rich.live import Live

    tree = _GrowingTree(terminal, title)
    live = Live(
        get_renderable=tree.drawn, console=terminal.console, refresh_per_second=_REFRESHES_PER_S, redirect_stdout=False,
        redirect_stderr=False,
    )  # fmt: skip
    tree.refresh = live.refresh
    with live:
        try:
            yield tree
        finally:
            tree.whole = True


class _Lines:
    """Says a line when a step begins that may take a while, and one when it has ended."""

    def __init__(self, terminal: Terminal) -> None:
        self._terminal = terminal

    def started(self, step: Step) -> None:
        if step.node.type is NodeType.ACTION or step.node.subtype is Subtype.FOREACH:
            self._say(step)

    def noted(self, step: Step) -> None:
        """Say nothing: a wait of hours logs many lines."""

    def ended(self, step: Step) -> None:
        self._say(step)

    def _say(self, step: Step) -> None:
        self._terminal.say(self._terminal.without_secrets(f"{in_items(step)}{described(step)}"))


class _Screenful:
    """The last lines of a tree that is longer than the screen, which are where it grows.

    Args:
        whole: show all of it: it is drawn for the last time.
    """

    def __init__(self, tree: Tree, *, whole: bool) -> None:
        self._tree = tree
        self._whole = whole

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.segment import Segment

        lines = console.render_lines(self._tree, options, pad=False)
        for line in lines if self._whole else lines[-(console.size.height - 1) :]:
            yield from line
            yield Segment.line()


class _GrowingTree:
    """The steps as a tree: a path is a list, and goes one level down where it forks and where it goes through items.

    Attributes:
        whole: whether it is drawn whole, however long it is.
        refresh: called when there is something that must not wait for the next drawing.
    """

    def __init__(self, terminal: Terminal, title: str) -> None:
        self._terminal = terminal
        self._title = title
        self._lock = threading.Lock()
        self._steps: list[Step] = []
        self.whole = False
        self.refresh: Callable[[], object] | None = None

    def started(self, step: Step) -> None:
        with self._lock:
            self._steps.append(step)
        if self.refresh is not None and step.node.type is NodeType.ACTION:
            self.refresh()

    def noted(self, step: Step) -> None:
        """The next drawing shows it."""

    def ended(self, step: Step) -> None:
        """The next drawing shows it."""

    def drawn(self) -> _Screenful:
        from rich.text import Text
        from rich.tree import Tree

        with self._lock:
            steps = list(self._steps)
        root = Tree(Text(self._title, style="bold"), guide_style="dim")
        followers: dict[Step | None, list[Step]] = {}
        for step in steps:
            followers.setdefault(step.parent, []).append(step)
        waiting: list[tuple[Tree, list[Step]]] = [(root, followers.get(None, []))]
        while waiting:
            branch, paths = waiting.pop()
            if len(paths) == 1:
                waiting += self._path(branch, paths[0], followers)
            else:
                # They begin at the same time; by number, they do not change places from drawing to drawing.
                begun = sorted(paths, key=lambda step: step.node.number)
                waiting += [(branch.add(self._label(step)), followers.get(step, [])) for step in begun]
        return _Screenful(root, whole=self.whole)

    def _path(
        self, branch: Tree, step: Step, followers: dict[Step | None, list[Step]]
    ) -> list[tuple[Tree, list[Step]]]:
        """Add a step and those that follow it, one after the other; return what is to be added below them."""
        below: list[tuple[Tree, list[Step]]] = []
        while True:
            added = branch.add(self._label(step))
            follow = followers.get(step, [])
            below += self._items(added, [each for each in follow if each.item is not None], followers)
            paths = [each for each in follow if each.item is None]
            if len(paths) != 1:
                return [*below, (added, paths)]
            step = paths[0]

    def _items(
        self, branch: Tree, firsts: list[Step], followers: dict[Step | None, list[Step]]
    ) -> list[tuple[Tree, list[Step]]]:
        """Add the last items that a foreach has gone through; return those whose nodes are to be added.

        They are the one that it is at, and those in which a node failed.
        """
        from rich.text import Text

        items: dict[int, list[Step]] = {}
        for step in firsts:
            items.setdefault(step.item[0] if step.item else 0, []).append(step)
        hidden = sorted(items)[:-_ITEMS_SHOWN]
        if hidden:
            branch.add(Text(f"{len(hidden)} items before", style="dim"))
        below: list[tuple[Tree, list[Step]]] = []
        for index, paths in items.items():
            total = paths[0].item[1] if paths[0].item else 0
            steps = _all_below(paths, followers)
            failed = any(step.status is StepStatus.FAILED for step in steps)
            if index in hidden and not failed:
                continue
            took_s = max(step.started_s + step.duration_s(time.monotonic()) for step in steps) - paths[0].started_s
            label = Text(f"item {index + 1} of {total}", style="red" if failed else "")
            label.append(f"  {took_s:.1f} s", style="dim")
            added = branch.add(label)
            if index == max(items) or failed:
                below.append((added, paths))
        return below

    def _label(self, step: Step) -> Text:
        from rich.text import Text

        label = Text(f"{step.node.number} {step.node.title}  ")
        label.append(_status(step), style=_STYLES[step.status])
        label.append(f"  {step.duration_s(time.monotonic()):.1f} s", style="dim")
        if step.note and step.status in {StepStatus.RUNNING, StepStatus.WAITING}:
            label.append(f"  {self._terminal.without_secrets(step.note)[:_LONGEST_NOTE]}", style="dim")
        return label


def _all_below(steps: list[Step], followers: dict[Step | None, list[Step]]) -> list[Step]:
    found = list(steps)
    for step in found:  # grows while it is walked through
        found.extend(followers.get(step, []))
    return found


def _status(step: Step) -> str:
    """Return the status, and the branch of a step that ended in one with a name."""
    branches = [branch for branch in step.branches if branch != DEFAULT_BRANCH]
    return f"{step.status}: {', '.join(branches)}" if branches else str(step.status)


def in_items(step: Step) -> str:
    """Return the items of foreaches in which a step ran, with a colon; nothing when it ran in none."""
    items = "".join(f"item {index + 1} of {total}, " for index, total in step.items)
    return f"{items.removesuffix(', ')}: " if items else ""


def described(step: Step) -> str:
    """Return a step as a line of text: node, status, branch, time."""
    time_taken = "" if step.ended_s is None else f"  {step.ended_s - step.started_s:.1f} s"
    note = f"  {step.note}" if step.status is StepStatus.WAITING and step.note else ""
    return f"node {step.node.number}  {step.node.title}  {_status(step)}{time_taken}{note}"
