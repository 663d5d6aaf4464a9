"""The module-level verbs: each is the same verb of the kernel's own session."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from pkgutil import resolve_name
from typing import Any, BinaryIO, overload

from nbxfer.core.phases import TransferStatus
from nbxfer.core.surroundings import Surroundings
from nbxfer.session.batch import Batch, several
from nbxfer.session.cleaning import Leftover
from nbxfer.session.kernel import default
from nbxfer.session.operation import Operation
from nbxfer.session.outbox import No, Yes
from nbxfer.session.request import Path_
from nbxfer.session.trees.plan import Plan, Tree
from nbxfer.session.waiting import completed


@overload
def download(
    url: str, dest: Path_ | None = None, *, recursive: No = False, glob: No = False, plan: No = False, **options: Any
) -> Operation: ...
@overload
def download(url: str, dest: Path_ | None = None, *, plan: Yes, **options: Any) -> Plan: ...
@overload
def download(url: str, dest: Path_ | None = None, *, recursive: Yes, **options: Any) -> Tree: ...
@overload
def download(url: str, dest: Path_ | None = None, *, glob: Yes, **options: Any) -> Tree: ...
@overload
def download(url: str, dest: Path_ | None = None, **options: Any) -> Operation: ...
@overload
def download(url: Mapping[str, Path_ | None] | Iterable[str], dest: Path_ | None = None, **options: Any) -> Batch: ...
def download(url: str | Mapping[str, Path_ | None] | Iterable[str], dest: Path_ | None = None, **options: Any) -> Any:
    """Fetch one URL, several, or {url: destination} in the background; see Session.download."""
    return default().download(url, dest, **options)


@overload
def upload(
    path: Path_, url: str, *, recursive: No = False, glob: No = False, plan: No = False, **options: Any
) -> Operation: ...
@overload
def upload(path: Path_, url: str, *, plan: Yes, **options: Any) -> Plan: ...
@overload
def upload(path: Path_, url: str, *, recursive: Yes, **options: Any) -> Tree: ...
@overload
def upload(path: Path_, url: str, *, glob: Yes, **options: Any) -> Tree: ...
@overload
def upload(path: Path_, url: str, **options: Any) -> Operation: ...
@overload
def upload(path: Iterable[Path_], url: str, **options: Any) -> Batch: ...
def upload(path: Path_ | Iterable[Path_], url: str, **options: Any) -> Any:
    """Send a file of this machine, or several, to a URL in the background; see Session.upload."""
    return default().upload(path, url, **options)


@overload
def copy(
    source: Path_, target: Path_, *, recursive: No = False, glob: No = False, plan: No = False, **options: Any
) -> Operation: ...
@overload
def copy(source: Path_, target: Path_, *, plan: Yes, **options: Any) -> Plan: ...
@overload
def copy(source: Path_, target: Path_, *, recursive: Yes, **options: Any) -> Tree: ...
@overload
def copy(source: Path_, target: Path_, *, glob: Yes, **options: Any) -> Tree: ...
@overload
def copy(source: Path_, target: Path_, **options: Any) -> Operation: ...
@overload
def copy(source: Iterable[Path_], target: Path_, **options: Any) -> Batch: ...
def copy(source: Path_ | Iterable[Path_], target: Path_, **options: Any) -> Any:
    """Copy from anywhere to anywhere in the background, with no file in between; see Session.copy."""
    return default().copy(source, target, **options)


def fetch(
    url: str,
    *,
    checksum: Any = None,
    name: str | None = None,
    folder: Path_ | None = None,
    progress: bool = False,
    timeout: float | None = None,
    **options: Any,
) -> Path:
    """Give the path of a right copy of ``url``, from the cache where there is one; see Session.fetch."""
    return default().fetch(
        url, checksum=checksum, name=name, folder=folder, progress=progress, timeout=timeout, **options
    )


def open(url: Any, mode: str = "rb", *, complete: bool = False, **options: Any) -> BinaryIO:
    """Give a file at ``url`` to read and seek in, without fetching it all; see Session.open."""
    return default().open(url, mode, complete=complete, **options)


def operations(
    status: TransferStatus | int | str | None = None, group: str | None = None, scope: str = "notebook"
) -> list[Operation]:
    """List this notebook's operations, or everybody's with ``scope="all"``; starts nothing."""
    return default().operations(status, group, scope)


def reattach(start: bool = True, scope: str = "notebook") -> Batch:
    """Take over what was interrupted and go on with it; see Session.reattach."""
    return default().reattach(start, scope)


def leftovers(older_than: float | timedelta | None = None) -> list[Leftover]:
    """List what is left over and of no use, whoever left it; changes nothing. See Session.leftovers."""
    return default().leftovers(older_than)


def clean(older_than: float | timedelta | None = None, ids: Any = None) -> list[Leftover]:
    """Remove what is left over and of no use, never a finished file; see Session.clean."""
    return default().clean(older_than, ids)


def as_completed(
    operations: Operation | Iterable[Operation | Iterable[Operation]], timeout: float | None = None
) -> Iterator[Operation]:
    """Give each operation when it is over, the first one first; batches and groups are taken apart.

    Raises InvalidRequest for what is no operation, TimeoutError (seconds), NeedsAttention.
    """
    return completed(list({op.id: op for op in several(operations)}.values()), timeout)


def panel() -> Any:
    """Show everything in a panel that can be steered."""
    return resolve_name("nbxfer.faces.panel:panel")(default())


def network(word: str | None = None, **said: Any) -> Surroundings:
    """Say what the network is like ("metered", "offline", "auto" …), or only look; see Session.network."""
    return default().network(word, **said)


def request_unconstrained(operations: Any) -> bool:
    """Let operations go on with a low battery, too, never in spite of cost; see Session.request_unconstrained."""
    return default().request_unconstrained(operations)


def freeze(path: Path_ = "data.lock", operations: Any = None, root: Path_ | None = None) -> Path:
    """Write down what was fetched, so that it can be had again elsewhere; see Session.freeze."""
    return default().freeze(path, operations, root)


def restore(lock: Path_ = "data.lock", dest: Path_ | None = None, **options: Any) -> Batch:
    """Fetch what a lock file lists, each held against its SHA-256; see Session.restore."""
    return default().restore(lock, dest, **options)
