"""The module-level verbs: each is the same verb of the kernel's own session."""

from __future__ import annotations

import os
from pkgutil import resolve_name
from typing import Any

from nbxfer.core.phases import TransferStatus
from nbxfer.session.batch import Batch
from nbxfer.session.desk import default
from nbxfer.session.operation import Operation


def download(url: str, dest: str | os.PathLike[str] | None = None, **options: Any) -> Operation:
    """Fetch ``url`` in the background; see Session.download."""
    return default().download(url, dest, **options)


def operations(
    status: TransferStatus | int | str | None = None, group: str | None = None, scope: str = "notebook"
) -> list[Operation]:
    """List this notebook's operations, or everybody's with ``scope="all"``; starts nothing."""
    return default().operations(status, group, scope)


def reattach(start: bool = True, scope: str = "notebook") -> Batch:
    """Take over what was interrupted and go on with it; see Session.reattach."""
    return default().reattach(start, scope)


def panel() -> Any:
    """Show everything in a panel that can be steered."""
    return resolve_name("nbxfer.faces.panel:panel")(default())
