"""Text of events as a reader may see it: nothing invisible, nothing that turns the direction of writing, not too long.

A control character, a bidirectional override, a zero-width space or an unassigned code point is shown by its number, so
that a reader sees that it is there, and it does nothing. What is left are characters that stand still.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_SHORT = {"\n": "\\n", "\r": "\\r", "\t": "\\t", "\0": "\\0"}
# Printable by their category, and yet nothing to see: fillers, a blank, selectors of variants, a joiner.
_BLANK = {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0xFE00, 0xFE10)}
_SUPPLEMENTARY_SELECTORS = range(0xE0100, 0xE01F0)
_MOST_COMBINING = 3
_MARK_COST = 8


@dataclass(frozen=True, slots=True)
class Part:
    """A run of characters, or the number of one that is not shown itself (`mark`)."""

    text: str
    mark: bool


@dataclass(frozen=True, slots=True)
class Shown:
    """A text as it is shown.

    Attributes:
        parts: in order.
        length: of the whole text in characters, where it was cut; None where all of it is shown.
    """

    parts: Sequence[Part]
    length: int | None = None

    @property
    def plain(self) -> str:
        """Return the parts as one text, the numbers in square brackets."""
        return "".join(f"[{part.text}]" if part.mark else part.text for part in self.parts)


def visible(text: str, most: int, *, length: int | None = None) -> Shown:
    """Return a text as it is shown.

    Args:
        text: all of it, or as much of it as is there.
        most: how many characters are shown; a number counts for several, as it takes their room.
        length: of the whole text, where `text` is only its beginning.
    """
    parts: list[Part] = []
    run: list[str] = []
    cost = combining = 0
    whole = True

    def end_run() -> None:
        if run:
            parts.append(Part("".join(run), mark=False))
            run.clear()

    for character in text:
        combining = combining + 1 if unicodedata.combining(character) else 0
        hidden = combining > _MOST_COMBINING or _is_hidden(character)
        cost += _MARK_COST if hidden else 1
        if cost > most:
            whole = False
            break
        if hidden:
            end_run()
            parts.append(Part(_SHORT.get(character, f"U+{ord(character):04X}"), mark=True))
        else:
            run.append(character)
    end_run()
    total = len(text) if length is None else length
    return Shown(parts, None if whole and total <= len(text) else total)


def _is_hidden(character: str) -> bool:
    code_point = ord(character)
    return not character.isprintable() or code_point in _BLANK or code_point in _SUPPLEMENTARY_SELECTORS
