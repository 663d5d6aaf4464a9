"""What is left over, and how it goes: parts that nobody continues, transfers that nobody will finish, old bookkeeping.

Nothing that a living process works on is touched, no finished file ever, and nothing is followed through a link.
Removing is one step a file, so a kill in between leaves only less to do.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import msgspec

from nbxfer.cache.shelf import Kept
from nbxfer.core import events as ev
from nbxfer.core.lease import Hold
from nbxfer.core.phases import FINAL, Phase
from nbxfer.core.record import Record
from nbxfer.engine.standing import standing
from nbxfer.errors import InvalidRequest
from nbxfer.manifest.base import Found
from nbxfer.manifest.remnants import SETTLED, Census, Remnant
from nbxfer.manifest.remnants import remove as remove_remnant
from nbxfer.session.abandoned import Abandoned, abandoned
from nbxfer.session.opening import shelf_of
from nbxfer.session.operation import Operation
from nbxfer.sinks import strays
from nbxfer.sinks.oserrors import shown
from nbxfer.sinks.strays import Stray

if TYPE_CHECKING:
    from nbxfer.session.helm import Helm

#: Seconds that one removal of a transfer is waited for.
REMOVED_WITHIN = 30.0


class Leftover(msgspec.Struct, frozen=True, kw_only=True):
    """Something that is left over. ``size`` in bytes on the disk, ``age`` in seconds since it was last changed.

    ``kind`` is one of: "part" (of a transfer that is over), "kept part" (a person canceled and kept it), "unknown
    part" (of no transfer of this home; perhaps of another), "failed" and "interrupted" (whole transfers, with their
    parts), "upload" (begun at a store, and left), "copy" (of what open() has read), and of the bookkeeping
    "block log", "claim", "wishes", "owner", "history", "half-made", "journal".
    ``sure`` says whether it is of no use to anybody; an unknown part is removed only when it is named.
    """

    kind: str
    name: str  # for showing
    size: int
    age: float
    why: str
    id: str = ""  # of the operation
    path: str = ""  # of the file; "" for whole transfers
    sure: bool = False

    @property
    def where(self) -> str:
        """What it is named by: its path, or the operation's id."""
        return self.path or self.id


class _Thing(msgspec.Struct):
    """A leftover, and how it is removed: the function says whether it is gone by that."""

    leftover: Leftover
    remove: Callable[[], bool]


def leftovers(session: Helm, older_than: float | timedelta | None = None) -> list[Leftover]:
    """Give what is surely of no use, and parts that nobody knows; with ``older_than`` (seconds) also what is so old.

    These are transfers that failed or were interrupted, and parts that were kept when they were canceled. Starts and
    changes nothing. Raises InvalidRequest; StorageFailed, AccessDenied where the home cannot be read.
    """
    return [thing.leftover for thing in _find(session, _seconds(older_than))]


def clean(
    session: Helm,
    older_than: float | timedelta | None = None,
    ids: str | os.PathLike[str] | Iterable[str | os.PathLike[str]] | None = None,
) -> list[Leftover]:
    """Remove what ``leftovers`` gives, but for parts that nobody knows; give what was removed.

    ``ids``: only these, operations or paths, however young they are. Raises InvalidRequest before anything is removed.
    """
    age = _seconds(older_than)
    if ids is None:
        things = [t for t in _find(session, age) if t.leftover.kind != "unknown part"]
    else:
        things = _named(_find(session, 0.0, settled=0.0), ids)
    return [thing.leftover for thing in things if thing.remove()]


def _seconds(older_than: Any) -> float | None:
    if isinstance(older_than, timedelta):
        older_than = older_than.total_seconds()
    if older_than is None:
        return None
    if isinstance(older_than, bool) or not isinstance(older_than, int | float) or not 0 <= older_than < float("inf"):
        raise InvalidRequest(
            f"older_than={older_than!r} is no span of time.", hint="Give seconds, or a datetime.timedelta."
        )
    return float(older_than)


def _named(things: list[_Thing], ids: Any) -> list[_Thing]:
    given = [ids] if isinstance(ids, str | os.PathLike) else list(ids)
    by_name = {name: thing for thing in things for name in (thing.leftover.path,) if name}
    by_id: dict[str, list[_Thing]] = {}
    for thing in things:
        if thing.leftover.id:
            by_id.setdefault(thing.leftover.id, []).append(thing)
    chosen: list[_Thing] = []
    for each in given:
        if not isinstance(each, str | os.PathLike):
            raise InvalidRequest(f"{each!r} names nothing that could be removed.", hint="Give ids or paths as text.")
        name = os.fspath(each)
        found = by_id.get(name) or [t for t in [by_name.get(os.path.abspath(name))] if t is not None]
        if not found:
            raise InvalidRequest(
                f"{shown(name)} is nothing that is left over.", hint="See what is: Session.leftovers(older_than=0)."
            )
        chosen += [t for t in found if t not in chosen]
    return chosen


# -- looking ---------------------------------------------------------------------------------------------------------
def _find(session: Helm, older_than: float | None, settled: float = SETTLED) -> list[_Thing]:
    session._check_fork()
    manifest, now = session._manifest, time.time()
    remnants = manifest.remnants()
    census = remnants.census
    finals = _finals(census)
    there = [s for s in strays.parts({os.path.dirname(path) for path in finals}) if s.path not in finals]
    left = [s for s in there if s.op_id not in census.open and now - s.changed >= settled]
    things = [_of_stray(s, census, now) for s in left]
    things = [t for t in things if t.leftover.kind != "kept part" or _is_old(t.leftover.age, older_than)]
    if older_than is not None:
        mine = {op_id: op.record() for op_id, op in list(session._engine.dispatcher.ops.items())}
        for found in manifest.scan():
            record = mine.get(found.record.id, found.record)
            if _is_old(now - record.changed, older_than) and (kind := _kind(session, found, record)):
                things.append(_of_operation(session, found, record, kind, there, now))
        found_far = abandoned(session._doors, census, older_than, now)
        things += [_of_upload(each, now) for each in found_far]
        things += [_of_copy(session, kept, now) for kept in shelf_of(session).kept() if now - kept.used >= older_than]
    return things + [_of_remnant(session, r) for r in remnants.found]


def _of_copy(session: Helm, kept: Kept, now: float) -> _Thing:
    age = max(0.0, now - kept.used)
    why = "kept by open() for the next time; it would be fetched again"
    left = Leftover(kind="copy", name=kept.folder.parent.name, size=kept.size, age=age, why=why, path=str(kept.folder))
    return _Thing(left, lambda: shelf_of(session).remove(kept.folder))


def _of_upload(upload: Abandoned, now: float) -> _Thing:
    left = Leftover(
        kind="upload",
        name=shown(upload.upload.url),
        size=upload.upload.size,
        age=max(0.0, now - upload.upload.at),
        why=upload.why,
        id=upload.record.id,
        sure=True,
    )
    return _Thing(left, upload.give_up)


def _is_old(age: float, older_than: float | None) -> bool:
    return older_than is not None and age >= older_than


def _finals(census: Census) -> set[str]:
    """Give every path under which this home has put, or may put, a finished file."""
    records = census.records.values()
    paths = {r.spec.destination for r in records} | {r.named for r in records}
    return {path for path in paths | {r.published.path for r in records if r.published is not None} if path}


def _of_stray(stray: Stray, census: Census, now: float) -> _Thing:
    record = census.records.get(stray.op_id)
    if record is None:
        kind, why = "unknown part", "a part of no transfer of this home; another home may know it"
    elif record.phase is Phase.CANCELED and record.keep_part:
        kind, why = "kept part", "kept when its transfer was canceled"
    else:
        kind, why = "part", f"its transfer is {record.phase}"
    leftover = Leftover(
        kind=kind,
        name=shown(stray.stem),
        size=stray.size,
        age=now - stray.changed,
        why=why,
        id=stray.op_id,
        path=stray.path,
        sure=kind == "part",
    )
    return _Thing(leftover, lambda: strays.remove(stray))


def _of_remnant(session: Helm, remnant: Remnant) -> _Thing:
    leftover = Leftover(
        kind=remnant.kind,
        name=os.path.basename(remnant.path),
        size=remnant.size,
        age=remnant.age,
        why=remnant.why,
        id=remnant.op_id,
        path=remnant.path,
        sure=True,
    )
    if remnant.kind == "journal":
        return _Thing(leftover, lambda: _fold(session, remnant.owner, remnant.path))
    return _Thing(leftover, lambda: remove_remnant(session._manifest.layout, remnant))


def _kind(session: Helm, found: Found, record: Record) -> str:
    """Say what an unfinished operation is: "failed", "interrupted" or, where it is somebody's who lives, nothing."""
    if record.phase in FINAL:
        return ""
    where = standing(found, session._manifest)
    if where == "orphaned":
        return "failed" if record.phase is Phase.FAILED else "interrupted"
    return "failed" if where == "ours" and record.phase is Phase.FAILED else ""


def _of_operation(session: Helm, found: Found, record: Record, kind: str, there: Iterable[Stray], now: float) -> _Thing:
    why = record.fault.message if kind == "failed" and record.fault is not None else "the process that ran it is gone"
    leftover = Leftover(
        kind=kind,
        name=shown(os.path.basename(record.named or record.spec.destination)),
        size=sum(s.size for s in there if s.op_id == record.id),
        age=max(0.0, now - record.changed),
        why=why,
        id=record.id,
    )
    return _Thing(leftover, lambda: _cancel(session, found))


# -- removing --------------------------------------------------------------------------------------------------------
def _cancel(session: Helm, found: Found) -> bool:
    """Cancel an operation for good, part and all. It is taken over and canceled in one turn: nothing is asked of it."""
    engine, op_id = session._engine, found.record.id
    custody, live = engine.custody, engine.dispatcher.ops

    def cancel() -> bool:
        if op_id in live and live[op_id].phase is not Phase.FAILED:
            return False  # somebody here goes on with it
        followed = op_id in custody.followed
        if op_id not in live and op_id not in custody.adopt([found]):
            if not followed:
                custody.followed.pop(op_id, None)
            return False  # another process was quicker, and goes on with it
        engine.dispatcher.happened([(op_id, ev.CancelAsked(), None)])
        return True

    if not engine.call(cancel):
        return False
    Operation(session, op_id).wait(REMOVED_WITHIN, progress=False)
    return session.snapshot(op_id).phase is Phase.CANCELED


def _fold(session: Helm, owner: str, path: str) -> bool:
    """Put what a dead kernel had finished into the history, and its journal away."""
    session._engine.call(lambda: session._engine.custody.take(owner, Hold.DEAD, set()))
    return not os.path.lexists(path)
