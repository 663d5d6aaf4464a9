"""Going on with what somebody else began: wget, curl, a browser."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from nbxfer.core import events as ev
from nbxfer.core import url as urls
from nbxfer.core.lifecycle import Operation as Machine
from nbxfer.core.phases import Phase
from nbxfer.core.snapshot import Snapshot
from nbxfer.engine import adoption
from nbxfer.errors import DestinationExists, InvalidRequest
from nbxfer.session import destination as where
from nbxfer.session import request, ways
from nbxfer.session.operation import Operation
from nbxfer.session.request import Request
from nbxfer.sinks.adopting import Theirs
from nbxfer.sinks.far import here

if TYPE_CHECKING:
    from nbxfer.session.desk import Session

#: What lies beside a file that was fetched in pieces: nobody but that program knows which of them came.
IN_PIECES: Final = {".aria2": "aria2c", ".st": "axel"}
_OURS: Final = re.compile(r"\..+\.[0-9a-f]{8,32}\.[0-9]+\.(part|clone)", re.DOTALL)


def adopt(
    session: Session, part: object, url: object, dest: object, options: dict[str, Any], *, move: bool
) -> Operation:
    """Give an operation that goes on from somebody's unfinished file.

    The file is read once, and copied unless it is to be moved; only then is the operation accepted. Raises what
    ``download`` raises; InvalidRequest for a file that cannot be gone on with; NoSpace. Then the file is as it was.
    """
    asked = request.read(url, dest, options)
    path = _checked(part, move=move)
    theirs = Theirs(path, move=move)
    in_place = os.path.realpath(asked.destination) == os.path.realpath(path)
    if in_place and not move:
        raise InvalidRequest(
            f"{theirs.shown} is the destination itself, and would be replaced.",
            hint="Give move=True to go on with this very file, or another destination.",
        )
    with session._lock:
        machine, starts = _made(session, asked, in_place=in_place)
        engine, doors = session._engine, session._doors
        try:
            adopted = adoption.adopt(here(doors.sink(machine)), engine.manifest, machine.id, path, move=move)
        except BaseException:
            doors.forget(machine.id)
            raise
        try:
            machine.tell("adopted", _told(adopted.length, os.path.basename(path), machine))
            engine.call(lambda: engine.submit([machine]))
        except Exception:  # an interrupt is none: it may be accepted all the same
            adoption.give_up(here(doors.sink(machine)), engine.manifest, machine.id, adopted.theirs)
            doors.forget(machine.id)
            raise
        # It is written down whose it is now: only then does it move, and the old name goes when it is needed for the
        # new file, or when the server has proven that these are its bytes: of a wrong URL nobody loses a file.
        if in_place:
            adopted.theirs.remove()
        elif move:
            _let_go_when_proven(session, machine.id, adopted.length, adopted.theirs)
        if starts:
            engine.wish(machine.id, ev.StartAsked())
        operation = Operation(session, machine.id)
        session._given.append(operation)
    return operation


def _let_go_when_proven(session: Session, op_id: str, had: int, theirs: Theirs) -> None:
    """Take the old name away once more has come behind what it had; never where the bytes were others."""
    ring: list[Callable[[], None]] = []  # what ends the listening

    def let_go() -> None:
        theirs.let_go()

    def look(news: Mapping[str, Snapshot]) -> None:
        shown = news.get(op_id)
        if shown is None or not ring:
            return
        if shown.restarts or shown.phase is Phase.CANCELED:
            ring.pop()()
        elif shown.received > had or shown.phase is Phase.DONE:
            ring.pop()()
            session.apart(let_go)

    ring.append(session.board.subscribe(look, ids=[op_id]))
    if (shown := session.board.get(op_id)) is not None:
        look({op_id: shown})


def _checked(part: object, *, move: bool) -> str:
    if not isinstance(part, str | os.PathLike):
        raise InvalidRequest(
            f"The unfinished file is of type {type(part).__name__}, not a path.", hint="Give its path."
        )
    if not isinstance(move, bool):
        raise InvalidRequest(f"move={move!r} is neither True nor False.")
    path = where._path("part", part)
    for ending, program in IN_PIECES.items():
        if os.path.lexists(path + ending):
            raise InvalidRequest(
                f"{path} was begun by {program}, which fetches in pieces: it has holes that {program} alone knows.",
                hint=f"Let {program} finish it (the file {os.path.basename(path + ending)} says how far it is).",
            )
    if move and _OURS.fullmatch(os.path.basename(path)):
        raise InvalidRequest(
            f"{path} is the part of a transfer of nbxfer's own.", hint="Go on with that: reattach(), nbxfer resume."
        )
    return path


def _made(session: Session, asked: Request, *, in_place: bool) -> tuple[Machine, bool]:
    """Give the operation, not accepted yet and not started, and whether it is to be started."""
    asking, options = session._asking, asked.options
    options = asked.options = msgspec.structs.replace(options)  # they may be those of many
    starts, options.start = options.start, False
    if_exists = options.if_exists
    if in_place:  # what stands there is what is taken over
        options.if_exists = "overwrite"
    [access] = ways.ways_in([asked])
    session._engine.start()
    plan = asking._planned(asked, access, offline=False)
    if plan.error is not None:
        raise plan.error
    assert plan.decision is not None
    if (found := plan.decision.found) is not None:
        raise DestinationExists(
            f"{plan.spec.destination} is the destination of another transfer, from "
            f"{urls.safe_url(found.record.spec.url)}.",
            op_id=found.record.id,
            hint=f"Cancel that one first: nbxfer cancel {found.record.id[:8]}",
        )
    # Over one connection: with several, bytes would land before what is here was compared.
    plan.spec = msgspec.structs.replace(plan.spec, adopted=True, if_exists=if_exists, connections=1)
    if in_place:
        plan.decision.before = None
    return asking._made(plan), starts


def _told(length: int, name: str, machine: Machine) -> str:
    proven = machine.spec.checksum or machine.spec.checksum_at
    held = "a checksum proves them" if proven else "only their end is compared with the server's"
    return f"{length} bytes of {name[:40]}; {held}"
