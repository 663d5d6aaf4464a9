"""Text from outside, made fit to be shown: cleaned, cut and padded to terminal columns.

Without ``clean`` a file name could move the cursor, change the terminal's title or turn the reading direction.
"""

from __future__ import annotations

import unicodedata
from typing import Final

#: Unicode categories that steer instead of showing: controls, formats (bidi, zero width), surrogates, unassigned.
_STEERING: Final = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


def clean(text: str, limit: int = 500) -> str:
    """Give ``text`` on one line, with every control, escape, bidi and invisible character replaced, cut to ``limit``.

    Of a run of combining marks the first two are kept, so that no text can climb over its neighbours.
    """
    if text.isascii() and text.isprintable():  # nearly everything; the long way costs 20 times as much
        return cut(" ".join(text.split()), limit)
    out: list[str] = []
    marks = 0
    for char in text[: limit * 4 + 64]:
        category = unicodedata.category(char)
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if marks > 2:
            continue
        out.append(" " if char in "\t\r\n" else "�" if category in _STEERING else char)
    return cut(" ".join("".join(out).split()), limit)


def width(text: str) -> int:
    """Give the number of terminal columns that ``text`` takes."""
    if text.isascii():
        return len(text)
    return sum(0 if unicodedata.combining(c) else 2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def cut(text: str, columns: int) -> str:
    """Give ``text`` in at most ``columns`` columns; what does not fit ends in an ellipsis."""
    if width(text) <= columns:
        return text
    while text and width(text) > columns - 1:
        text = text[:-1]
    return text.rstrip() + "…" if columns > 0 else ""


def cut_middle(text: str, columns: int) -> str:
    """Give ``text`` in at most ``columns`` columns, keeping its end: two files often differ only there."""
    if width(text) <= columns:
        return text
    tail = ""
    while len(tail) < len(text) and width(text[-len(tail) - 1 :]) <= (columns - 1) // 2:
        tail = text[-len(tail) - 1 :]
    return cut(text, columns - width(tail)) + tail


def pad(text: str, columns: int) -> str:
    """Give ``text`` filled with blanks to ``columns`` columns."""
    return text + " " * (columns - width(text))


def wrap(text: str, columns: int) -> list[str]:
    """Give ``text`` as lines of at most ``columns`` columns, broken at blanks; a longer word is broken anywhere."""
    lines = [""]
    for word in text.split():
        if width(both := f"{lines[-1]} {word}".lstrip()) <= columns:
            lines[-1] = both
            continue
        lines.append("")
        for char in word:
            if width(lines[-1] + char) > columns:
                lines.append("")
            lines[-1] += char
    return [line for line in lines if line] or [""]
