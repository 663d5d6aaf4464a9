"""Hints are written for notebooks; here they are said as one would type them in a terminal."""

from __future__ import annotations

import re
from typing import Final

#: Stands for the path of the file, where a sentence does not know which file it is about.
DEST: Final = "DEST (the one it has)"
_ANEW: Final = f"Go on with: nbxfer get {{}} -o {DEST}."

#: What is said in Python, and what it is called here; the first that fits comes first.
_PHRASES: Final = tuple(
    (re.compile(python), shell)
    for python, shell in (
        (r"Go on with resume\(url=…, headers=…, auth=…\)\.?", _ANEW.format("NEW-URL --header @FILE")),
        (r"Go on with resume\(headers=…, auth=…\)\.?", _ANEW.format("URL --header @FILE")),
        (r"Go on with resume\(url=…\)\.?", _ANEW.format("NEW-URL")),
        (r"\bnbxfer\.operations\(scope='all'\)", "nbxfer ls --all"),
        (r"\bdest='…/file' or name='…'", "-o …/file"),
        (r"\bname='…'", "-o …/file"),
        (r"\bif_exists='(\w+)'", r"--if-exists \1"),
        (r"\b(checksum|timeout)=('?)([^'\s,]+)\2", r"--\1 \3"),
        (r"\bverify='([^']*)'", r"--cacert \1"),
        (r"\bverify=", "--cacert"),
        (r"\bdest='([^']*)'", r"-o \1"),
        (r"\binto=", "-o"),
        (r"\bauth=", "--header @FILE"),
    )
)


def in_shell(text: str) -> str:
    """Give a sentence with the command line's names for what it tells the reader to give."""
    for python, shell in _PHRASES:
        text = python.sub(shell, text)
    return text
