"""The decision table for one of several requests for one version: that part of it, or an error that says why not.

There is no whole to fall back to: other connections are writing other parts of the same file. So nothing is taken
that its own fields do not tie to the pinned version, by a strong validator (RFC 9110 §15.3.7.3).
"""

from __future__ import annotations

from typing import Final

from nbxfer.core.probe import Validator, Want, same_version
from nbxfer.errors import RangesRefused, SourceChanged
from nbxfer.sources import metadata
from nbxfer.sources.metadata import ContentRange
from nbxfer.sources.question import MEDIA_PARTS, Ask, AskAgain, Refuse, Reply, Take, Verdict
from nbxfer.sources.refusals import refusal

_GO_ON: Final = "It is fetched over one connection."


def judge_part(ask: Ask, reply: Reply) -> Verdict:
    """Say what to do with an answer to the question for a part; never gives a body of anything else."""
    want, validator = ask.want, metadata.validator(reply.headers)
    if want.pinned is None or not want.pinned.strong:
        return _refused(reply, "no strong validator ties its parts together")
    match reply.status:
        case 206:
            return _part(want, reply, validator)
        case 200:
            return _whole(ask, reply, validator)
        case 412 if ask.tied:  # some servers fail every condition; what comes without one says what it is
            return AskAgain(ask.untied(), "a condition failed (412): once more without it")
        case 412:
            return _changed(reply)
        case 416:
            total = metadata.unsatisfied(reply.headers)
            if _other(want, validator) or (None not in (total, want.size) and total != want.size):
                return _changed(reply)
            return _refused(reply, "it says that there is no such part")
        case _:
            return Refuse(refusal(reply.status, reply.headers, reply.where, reply.now))


def _part(want: Want, reply: Reply, validator: Validator | None) -> Verdict:
    """206: of that version, that length and that coding, from the byte asked for; it may be shorter than asked."""
    if metadata.coding(reply.headers, reply.path) is not None:  # its tag and total may well be those of the coded form
        return _refused(reply, "it sends them coded")
    found = metadata.content_range(reply.headers)
    if found is None or reply.media.startswith(MEDIA_PARTS):
        return _refused(reply, "it does not say which part it sends")
    if _other(want, validator) or _other_length(want, found):
        return _changed(reply)
    if not same_version(want.pinned, validator):
        return _refused(reply, "it does not say of which version a part is")
    said = metadata.length(reply.headers)
    if found.start != want.start or (said is not None and said != found.stop - found.start):
        return _refused(reply, "it sends another part than was asked for")
    stop = found.stop if want.stop is None else min(found.stop, want.stop)
    size = want.size if found.total is None else found.total
    return Take(reply.probe(size, validator, start=found.start, ranges=True), stop - found.start)


def _other_length(want: Want, found: ContentRange) -> bool:
    return want.size is not None and (found.total not in (None, want.size) or found.stop > want.size)


def _whole(ask: Ask, reply: Reply, validator: Validator | None) -> Verdict:
    """200: another version, or a server that ignores Range; some do so only because of the condition."""
    want, size = ask.want, metadata.length(reply.headers)
    coded = metadata.coding(reply.headers, reply.path) is not None
    if not coded and (_other(want, validator) or (None not in (size, want.size) and size != want.size)):
        return _changed(reply)
    if ask.tied:
        return AskAgain(ask.untied(), "Range was ignored: once more without the condition")
    return _refused(reply, "it always sends the whole")


def _other(want: Want, validator: Validator | None) -> bool:
    """Say whether ``validator`` names another version; one of another kind names none that could be compared."""
    return same_version(want.pinned, validator) is False


def _changed(reply: Reply) -> Refuse:
    return Refuse(SourceChanged(f"{reply.where} has another version now."))


def _refused(reply: Reply, why: str) -> Refuse:
    said = f"{reply.where} gives no parts: {why}."
    return Refuse(RangesRefused(said, status=RangesRefused.default_status, http_status=reply.status, hint=_GO_ON))
