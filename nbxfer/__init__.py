"""Transfers that outlive the cell, the kernel and the notebook.

>>> import nbxfer
>>> op = nbxfer.download("https://host/data.tar.gz", "data/")   # at once; it runs in the background
>>> op.pause(); op.resume()
>>> op.result()                                                  # waits, gives the path

Importing this starts nothing and loads next to nothing: each name is fetched from its room on first use.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbxfer.core.phases import TransferStatus
    from nbxfer.core.policy import Retry
    from nbxfer.core.snapshot import Snapshot
    from nbxfer.core.surroundings import CostPolicy, NetworkConnectivity, NetworkCostType, Surroundings
    from nbxfer.errors import (
        AccessDenied,
        BadAnswer,
        CertificateRefused,
        ChecksumMismatch,
        DestinationExists,
        ForkedError,
        InvalidRequest,
        InvalidTransferState,
        NeedsAttention,
        NetworkError,
        NoSpace,
        Offline,
        ServerBusy,
        SourceChanged,
        SourceNotFound,
        StorageFailed,
        TakenOver,
        TransferCanceled,
        TransferError,
        TransferTimeout,
        UnknownOption,
        WebErrorStatus,
    )
    from nbxfer.session import Batch, CompletionGroup, Group, Operation, Session
    from nbxfer.session.door import (
        as_completed,
        clean,
        copy,
        download,
        fetch,
        freeze,
        leftovers,
        network,
        operations,
        panel,
        reattach,
        request_unconstrained,
        restore,
        upload,
    )
    from nbxfer.session.door import (
        open as open,
    )
    from nbxfer.session.parts import Part
    from nbxfer.session.pooching import pooch_downloader
    from nbxfer.session.prefetching import Prefetcher
    from nbxfer.wire.credentials import Basic, Bearer

__version__ = "0.1.0"

_ROOMS = {
    "nbxfer.core.phases": ("TransferStatus",),
    "nbxfer.core.policy": ("Retry",),
    "nbxfer.core.snapshot": ("Snapshot",),
    "nbxfer.core.surroundings": ("CostPolicy", "NetworkConnectivity", "NetworkCostType", "Surroundings"),
    "nbxfer.session.door": (
        "as_completed",
        "clean",
        "copy",
        "download",
        "fetch",
        "freeze",
        "leftovers",
        "open",
        "operations",
        "panel",
        "reattach",
        "request_unconstrained",
        "restore",
        "upload",
    ),
    "nbxfer.session.pooching": ("pooch_downloader",),
    "nbxfer.session": ("Batch", "CompletionGroup", "Group", "Operation", "Session"),
    "nbxfer.session.parts": ("Part",),
    "nbxfer.session.prefetching": ("Prefetcher",),
    "nbxfer.wire.credentials": ("Basic", "Bearer"),
}

__all__ = [
    "AccessDenied",
    "BadAnswer",
    "Basic",
    "Batch",
    "Bearer",
    "CertificateRefused",
    "ChecksumMismatch",
    "CompletionGroup",
    "CostPolicy",
    "DestinationExists",
    "ForkedError",
    "Group",
    "InvalidRequest",
    "InvalidTransferState",
    "NeedsAttention",
    "NetworkConnectivity",
    "NetworkCostType",
    "NetworkError",
    "NoSpace",
    "Offline",
    "Operation",
    "Part",
    "Prefetcher",
    "Retry",
    "ServerBusy",
    "Session",
    "Snapshot",
    "SourceChanged",
    "SourceNotFound",
    "StorageFailed",
    "Surroundings",
    "TakenOver",
    "TransferCanceled",
    "TransferError",
    "TransferStatus",
    "TransferTimeout",
    "UnknownOption",
    "WebErrorStatus",
    "as_completed",
    "clean",
    "copy",
    "download",
    "fetch",
    "freeze",
    "leftovers",
    "network",
    "operations",
    "panel",
    "pooch_downloader",
    "reattach",
    "request_unconstrained",
    "restore",
    "upload",
]

#: ``nbxfer.open`` is public, but no star import may put it in the place of the builtin that opens files.
_PUBLIC = frozenset((*__all__, "open"))
_WHERE = {name: room for room, names in _ROOMS.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module 'nbxfer' has no attribute {name!r}")
    if name == "network":  # the room itself, which may be called: any import of it puts it here
        return importlib.import_module("nbxfer.network")
    room = _WHERE.get(name, "nbxfer.errors")
    # Its house first: who begins with a room, while another thread furnishes the house, is given half of it.
    importlib.import_module(room.rpartition(".")[0])
    found = getattr(importlib.import_module(room), name)
    globals()[name] = found
    return found


def load_ipython_extension(shell: Any) -> None:
    """Answer ``%load_ext nbxfer``: the magic %xfer; saved outputs live again; what was interrupted is offered."""
    importlib.import_module("nbxfer.faces.notebook").load(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Answer ``%unload_ext nbxfer``; the transfers go on."""
    importlib.import_module("nbxfer.faces.notebook").unload(shell)


def __dir__() -> list[str]:
    return sorted([*_PUBLIC, "__version__"])
