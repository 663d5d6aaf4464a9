"""How a process leaves, and what a forked child may do.

A kernel checkpoints and leaves at once. A script that ends with unfinished operations waits for them, with a bar;
Ctrl-C leaves them resumable. A forked child is inert: nothing of its parent's is touched by it.
"""

from __future__ import annotations

import atexit
import logging
import os
import sys
import weakref
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Final

from nbxfer.core.phases import Phase
from nbxfer.errors import TransferError
from nbxfer.session import config, seat

if TYPE_CHECKING:
    from nbxfer.session.desk import Session

log = logging.getLogger("nbxfer")

#: So many failures that nobody has looked at are told one by one.
SAID: Final = 5

_sessions: weakref.WeakSet[Session] = weakref.WeakSet()
_strong: set[Session] = set()  # an engine that works keeps its session
_registered = False


def register(session: Session) -> None:
    """Have a session leave in order when the interpreter does."""
    global _registered
    _sessions.add(session)
    _strong.add(session)
    if not _registered:
        _registered = True
        atexit.register(_leave_all)


def forget(session: Session) -> None:
    """The session has left already."""
    _sessions.discard(session)
    _strong.discard(session)


def _leave_all() -> None:
    for session in list(_sessions):
        if session._pid != os.getpid():
            continue  # a forked child leaves its parent's transfers alone
        try:
            if _waits(session):
                _wait(session)
            session.close()
            if not seat.in_kernel():
                _say_what_failed(session)
        except Exception:
            log.exception("leaving failed; what was saved can be gone on with")


def _waits(session: Session) -> bool:
    choice = session.at_exit or str(config.get("at_exit"))
    if getattr(sys, "last_type", None) is KeyboardInterrupt:
        choice = "leave"  # who interrupts a script wants it to end; what has come is kept
        if session.unfinished():
            print("nbxfer: left; to go on: nbxfer resume --all", file=sys.stderr)
    if choice not in ("wait", "leave"):
        choice = "leave" if seat.in_kernel() else "wait"
    return choice == "wait" and bool(session.unfinished())


def _wait(session: Session) -> None:
    from nbxfer.session.waiting import RESTING, watch

    unfinished = session.unfinished()
    many = f"{len(unfinished)} transfers" if len(unfinished) > 1 else unfinished[0].snapshot.name
    try:
        print(f"nbxfer: waiting for {many} (Ctrl-C leaves; then: nbxfer resume --all)", file=sys.stderr)
        watch(unfinished, None, progress=True, until=RESTING)
        if resolve_name("nbxfer.faces.bar:mode")() != "bar":  # else its last line has said it
            session._told.difference_update(o.id for o in unfinished)
    except KeyboardInterrupt:
        print("nbxfer: left; to go on: nbxfer resume --all", file=sys.stderr)
    except TransferError as error:
        print(f"nbxfer: {error}", file=sys.stderr)


def _say_what_failed(session: Session) -> None:
    """Say of what this program asked for, failed, and never looked at again, that it has failed, and why."""
    failed = [o.snapshot for o in session._given if o.id not in session._told and o.snapshot.phase is Phase.FAILED]
    line = resolve_name("nbxfer.faces.words:line")
    for shown in failed[:SAID]:
        print(f"nbxfer: {line(shown)} (to try again: nbxfer retry {shown.id[:8]})", file=sys.stderr)
    if len(failed) > SAID:
        print(f"nbxfer: {len(failed) - SAID} more failed; to see them: nbxfer ls", file=sys.stderr)
