"""The decision table: what was asked and what came back → what to do. Pure; every row has a test of its name.

No answer is trusted because of the question: servers ignore If-Range, drop Range, shift ranges and change in
mid-file. What an answer is, its own fields must say; where they do not say enough, the next question is a simpler
one, down to a plain GET, whose body begins at byte 0 and so can be compared with every byte that is here.
"""

from __future__ import annotations

import msgspec

from nbxfer.core.probe import Validator, same_version
from nbxfer.errors import BadAnswer, WebErrorStatus
from nbxfer.sources import metadata
from nbxfer.sources.metadata import ContentRange
from nbxfer.sources.pages import MEDIA_PAGES
from nbxfer.sources.parts import judge_part
from nbxfer.sources.question import MEDIA_PARTS, Ask, AskAgain, Refuse, Reply, Take, Unchanged, Verdict
from nbxfer.sources.refusals import refusal


def judge(ask: Ask, reply: Reply) -> Verdict:
    """Say what to do with ``reply``. AskAgain always asks for less than ``ask``, so that this comes to an end."""
    if ask.want.part:
        return judge_part(ask, reply)
    match reply.status:
        case 200:
            return _whole(ask, reply)
        case 206:
            return _range(ask, reply)
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
        return Refuse(_coded(reply, coding))
    if ask.conditional and _strong(want.unless) and _strong(validator) and same_version(want.unless, validator):
        return Unchanged()  # it knows no conditional requests; the tag says the same
    size = metadata.length(reply.headers)
    if ask.proving and size != 0:  # of nothing, every range can be had
        return Refuse(_not_at_random(reply, size))
    if want.pinned is None and want.size is None:
        return _take_whole(reply, validator, size, want.stop)
    fits = size is None or want.size is None or size == want.size
    same = same_version(want.pinned, validator)
    if same and fits:
        if ask.tied:  # some servers know Range but not If-Range, and some caches drop Range when it is there
            return AskAgain(ask.untied(), "Range was ignored: once more without If-Range")
        return _take_whole(reply, validator, want.size if size is None else size, want.stop)
    if want.pinned is None and size is not None and size == want.size:
        # Nobody can tell; it begins at byte 0, so the bytes themselves are compared.
        return _take_whole(reply, validator, size, want.stop)
    return _take_whole(reply, validator, size, None, restarted=True)


def _coded(reply: Reply, coding: str) -> BadAnswer:
    hint = "Ask whoever runs the server to serve it without Content-Encoding."
    said = f"{reply.where} sends the file {coding}-coded, though asked for the bytes as they are."
    if reply.media in MEDIA_PAGES:
        said = f"{reply.where} sends a web page, {coding}-coded, though asked for the bytes as they are."
        hint = f"If it is one to log in at, give credentials; if it is the file: {hint[0].lower()}{hint[1:]}"
    return BadAnswer(said, http_status=200, status=WebErrorStatus.ERROR_HTTP_INVALID_SERVER_RESPONSE, hint=hint)


def _not_at_random(reply: Reply, size: int | None) -> BadAnswer:
    """Give the error for a source of which any range was to be had."""
    if size is None:
        status, lack = WebErrorStatus.MISSING_CONTENT_LENGTH_SUPPORT, "does not say how long the file is"
    else:
        status, lack = WebErrorStatus.INSUFFICIENT_RANGE_SUPPORT, "gives no ranges of the file"
    return BadAnswer(
        f"{reply.where} {lack}, so it cannot be read in any order.",
        http_status=reply.status,
        status=status,
        hint="Leave random_access out: it can be fetched from its beginning to its end.",
    )


def _take_whole(
    reply: Reply, validator: Validator | None, size: int | None, stop: int | None, *, restarted: bool = False
) -> Take:
    words = (metadata.field(reply.headers, "accept-ranges") or "").lower().replace(",", " ").split()
    known = [n for n in (size, stop) if n is not None]
    probe = reply.probe(size, validator, start=0, ranges="bytes" in words, whole=True)
    return Take(probe, min(known, default=None), restarted)


def _range(ask: Ask, reply: Reply) -> Verdict:
    """206: held against the question in every number (RFC 9110 §15.3.7, §14.4)."""
    want = ask.want
    if not ask.ranged:
        return Refuse(refusal(206, reply.headers, reply.where, reply.now))
    found = metadata.content_range(reply.headers)
    validator = metadata.validator(reply.headers)
    if found is None or (why := _misfit(ask, reply, found, validator)):
        return AskAgain(ask.whole(), why if found is not None else "a 206 without a usable Content-Range")
    if ask.proving and found.total is None:
        return Refuse(_not_at_random(reply, None))
    stop = found.stop if want.stop is None else min(found.stop, want.stop)
    size = want.size if found.total is None else found.total
    whole = (found.start, found.stop) == (0, size)
    return Take(reply.probe(size, validator, start=found.start, ranges=True, whole=whole), stop - found.start)


def _misfit(ask: Ask, reply: Reply, found: ContentRange, validator: Validator | None) -> str:
    """Give why a 206 cannot be used, "" when it can. That it is shorter than asked is no fault."""
    want = ask.want
    same = same_version(want.pinned, validator)
    said = metadata.length(reply.headers)
    if reply.media.startswith(MEDIA_PARTS):
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
    if _strong(unless) and _strong(validator) and same_version(unless, validator) is False:
        return AskAgain(msgspec.structs.replace(ask, conditional=False), "not modified, but of another version")
    return Unchanged()


def _beyond_the_end(ask: Ask, reply: Reply) -> Verdict:
    """416: nothing there (RFC 9110 §15.5.17); right only when all of it is here."""
    want, total = ask.want, metadata.unsatisfied(reply.headers)
    validator = metadata.validator(reply.headers)
    if total == want.start and want.size in (None, total) and same_version(want.pinned, validator) is not False:
        return Take(reply.probe(total, validator, start=total, ranges=True), 0)
    return AskAgain(ask.whole(), "nothing at that place (416): the version may be gone")


def _strong(validator: Validator | None) -> bool:
    return validator is not None and validator.strong
