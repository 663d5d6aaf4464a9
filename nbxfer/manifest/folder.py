"""The manifest in a folder: what base.Manifest promises, put together from the parts of this room."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path

import msgspec

from nbxfer.core.lease import Hold, Owner, Process
from nbxfer.core.record import Record
from nbxfer.errors import ForkedError, TransferError
from nbxfer.manifest import blocks, cards, claims, furnishing, history, machine, storage, wishes
from nbxfer.manifest.base import BlockLog, Card, Claim, Fenced, Found, Row, Wish, latest
from nbxfer.manifest.journal import Journal
from nbxfer.manifest.layout import Layout, checked
from nbxfer.manifest.owners import Lives, Owners
from nbxfer.manifest.places import Ended, noting
from nbxfer.manifest.reading import Reading
from nbxfer.manifest.remnants import Remnants
from nbxfer.manifest.succession import Succession

log = logging.getLogger("nbxfer")


class FolderManifest:
    """One home on a disk, seen by one process. Reading needs no ``begin`` and leaves no trace.

    ``notebook`` and ``app`` go into the owner file. ``me`` (another owner) and ``lives`` (who lives) are for tests.
    """

    def __init__(
        self,
        home: str | Path,
        *,
        notebook: str = "",
        app: str = "",
        me: Owner | None = None,
        lives: Lives = machine.lives,
    ) -> None:
        self.layout = Layout(home)
        self._lives = lives
        self._journal: Journal | None = None
        self._fenced = False
        self._settling = threading.Lock()  # between who appends and who hands on what is over
        self._pid = os.getpid()
        self._be(me if me is not None else machine.this_owner(notebook, app))

    def _be(self, me: Owner) -> None:
        self.me = me
        self._owners = Owners(self.layout, me, self._lives)
        self._reading = Reading(self.layout, me.id, self._owners.hold)
        self._succession = Succession(self.layout, me.id, self._reading, self.hold_of)
        self._done: dict[str, Record] = {}  # finished by us, and not in the history yet

    def __repr__(self) -> str:
        return f"<FolderManifest {self.layout.home} {'writing' if self._journal else 'reading'} as {self.me.id}>"

    # -- writing -------------------------------------------------------------------------------------------------
    def begin(self) -> None:
        """Make the folders, the owner file and an empty journal. Raises AccessDenied, NoSpace, StorageFailed.

        After Fenced it begins anew, as another owner: what was ours belongs to whoever took it.
        """
        if self._journal is not None and not self._fenced:
            return
        if self._journal is not None:
            self._journal.close()
            self._journal = None
            self._be(msgspec.structs.replace(self.me, id=machine.new_id()))
        self._fenced = False
        self._pid = os.getpid()
        furnishing.furnish(self.layout)
        with storage.doing("The manifest could not be begun"):
            self._owners.enter()  # before the journal: its writer must never be unknown
            self._journal = Journal(self.layout, self.me.id, self._succession.is_lost)
            for folder in ("owners", "journals"):
                storage.sync_folder(self.layout.folder(folder))

    def _writer(self) -> Journal:
        if os.getpid() != self._pid:
            raise ForkedError(
                "A forked child cannot write its parent's manifest.", hint="Open a Session of its own in the child."
            )
        assert self._journal is not None, "begin() comes first"
        return self._journal

    def append(self, records: Iterable[Record]) -> None:
        """Add the records, safe against SIGKILL when it returns.

        Raises Fenced, NoSpace, StorageFailed, and InvalidRequest for a record that cannot be stored; then none is in.
        """
        done: dict[str, Record] = {}
        with self._fence():
            ids = self._writer().append(noting(records, done))
        self._succession.appended(ids)
        with self._settling:
            self._done |= done

    def sync(self) -> None:
        """Return when everything appended before is on the disk. Raises NoSpace, StorageFailed."""
        self._writer().sync()

    def touch(self) -> None:
        """Heartbeat (one may fail), and a look whether our journal still is ours. Raises Fenced, StorageFailed."""
        journal = self._writer()
        with self._fence():
            journal.check()
        self._owners.touch()

    def enlist(self, movers: Sequence[Process]) -> None:
        """Enter other processes that write for us into the owner file. Raises NoSpace, StorageFailed, AccessDenied."""
        with storage.doing("The owner file could not be written"):
            self.me = self._owners.enlist(tuple(movers))

    def compact(self, live: Iterable[Record]) -> None:
        """Rewrite the journal without the past; finished operations go to the history first.

        An operation that ``live`` does not name is kept, unless it is finished or in other hands: it may have been
        accepted since. Raises Fenced, NoSpace, StorageFailed; nothing has changed then.
        """
        with self._fence():
            # What we finished and the history does not know yet may stand nowhere else, if somebody cut the journal.
            self._writer().compact([*list(self._done.values()), *live], self._finish, self._reading.gone)

    def tidy(self) -> bool:
        """Do what of compacting is due and cheap; False where ``compact`` is due. Raises what that raises."""
        with self._fence():
            return self._journal is None or self._journal.tidy(self._finish, self._reading.gone)

    @contextlib.contextmanager
    def _fence(self) -> Iterator[None]:
        try:
            yield
        except Fenced:
            self._fenced = True
            raise

    def _finish(self, ended: Sequence[Ended]) -> None:
        history.put(self.layout, self.me.id, [(one.destination, one.line) for one in ended])
        claims.unclaim_all(self.layout, [(one.destination, one.op_id) for one in ended])
        with self._settling:
            for op_id, destination, _ in ended:
                if (done := self._done.get(destination)) is not None and done.id == op_id:
                    del self._done[destination]

    @property
    def bulky(self) -> bool:
        """Whether compacting is worth it."""
        return self._journal is not None and self._journal.bulky

    def end(self) -> None:
        """Leave: finished operations into the history, then journal and owner file away.

        Where operations are left, both stay, and the owner file says that nobody writes any more: whoever comes next
        may go on at once. So nothing of ours may write to a part after this. Does nothing in a forked child.
        """
        journal, self._journal = self._journal, None
        if journal is None or os.getpid() != self._pid:
            return
        left = True
        try:
            journal.check()
            if not journal.untouched:
                journal.compact(list(self._done.values()), self._finish, self._reading.gone)
            left = not journal.empty or self._succession.holds_any()
        except Fenced:
            journal.close()
            return
        except TransferError as error:
            log.warning("the journal is left as it is, for the next one to read: %s", error)
        journal.close(remove=not left)
        if left:
            self._owners.leave()
        else:
            self._owners.remove(self.me.id)
            wishes.forget(self.layout, self.me.id)
        claims.prune(self.layout)

    # -- block logs ----------------------------------------------------------------------------------------------
    def blocks(self, op_id: str, epoch: int, rows: Sequence[Row] = ()) -> BlockLog:
        """Begin the block log of that epoch anew, with ``rows``. Raises NoSpace, AccessDenied, StorageFailed."""
        return blocks.FileBlockLog(self.layout.blocks(op_id, epoch), op_id, epoch, rows)

    def read_blocks(self, op_id: str, epoch: int) -> list[Row]:
        """Give the newest good row of every block, in order; [] when none. Raises StorageFailed."""
        return blocks.read(self.layout, op_id, epoch)

    def block_epochs(self, op_id: str) -> list[int]:
        """Give the epochs that have a block log, oldest first."""
        return blocks.epochs(self.layout, op_id)

    def forget_blocks(self, op_id: str, keep: int | None = None) -> None:
        """Remove the block logs of every epoch but ``keep``."""
        blocks.forget(self.layout, op_id, keep)

    # -- reading -------------------------------------------------------------------------------------------------
    def scan(self) -> list[Found]:
        """Give the best record of each operation in any journal, oldest operation first. Raises StorageFailed."""
        return self._reading.scan()

    def look(self, op_id: str, owner: str) -> Found | None:
        """Give one operation of one owner, or of who took that owner over; an ended one from the history."""
        return self._reading.look(op_id, owner)

    def hold_of(self, owner: str) -> Hold:
        """Say whether that owner lives."""
        times: list[float] = []
        with contextlib.suppress(OSError):
            times.append(os.stat(self.layout.journal(checked(owner))).st_mtime)
        return self._owners.hold(owner, times)

    def finished(self, destination: str) -> Record | None:
        """Give the newest operation that has finished a destination, from history or any journal."""
        found = [self._done.get(destination), self._reading.done(destination), history.done(self.layout, destination)]
        return max(filter(None, found), key=lambda r: r.changed, default=None)

    def ended(self, op_id: str) -> Record | None:
        """Give how an operation that this process has seen came to its end; None while it has not."""
        return self._reading.ended(op_id)

    def recent(self, limit: int) -> list[Record]:
        """Give the ``limit`` operations that were done, canceled or failed last, in any process, newest first."""
        found = {record.id: record for record in history.recent(self.layout, limit)}
        found |= {f.record.id: f.record for f in self.scan()}  # what is still in a journal is never older
        return latest(found.values(), limit)

    def remnants(self) -> Remnants:
        """Give what nobody needs any more in this home, and all that it knows. Raises StorageFailed, AccessDenied."""
        return Remnants(self.layout, self.hold_of)

    # -- ownership -----------------------------------------------------------------------------------------------
    def take_over(self, owner: str) -> list[Record] | None:
        """Take a dead or lapsed owner's journal; give its records, best of each. None when somebody else has it."""
        self._writer()
        return self._succession.take_over(owner)

    def taken(self, owner: str) -> None:
        """Remove what is left of a journal that was taken over and folded."""
        self._writer()
        self._succession.taken(owner)

    def claim(self, destination: str, claim: Claim) -> Claim:
        """Claim a destination by hard link; give the claim that holds (ours, or whose was there first)."""
        return claims.claim(self.layout, destination, claim)

    def reclaim(self, destination: str, claim: Claim) -> None:
        """Replace whatever claim is there."""
        claims.reclaim(self.layout, destination, claim)

    def claimed(self, destination: str) -> Claim | None:
        """Give the claim on a destination."""
        return claims.claimed(self.layout, destination)

    def claim_keys(self, most: int) -> Collection[str] | None:
        """Give the keys of the claimed destinations; None where they are ``most`` or more, or cannot be listed."""
        return claims.keys(self.layout, most)

    def unclaim(self, destination: str, op_id: str) -> None:
        """Remove the claim if it is that operation's."""
        claims.unclaim(self.layout, destination, op_id)

    # -- wishes --------------------------------------------------------------------------------------------------
    def wish(self, owner: str, wish: Wish) -> None:
        """Leave a wish for another owner. Raises NoSpace, AccessDenied, StorageFailed."""
        wishes.leave(self.layout, owner, wish)

    def wishes(self) -> list[Wish]:
        """Take the wishes that were left for us, oldest first."""
        return wishes.take(self.layout, self.me.id)

    # -- cards ---------------------------------------------------------------------------------------------------
    def put_card(self, card: Card) -> None:
        """Write a card, in place of the one that was there. Raises NoSpace, AccessDenied, StorageFailed."""
        cards.put(self.layout, card)

    def card(self, kind: str, name: str) -> Card | None:
        """Give a card that is in nobody's hands."""
        return cards.one(self.layout, kind, name)

    def cards(self, kind: str) -> list[Card]:
        """Give all cards of a kind, in whosoever's hands."""
        return cards.every(self.layout, kind)

    def take_card(self, card: Card) -> Card | None:
        """Take a card into our hands; None where somebody else was quicker."""
        return cards.take(self.layout, card, self.me.id)

    def drop_card(self, card: Card) -> bool:
        """Remove a card; False where it was not there any more."""
        return cards.drop(self.layout, card)
