"""Whose operations are whose: following those of others, taking over from the dead, asking the living, being fenced.

Runs on the loop thread (``tick`` and what the engine calls); what reads folders runs on workers and comes home by
``later``. A journal is taken over whole; of its operations only those that a person asked for go on. The others are
*parked*: written down here under a new epoch as free for anybody (``handed_to`` = "*"), and left alone.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable

import msgspec

from nbxfer.core.lease import Hold
from nbxfer.core.lifecycle import Operation
from nbxfer.core.phases import FINAL, Phase
from nbxfer.core.record import Record
from nbxfer.core.snapshot import picture
from nbxfer.engine.dispatcher import Dispatcher
from nbxfer.engine.stakes import Later, Stakes
from nbxfer.engine.standing import ANYBODY, seen, standing
from nbxfer.engine.wording import event_of
from nbxfer.engine.work import Work
from nbxfer.errors import InvalidTransferState, TransferError
from nbxfer.manifest.base import Claim, Found, Wish

log = logging.getLogger("nbxfer")

#: Seconds between two looks at wishes (while something lives, and at rest) and at the journals of others.
WISHES_LIVE, WISHES_IDLE, FOLLOW_EVERY = 0.25, 1.0, 1.0


class Followed(msgspec.Struct):
    """An operation of another process that somebody here wants to see; ``adopt`` when it dies, if a person asked."""

    owner: str
    adopt: bool
    asked: bool = False


def _next(record: Record, hold: Hold) -> Record:
    """Give the record of an operation in new hands; an owner that is not proven dead may still write to its part."""
    unproven = record.unproven if hold is Hold.DEAD else record.epoch
    return msgspec.structs.replace(record, epoch=record.epoch + 1, unproven=unproven)


class Custody:
    """The engine's dealings with other processes."""

    def __init__(self, dispatcher: Dispatcher, work: Work, later: Later) -> None:
        self.dispatcher, self.work, self.later = dispatcher, work, later
        self.manifest, self.board = dispatcher.manifest, dispatcher.board
        self.followed: dict[str, Followed] = {}
        self.parked: dict[str, Record] = {}
        stakes = Stakes(self.manifest, work, later)
        self.stake, self.leave = stakes.stake, stakes.leave
        self._looking = False
        self._next_wishes = self._next_follow = 0.0

    # -- now and then --------------------------------------------------------------------------------------------
    def tick(self, now: float) -> None:
        """Look at wishes and at the journals of others when it is time; never waits for a folder."""
        if self._looking:
            return
        wishes = now >= self._next_wishes
        follow = bool(self.followed) and now >= self._next_follow
        if not wishes and not follow:
            return
        self._next_wishes = now + (WISHES_LIVE if self.dispatcher.ops else WISHES_IDLE)
        targets = [(op_id, f.owner) for op_id, f in self.followed.items()] if follow else []
        if follow:
            self._next_follow = now + FOLLOW_EVERY
        self._looking = True
        self.work.workers.submit(lambda: self._look(targets))

    def _look(self, targets: list[tuple[str, str]]) -> None:
        wishes: list[Wish] = []
        found: list[tuple[str, Found | None]] = []
        try:
            wishes = self.manifest.wishes()
            lost = False
            for op_id, owner in targets:
                one = self.manifest.look(op_id, owner)
                lost = lost or one is None
                found.append((op_id, one))
            if lost:  # somebody else took that journal over: see where the operation went
                where = {f.record.id: f for f in self.manifest.scan()}
                found = [(op_id, one or where.get(op_id)) for op_id, one in found]
        except TransferError as error:
            log.warning("the transfers of other kernels could not be read: %s", error)
        finally:
            self.later(lambda: self._looked(wishes, found))

    def _looked(self, wishes: Iterable[Wish], found: Iterable[tuple[str, Found | None]]) -> None:
        self._looking = False
        self.dispatcher.happened([(w.op_id, event, None) for w in wishes if (event := event_of(w)) is not None])
        for op_id, one in found:
            if op_id in self.followed:
                self._news(op_id, one)

    def _news(self, op_id: str, found: Found | None) -> None:
        followed = self.followed[op_id]
        if found is None:  # its journal went with its process, when nothing in it was unfinished any more
            del self.followed[op_id]
            self._gone(op_id)
            return
        followed.owner = found.record.handed_to or found.owner
        if found.record.phase in FINAL or found.record.phase is Phase.FAILED:
            self.board.post([seen(found, self.manifest)])
            if found.record.phase in FINAL:
                del self.followed[op_id]
        elif standing(found, self.manifest) == "orphaned" and followed.adopt:
            self.adopt([found])
        else:
            self.board.post([seen(found, self.manifest)])

    def _gone(self, op_id: str) -> None:
        record = self.manifest.ended(op_id)
        if record is not None:
            self.board.post([picture(record, owner="theirs")])
        else:
            self.board.forget([op_id])

    # -- taking over ---------------------------------------------------------------------------------------------
    def follow(self, found: Found, *, adopt: bool) -> None:
        """Show an operation that another process runs; go on with it here if that process dies and ``adopt``."""
        old = self.followed.get(found.record.id)
        self.followed[found.record.id] = Followed(found.owner, adopt or (old is not None and old.adopt))
        self.board.post([seen(found, self.manifest)])

    def attend(self, found: Iterable[Found]) -> None:
        """Show what others run, without ever going on with it here."""
        for one in found:
            self.follow(one, adopt=False)

    def adopt(self, wanted: Iterable[Found]) -> list[str]:
        """Take orphaned operations over and go on with them; give the ids that are ours now."""
        ids: list[str] = []
        wanted = list(wanted)
        owners: dict[str, tuple[Hold, set[str]]] = {}
        for found in wanted:
            record = found.record
            if record.id in self.dispatcher.ops:
                ids.append(record.id)
            elif record.id in self.parked:
                ids += self._revive(self.parked.pop(record.id))
            elif record.handed_to or found.hold is Hold.OURS:  # free, or given to somebody who is no more
                if self._win(record):
                    ids += self._revive(msgspec.structs.replace(record, epoch=record.epoch + 1))
            else:
                owners.setdefault(found.owner, (found.hold, set()))[1].add(record.id)
        for owner, (hold, wants) in owners.items():
            ids += self.take(owner, hold, wants)
        here = set(ids)
        for op_id in here:
            self.followed.pop(op_id, None)
        for found in wanted:
            if found.record.id not in here:  # somebody else was quicker: see what becomes of it there
                self.follow(found, adopt=True)
        return ids

    def _win(self, record: Record) -> bool:
        """Decide between several who see the same free operation: one hard link can be made once."""
        me = self.manifest.me.id
        key = f"adopt:{record.id}:{record.epoch}"
        mine = Claim(record.id, me, record.spec.identity)
        while (holder := self.manifest.claim(key, mine)).owner != me:
            if self.manifest.hold_of(holder.owner) not in (Hold.DEAD, Hold.LAPSED):
                return False
            key = f"{key}:{holder.owner}"  # it won and died: one link decides again
        return True

    def take(self, owner: str, hold: Hold, wanted: set[str]) -> list[str]:
        """Take a journal over: go on with what is wanted of it, park the rest. Give the ids of what goes on here."""
        records = self.manifest.take_over(owner)
        if records is None:
            return []
        # What an earlier attempt has written down, before the disk failed, is ours already.
        here = {r.id for r in records if r.id in self.dispatcher.ops or r.id in self.parked}
        finished = [r for r in records if r.phase in FINAL]
        taken = [_next(r, hold) for r in records if r.phase not in FINAL and r.id not in here]
        ops = self._loaded(r for r in taken if r.id in wanted)
        others = [msgspec.structs.replace(r, handed_to=ANYBODY) for r in taken if r.id not in wanted]
        # Everything of theirs stands in our journal, on the disk, before theirs goes. Where that fails nothing has
        # happened yet: it stays theirs, to be asked for again.
        self.manifest.append([*others, *finished, *(op.record() for op in ops), *self._again(here)])
        for op in ops:
            op.dirty = False
        self._begin_with(ops)
        self.parked |= {r.id: r for r in others}
        self.board.post([picture(r, owner="orphaned") for r in others])
        try:
            self.manifest.sync()
            self.manifest.taken(owner)
        except TransferError as error:  # theirs stays beside ours, which is newer; it goes with our own journal
            log.warning("what is left of another kernel's list of transfers could not be cleared away: %s", error)
        return [op.id for op in ops] + [op_id for op_id in wanted if op_id in self.dispatcher.ops and op_id in here]

    def _again(self, ids: Iterable[str]) -> list[Record]:
        return [self.parked[i] if i in self.parked else self.dispatcher.ops[i].record() for i in ids]

    def _loaded(self, records: Iterable[Record]) -> list[Operation]:
        now = self.dispatcher.clock()
        ops: list[Operation] = []
        for record in records:
            op = Operation.load(msgspec.structs.replace(record, handed_to=None), now)
            op.now = now
            op.tell("taken over", "its kernel was gone")
            op.dirty = True
            ops.append(op)
        return ops

    def _begin_with(self, ops: list[Operation]) -> None:
        self.dispatcher.admit(ops)
        self.stake(ops)

    def _revive(self, record: Record) -> list[str]:
        ops = self._loaded([record])
        self._begin_with(ops)
        return [op.id for op in ops]

    # -- asking, and being asked ---------------------------------------------------------------------------------
    def ask(self, found: Found) -> None:
        """Ask the living owner to hand an operation over; it is adopted when that has happened."""
        if found.hold is not Hold.THEIRS:
            raise InvalidTransferState("Only an operation that another living kernel runs can be asked for.")
        self.manifest.wish(found.owner, Wish("hand-over", found.record.id, self.manifest.me.id))
        self.follow(found, adopt=True)

    def rested(self, op: Operation) -> None:
        """Close what an operation that rests has open; show as theirs what was handed over, and how it fares there."""
        self.work.rested(op)
        if op.handed_over:
            self.followed[op.id] = Followed(op.handed_to or "", adopt=False)
            self.board.post([picture(op.record(), op.held, owner="theirs")])

    def fenced(self, *, leaving: bool = False) -> None:
        """Our journal was taken over while we slept: stop everything, write nothing more, and watch from now on."""
        log.warning("another kernel has taken these transfers over; this one has stopped and only watches")
        self.work.surrender()
        ops = list(self.dispatcher.ops.values())
        self.dispatcher.surrender()
        self.parked.clear()
        old = self.manifest.me.id
        if not leaving:
            self._begin()
        for op in ops:
            self.followed[op.id] = Followed(old, adopt=False)
        self.board.post([picture(op.record(), op.held, owner="theirs") for op in ops])

    def _begin(self) -> None:
        try:
            self.manifest.begin()
        except TransferError as error:  # tried again by whoever asks for something new
            log.error("the list of transfers cannot be begun anew: %s", error)
