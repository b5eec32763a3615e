from __future__ import annotations

import inspect

import pytest

from sekoia_export import errors
from sekoia_export.errors import ExportError, PlatformError

KINDS = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, ExportError)]


def drawn_tree() -> dict[str, str]:
    """Return each class of the drawing in the module's docstring with its parent."""
    parents: dict[str, str] = {}
    levels: list[str] = []
    for line in (errors.__doc__ or "").splitlines():
        if line.strip() == "ExportError":
            levels = ["ExportError"]
        for mark in ("├── ", "└── "):
            if mark in line:
                before, after = line.split(mark, 1)
                depth = (len(before) - 4) // 4 + 1
                levels = [*levels[:depth], after.split()[0]]
                parents[levels[-1]] = levels[-2]
    return parents


def test_the_drawing_is_the_tree() -> None:
    assert drawn_tree() == {
        kind.__name__: kind.__base__.__name__ for kind in KINDS if kind.__base__ and kind is not ExportError
    }


@pytest.mark.parametrize("kind", KINDS)
def test_every_error_says_its_cause_and_a_remedy(kind: type[ExportError]) -> None:
    error = kind("The disk hums.")
    assert str(error) == f"The disk hums. {error.remedy}"
    assert error.remedy[0].isupper()
    assert error.remedy.endswith(".")
    assert kind.__doc__


def test_a_remedy_that_is_given_wins() -> None:
    assert str(ExportError("It hums.", "Hum along.")) == "It hums. Hum along."


def test_an_answer_of_the_platform_is_kept() -> None:
    error = PlatformError("No.", status=418, code="T1", detail="teapot")
    assert (error.status, error.code, error.detail) == (418, "T1", "teapot")
