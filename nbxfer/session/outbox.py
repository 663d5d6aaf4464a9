"""Uploads and copies, as the session takes them in."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal, overload

from nbxfer.errors import InvalidRequest
from nbxfer.session import sending
from nbxfer.session.asking import Asking
from nbxfer.session.batch import Batch
from nbxfer.session.helm import Helm
from nbxfer.session.operation import Operation
from nbxfer.session.options import Options, of_trees
from nbxfer.session.request import Path_, Request
from nbxfer.session.trees.plan import Plan, Tree

#: A flag on which the type of the result depends.
Yes = Literal[True]
No = Literal[False]


class Outbox(Helm):
    """The verbs that send; Session has the rest."""

    _lock: threading.RLock
    _asking: Asking
    _given: list[Operation]

    @overload
    def upload(
        self, path: Path_, url: str, *, recursive: No = False, glob: No = False, plan: No = False,
        **options: Any,
    ) -> Operation: ...  # fmt: skip
    @overload
    def upload(self, path: Path_, url: str, *, plan: Yes, **options: Any) -> Plan: ...
    @overload
    def upload(self, path: Path_, url: str, *, recursive: Yes, **options: Any) -> Tree: ...
    @overload
    def upload(self, path: Path_, url: str, *, glob: Yes, **options: Any) -> Tree: ...
    @overload
    def upload(self, path: Path_, url: str, **options: Any) -> Operation: ...
    @overload
    def upload(self, path: Iterable[Path_], url: str, **options: Any) -> Batch: ...
    def upload(self, path: Path_ | Iterable[Path_], url: str, **options: Any) -> Any:
        """Send a file of this machine, or several, to a URL; give a handle at once, when it is safe against a kill.

        A URL that ends in a slash is a folder, where each keeps its name; of several files it is a folder, always.
        What is there is replaced, unless it is the same (``if_exists``: "overwrite", "skip", "error"). Nothing is seen
        under the name before all of it is there, but where a server knows no such thing. Raises InvalidRequest,
        UnknownOption, SourceNotFound, AccessDenied before anything moves. Folders and globs are sent as ``download``
        fetches them.
        """
        if of_trees(options):
            return self._tree("upload", path, url, options)
        return self._sent(path, url, options, sending.read_upload)

    @overload
    def copy(
        self, source: Path_, target: Path_, *, recursive: No = False, glob: No = False, plan: No = False,
        **options: Any,
    ) -> Operation: ...  # fmt: skip
    @overload
    def copy(self, source: Path_, target: Path_, *, plan: Yes, **options: Any) -> Plan: ...
    @overload
    def copy(self, source: Path_, target: Path_, *, recursive: Yes, **options: Any) -> Tree: ...
    @overload
    def copy(self, source: Path_, target: Path_, *, glob: Yes, **options: Any) -> Tree: ...
    @overload
    def copy(self, source: Path_, target: Path_, **options: Any) -> Operation: ...
    @overload
    def copy(self, source: Iterable[Path_], target: Path_, **options: Any) -> Batch: ...
    def copy(self, source: Path_ | Iterable[Path_], target: Path_, **options: Any) -> Any:
        """Copy from anywhere to anywhere, with no file in between; a handle at once. See ``upload``.

        To this machine it is a download. ``storage_options`` may be by protocol: ``{"s3": {…}, "az": {…}}``.
        """
        if of_trees(options):
            return self._tree("copy", source, target, options)
        return self._sent(source, target, options, sending.read_copy)

    def _sent(
        self,
        given: object,
        target: object,
        options: Mapping[str, Any],
        read: Callable[[object, object, Mapping[str, Any]], Request],
    ) -> Operation | Batch:
        self._check_fork()
        if isinstance(given, Mapping):
            raise InvalidRequest(
                "What is sent is given as a mapping, and only download() takes one.",
                hint="Give a list and the folder for all of them, or call this once for each.",
            )
        one = isinstance(given, str | os.PathLike) or not isinstance(given, Iterable)
        text = os.fspath(target) if isinstance(target, os.PathLike) else target
        if not one and isinstance(text, str) and not text.endswith("/"):
            text += "/"
        sources = [given] if one or not isinstance(given, Iterable) else list(given)
        asked = [read(source, text, options) for source in sources]
        if len({each.destination for each in asked}) < len({(each.destination, each.identity) for each in asked}):
            raise InvalidRequest(
                "Several files would be sent to one URL.", hint="Send each to a URL of its own, which names it."
            )
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

    def _tree(self, verb: str, source: object, dest: object, options: Mapping[str, Any]) -> Plan | Tree:
        """Give the batch of a tree, or its plan where that alone is asked for; see trees.planning."""
        self._check_fork()
        from nbxfer.session.trees import planning  # here: with it comes what lists stores and servers

        plan = planning.plan(self, verb, source, dest, options)
        return plan if options.get("plan") else plan.start()

    def accept(self, asked: Sequence[Request]) -> list[str]:
        """Take checked requests in, all of them with one append; give their operations' ids. For plans."""
        self._check_fork()
        with self._lock:
            ids = self._asking.all(list(asked))
        made = [Operation(self, op_id) for op_id in ids]
        self._given += made
        if made:
            self._promise(made, asked[0].options)
        return ids

    def _promise(self, operations: Iterable[Operation], options: Options) -> None:
        """Have what was asked for done when these are over; see Session."""
        raise NotImplementedError
