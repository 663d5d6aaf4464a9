"""Uploads and copies, as the session takes them in."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping
from typing import Any, overload

from nbxfer.session import sending
from nbxfer.session.asking import Asking
from nbxfer.session.batch import Batch
from nbxfer.session.helm import Helm
from nbxfer.session.operation import Operation
from nbxfer.session.options import Options
from nbxfer.session.request import Path_, Request


class Outbox(Helm):
    """The verbs that send; Session has the rest."""

    _lock: threading.RLock
    _asking: Asking
    _given: list[Operation]

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
        """Have what was asked for done when these are over; see Session."""
        raise NotImplementedError
