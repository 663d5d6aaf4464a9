"""Answers of one server that are alike: what was decided of one holds for the next, but for what tells versions apart.

A server of ten thousand small files says of each the same dozen things, and in three of them another word. To read and
judge each answer as if it were the first costs more than all the rest of it. Here it is held against the one before:
where every line is the same but for dates, tags and lengths, it is that answer of another file. Whatever else differs
is for ``judge``. Called for plain answers only (wire.exchange.plain_head).
"""

from __future__ import annotations

import re
from typing import Final

from nbxfer.core.probe import Probe
from nbxfer.core.url import safe_url
from nbxfer.sources import metadata, pages
from nbxfer.sources.metadata import Headers
from nbxfer.wire.headers import KEPT

#: Fields in which two answers that are alike may differ; none of them changes what is to be done with an answer.
VARY: Final = frozenset("age content-length date etag expires last-modified".split())
#: A value as ``plain_head`` takes it; longer ones than are kept of an answer are left to others.
_VALUE: Final = re.compile(rb"[\x21-\x7e]+(?:[ \t]+[\x21-\x7e]+)*")
LONGEST: Final = 1000


class Alike:
    """The last answer of one server, taken apart. One thread's own."""

    def __init__(self) -> None:
        self._lines: list[bytes] = []  # of the head, the status first; none: nothing is known yet
        self._fields: dict[int, tuple[str, int, int]] = {}  # by line: name, where its value begins, where it is kept
        self._probe = Probe()

    def learn(self, head: bytes, headers: Headers, probe: Probe) -> None:
        """Take a 200 of which all was taken as what others are held against, where it is fit for that."""
        self._lines = []
        if probe.http_status != 200 or pages.suspect(probe) or metadata.field(headers, "content-encoding") is not None:
            return
        at = {name: place for place, (name, _) in enumerate(probe.headers)}
        names = [name for name, _ in headers]
        vary = [(name, value) for name, value in headers if name in VARY]
        if len(at) < len(headers) - sum(name not in KEPT for name in names) or any(len(v) > LONGEST for _, v in vary):
            return  # one is there twice, or is not kept as it came
        self._fields = {line: (name, len(name) + 2, at[name]) for line, name in enumerate(names, 1) if name in VARY}
        self._lines, self._probe = head.split(b"\r\n"), probe

    def read(self, head: bytes, url: str) -> Probe | None:
        """Give what ``judge`` takes of the answer that begins with ``head``; None where that is not known yet."""
        lines, known, old = head.split(b"\r\n"), self._lines, self._probe
        if len(lines) != len(known):
            return None
        kept, size = list(old.headers), old.size
        for line in [number for number, (new, before) in enumerate(zip(lines, known, strict=True)) if new != before]:
            if (field := self._fields.get(line)) is None:
                return None
            (name, start, at), text = field, lines[line]
            value = text[start:]
            if text[:start] != known[line][:start] or len(value) > LONGEST or not _VALUE.fullmatch(value):
                return None
            if name == "content-length":
                if not value.isdigit() or len(value) > 18:
                    return None
                size = int(value)
            kept[at] = name, value.decode("ascii")
        headers = tuple(kept)
        validator, modified = metadata.validator(headers), metadata.modified(headers)
        found = Probe(
            size, validator, old.ranges, 0, 200, safe_url(url), old.media_type, headers, old.name, old.claims, modified
        )
        self._lines, self._probe = lines, found
        return found
