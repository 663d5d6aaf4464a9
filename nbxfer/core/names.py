"""A file name that somebody else gives, made harmless: one component, nothing unseen in it, nothing that runs.

What a server calls a file decides where its bytes go, so it is trusted with as little as can be. A name that would be
imported or run without anybody asking for it is refused, not mended: beside a notebook ``json.py`` is code that the
next ``import json`` executes. As nothing that is importable is let through, no name can stand before a module's.
Notebooks may come: nothing runs when one is opened.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Final

#: The longest name that is given, in bytes of UTF-8; a part file beside it needs room for its own ending.
MOST: Final = 200

#: Controls, formats (they steer the reading direction, or have no width), halves of characters, and what is none.
_UNSEEN: Final = frozenset(("Cc", "Cf", "Cs", "Cn"))
#: What shows nothing, though its category does not say so.
_BLANK: Final = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u2800\u3164\uffa0")
#: What Windows does not have in a name; a colon would even name another drive, or a stream behind the file.
_FOREIGN: Final = re.compile(r'[<>:"|?*]')
_EXTENSION: Final = re.compile(r"(?:\.tar)?\.[^.\s]{1,16}\Z")

#: Endings that belong together, and the numbers that names are told apart by.
_DOUBLE: Final = (".tar.gz", ".tar.bz2", ".tar.xz", ".tar.zst")
_NUMBERS: Final = re.compile(r"( \(\d+\))+$")

_PYTHON: Final = "py pyc pyo pyw pyd so dylib dll pth egg egg-link"  # what an import finds, or a start runs
_PROGRAMS: Final = "exe com bat cmd"  # Windows looks for programs in the working folder first
_LINKS: Final = "desktop url lnk scf webloc"  # a double click goes where they say
_RUNS: Final = frozenset(f"{_PYTHON} {_PROGRAMS} {_LINKS}".split())
#: Stems that Python, pytest, IPython and Jupyter look for, and whole names that a desktop obeys.
_HOOKS: Final = re.compile(
    r"(?:sitecustomize|usercustomize|__init__|__main__|conftest|(?:ipython|jupyter)(?:_\w+)?_config)(?:\..*)?"
    r"|pyvenv\.cfg|desktop\.ini|autorun\.inf",
    re.ASCII,
)
#: Devices of Windows, with or without an extension, with or without blanks before it.
_DEVICES: Final = re.compile(r"(?:con|prn|aux|nul|conin\$|conout\$|(?:com|lpt)[0-9¹²³]) *(?:\..*)?")


def safe_name(text: str) -> str:
    r"""Give the last component of ``text`` as a name for a file, "" where nothing is left that may be one.

    Both / and \ part components. Nothing is decoded here: who has percent signs to decode has done it, once. The
    name is NFC, has no leading dots, hyphens or blanks and no trailing dots or blanks, and at most MOST bytes with
    its extension kept. Giving a name that was given changes nothing.
    """
    seen = unicodedata.normalize("NFC", visible(re.split(r"[/\\]", text)[-1]))
    name = _cut(_FOREIGN.sub("_", seen).lstrip(" .-").rstrip(" ."))
    lower = name.casefold()
    if lower.rpartition(".")[2] in _RUNS and "." in lower:
        return ""
    return "" if _HOOKS.fullmatch(lower) or _DEVICES.fullmatch(lower) else name


def visible(text: str) -> str:
    """Give ``text`` without what cannot be seen; every kind of blank and line end is a plain blank."""
    return "".join(" " if c.isspace() else c for c in text if c.isspace() or not _is_unseen(c))


def _is_unseen(char: str) -> bool:
    return char in _BLANK or unicodedata.category(char) in _UNSEEN


def one_line(text: str, most: int) -> str:
    """Give ``text`` fit to be quoted to a person: visible, on one line, at most ``most`` characters."""
    line = " ".join(visible(text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _cut(name: str) -> str:
    if len(name.encode()) <= MOST:
        return name
    found = _EXTENSION.search(name)
    extension = found.group() if found else ""
    room = MOST - len(extension.encode())
    stem = name.removesuffix(extension).encode()[:room].decode(errors="ignore")  # a cut character goes whole
    return stem.rstrip(" .") + extension


# -- which name, and what to call another -----------------------------------------------------------------------------
def server_may_name(naming: str, own: str) -> bool:
    """Say whether a server's name takes the place of ``own``, the URL's, where ``naming`` is Spec's word."""
    return naming == "server" or (naming == "auto" and "." not in own.lstrip("."))


def numbered(name: str, number: int) -> str:
    """Give "name (number).ext": the number stands before the extension, or before both of a packed archive."""
    stem, ending = _parts(name)
    return f"{stem} ({number}){ending}"


def unnumbered(name: str) -> str:
    """Give the name without the numbers that ``numbered`` gave it."""
    stem, ending = _parts(name)
    return _NUMBERS.sub("", stem) + ending


def _parts(name: str) -> tuple[str, str]:
    """Give stem and extension; leading dots are of the stem."""
    lower = name.lower()
    dot = next((len(name) - len(end) for end in _DOUBLE if lower.endswith(end)), name.rfind("."))
    return (name[:dot], name[dot:]) if dot > 0 and name[:dot].strip(".") else (name, "")
