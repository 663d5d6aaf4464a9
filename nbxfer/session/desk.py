"""The session: what a person may ask of this process, and how it is answered."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Self, overload

from nbxfer.board import Board
from nbxfer.core import amounts
from nbxfer.core.phases import FINAL, TransferStatus
from nbxfer.core.snapshot import Snapshot
from nbxfer.core.spec import Spec
from nbxfer.engine.doors import Doors
from nbxfer.engine.engine import Engine
from nbxfer.errors import ForkedError, InvalidRequest
from nbxfer.manifest.base import Found
from nbxfer.manifest.folder import FolderManifest
from nbxfer.session import adopting, cleaning, config, fetching, leaving, looking, request, seat, steering
from nbxfer.session.asking import Asking
from nbxfer.session.batch import Batch
from nbxfer.session.cleaning import Leftover
from nbxfer.session.operation import Operation
from nbxfer.session.request import Path_
from nbxfer.session.waiting import somebody_looks

#: Seconds that a person is waited for where nobody looks.
PATIENCE = 60.0


class Session:
    """Transfers of one home, seen and steered from this process.

    ``home`` is the folder that remembers (default: ``$NBXFER_HOME``, else the user's state folder); ``app`` a word
    that the operations carry. ``running`` transfers move at once, each over at most ``connections``, all over at most
    ``per_host`` to one host, and together at ``bandwidth`` ("5 MB/s"). As a context manager it waits, when left, for
    what it was given, and raises an ExceptionGroup of what failed.
    """

    def __init__(
        self,
        app: str | None = None,
        home: Path_ | None = None,
        connections: int | None = None,
        per_host: int | None = None,
        running: int | None = None,
        bandwidth: float | str | None = None,
    ) -> None:
        if app is not None and not isinstance(app, str):
            raise InvalidRequest(
                f"app is of type {type(app).__name__}, not a text.", hint="Give a word, or leave it out."
            )
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
        self._engine = Engine(
            self._manifest,
            self.board,
            self._doors,
            running=config.get("running", running),
            lanes=config.get("connections", connections),
            per_host=config.get("per_host", per_host),
            bandwidth=config.get("bandwidth", bandwidth),
        )
        self._asking = Asking(self._engine, self._manifest, self._doors, self)
        self._given: list[Operation] = []
        leaving.register(self)

    # -- asking for transfers ------------------------------------------------------------------------------------
    @overload
    def download(self, url: str, dest: Path_ | None = None, **options: Any) -> Operation: ...
    @overload
    def download(
        self, url: Mapping[str, Path_ | None] | Iterable[str], dest: Path_ | None = None, **options: Any
    ) -> Batch: ...
    def download(
        self, url: str | Mapping[str, Path_ | None] | Iterable[str], dest: Path_ | None = None, **options: Any
    ) -> Operation | Batch:
        """Fetch one URL, or several, in the background; give a handle at once, when it is safe against a kill.

        ``dest`` is a file, or a folder when it ends in a separator or is one (default: the working folder). For
        several URLs it is a folder, always; a mapping says for each URL where it lands, below ``dest`` where that is
        relative. Asked again for the same source and destination, it gives the same operation, or goes on from what
        is there. Raises InvalidRequest, UnknownOption, DestinationExists, AccessDenied before anything moves; of
        several, those two make an operation that has failed, and the rest goes on. NoSpace and StorageFailed are
        raised when the home cannot be written.
        """
        self._check_fork()
        if isinstance(url, str):
            asked = request.read(url, dest, options)
            with self._lock:
                operation = Operation(self, self._asking.one(asked))
            self._given.append(operation)
            return operation
        all_asked = request.read_all(url, dest, options)
        with self._lock:
            batch = Batch(Operation(self, op_id) for op_id in self._asking.all(all_asked))
        self._given += batch
        return batch

    def fetch(
        self,
        url: str,
        *,
        checksum: Any = None,
        name: str | None = None,
        folder: Path_ | None = None,
        progress: bool = False,
        timeout: float | None = None,
        **options: Any,
    ) -> Path:
        """Give the path of a copy of ``url``, fetched when there is none that is right; wait for that. See fetching."""
        self._check_fork()
        return fetching.fetch(self, url, checksum, name, folder, progress, timeout, options)

    def adopt(
        self, part: Path_, url: str, dest: Path_ | None = None, *, move: bool = False, **options: Any
    ) -> Operation:
        """Go on from the unfinished file of another program (wget, curl, a browser); see adopting.adopt.

        It is copied, or moved where nothing else needs it. Options and errors are those of ``download``.
        """
        self._check_fork()
        return adopting.adopt(self, part, url, dest, options, move=move)

    @property
    def bandwidth(self) -> int | None:
        """Bytes a second of all transfers together, None for no limit; may be set at any time, also as "5 MB/s"."""
        return self._engine.pace.rate

    @bandwidth.setter
    def bandwidth(self, rate: float | str | None) -> None:
        self._engine.pace.rate = config.capped("bandwidth", None if rate is None else amounts.rate(rate))

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
        wanted = looking.status_named(status)
        shown = sorted(self.board.all(), key=lambda s: s.created)
        if scope == "notebook":
            shown = seat.of_notebook(shown, self.notebook)
        return [Operation(self, s.id) for s in shown if wanted is None or s.status is wanted]

    def find(self, prefix: str) -> Operation:
        """Give the operation whose id begins with ``prefix``. Raises InvalidRequest where none or several do."""
        return Operation(self, looking.one_of([o.id for o in self.operations(scope="all")], prefix))

    def reattach(self, start: bool = True, scope: str = "notebook") -> Batch:
        """Take over what no living kernel runs, and go on with it; what a person had paused stays paused.

        Gives everything that is unfinished, also what other kernels run. ``start=False`` only lists.
        """
        unfinished = [o for o in self.operations(scope=scope) if o.snapshot.phase not in FINAL]
        if start:
            ids = {o.id for o in unfinished if o.snapshot.owner == "orphaned"}
            self._adopt([f for f in self._others() if f.record.id in ids])
        return Batch(unfinished, seat.elsewhere(self.board.all(), unfinished))

    def history(self, limit: int = 50) -> list[Snapshot]:
        """Give what was done, canceled or failed last, newest first, also in processes that have left."""
        self._check_fork()
        return looking.ended_lately(self._engine, self._manifest, self.board, limit)

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
        event = steering.event(verb, fields)
        given = {name: fields[name] for name in ("url", "headers", "auth") if fields.get(name) is not None}
        if given:  # what is not given anew (proxy, cookies, certificate) stays
            event = type(event)(*self._doors.renew(op_id, self._spec(op_id), given))
        if shown.owner == "orphaned":
            self._adopt([self._found(op_id)])
            if steering.done_by_adopting(verb, shown):
                return
        if verb in ("resume", "retry"):
            self._asking.again(op_id)
        steering.carry_out(self._engine, shown, event)

    def bandwidth_of(self, op_id: str) -> int | None:
        """Give the bytes a second that an operation may take at most; None for no limit, and for what is over."""
        return None if self.snapshot(op_id).phase in FINAL else self._spec(op_id).bandwidth

    def _spec(self, op_id: str) -> Spec:
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
