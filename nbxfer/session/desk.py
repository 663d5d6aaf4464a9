"""The session: what a person may ask of this process, and how it is answered."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Self, overload

from nbxfer.board import Board
from nbxfer.core import amounts
from nbxfer.core.groups import Behavior
from nbxfer.engine.doors import Doors
from nbxfer.engine.engine import Engine
from nbxfer.errors import InvalidRequest
from nbxfer.manifest.folder import FolderManifest
from nbxfer.session import adopting, config, fetching, given, leaving, request, seat, sending
from nbxfer.session.asking import Asking
from nbxfer.session.batch import Batch
from nbxfer.session.completion import CompletionGroup
from nbxfer.session.group import Group
from nbxfer.session.helm import Helm
from nbxfer.session.operation import Operation
from nbxfer.session.options import Options
from nbxfer.session.request import Path_, Request
from nbxfer.session.waiting import somebody_looks

#: Seconds that a person is waited for where nobody looks.
PATIENCE = 60.0


class Session(Helm):
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
        self._told: set[str] = set()  # of which somebody has heard how they ended
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
        url, options = given.as_text(url, options)
        if isinstance(url, str):
            asked = request.read(url, dest, options)
            with self._lock:
                operation = Operation(self, self._asking.one(asked))
            self._given.append(operation)
            self._promise([operation], asked.options)
            return operation
        all_asked = request.read_all(url, dest, options)
        with self._lock:
            batch = Batch(Operation(self, op_id) for op_id in self._asking.all(all_asked))
        self._given += batch
        if batch:
            self._promise(batch, all_asked[0].options)
        return batch

    @overload
    def upload(self, path: Path_, url: str, **options: Any) -> Operation: ...
    @overload
    def upload(self, path: Iterable[Path_], url: str, **options: Any) -> Batch: ...
    def upload(self, path: Path_ | Iterable[Path_], url: str, **options: Any) -> Operation | Batch:
        """Send a file of this machine, or several, to a URL; give a handle at once, when it is safe against a kill.

        A URL that ends in a slash is a folder, where each keeps its name; of several files it is a folder, always.
        What is there is replaced, unless it is the same (``if_exists``: "overwrite", "skip", "error"). Nothing is seen
        under the name before all of it is there, but where a server knows no such thing. Raises InvalidRequest,
        UnknownOption, SourceNotFound, AccessDenied before anything moves.
        """
        return self._sent(path, url, options, sending.read_upload)

    @overload
    def copy(self, source: Path_, target: Path_, **options: Any) -> Operation: ...
    @overload
    def copy(self, source: Iterable[Path_], target: Path_, **options: Any) -> Batch: ...
    def copy(self, source: Path_ | Iterable[Path_], target: Path_, **options: Any) -> Operation | Batch:
        """Copy from anywhere to anywhere, with no file in between; a handle at once. See ``upload``.

        To this machine it is a download. ``storage_options`` may be by protocol: ``{"s3": {…}, "az": {…}}``.
        """
        return self._sent(source, target, options, sending.read_copy)

    def _sent(
        self,
        given: object,
        target: object,
        options: Mapping[str, Any],
        read: Callable[[object, object, Mapping[str, Any]], Request],
    ) -> Operation | Batch:
        self._check_fork()
        one = isinstance(given, str | os.PathLike) or not isinstance(given, Iterable)
        text = os.fspath(target) if isinstance(target, os.PathLike) else target
        if not one and isinstance(text, str) and not text.endswith("/"):
            text += "/"
        sources = [given] if one or not isinstance(given, Iterable) else list(given)
        asked = [read(source, text, options) for source in sources]
        with self._lock:
            if one:
                operation = Operation(self, self._asking.one(asked[0]))
            else:
                batch = Batch(Operation(self, op_id) for op_id in self._asking.all(asked))
        made = [operation] if one else list(batch)
        self._given += made
        if made:
            self._promise(made, asked[0].options)
        return operation if one else batch

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

    @property
    def bandwidth(self) -> int | None:
        """Bytes a second of all transfers together, None for no limit; may be set at any time, also as "5 MB/s"."""
        return self._engine.pace.rate

    @bandwidth.setter
    def bandwidth(self, rate: float | str | None) -> None:
        self._engine.pace.rate = config.capped("bandwidth", None if rate is None else amounts.rate(rate))

    # -- leaving -------------------------------------------------------------------------------------------------
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
