"""Arguments as the playbook engine renders them: Jinja over the results of earlier nodes.

An argument that is one expression keeps the type of what it names (`{{ node.1.fields }}` stays a list); text around
an expression makes it text. Whatever is undefined is an error, never an empty string.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from jinja2 import StrictUndefined, TemplateError
from jinja2.nativetypes import NativeEnvironment, NativeTemplate
from jinja2.runtime import Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from sekoia_export.errors import UsageError


def _joined(values: Iterable[Any]) -> Any:
    """Return a lone value as it is. Jinja's own would read text such as "1e5" as a number."""
    parts = list(values)
    return parts[0] if len(parts) == 1 else "".join(str(part) for part in parts)


class _Environment(ImmutableSandboxedEnvironment, NativeEnvironment):
    concat = staticmethod(_joined)


class _Template(NativeTemplate):
    environment_class = _Environment


_Environment.template_class = _Template


class Renderer:
    """Renders arguments.

    Args:
        filters: Jinja filters beside the built-in ones, by name.
    """

    def __init__(self, filters: Mapping[str, Callable[..., Any]] | None = None) -> None:
        self._environment = _Environment(undefined=StrictUndefined, autoescape=False)
        self._environment.filters.update(filters or {})

    def arguments(
        self, arguments: Mapping[str, Any], *, node: int, results: Mapping[int, Any], store: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Return the arguments of `node`, rendered from `results` (by node) and `store`.

        Raises:
            UsageError: an expression cannot be rendered; the text names node, argument and expression.
        """
        context = {"node": nodes(results), "store": dict(store)}
        return {
            name: self.value(value, context, place=f"node {node}, argument {name}") for name, value in arguments.items()
        }

    def value(self, value: Any, context: Mapping[str, Any], *, place: str) -> Any:
        """Return `value` with every text in it rendered.

        Raises:
            UsageError: an expression cannot be rendered; `place` says where it stands.
        """
        if isinstance(value, str):
            return self._text(value, context, place)
        if isinstance(value, list):
            return [self.value(item, context, place=place) for item in value]
        if isinstance(value, dict):
            return {name: self.value(item, context, place=place) for name, item in value.items()}
        return value

    def _text(self, text: str, context: Mapping[str, Any], place: str) -> Any:
        try:
            return _plain(self._environment.from_string(text).render(context))
        except (TemplateError, ArithmeticError, LookupError, TypeError, ValueError, AttributeError) as error:
            raise UsageError(
                f"The expression {text} ({place}) cannot be rendered: {str(error).rstrip('.')}.",
                "Correct the expression, or the node whose result it names.",
            ) from error


def nodes(results: Mapping[int, Any]) -> dict[int | str, Any]:
    """Return `results` so that both `node.1` and `node["1"]` find the first node's."""
    found: dict[int | str, Any] = {}
    for number, result in results.items():
        found[number] = found[str(number)] = result
    return found


def _plain(value: Any) -> Any:
    """Return `value` as JSON could hold it: no generators, no Markup.

    Raises:
        TemplateError: something in it is undefined.
        TypeError: something in it is not a value.
    """
    if isinstance(value, Undefined):
        str(value)  # raises what is undefined
    if isinstance(value, str):
        return str(value)
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, Iterable):
        return [_plain(item) for item in value]
    if value is None or isinstance(value, bool | int | float):
        return value
    raise TypeError("it names a function, not a value")
