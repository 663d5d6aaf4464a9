"""What follows from an answer that a mover did not expect. It knows what it was told; this process knows the rest."""

from __future__ import annotations

import time

from nbxfer.core.probe import Want
from nbxfer.engine import mover_words as words
from nbxfer.engine import parts
from nbxfer.sources.base import Source, Stop, Stream
from nbxfer.sources.parts import judge_part
from nbxfer.sources.question import Ask, Refuse, Reply
from nbxfer.wire.prepared import Prepared

#: Answers that the whole client may well get past: by credentials, by another redirect, by a new signature.
_OURS = frozenset((401, 403, 407))


def asked_anew(source: Source, asked: Prepared, answer: words.Answered, stop: Stop) -> Prepared | None:
    """Give the request to ask by from now on; None where it cannot be told in values any more.

    Raises what the answer means (TransferError), Stopped.
    """
    ask = Ask.first(answer.want)
    reply = Reply(answer.status, answer.headers, asked.where, asked.path, time.time())
    verdict = judge_part(ask, reply)
    if isinstance(verdict, Refuse) and answer.status not in _OURS and answer.status // 100 != 3:
        raise verdict.error
    return opened(source, answer.want, stop)


def opened(source: Source, want: Want, stop: Stop) -> Prepared | None:
    """Ask for a part the whole way, from the URL that a person gave; give the request that was answered."""
    stream = parts.opened(source, want, stop)
    try:
        return prepared(stream)
    finally:
        stream.close()


def prepared(stream: Stream) -> Prepared | None:
    """Give the request that ``stream`` is the answer to, as values; None where its source has no such thing."""
    give = getattr(stream, "prepared", None)
    found: Prepared | None = give() if give is not None else None
    return found
