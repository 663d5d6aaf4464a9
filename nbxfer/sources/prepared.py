"""Parts of one version by a prepared request: all that a mover knows of servers."""

from __future__ import annotations

import time
from collections.abc import Callable

from nbxfer.core.policy import Patience
from nbxfer.core.probe import Want
from nbxfer.errors import RangesRefused
from nbxfer.sources.base import Stop, Stopped
from nbxfer.sources.parts import judge_part
from nbxfer.sources.question import Ask, AskAgain, Reply, Take
from nbxfer.sources.stream import HttpStream
from nbxfer.wire.prepared import Asker, Prepared

#: Asked when an answer is not the one that was expected: gives the request to ask by from now on. Raises
#: TransferError where there is none, Stopped.
Decide = Callable[[Want, int, list[tuple[str, str]], Prepared, Stop], Prepared]


class PreparedSource:
    """Gives parts (``want.part``) and nothing else. Any thread; what an odd answer means is for ``decide`` to say."""

    def __init__(self, prepared: Prepared, patience: Patience, decide: Decide) -> None:
        self._asker, self._decide = Asker(prepared, patience), decide

    def open(self, want: Want, stop: Stop) -> HttpStream:
        """See Source."""

        def tick() -> None:
            if stop.is_set():
                raise Stopped

        ask = Ask.first(want)
        while True:
            asked = self._asker.prepared
            answer = self._asker.get(ask.headers(), tick)
            reply = Reply(answer.status, answer.headers, answer.safe_url, answer.path, time.time())
            verdict = judge_part(ask, reply)
            if isinstance(verdict, Take):
                return HttpStream(answer, verdict, tick)
            answer.close()
            if isinstance(verdict, AskAgain):
                ask = verdict.ask
                continue
            prepared = self._decide(want, answer.status, list(answer.headers), asked, stop)
            if prepared == asked:
                raise RangesRefused(
                    f"{answer.safe_url} answers two processes in two ways.", hint="It is fetched by threads."
                )
            self._asker.prepared = prepared

    def close(self) -> None:
        """See Source."""
        self._asker.close()
