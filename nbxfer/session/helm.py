"""What a session sees (its own operations, those of other kernels, what was left behind), and how it is steered."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterable, Mapping
from concurrent.futures import Future
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec

from nbxfer.board import Board
from nbxfer.cache.shelf import Shelf
from nbxfer.core import events as ev
from nbxfer.core.groups import Rule
from nbxfer.core.phases import FINAL, Phase, TransferStatus
from nbxfer.core.record import Entry
from nbxfer.core.snapshot import Snapshot
from nbxfer.core.spec import Spec
from nbxfer.core.surroundings import CostPolicy
from nbxfer.engine import clock, rules
from nbxfer.engine.dispatcher import Item
from nbxfer.engine.doors import GIVEN_ANEW, Doors
from nbxfer.engine.engine import Engine
from nbxfer.errors import ForkedError, InvalidRequest
from nbxfer.manifest import outputs
from nbxfer.manifest.base import Found
from nbxfer.manifest.folder import FolderManifest
from nbxfer.manifest.outputs import Output
from nbxfer.session import cleaning, completion, looking, seat, steering, unfinished
from nbxfer.session.asking import Asking
from nbxfer.session.batch import Batch
from nbxfer.session.cleaning import Leftover
from nbxfer.session.operation import Operation


class Helm:
    """The half of a session that looks and steers. Session makes what is named here."""

    home: Path
    notebook: str
    board: Board
    patience: float | None
    _pid: int
    _told: set[str]
    _engine: Engine
    _manifest: FolderManifest
    _doors: Doors
    _asking: Asking
    _lock: threading.RLock
    _shelves: dict[Path, Shelf]

    # -- looking -------------------------------------------------------------------------------------------------
    def snapshot(self, op_id: str) -> Snapshot:
        """Give the latest snapshot of an operation. Raises InvalidRequest for an id that nobody knows."""
        self._check_fork()
        found = self.board.get(op_id)
        if found is None:
            self.refresh()
            found = self.board.get(op_id)
        if found is None:
            raise InvalidRequest(
                f"There is no operation {op_id!r} any more.", hint="See nbxfer.operations(scope='all')."
            )
        return found

    def phase(self, op_id: str) -> Phase:
        """Give the latest phase of an operation; of a hundred thousand that is had at once. Raises as snapshot does."""
        self._check_fork()
        return self.board.phase(op_id) or self.snapshot(op_id).phase

    def refresh(self) -> None:
        """Read what other kernels are doing, and what nobody does any more; starts nothing."""
        self._others()

    def _others(self) -> list[Found]:
        return looking.others(self._engine.dispatcher.ops, self._manifest, self.board)

    def operations(
        self, status: TransferStatus | int | str | None = None, group: str | None = None, scope: str = "notebook"
    ) -> list[Operation]:
        """List the operations of this notebook, or (``scope="all"``) of every one, in the order of their making.

        With ``group`` (its name, or a Group) only those that are in it; "" for those that are in none.
        """
        self._look_around(scope)
        wanted = looking.status_named(status)
        shown = looking.in_group(self._manifest, self.board, self._shown(scope), group)
        return [Operation(self, s.id) for s in shown if wanted is None or s.status is wanted]

    def _look_around(self, scope: str) -> list[Found]:
        """Read what others do; raise InvalidRequest for a ``scope`` that there is not."""
        if scope not in ("notebook", "all"):
            raise InvalidRequest(f"scope={scope!r} is unknown.", hint="Give 'notebook' or 'all'.")
        self._check_fork()
        return self._others()

    def _shown(self, scope: str) -> list[Snapshot]:
        """Give what the board has, in the order of its making: of this notebook, or of all."""
        shown = sorted(self.board.all(), key=lambda s: s.created)
        return seat.of_notebook(shown, self.notebook) if scope == "notebook" else shown

    def find(self, prefix: str) -> Operation:
        """Give the operation whose id begins with ``prefix``. Raises InvalidRequest where none or several do."""
        return Operation(self, looking.one_of([o.id for o in self.operations(scope="all")], prefix))

    def reattach(self, start: bool = True, scope: str = "notebook") -> Batch:
        """Take over what no living kernel runs, and go on with it; what a person had paused stays paused.

        Gives everything that is unfinished, also what other kernels run; of what has failed only this notebook's, for
        the old failures of others are no news here. ``start=False`` only lists. What a completion
        group of a process that is gone had promised is done as soon as its operations are over.
        """
        found = self._look_around(scope)  # once: of ten thousand it takes its time
        mine = {s.id for s in self._shown("notebook")}
        all_ = [s for s in self._shown(scope) if s.phase not in FINAL]
        shown = [s for s in all_ if s.id in mine or s.phase is not Phase.FAILED]
        unfinished = [Operation(self, s.id) for s in shown]
        if start:
            ids = {s.id for s in shown if s.owner == "orphaned"}
            self._adopt([f for f in found if f.record.id in ids])
            for watch in completion.left(self, None if scope == "all" else self.notebook).values():
                watch.begin()
        return Batch(unfinished, seat.elsewhere(self.board.all(), unfinished))

    def history(self, limit: int = 50) -> list[Snapshot]:
        """Give what was done, canceled or failed last, newest first, also in processes that have left."""
        self._check_fork()
        return looking.ended_lately(self._engine.dispatcher.ops, self._manifest, self.board, limit)

    def leftovers(self, older_than: float | timedelta | None = None) -> list[Leftover]:
        """Give what is left over and of no use, and with an age (seconds) what nobody finished; changes nothing."""
        return cleaning.leftovers(self, older_than)

    def clean(self, older_than: float | timedelta | None = None, ids: Any = None) -> list[Leftover]:
        """Remove what ``leftovers`` gives, but unknown parts only when ``ids`` names them; see cleaning.clean."""
        return cleaning.clean(self, older_than, ids)

    # -- steering ------------------------------------------------------------------------------------------------
    def steer(self, op_id: str, verb: str, **fields: Any) -> None:
        """Carry out a wish and return when it is saved. Raises InvalidTransferState, InvalidRequest."""
        self._check_fork()
        shown = self.snapshot(op_id)
        if shown.owner == "theirs":
            steering.ask_owner(self._manifest, self._found(op_id), verb, fields)
            return
        replace = verb == "replace"  # what is in its way
        verb = "retry" if replace else verb
        event = steering.event(verb, fields)
        if isinstance(event, ev.AccessAsked):
            steering.check_rest(shown)
        given = {name: fields[name] for name in GIVEN_ANEW if fields.get(name) is not None}
        if given:  # what is not given anew (proxy, cookies, certificate) stays
            event = type(event)(*self._doors.renew(op_id, self._spec(op_id), given))
        if shown.owner == "orphaned":
            self._adopt([self._found(op_id)])
            if steering.done_by_adopting(verb, shown):
                return
        if verb in ("resume", "retry"):
            self._asking.again(op_id, replace=replace)
        steering.carry_out(self._engine, shown, event)

    def moved_by(self, op_id: str) -> str:
        """Say who moves, or moved, the bytes of a large file: by a child process, or by threads; else ""."""
        return self._engine.movers.told(op_id)

    def bandwidth_of(self, op_id: str) -> int | None:
        """Give the bytes a second that an operation may take at most; None for no limit, and for what is over."""
        return None if self.snapshot(op_id).phase in FINAL else self._spec(op_id).bandwidth

    def place(self, places: Mapping[str, float]) -> None:
        """Give operations other places in their group, all at once; those of other kernels are asked for it."""
        ours = [op_id for op_id in places if self.snapshot(op_id).owner == "ours"]
        for op_id in places.keys() - set(ours):
            self.steer(op_id, "place", place=places[op_id])
        if ours:
            items: list[Item] = [(op_id, ev.PlaceAsked(places[op_id]), None) for op_id in ours]
            self._engine.call(lambda: self._engine.dispatcher.happened(items))

    def rule_of_group(self, name: str) -> Rule | None:
        """Give what holds for a group; None where nobody has made it."""
        self._check_fork()
        return rules.stored(self._manifest, name)

    def set_rule_of_group(self, name: str, rule: Rule) -> None:
        """Have this hold for a group, here at once, in kernels that begin to run one of it, and for those to come."""
        if self.rule_of_group(name) != rule:
            rules.store(self._manifest, name, rule)
        if self._engine.running:
            self._engine.call(lambda: self._engine.dispatcher.turns.set_rule(name, rule))

    def cost_policy_of(self, op_id: str) -> CostPolicy:
        """Give the cost policy that holds for an operation: its own, or the session's."""
        own = self._spec(op_id).cost_policy if self.snapshot(op_id).phase not in FINAL else None
        return CostPolicy(own) if own is not None else self._engine.dispatcher.clearance.policy

    def ask_for(self, op_id: str) -> None:
        """Ask the living kernel that runs an operation to hand it over, to go on here. Raises InvalidTransferState."""
        found = self._found(op_id)
        self._engine.call(lambda: self._engine.custody.ask(found))

    def wish(self, op_id: str, verb: str, refused: Callable[[str], object] | None = None, **fields: Any) -> None:
        """Pass a wish on and return at once; ``refused`` is told why one does not fit, on a worker. For panels."""
        self._check_fork()
        self._engine.workers.submit(lambda: steering.quietly(self.steer, op_id, verb, fields, refused))

    def attend(self, *op_ids: str) -> None:
        """Follow operations that other kernels run, so that their snapshots stay true while somebody waits."""
        self._engine.elsewhere()
        wanted = {i for i in op_ids if self.snapshot(i).owner == "theirs"} - set(self._engine.custody.followed)
        if wanted:
            found = [f for f in self._others() if f.record.id in wanted]  # what has just ended, the board knows now
            self._engine.call(lambda: self._engine.custody.attend(found))

    def apart(self, call: Callable[[], None], key: str = "") -> None:
        """Have ``call`` made soon, on a thread that may wait; after those of the same key, beside all others."""
        self._engine.apart(call, key)

    def note(self, op_id: str, what: str, detail: str) -> None:
        """Add a line to the story of an operation; returns at once."""
        if op_id not in self._engine.dispatcher.ops:
            return self._line(op_id, what, detail)
        reply: Future[None] = Future()
        reply.add_done_callback(lambda it: self._line(op_id, what, detail) if it.exception() is not None else None)
        return self._engine.post(op_id, ev.Noted(what, detail), reply)

    def _line(self, op_id: str, what: str, detail: str) -> None:
        """Add a line for this process only: the operation is over, and written down."""
        if (shown := self.board.get(op_id)) is not None:
            line = Entry(round(clock.now(), 3), what, detail)
            self.board.post([msgspec.structs.replace(shown, story=(*shown.story, line))])

    def headers_of(self, op_id: str) -> dict[str, str]:
        """Give the headers of an operation that are stored: what is secret is not among them."""
        return dict(self._spec(op_id).headers)

    def unfinished(self) -> list[Operation]:
        """Give what this process still has to do by itself: neither over, nor waiting for a person."""
        return [Operation(self, op_id) for op_id in steering.working(self._engine)]

    # -- what earlier kernels left ---------------------------------------------------------------------------------
    def left_over(self) -> list[Snapshot]:
        """Give what is unfinished in this notebook and nobody runs; starts nothing."""
        self._check_fork()
        return unfinished.left_over(self)

    def take_up(self, op_ids: Collection[str]) -> list[str]:
        """Take these over and go on with them, also with those that a person had paused; give why some would not."""
        self._check_fork()
        return unfinished.take_up(self, op_ids)

    def give_up(self, op_ids: Collection[str]) -> list[str]:
        """Cancel these and delete what had come, without asking any server; give why some would not."""
        self._check_fork()
        return unfinished.give_up(self, op_ids)

    def keep_output(self, model: str, uid: str, kind: str, only: str, op_ids: tuple[str, ...]) -> None:
        """Remember that an output of this notebook shows these. Raises AccessDenied, NoSpace, StorageFailed."""
        outputs.keep(self._manifest.layout, Output(model, uid, kind, self.notebook, only, op_ids))

    def kept_outputs(self, notebook: str) -> list[Output]:
        """Give what outputs of a notebook show, as far as that is remembered."""
        return outputs.kept(self._manifest.layout, notebook)

    # -- what both need ------------------------------------------------------------------------------------------
    def _spec(self, op_id: str) -> Spec:
        op = self._engine.dispatcher.ops.get(op_id)
        return op.spec if op is not None else self._found(op_id).record.spec

    def _found(self, op_id: str) -> Found:
        for found in self._manifest.scan():
            if found.record.id == op_id:
                return found
        raise InvalidRequest(f"There is no operation {op_id!r} any more.", hint="See nbxfer.operations(scope='all').")

    def _adopt(self, found: Iterable[Found]) -> list[str]:
        wanted = list(found)
        return self._engine.call(lambda: self._engine.custody.adopt(wanted)) if wanted else []

    def _check_fork(self) -> None:
        if self._pid != os.getpid():
            raise ForkedError("These transfers belong to the parent process.", hint="Make a Session of your own here.")
