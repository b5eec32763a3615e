"""Renders expressions of playbooks, in a process of its own that can be stopped whatever the expression does.

It is started by its path, so that it imports Jinja and nothing of this project: it knows no secret, and is there in a
tenth of a second. Its first argument is `{"cpu_s", "memory_bytes", "size_bytes"}`. For each line on standard input,
`{"value", "context"}`, it writes lines: `{"path", "expression"}` before each text that it renders (the keys and indices
that lead to the text, and the text), and at the end `{"value"}`, every text in the value rendered, or
`{"cause", "path", "expression"}`: what is wrong, and with which expression of which text.

A text that is one expression keeps the type of what it names (`{{ node.1.fields }}` stays a list); text around an
expression makes it text. Whatever is undefined is an error, never an empty string. Past the processor time the system
ends the process, past the memory or the size of the answer the line says so.
"""

from __future__ import annotations

import contextlib
import json
import re
import signal
import sys
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from typing import Any

from jinja2 import StrictUndefined
from jinja2.nativetypes import NativeCodeGenerator, NativeEnvironment, NativeTemplate
from jinja2.runtime import Undefined
from jinja2.sandbox import ImmutableSandboxedEnvironment


def _joined(values: Iterable[Any]) -> Any:
    """Return a lone value as it is. Jinja's own would read text such as "1e5" as a number."""
    parts = list(values)
    return parts[0] if len(parts) == 1 else "".join(str(part) for part in parts)


class _CodeGenerator(NativeCodeGenerator):
    """Keeps the type of a lone constant: Jinja's own makes `{{ 80 }}` text before anything is joined."""

    def _output_const_repr(self, group: Iterable[Any]) -> str:
        return repr(_joined(group))


class _Environment(ImmutableSandboxedEnvironment, NativeEnvironment):
    code_generator_class = _CodeGenerator
    concat = staticmethod(_joined)


class _Template(NativeTemplate):
    environment_class = _Environment


_Environment.template_class = _Template


def jsonpath(value: Any, expression: str, as_list: bool = False) -> Any:
    """Return what `expression` finds in `value`: with `as_list` always a list, else a lone match as it is."""
    from jsonpath_ng.ext.parser import parse

    found = [match.value for match in parse(expression).find(value)]
    if as_list or len(found) > 1:
        return found
    return found[0] if found else None


def regex_match(value: str, pattern: str, ignore_case: bool = False) -> bool:
    """Return whether `value` begins with what `pattern` describes."""
    return re.match(pattern, value, re.IGNORECASE if ignore_case else 0) is not None


def timestamp_to_iso8601(value: float) -> str:
    """Return the time of day, in UTC, that is `value` seconds after the start of 1970."""
    return datetime.fromtimestamp(value, UTC).isoformat()


def time_with_delta(delta_s: float) -> str:
    """Return the time of day, in UTC, that is `delta_s` seconds from now, or before it when negative."""
    moment = datetime.now(UTC) + timedelta(seconds=delta_s)
    return f"{moment.isoformat(timespec='milliseconds').removesuffix('+00:00')}Z"


def new_environment() -> _Environment:
    """Return the environment in which playbooks' expressions are read."""
    environment = _Environment(undefined=StrictUndefined, autoescape=False)
    # Beside Jinja's own, those of the platform's that public playbooks use and whose meaning their use tells.
    for own in (jsonpath, regex_match, time_with_delta, timestamp_to_iso8601):
        environment.filters[own.__name__] = own
    return environment


class Failed(Exception):
    """A text cannot be rendered.

    Attributes:
        path: the keys and indices that lead to it.
        expression: the part of it that is to blame, as far as that can be told.
    """

    def __init__(self, cause: str, path: list[str | int], expression: str) -> None:
        super().__init__(cause)
        self.path = path
        self.expression = expression


class Renderer:
    """Renders values, without bounds of time and memory of its own.

    Args:
        size_bytes: of what one text becomes, at most.
        tell: called with the path of each text, and the text, before it is rendered.
    """

    def __init__(self, *, size_bytes: int, tell: Callable[[list[str | int], str], object]) -> None:
        self._size_bytes = size_bytes
        self._tell = tell
        self._environment = new_environment()

    def value(self, value: Any, context: dict[str, Any], path: list[str | int]) -> Any:
        """Return `value` with every text in it rendered.

        Raises:
            Failed: one cannot be rendered.
        """
        if isinstance(value, str):
            return self._text(value, context, path)
        if isinstance(value, list):
            return [self.value(item, context, [*path, index]) for index, item in enumerate(value)]
        if isinstance(value, dict):
            return {name: self.value(item, context, [*path, name]) for name, item in value.items()}
        return value

    def _text(self, text: str, context: dict[str, Any], path: list[str | int]) -> Any:
        self._tell(path, text)
        try:
            rendered = self._rendered(text, context)
            size_bytes = len(json.dumps(rendered, allow_nan=False))
        except MemoryError:
            raise Failed("it needs too much memory", path, text) from None
        except RecursionError:
            raise Failed("it calls itself without end", path, text) from None
        except Exception as error:  # filters raise whatever they like, and all of it is the expression's
            raise Failed(_said(error), path, self._blamed(text, context, error)) from error
        if size_bytes > self._size_bytes:
            raise Failed(f"what it becomes is larger than {self._size_bytes:,} bytes", path, text)
        return rendered

    def _rendered(self, text: str, context: dict[str, Any]) -> Any:
        return _plain(self._environment.from_string(text).render(context))

    def _blamed(self, text: str, context: dict[str, Any], error: Exception) -> str:
        """Return the expression of `text` that raised `error`; all of the text where it cannot be told."""
        try:
            expressions = self._expressions(text)
        except Exception:  # noqa: BLE001 - it cannot even be read, so all of it is to blame
            return text
        line = _line(error)
        near = [expression for number, expression in expressions if line in {None, number}] or [text]
        if len(near) == 1:
            return near[0]
        for expression in near:
            try:
                self._rendered(expression, context)
            except Exception as again:  # noqa: BLE001 - as above
                if (type(again), str(again)) == (type(error), str(error)):
                    return expression
        return text

    def _expressions(self, text: str) -> list[tuple[int, str]]:
        """Return the expressions and statements in `text`, each with the line on which it starts."""
        found: list[tuple[int, str]] = []
        piece, start = "", 0
        for line, kind, token in self._environment.lex(text):
            if kind in {"variable_begin", "block_begin"}:
                piece, start = "", line
            if kind != "data":
                piece += token
            if kind in {"variable_end", "block_end"}:
                found.append((start, piece.strip()))
        return found


def _line(error: BaseException) -> int | None:
    """Return the line of the template in which `error` was raised, None when it was not raised in one."""
    line, trace = None, error.__traceback__
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == "<template>":
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


def _said(error: Exception) -> str:
    text = str(error).rstrip(".")
    return text or type(error).__name__


def _plain(value: Any) -> Any:
    """Return `value` as JSON could hold it: no generators, no Markup.

    Raises:
        UndefinedError: something in it is undefined.
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


def _context(given: dict[str, Any]) -> dict[str, Any]:
    """Return the context with each node under its number as well, so that `node.1` and `node["1"]` find it."""
    nodes = given["node"]
    return {**given, "node": {**nodes, **{int(number): result for number, result in nodes.items()}}}


def _answer(renderer: Renderer, request: dict[str, Any], size_bytes: int) -> dict[str, Any]:
    try:
        value = renderer.value(request["value"], _context(request["context"]), [])
        if len(json.dumps(value)) <= size_bytes:
            return {"value": value}
        failed = Failed(f"what they become is larger than {size_bytes:,} bytes", [], "")
    except Failed as failure:
        failed = failure
    except MemoryError:
        failed = Failed("they need too much memory", [], "")
    return {"cause": str(failed), "path": failed.path, "expression": failed.expression}


def _write(line: dict[str, Any]) -> None:
    sys.stdout.buffer.write(json.dumps(line).encode() + b"\n")
    sys.stdout.buffer.flush()


def _bound_memory(memory_bytes: int) -> None:
    with contextlib.suppress(ImportError, ValueError, OSError):  # not every system can; time and size stay bounded
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory_bytes, memory_bytes))


def _bound_time(cpu_s: float) -> None:
    """Have the system end this process after `cpu_s` of its own processor time; 0: no longer."""
    if hasattr(signal, "setitimer"):
        signal.setitimer(signal.ITIMER_PROF, cpu_s)


def main() -> None:
    """Answer every line on standard input."""
    limits = json.loads(sys.argv[1])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the process that asks
    renderer = Renderer(
        size_bytes=limits["size_bytes"], tell=lambda path, text: _write({"path": path, "expression": text})
    )
    _bound_memory(limits["memory_bytes"])
    _write({"ready": True})
    for line in sys.stdin.buffer:
        request = json.loads(line)
        _bound_time(limits["cpu_s"])
        answer = _answer(renderer, request, limits["size_bytes"])
        _bound_time(0)
        _write(answer)


if __name__ == "__main__":
    main()
