"""A web page where a file was expected: how to know one by its first bytes, and what it says of itself.

Log-in, quota and "are you human" pages come with 200 and look like success. The media type alone proves nothing:
scripts that pass a file on often leave it at their language's default, ``text/html``. So the bytes have the last word.
"""

from __future__ import annotations

import html
import re
import time
from collections.abc import Callable
from typing import Final
from urllib.parse import unquote

from nbxfer.core.names import one_line
from nbxfer.core.probe import Probe
from nbxfer.errors import BadAnswer
from nbxfer.sources import disposition

MEDIA_PAGES: Final = frozenset(("text/html", "application/xhtml+xml"))
#: The most that is read of a page (bytes) and how long that may take (seconds).
LOOK: Final = 64 * 1024
PATIENCE: Final = 5.0
#: The longest title that is shown (characters).
TITLE: Final = 80

#: Bytes after which something that has not begun like a page is none.
_ENOUGH: Final = 1024
#: Numbers after a dot are a version, not an extension.
_EXTENSION: Final = re.compile(r"\.([a-z][a-z0-9]{0,9}|7z|3gp|3mf)\Z", re.ASCII)
#: Extensions of pages, and of scripts that make them.
_WEB: Final = frozenset(
    "html htm xhtml xht shtml phtml php php3 php4 php5 asp aspx jsp jspx jsf cgi fcgi pl cfm do action".split()
)
_BEGINS: Final = re.compile(
    rb"<(?:!doctype\s{1,20}html|html|head|title|body|script|style|meta|link|base|h[1-6]|div|p|table|center|form|iframe|b|a"
    rb"|br|font)[\s>/]",
    re.IGNORECASE,
)
_TITLE: Final = re.compile(rb"<title(?:\s[^>]{0,200})?>(.{0,1000}?)</title", re.IGNORECASE | re.DOTALL)


def unexpected(path: str, destination: str) -> bool:
    """Say whether a web page would surprise: the file is to have, or has in the URL, another kind's extension."""
    for text in (destination, unquote(path, errors="replace")):
        if match := _EXTENSION.search(text.rsplit("/", 1)[-1].lower()):
            return match[1] not in _WEB
    return False


def suspect(probe: Probe) -> bool:
    """Say whether an answer has to be looked into: a whole that calls itself a page, and is not meant to be saved."""
    return probe.http_status == 200 and probe.media_type in MEDIA_PAGES and not disposition.is_attachment(probe.headers)


def beginning(read_into: Callable[[memoryview], int], most: int | None) -> bytes:
    """Read as much of a body as it takes to tell whether it is a page, and with which title.

    ``most`` is the length of the body, where it is known. Raises what ``read_into`` raises.
    """
    room = memoryview(bytearray(LOOK if most is None else min(most, LOOK)))
    filled, until = 0, time.monotonic() + PATIENCE
    while filled < len(room) and not _told(bytes(room[:filled])) and time.monotonic() < until:
        got = read_into(room[filled:])
        if got == 0:
            break
        filled += max(got, 0)
    return bytes(room[:filled])


def _told(body: bytes) -> bool:
    return _TITLE.search(body) is not None if is_page(body) else len(body) > _ENOUGH and not _opens_comment(body)


def is_page(body: bytes) -> bool:
    """Say whether bytes begin like HTML (WHATWG MIME Sniffing §7.1, in the main)."""
    return _BEGINS.match(body, _past_comments(body)) is not None


def _opens_comment(body: bytes) -> bool:
    return _past_comments(body) == len(body)


def _past_comments(body: bytes) -> int:
    """Give where the first element begins: behind the byte order mark, blanks, comments, and XML's declaration."""
    at = 3 if body.startswith(b"\xef\xbb\xbf") else 0
    while True:
        while body[at : at + 1].isspace():
            at += 1
        for opening, closing in ((b"<!--", b"-->"), (b"<?", b"?>")):
            if body.startswith(opening, at):
                end = body.find(closing, at + len(opening))
                at = len(body) if end < 0 else end + len(closing)
                break
        else:
            return at


def title(body: bytes) -> str:
    """Give the title of a page as it may be quoted; "" where it has none."""
    match = _TITLE.search(body)
    if match is None:
        return ""
    try:
        text = match[1].decode()
    except UnicodeDecodeError:  # what a page says of its own coding is not worth a parser
        text = match[1].decode("cp1252", errors="replace")
    return one_line(html.unescape(text), TITLE)


def refusal(where: str, named: str) -> BadAnswer:
    """Give the error for a page called ``named`` that came from ``where`` instead of a file."""
    return BadAnswer(
        f"{where} sent a web page instead of the file{f': {named!r}' if named else ''}.",
        http_status=200,
        status=BadAnswer.default_status,
        hint="If it is one to log in at, give credentials; if it is what you want, say so with checksum= or "
        "expect_size=.",
    )
