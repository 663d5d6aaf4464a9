"""Keeping a kernel from being culled while it transfers, where a person asked for that.

A server that culls idle kernels counts their messages, and a download makes none. So one is sent now and then: of a
comm that no front end knows, which they all pass over. Admins cull on purpose: it is off unless it is asked for.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import uuid
from typing import TYPE_CHECKING

from nbxfer.board import News
from nbxfer.faces.panel import control

if TYPE_CHECKING:
    from nbxfer.session import Session

log = logging.getLogger("nbxfer")


class Pulse:
    """Sends a sign of life every so many seconds, as long as the session has work; rests, thread and all, else."""

    def __init__(self, session: Session, every: float) -> None:
        import comm

        self._session, self._every = session, every
        self._comm = comm.create_comm(target_name="nbxfer.alive", comm_id=uuid.uuid4().hex, primary=False)
        self._beating = threading.Lock()
        session.board.subscribe(self._news, per_second=1 / every)

    def _news(self, news: News) -> None:
        if self._beating.acquire(blocking=False):
            # A fresh context: else the thread would hold on to the cell it was started from.
            run = contextvars.Context().run
            threading.Thread(target=run, args=(self._beat,), name="nbxfer-alive", daemon=True).start()

    def _beat(self) -> None:
        rest = threading.Event()
        try:
            while self._session.unfinished():
                self._comm.send({"t": "alive"})
                rest.wait(self._every)
        except Exception:  # the kernel is leaving
            log.debug("no sign of life could be sent", exc_info=True)
        finally:
            self._beating.release()


def keep_alive(session: Session, every: float | None) -> Pulse | None:
    """Begin to give signs of life while ``session`` works; None where that is not asked for, or this is no kernel."""
    return Pulse(session, every) if every is not None and control.kernel() is not None else None
