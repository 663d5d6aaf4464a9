"""The session: what a person may ask of this process, and how it is answered."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self, overload

from nbxfer.board import Board
from nbxfer.cache.shelf import Shelf
from nbxfer.core import amounts
from nbxfer.core.groups import Behavior
from nbxfer.core.surroundings import CostPolicy, Surroundings
from nbxfer.engine.doors import Doors
from nbxfer.engine.engine import Engine
from nbxfer.errors import InvalidRequest
from nbxfer.manifest.folder import FolderManifest
from nbxfer.session import adopting, config, fetching, freezing, given, leaving, network, opening, request, seat
from nbxfer.session.asking import Asking
from nbxfer.session.batch import Batch, several
from nbxfer.session.completion import CompletionGroup
from nbxfer.session.group import Group
from nbxfer.session.operation import Operation
from nbxfer.session.options import Options, of_trees
from nbxfer.session.outbox import No, Outbox, Yes
from nbxfer.session.request import Path_
from nbxfer.session.trees.plan import Plan, Tree
from nbxfer.session.waiting import somebody_looks

#: Seconds that a person is waited for where nobody looks.
PATIENCE = 60.0


class Session(Outbox):
    """Transfers of one home, seen and steered from this process.

    ``home`` is the folder that remembers (default: ``$NBXFER_HOME``, else the user's state folder); ``app`` a word
    that the operations carry. ``running`` transfers move at once, each over at most ``connections``, all over at most
    ``per_host`` to one host, and together at ``bandwidth`` ("5 MB/s"), ``upload_bandwidth`` for what is sent. One host
    is asked at most ``requests`` times a second. ``cost_policy`` holds where a transfer does not say. As a context
    manager it waits, when left, for what it was given, and raises an ExceptionGroup of what failed.
    """

    def __init__(
        self,
        app: str | None = None,
        home: Path_ | None = None,
        connections: int | None = None,
        per_host: int | None = None,
        running: int | None = None,
        bandwidth: float | str | None = None,
        cost_policy: CostPolicy | int | str | None = None,
        upload_bandwidth: float | str | None = None,
        requests: float | None = None,
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
        self._shelves: dict[Path, Shelf] = {}
        self._doors = Doors(config.get("requests", requests))
        self._manifest = FolderManifest(self.home, notebook=self.notebook, app=self.app)
        self._engine = Engine(
            self._manifest,
            self.board,
            self._doors,
            running=config.get("running", running),
            lanes=config.get("connections", connections),
            per_host=config.get("per_host", per_host),
            bandwidth=config.get("bandwidth", bandwidth),
            movers=config.get("movers"),
            upload_bandwidth=config.get("upload_bandwidth", upload_bandwidth),
            watch=network.watch(self.home),
            cost_policy=network.policy(config.get("cost_policy") if cost_policy is None else cost_policy),
        )
        self._asking = Asking(self._engine, self._manifest, self._doors, self)
        self._leaving = threading.Event()  # stops who asks a source on a thread of their own
        self._given: list[Operation] = []
        self._told: set[str] = set()  # of which somebody has heard how they ended
        leaving.register(self)

    # -- asking for transfers ------------------------------------------------------------------------------------
    @overload
    def download(
        self, url: str, dest: Path_ | None = None, *, recursive: No = False, glob: No = False, plan: No = False,
        **options: Any,
    ) -> Operation: ...  # fmt: skip
    @overload
    def download(self, url: str, dest: Path_ | None = None, *, plan: Yes, **options: Any) -> Plan: ...
    @overload
    def download(self, url: str, dest: Path_ | None = None, *, recursive: Yes, **options: Any) -> Tree: ...
    @overload
    def download(self, url: str, dest: Path_ | None = None, *, glob: Yes, **options: Any) -> Tree: ...
    @overload
    def download(self, url: str, dest: Path_ | None = None, **options: Any) -> Operation: ...
    @overload
    def download(
        self, url: Mapping[str, Path_ | None] | Iterable[str], dest: Path_ | None = None, **options: Any
    ) -> Batch: ...
    def download(
        self, url: str | Mapping[str, Path_ | None] | Iterable[str], dest: Path_ | None = None, **options: Any
    ) -> Any:
        """Fetch one URL, or several, in the background; give a handle at once, when it is safe against a kill.

        ``dest`` is a file, or a folder when it ends in a separator or is one (default: the working folder). For
        several URLs it is a folder, always; a mapping says for each URL where it lands, below ``dest`` where that is
        relative. Asked again for the same source and destination, it gives the same operation, or goes on from what
        is there. Raises InvalidRequest, UnknownOption, DestinationExists, AccessDenied before anything moves; of
        several, those two make an operation that has failed, and the rest goes on. NoSpace and StorageFailed are
        raised when the home cannot be written.

        With ``recursive=True`` it is a folder with all that is in it, with ``glob=True`` what a pattern matches: a
        Tree, which is a Batch; with ``plan=True``, too, the plan of it, and nothing moves. See docs/folders.md.
        """
        self._check_fork()
        url, options = given.as_text(url, options)
        if of_trees(options):
            return self._tree("download", url, dest, options)
        if isinstance(url, str):
            asked = request.read(url, dest, options)
            with self._lock:
                operation = Operation(self, self._asking.one(asked))
            self._given.append(operation)
            self._promise([operation], asked.options)
            return operation
        all_asked = request.read_all(url, dest, options)
        shared = all_asked[0].options if all_asked else None
        with self._lock:
            batch = Batch(Operation(self, op_id) for op_id in self._asking.all(all_asked, spend=True))
        self._given += batch
        if shared is not None:
            self._promise(batch, shared)
        return batch

    def _promise(self, operations: Iterable[Operation], options: Options) -> None:
        """Have what was asked for done when these are over."""
        if options.completion is not None:
            options.completion.add(operations)
        if options.notify:
            told = CompletionGroup(notify=list(options.notify), session=self)
            told.add(operations)
            told.enable()

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

    def open(self, url: Any, mode: str = "rb", *, complete: bool = False, **options: Any) -> BinaryIO:
        """Give a file at ``url`` to read and seek in, without fetching it all; see opening.

        What is read is fetched, kept in the cache and there the next time; ``complete=True`` fetches the rest, too, as
        a transfer that this reader steers. Options are those of ``download`` that say how to get at the source. Raises
        InvalidRequest, UnknownOption; a reader raises SourceChanged when the source becomes another version.
        """
        self._check_fork()
        return opening.open_url(self, url, mode, complete, options)

    def adopt(
        self, part: Path_, url: str, dest: Path_ | None = None, *, move: bool = False, **options: Any
    ) -> Operation:
        """Go on from the unfinished file of another program (wget, curl, a browser); see adopting.adopt.

        It is copied, or moved where nothing else needs it. Options and errors are those of ``download``.
        """
        self._check_fork()
        return adopting.adopt(self, part, url, dest, options, move=move)

    def group(self, name: str, behavior: Behavior | int | str | None = None, max_parallel: int | None = None) -> Group:
        """Give the group of that name, made where there is none; see Group. Raises InvalidRequest."""
        return Group(name, behavior, max_parallel, session=self)

    def freeze(self, path: Path_ = "data.lock", operations: Any = None, root: Path_ | None = None) -> Path:
        """Write down what was fetched, so that it can be had again elsewhere: URLs, sizes, SHA-256, versions, times.

        ``operations`` are those meant, all finished ones of this notebook by default. Paths are written as they lie
        below ``root`` (default: the folder that holds them all). Nothing secret is written. Raises InvalidRequest for
        what has not finished, or was changed since; StorageFailed.
        """
        self._check_fork()
        return freezing.freeze(self, path, operations, root)

    def restore(self, lock: Path_ = "data.lock", dest: Path_ | None = None, **options: Any) -> Batch:
        """Fetch what a lock file lists, below ``dest`` (default: the working folder); each is held against its SHA-256.

        What is there and right costs no request. Options (credentials and the like) are those of ``download``. Raises
        InvalidRequest, with nothing fetched, where the file is none, or a path would lead out of ``dest``.
        """
        self._check_fork()
        return freezing.restore(self, lock, dest, options)

    @property
    def bandwidth(self) -> int | None:
        """Bytes a second of all transfers together, None for no limit; may be set at any time, also as "5 MB/s"."""
        return self._engine.pace.rate

    @bandwidth.setter
    def bandwidth(self, rate: float | str | None) -> None:
        self._engine.pace.rate = config.capped("bandwidth", None if rate is None else amounts.rate(rate))
        self._engine.work.limited(self.bandwidth)

    @property
    def upload_bandwidth(self) -> int | None:
        """Bytes a second that are sent by all transfers together, None for no limit; may be set at any time."""
        return self._engine.work.upload_pace.rate

    @upload_bandwidth.setter
    def upload_bandwidth(self, rate: float | str | None) -> None:
        limit = None if rate is None else amounts.rate(rate, "upload_bandwidth")
        self._engine.work.upload_pace.rate = config.capped("upload_bandwidth", limit)

    @property
    def requests(self) -> float | None:
        """Requests a second to one host at most, None for no limit; may be set at any time."""
        return self._doors.requests

    @requests.setter
    def requests(self, rate: float | None) -> None:
        self._doors.requests = None if rate is None else config.get("requests", rate)
        self._engine.work.limited(self.requests)

    @property
    def cost_policy(self) -> CostPolicy:
        """On which networks operations may move that do not say themselves; may be set at any time, also as a word."""
        return self._engine.dispatcher.clearance.policy

    @cost_policy.setter
    def cost_policy(self, policy: CostPolicy | int | str) -> None:
        self._engine.outlook.allow(network.policy(policy))

    @property
    def surroundings(self) -> Surroundings:
        """What is seen of the network and the machine, and by whom: connectivity, cost, roaming, who, words."""
        return self._engine.outlook.watch.seen

    def network(self, word: str | None = None, **said: Any) -> Surroundings:
        """Say what the network is like, which counts before what is seen; give what is believed now.

        ``word`` is "metered", "roaming", "offline", "unrestricted" …, "auto" to believe what is seen again; or by name:
        connectivity=, cost=, roaming=, approaching_limit=, over_limit=, background_restricted=. Without anything it
        only looks. Raises InvalidRequest.
        """
        self._check_fork()
        if word is not None or said:
            self._engine.outlook.watch.say("you", network.view(word, said))
        return self.surroundings

    def request_unconstrained(self, operations: Any) -> bool:
        """Let operations go on although the machine is short of battery or memory; never in spite of cost.

        Takes one, or several. Gives whether that holds for all of them now: not for what is over, or runs elsewhere.
        """
        answers = [network.unconstrained(self, one) for one in several(operations)]  # each is asked, whatever the first
        return all(answers)

    # -- leaving -------------------------------------------------------------------------------------------------
    def close(self) -> None:
        """Checkpoint and leave at once; what is unfinished can be gone on with by ``reattach``."""
        if self._pid == os.getpid():
            self._leaving.set()
            self._leaving = threading.Event()  # for who asks something of it all the same
            self._engine.leave()
            self._engine.outlook.watch.close()  # a reader may have begun to look without the engine
            self._doors.close()  # also what was read without the engine ever having begun
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
