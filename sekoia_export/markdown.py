"""Markdown for comments: text from outside is shown as it is, and never becomes markup.

Such text goes into code spans: CommonMark takes nothing in them for markup, no link, image, HTML or emphasis, and a
fence longer than every run of backticks inside keeps them whole. What could end the line, and with it the span, or turn
the direction of writing, becomes a space.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def code(text: str, *, most: int = 300) -> str:
    """Return a code span that shows `text`, cut to `most` characters."""
    plain = "".join(character if character.isprintable() else " " for character in text).strip()
    if len(plain) > most:
        plain = f"{plain[: most - 1].rstrip()}…"
    if not plain:
        return "(empty)"
    fence = "`" * (max(map(len, re.findall("`+", plain)), default=0) + 1)
    padding = " " if plain.startswith("`") or plain.endswith("`") else ""
    return f"{fence}{padding}{plain}{padding}{fence}"


def codes(texts: Sequence[str], *, most: int = 20) -> str:
    """Return a list of code spans, and how many more there are than `most`."""
    shown = ", ".join(code(text, most=80) for text in texts[:most])
    return f"{shown} and {len(texts) - most:,} more" if len(texts) > most else shown


def lines(title: str, facts: Sequence[tuple[str, str | None]], *, advice: str | None = None) -> str:
    """Return a comment: a title, a list of the facts that are known, and what to do.

    All of it is markup of this project's own making; what comes from outside went through `code` before.
    """
    listed = [f"- **{name}:** {value}" for name, value in facts if value is not None]
    parts = [f"**{title}**", "\n".join(listed), advice]
    return "\n\n".join(part for part in parts if part)


def readable_size(size_bytes: int) -> str:
    """Return a size for people, with the exact one: `12.3 MB (12,345,678 bytes)`."""
    exact = f"{size_bytes:,} bytes"
    for unit, factor in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= factor:
            return f"{size_bytes / factor:.1f} {unit} ({exact})"
    return exact
