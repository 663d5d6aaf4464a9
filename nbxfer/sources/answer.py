"""The decision table: what was asked and what came back → what to do. Pure; every row has a test of its name.

No answer is trusted because of the question: servers ignore If-Range, drop Range, shift ranges and change in
mid-file. What an answer is, its own fields must say; where they do not say enough, the next question is a simpler
one, down to a plain GET, whose body begins at byte 0 and so can be compared with every byte that is here.
"""

from __future__ import annotations

from typing import Final

import msgspec

from nbxfer.core.probe import Probe, Validator, Want
from nbxfer.errors import BadAnswer, TransferError, WebErrorStatus
from nbxfer.sources import metadata
from nbxfer.sources.metadata import ContentRange, Headers
from nbxfer.sources.refusals import refusal

#: Several ranges in one body: never asked for, and never taken (RFC 9110 §14.6).
MEDIA_PARTS: Final = "multipart/byteranges"


class Ask(msgspec.Struct, frozen=True):
    """One question: ``want``, with a Range or without, tied to the version by If-Range, only if changed."""

    want: Want
    ranged: bool
    tied: bool
    conditional: bool

    @classmethod
    def first(cls, want: Want) -> Ask:
        """Give the question to begin with: as much as ``want`` allows to say."""
        ranged = want.start > 0 or want.stop is not None
        tied = ranged and want.pinned is not None and want.pinned.strong  # RFC 9110 §13.1.5: never a weak one
        return cls(want, ranged, tied, want.unless is not None)

    def headers(self) -> list[tuple[str, str]]:
        """Give the fields that say it."""
        want, fields = self.want, []
        if self.ranged:
            last = "" if want.stop is None else want.stop - 1
            fields.append(("Range", f"bytes={want.start}-{last}"))
        if self.tied and want.pinned is not None:
            fields.append(("If-Range", want.pinned.value))
        if self.conditional and want.unless is not None:
            by_tag = want.unless.kind == "etag"
            fields.append(("If-None-Match" if by_tag else "If-Modified-Since", want.unless.value))
        return fields

    def whole(self) -> Ask:
        """Give the plain question for all of it."""
        return msgspec.structs.replace(self, ranged=False, tied=False)


class Reply(msgspec.Struct, frozen=True):
    """An answer as its head tells it; ``where`` is the safe URL and ``path`` the path of who answered."""

    status: int
    headers: Headers
    where: str = ""
    path: str = ""
    now: float = 0.0  # Unix time


class Take(msgspec.Struct, frozen=True):
    """Use the body: ``length`` bytes of it (None: to its end). ``restarted``: it is of another version."""

    probe: Probe
    length: int | None
    restarted: bool = False


class AskAgain(msgspec.Struct, frozen=True):
    """Drop the body and ask more simply; ``why`` is for the log."""

    ask: Ask
    why: str


class Unchanged(msgspec.Struct, frozen=True):
    """The source still is the version ``want.unless``."""


class Refuse(msgspec.Struct, frozen=True):
    """No use for it."""

    error: TransferError


Verdict = Take | AskAgain | Unchanged | Refuse


def judge(ask: Ask, reply: Reply) -> Verdict:
    """Say what to do with ``reply``. AskAgain always asks for less than ``ask``, so that this comes to an end."""
    match reply.status:
        case 200:
            return _whole(ask, reply)
        case 206:
            return _part(ask, reply)
        case 304:
            return _not_modified(ask, reply)
        case 416 if ask.ranged:
            return _beyond_the_end(ask, reply)
        case 412 if ask.ranged:
            return AskAgain(ask.whole(), "a condition failed (412): the version may be gone")
        case _:
            return Refuse(refusal(reply.status, reply.headers, reply.where, reply.now))


def _whole(ask: Ask, reply: Reply) -> Verdict:
    """200: all of it, whatever was asked (RFC 9110 §14.2 lets any server ignore Range)."""
    want, validator = ask.want, metadata.validator(reply.headers)
    if (coding := metadata.coding(reply.headers, reply.path)) is not None:
        return Refuse(
            BadAnswer(
                f"{reply.where} sends the file {coding}-coded, though asked for the bytes as they are.",
                http_status=200,
                status=WebErrorStatus.ERROR_HTTP_INVALID_SERVER_RESPONSE,
                hint="Ask whoever runs the server to serve it without Content-Encoding.",
            )
        )
    if ask.conditional and _strong(want.unless) and _strong(validator) and _same(want.unless, validator):
        return Unchanged()  # it knows no conditional requests; the tag says the same
    size = metadata.length(reply.headers)
    if want.pinned is None and want.size is None:
        return _take_whole(reply, validator, size, want.stop)
    fits = size is None or want.size is None or size == want.size
    same = _same(want.pinned, validator)
    if same and fits:
        if ask.tied:  # some servers know Range but not If-Range, and some caches drop Range when it is there
            return AskAgain(msgspec.structs.replace(ask, tied=False), "Range was ignored: once more without If-Range")
        return _take_whole(reply, validator, want.size if size is None else size, want.stop)
    if want.pinned is None and size is not None and size == want.size:
        # Nobody can tell; it begins at byte 0, so the bytes themselves are compared.
        return _take_whole(reply, validator, size, want.stop)
    return _take_whole(reply, validator, size, None, restarted=True)


def _take_whole(
    reply: Reply, validator: Validator | None, size: int | None, stop: int | None, *, restarted: bool = False
) -> Take:
    words = (metadata.field(reply.headers, "accept-ranges") or "").lower().replace(",", " ").split()
    known = [n for n in (size, stop) if n is not None]
    return Take(_probe(reply, size, validator, start=0, ranges="bytes" in words), min(known, default=None), restarted)


def _part(ask: Ask, reply: Reply) -> Verdict:
    """206: held against the question in every number (RFC 9110 §15.3.7, §14.4)."""
    want = ask.want
    if not ask.ranged:
        return Refuse(refusal(206, reply.headers, reply.where, reply.now))
    found = metadata.content_range(reply.headers)
    validator = metadata.validator(reply.headers)
    if found is None or (why := _misfit(want, reply, found, validator)):
        return AskAgain(ask.whole(), why if found is not None else "a 206 without a usable Content-Range")
    stop = found.stop if want.stop is None else min(found.stop, want.stop)
    size = want.size if found.total is None else found.total
    return Take(_probe(reply, size, validator, start=found.start, ranges=True), stop - found.start)


def _misfit(want: Want, reply: Reply, found: ContentRange, validator: Validator | None) -> str:
    """Give why a 206 cannot be used, "" when it can. That it is shorter than asked is no fault."""
    same = _same(want.pinned, validator)
    said = metadata.length(reply.headers)
    media = (metadata.field(reply.headers, "content-type") or "").lower()
    if media.startswith(MEDIA_PARTS):
        return "several parts where one was asked for"
    if metadata.coding(reply.headers, reply.path) is not None:
        return "a part of a coded form, whose bytes are not the file's"
    if said is not None and said != found.stop - found.start:
        return "a part whose Content-Length and Content-Range contradict each other"
    if found.start > want.start or found.stop <= want.start:
        return "a part that does not hold the first byte asked for"
    if found.start < want.start and not same:
        return "a part that starts earlier, of a version nobody can tell"
    if same is False or (same is None and want.pinned is not None and validator is not None):
        return "a part of another version"
    if want.size is not None and (found.total not in (None, want.size) or found.stop > want.size):
        return "a part of something of another length"
    return ""


def _not_modified(ask: Ask, reply: Reply) -> Verdict:
    """304: only where it was asked for, and only for the version that was named (RFC 9110 §15.4.5)."""
    if not ask.conditional:
        return Refuse(refusal(304, reply.headers, reply.where, reply.now))
    unless, validator = ask.want.unless, metadata.validator(reply.headers)
    if _strong(unless) and _strong(validator) and _same(unless, validator) is False:
        return AskAgain(msgspec.structs.replace(ask, conditional=False), "not modified, but of another version")
    return Unchanged()


def _beyond_the_end(ask: Ask, reply: Reply) -> Verdict:
    """416: nothing there (RFC 9110 §15.5.17); right only when all of it is here."""
    want, total = ask.want, metadata.unsatisfied(reply.headers)
    validator = metadata.validator(reply.headers)
    if total == want.start and want.size in (None, total) and _same(want.pinned, validator) is not False:
        return Take(_probe(reply, total, validator, start=total, ranges=True), 0)
    return AskAgain(ask.whole(), "nothing at that place (416): the version may be gone")


def _same(old: Validator | None, new: Validator | None) -> bool | None:
    """Say whether two validators name one version, None where they cannot tell.

    Unlike same_version it leaves out how strong a date is: the same date gets stronger as time goes by (§8.8.2.2).
    """
    if old is None or new is None or old.kind != new.kind:
        return None
    return old.value == new.value


def _strong(validator: Validator | None) -> bool:
    return validator is not None and validator.strong


def _probe(reply: Reply, size: int | None, validator: Validator | None, *, start: int, ranges: bool) -> Probe:
    media = (metadata.field(reply.headers, "content-type") or "").split(";")[0].strip().lower()
    return Probe(size, validator, ranges, start, reply.status, reply.where, media[:100], metadata.kept(reply.headers))
