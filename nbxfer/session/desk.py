"""The session: what a person may ask of this process, and how it is answered."""

from __future__ import annotations

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self

from nbxfer.board import Board
from nbxfer.core import url as urls
from nbxfer.core.lease import Hold
from nbxfer.core.lifecycle import Operation as Machine
from nbxfer.core.phases import FINAL, TransferStatus
from nbxfer.core.snapshot import Snapshot
from nbxfer.core.spec import Spec
from nbxfer.engine.custody import standing
from nbxfer.engine.doors import Doors
from nbxfer.engine.engine import Engine
from nbxfer.errors import ForkedError, InvalidRequest
from nbxfer.manifest.base import Found
from nbxfer.manifest.folder import FolderManifest
from nbxfer.session import config, leaving, looking, request, rerun, seat, steering
from nbxfer.session.batch import Batch
from nbxfer.session.operation import Operation
from nbxfer.session.waiting import somebody_looks
from nbxfer.wire.access import access
from nbxfer.wire.credentials import reference
from nbxfer.wire.headers import split_headers

#: Seconds that a person is waited for where nobody looks.
PATIENCE = 60.0


class Session:
    """Transfers of one home, seen and steered from this process.

    ``home`` is the folder that remembers (default: ``$NBXFER_HOME``, else the user's state folder); ``app`` a word
    that the operations carry. As a context manager it waits, when left, for what it was given, and raises an
    ExceptionGroup of what failed.
    """

    def __init__(self, app: str | None = None, home: str | os.PathLike[str] | None = None) -> None:
        self.app = app or ""
        self.home: Path = config.get("home", home)
        self.notebook = seat.notebook()
        self.board = Board()
        self.patience: float | None = None if somebody_looks() else PATIENCE
        self.at_exit: str | None = None
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._doors = Doors()
        self._manifest = FolderManifest(self.home, notebook=self.notebook, app=self.app)
        self._engine = Engine(self._manifest, self.board, self._doors, running=config.get("connections"))
        self._interrupted = rerun.Interrupted(self._manifest)
        self._given: list[Operation] = []
        leaving.register(self)

    # -- asking for transfers ------------------------------------------------------------------------------------
    def download(self, url: str, dest: str | os.PathLike[str] | None = None, **options: Any) -> Operation:
        """Fetch ``url`` in the background; give its handle at once, when it is safe against a kill.

        ``dest`` is a file, or a folder when it ends in a separator or is one (default: the working folder). Asked
        again for the same source and destination, it gives the same operation, or goes on from what is there.
        Raises InvalidRequest, UnknownOption, DestinationExists, AccessDenied before anything moves; NoSpace and
        StorageFailed when the home cannot be written.
        """
        self._check_fork()
        asked = request.read(url, dest, options)
        with self._lock:
            operation = self._download(asked)
        self._given.append(operation)
        return operation

    def _download(self, asked: request.Request) -> Operation:
        o = asked.options
        way_in = access(asked.url, o.headers, o.auth, o.verify)
        known, needs = split_headers(way_in.headers)
        ref = reference(way_in.auth)
        references = (("auth", ref),) if ref else ()
        if way_in.auth is not None and ref is None:
            needs = (*needs, "auth")
        spec = request.spec(asked, needs, known, references, self)
        self._engine.start()
        decision = rerun.decide(self._manifest, spec, o, self._known(spec.destination), self._interrupted)
        if decision.found is not None:
            return self._join(decision, way_in, spec)
        if decision.destination != spec.destination:
            spec = rerun.moved(spec, decision.destination)
        machine = Machine(secrets.token_hex(8), spec, time.time(), before=decision.before, start=o.start)
        self._doors.give(machine.id, way_in)
        self._engine.call(lambda: self._engine.submit([machine]))
        return Operation(self, machine.id)

    def _known(self, destination: str) -> Found | None:
        """Give the live operation of this process for a destination."""
        op = self._engine.dispatcher.by_destination.get(destination)
        if op is None or op.phase in FINAL:
            return None
        return Found(op.record(), self._manifest.me.id, Hold.OURS)

    def _join(self, decision: rerun.Decision, way_in: Any, spec: Spec) -> Operation:
        """Give the operation that is there already; one that had failed, or lacked a secret, goes on."""
        found = decision.found
        assert found is not None
        op_id = found.record.id
        where = standing(found, self._manifest)
        if where == "theirs":
            self._engine.call(lambda: self._engine.custody.follow(found, adopt=True))
            return Operation(self, op_id)
        self._doors.give(op_id, way_in)
        if where == "orphaned":
            self._adopt([found])
        steering.go_on(self._engine, op_id, spec, decision.before)
        return Operation(self, op_id)

    def _adopt(self, found: Iterable[Found]) -> list[str]:
        wanted = list(found)
        return self._engine.call(lambda: self._engine.custody.adopt(wanted)) if wanted else []

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

    def refresh(self) -> None:
        """Read what other kernels are doing, and what nobody does any more; starts nothing."""
        self._others()

    def _others(self) -> list[Found]:
        return looking.others(self._engine, self._manifest, self.board)

    def operations(
        self, status: TransferStatus | int | str | None = None, group: str | None = None, scope: str = "notebook"
    ) -> list[Operation]:
        """List the operations of this notebook, or (``scope="all"``) of every one, in the order of their making."""
        if scope not in ("notebook", "all"):
            raise InvalidRequest(f"scope={scope!r} is unknown.", hint="Give 'notebook' or 'all'.")
        if group is not None:
            raise InvalidRequest("There are no groups in this version.", hint="Leave group= out.")
        self._check_fork()
        self.refresh()
        wanted = _status(status)
        shown = sorted(self.board.all(), key=lambda s: s.created)
        if scope == "notebook":
            shown = seat.of_notebook(shown, self.notebook)
        return [Operation(self, s.id) for s in shown if wanted is None or s.status is wanted]

    def find(self, prefix: str) -> Operation:
        """Give the operation whose id begins with ``prefix``. Raises InvalidRequest where none or several do."""
        matches = [o.id for o in self.operations(scope="all") if o.id.startswith(prefix)] if prefix else []
        if len(matches) != 1:
            several = f"{len(matches)} transfers begin with {prefix!r}: {', '.join(m[:12] for m in matches[:5])}."
            raise InvalidRequest(
                several if matches else f"No transfer's id begins with {prefix!r}.",
                hint="Give more of the id." if matches else "See nbxfer ls --all.",
            )
        return Operation(self, matches[0])

    def reattach(self, start: bool = True, scope: str = "notebook") -> Batch:
        """Take over what no living kernel runs, and go on with it; what a person had paused stays paused.

        Gives everything that is unfinished, also what other kernels run. ``start=False`` only lists.
        """
        unfinished = [o for o in self.operations(scope=scope) if o.snapshot.phase not in FINAL]
        if start:
            ids = {o.id for o in unfinished if o.snapshot.owner == "orphaned"}
            self._adopt([f for f in self._others() if f.record.id in ids])
        return Batch(unfinished, seat.elsewhere(self.board.all(), unfinished))

    # -- steering ------------------------------------------------------------------------------------------------
    def steer(self, op_id: str, verb: str, **fields: Any) -> None:
        """Carry out a wish and return when it is saved. Raises InvalidTransferState, InvalidRequest."""
        self._check_fork()
        shown = self.snapshot(op_id)
        if shown.owner == "theirs":
            steering.ask_owner(self._manifest, self._found(op_id), verb, fields)
            return
        event = steering.event(verb, fields)
        if any(fields.get(name) is not None for name in ("url", "headers", "auth")):
            event = self._new_access(shown, event, fields)
        if shown.owner == "orphaned":
            self._adopt([self._found(op_id)])
            if steering.done_by_adopting(verb, shown):
                return
        steering.carry_out(self._engine, shown, event)

    def _new_access(self, shown: Snapshot, event: Any, fields: dict[str, Any]) -> Any:
        url = fields.get("url")
        spec = self._spec(shown.id)
        way_in = access(url or spec.url, fields.get("headers"), fields.get("auth"), spec.verify)
        self._doors.give(shown.id, way_in)
        stored, cut = urls.stored_url(way_in.url)
        _, needs = split_headers(way_in.headers)
        return type(event)(stored if url else None, (*cut, *needs))

    def _spec(self, op_id: str) -> Any:
        op = self._engine.dispatcher.ops.get(op_id)
        return op.spec if op is not None else self._found(op_id).record.spec

    def _found(self, op_id: str) -> Found:
        for found in self._manifest.scan():
            if found.record.id == op_id:
                return found
        raise InvalidRequest(f"There is no operation {op_id!r} any more.", hint="See nbxfer.operations(scope='all').")

    def ask_for(self, op_id: str) -> None:
        """Ask the living kernel that runs an operation to hand it over, to go on here. Raises InvalidTransferState."""
        found = self._found(op_id)
        self._engine.call(lambda: self._engine.custody.ask(found))

    def wish(self, op_id: str, verb: str, **fields: Any) -> None:
        """Pass a wish on and return at once; what does not fit the phase any more is dropped. For panels."""
        self._check_fork()
        self._engine.workers.submit(lambda: steering.quietly(self.steer, op_id, verb, fields))

    def attend(self, op_id: str) -> None:
        """Follow an operation that another kernel runs, so that its snapshot stays true while somebody waits."""
        self._engine.elsewhere()
        shown = self.snapshot(op_id)
        if shown.owner == "theirs" and op_id not in self._engine.custody.followed:
            found = [f for f in self._others() if f.record.id == op_id]  # if it has just ended, the board knows now
            self._engine.call(lambda: self._engine.custody.attend(found))

    def apart(self, call: Callable[[], None]) -> None:
        """Have ``call`` made soon, on a thread that may wait: the engine's own must not."""
        self._engine.apart(call)

    # -- leaving -------------------------------------------------------------------------------------------------
    def unfinished(self) -> list[Operation]:
        """Give what this process still has to do by itself: neither over, nor waiting for a person."""
        return [Operation(self, op_id) for op_id in steering.working(self._engine)]

    def close(self) -> None:
        """Checkpoint and leave at once; what is unfinished can be gone on with by ``reattach``."""
        if self._pid == os.getpid():
            self._engine.leave()
            leaving.forget(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None and self._given:
                Batch(self._given).wait()
                Batch(self._given).results()
        finally:
            self.close()

    def __repr__(self) -> str:
        return f"<Session at {self.home}: {len(self.board)} operations>"

    def _check_fork(self) -> None:
        if self._pid != os.getpid():
            raise ForkedError("These transfers belong to the parent process.", hint="Make a Session of your own here.")


def _status(status: TransferStatus | int | str | None) -> TransferStatus | None:
    if status is None:
        return None
    try:
        return TransferStatus[status.upper()] if isinstance(status, str) else TransferStatus(status)
    except (KeyError, ValueError):
        names = ", ".join(s.name.lower() for s in TransferStatus)
        raise InvalidRequest(f"status={status!r} is unknown.", hint=f"Give one of {names}.") from None


_default: Session | None = None
_making = threading.Lock()


def default() -> Session:
    """Give the session of this kernel; made on first use."""
    global _default
    with _making:
        if _default is None or _default._pid != os.getpid():
            _default = Session()
        return _default


def forget_default() -> None:
    """Close the session of this process, if there is one; the next use makes a new one."""
    global _default
    with _making:
        session, _default = _default, None
    if session is not None:
        session.close()
