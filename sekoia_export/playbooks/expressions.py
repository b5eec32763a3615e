"""What the expressions in a text name, found by parsing and never by rendering.

An expression is Jinja. Of a template that is not the author's own nothing may run, so only the parser's tree is read.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sekoia_export.playbooks.finding import shown

if TYPE_CHECKING:
    from collections.abc import Iterator

    from jinja2 import Environment, nodes

LONGEST = 64 * 1024
"""Characters of one text with expressions; a longer one is not parsed."""

PLATFORM_FILTERS = frozenset({"jsonpath", "regex_match", "time_with_delta", "timestamp_to_iso8601"})
"""Filters that public playbooks use beside Jinja's own."""

_NODE, _STORE = "node", "store"
# `node.1.items` is the method that every dictionary has, not the key: Jinja looks for attributes first.
_METHODS = frozenset(name for name in dir({}) if not name.startswith("_"))

Step = str | int | None
"""One step of a path: a name, an index, or None where it is only known when it runs."""


@dataclass(frozen=True, slots=True)
class Reference:
    """What an expression reads from a node's results or from the store.

    Attributes:
        root: "node" or "store".
        path: for `node.3.windows[0].id` it is ("3", "windows", 0, "id"): the first is the node or the key.
        guarded: whether the text asks if the node or the key is defined, or has a default for it. `node.3.x` cannot be
            asked when node 3 has not run: then `.x` of nothing already is an error, so only `node.3 is defined` counts.
        method: a step of the path that Jinja takes for a method of the dictionary, if there is one.
    """

    root: str
    path: tuple[Step, ...]
    guarded: bool = False
    method: str | None = None

    @property
    def text(self) -> str:
        """Return it as an author writes it."""
        first, *others = self.path
        head = f"{self.root}[...]" if first is None else f"{self.root}.{first}"
        return shown(head + "".join(_written(step) for step in others))


def _written(step: Step) -> str:
    if isinstance(step, str):
        return f".{step}" if step.isidentifier() else f"[{step!r}]"
    return "[...]" if step is None else f"[{step}]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Expressions:
    """The expressions of one text.

    Attributes:
        whole: whether the text is one expression and nothing else, so that what comes out keeps its type.
        constant: the value of a `whole` one that is a constant, in a list of one; empty otherwise.
        lone: the reference of a `whole` one that is nothing but it.
        error: why it cannot be parsed; the rest is empty then.
    """

    references: tuple[Reference, ...] = ()
    unknown_names: tuple[str, ...] = ()
    unknown_filters: tuple[str, ...] = ()
    unknown_tests: tuple[str, ...] = ()
    loads_templates: bool = False
    whole: bool = False
    constant: tuple[Any, ...] = ()
    lone: Reference | None = None
    error: str | None = None


def has_expressions(text: str) -> bool:
    """Return whether a text is more than itself."""
    return "{{" in text or "{%" in text or "{#" in text


@lru_cache(maxsize=1)
def _environment() -> Environment:
    from jinja2 import Environment

    return Environment(autoescape=False)  # noqa: S701 - it parses; nothing is rendered


def parse(text: str) -> Expressions:
    """Return what the expressions in a text name."""
    environment = _environment()
    from jinja2 import TemplateError, nodes

    if len(text) > LONGEST:
        return Expressions(error=f"it has more than {LONGEST // 1024} KiB")
    try:
        template = environment.parse(text)
    except TemplateError as error:
        return Expressions(error=shown(error.message or "it is not valid"))
    except (ValueError, OverflowError):  # a number of thousands of digits
        return Expressions(error="it has a number that is too long")
    except RecursionError:
        return Expressions(error="its parentheses are nested too deep")
    found = _Found(environment, nodes)
    found.walk(template)
    return found.result(template)


class _Found:
    """What a walk through the tree comes by. It recurses nowhere: `a.b.c...` nests as deep as it is long."""

    def __init__(self, environment: Environment, kinds: Any) -> None:
        self._environment = environment
        self._kinds = kinds
        self._references: list[Reference] = []
        self._guarded: set[tuple[str, Step]] = set()
        self._read: set[str] = set()
        self._set: set[str] = set()
        self._filters: set[str] = set()
        self._tests: set[str] = set()
        self._loads_templates = False

    def walk(self, template: nodes.Template) -> None:
        kinds = self._kinds
        waiting: list[tuple[nodes.Node, bool]] = [(template, False)]
        while waiting:
            node, guarded = waiting.pop()
            if isinstance(node, kinds.Getattr | kinds.Getitem):
                root, steps, others = self._chain(node)
                if isinstance(root, kinds.Name) and root.name in {_NODE, _STORE}:
                    self._refer(root.name, steps, guarded=guarded)
                else:
                    others.append(root)
                waiting.extend((other, False) for other in others)
                continue
            if isinstance(node, kinds.Name):
                self._name(node, guarded=guarded)
            elif isinstance(node, kinds.Filter):
                self._filters.add(node.name)
                guarded = guarded or node.name in {"default", "d"}
            elif isinstance(node, kinds.Test):
                self._tests.add(node.name)
                guarded = guarded or node.name in {"defined", "undefined"}
            elif isinstance(node, kinds.Include | kinds.Import | kinds.FromImport | kinds.Extends):
                self._loads_templates = True
            elif isinstance(node, kinds.Macro):
                self._set.update((node.name, "caller", "varargs", "kwargs"))
            waiting.extend((child, guarded) for child in reversed(list(node.iter_child_nodes())))

    def result(self, template: nodes.Template) -> Expressions:
        whole, expression = self._whole(template)
        kinds = self._kinds
        references = tuple(
            Reference(found.root, found.path, (found.root, found.path[0]) in self._guarded, found.method)
            for found in self._references
        )
        lone = None
        if whole and isinstance(expression, kinds.Getattr | kinds.Getitem) and len(references) == 1:
            root, steps, _ = self._chain(expression)
            if isinstance(root, kinds.Name) and references[0].path == tuple(step for step, _ in steps):
                lone = references[0]
        known = self._set | set(self._environment.globals) | {_NODE, _STORE, "loop", "self"}
        return Expressions(
            references=references,
            unknown_names=tuple(sorted(self._read - known)),
            unknown_filters=tuple(sorted(self._filters - set(self._environment.filters) - PLATFORM_FILTERS)),
            unknown_tests=tuple(sorted(self._tests - set(self._environment.tests))),
            loads_templates=self._loads_templates,
            whole=whole,
            constant=(expression.value,) if whole and isinstance(expression, kinds.Const) else (),
            lone=lone,
        )

    def _name(self, node: nodes.Name, *, guarded: bool) -> None:
        if node.ctx != "load":
            self._set.add(node.name)
        elif node.name in {_NODE, _STORE}:
            self._references.append(Reference(node.name, (None,)))
        elif not guarded:
            self._read.add(node.name)

    def _refer(self, root: str, steps: list[tuple[Step, bool]], *, guarded: bool) -> None:
        path = tuple(step for step, _ in steps)
        method = next(
            (str(step) for step, is_attribute in steps[root == _NODE :] if is_attribute and step in _METHODS),
            None,
        )
        if guarded and len(path) == 1:
            self._guarded.add((root, path[0]))
        self._references.append(Reference(root, path, method=method))

    def _chain(self, node: Any) -> tuple[nodes.Node, list[tuple[Step, bool]], list[nodes.Node]]:
        """Return where `a.b[c].d` starts, its steps with whether each is an attribute, and expressions inside of it."""
        kinds = self._kinds
        steps: list[tuple[Step, bool]] = []
        others: list[nodes.Node] = []
        while isinstance(node, kinds.Getattr | kinds.Getitem):
            if isinstance(node, kinds.Getattr):
                steps.append((node.attr, True))
            elif isinstance(node.arg, kinds.Const) and isinstance(node.arg.value, str | int):
                steps.append((node.arg.value, False))
            else:
                steps.append((None, False))
                others.append(node.arg)
            node = node.node
        steps.reverse()
        return node, steps, others

    def _whole(self, template: nodes.Template) -> tuple[bool, Any]:
        parts = list(_output(template, self._kinds))
        whole = len(parts) == 1 and len(template.body) == 1 and not isinstance(parts[0], self._kinds.TemplateData)
        return whole, parts[0] if whole else None


def _output(template: nodes.Template, kinds: Any) -> Iterator[nodes.Node]:
    for part in template.body:
        if isinstance(part, kinds.Output):
            yield from part.nodes
