"""Hints are written for notebooks; here they are said as one would type them in a terminal."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

#: How to go on where a sentence does not know which download it is about.
RESUME: Final = "nbxfer resume ID"
_ANEW: Final = f"Go on with: {RESUME} {{}}."

#: Options that have the same name in both places, but for the hyphens.
_SAME: Final = (
    "bandwidth|cert|checksum|connections|cookies|deadline|expect_size|http2|max_size|name|preserve_mtime|priority|proxy"
    "|timeout"
)

#: What is said in Python, and what it is called here; the first that fits comes first.
_PHRASES: Final[tuple[tuple[re.Pattern[str], str | Callable[[re.Match[str]], str]], ...]] = tuple(
    (re.compile(python), shell)
    for python, shell in (
        (r"Go on with resume\(url=…, headers=…, auth=…\)\.?", _ANEW.format("--url NEW-URL --header @FILE")),
        (r"Go on with resume\(headers=…, auth=…\)\.?", _ANEW.format("--header @FILE")),
        (r"Go on with resume\(url=…\)\.?", _ANEW.format("--url NEW-URL")),
        (r"\bGive method=, or another URL", "Give another URL"),
        (r"\bstorage_options(?:, | or )auth\b", "--storage-option"),
        (r"\bstorage_options\b=?", "--storage-option"),
        (r"\bcopy\(\) takes\b", "nbxfer copy takes"),
        (r"\bretry\(\) (goes on|tries again)\b", r"nbxfer retry \1"),
        (r"\bnbxfer\.operations\(scope='all'\)", "nbxfer ls --all"),
        (r"\bdest='…/file' or name='…'", "-o …/file"),
        (r"\bname='…'", "-o …/file"),
        (r"\bif_exists='(\w+)'", r"--if-exists \1"),
        (r"'(error|skip|overwrite|unique|revalidate|default|high|low)'", r"\1"),
        (r"\bmove=True\b", "--move"),
        (r"\{'name': 'value'\}, or ", ""),
        (r"Give \{url: destination\}, so that", "In a list for -i, put a tab and a name behind the URL, so that"),
        (r"; None is no limit\b", ""),
        (r", a timedelta, or a datetime with its zone\b", ""),
        (r"\bdest is an empty text\b", "-o is empty"),
        (r"\bcert=\(certificate, key(?:, password)?\)", "--cert CERTIFICATE --key KEY"),
        (r"\b(deadline|timeout)=(-?\d+)\.0\b", r"--\1 \2"),
        (r"\bproxy_auth=\('user', 'password'\)", "user and password in HTTPS_PROXY or --proxy"),
        (r"\bproxy_auth=", "HTTPS_PROXY or --proxy"),
        (r"\btrust_env=False\b", "--no-proxy"),
        (
            rf"\b({_SAME})=('[^']*'|[^\s,;'()]*[^\s,;'().]|)",
            lambda m: f"{_dashed(m[1])} {m[2].strip(chr(39))}".rstrip(),
        ),
        (r"\b((?:expect|max)_size)\b", lambda m: _dashed(m[1])),
        (r"\bverify=False\b", "--insecure"),
        (r"\bverify='([^']*)'", r"--cacert \1"),
        (r"\bverify=", "--cacert"),
        (r"\bdest='([^']*)'", r"-o \1"),
        (r"\binto=", "-o"),
        (r"\bauth=", "--user, --netrc or --header @FILE"),
    )
)


def _dashed(name: str) -> str:
    return "--" + name.replace("_", "-")


def in_shell(text: str, op_id: str = "") -> str:
    """Give a sentence with the command line's names for what it tells the reader to give; ``op_id`` is whose it is."""
    for python, shell in _PHRASES:
        text = python.sub(shell, text)
    return text.replace(RESUME, f"nbxfer resume {op_id[:8]}") if op_id else text
