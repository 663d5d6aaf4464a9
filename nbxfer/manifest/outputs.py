"""Which outputs of a notebook show transfers: kept, so that a new kernel can bring saved outputs back to life.

An output names its widget by an id; whoever makes a widget of that id again feeds the output. One small file a
notebook, a line an output, the newest last. Nothing rests on it: a line that cannot be read is passed over, a file that
is gone only means that the cell has to be run again.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
from typing import Final

import msgspec

from nbxfer.manifest import furnishing, storage
from nbxfer.manifest.layout import Layout

#: Outputs remembered of one notebook; operations that one may show; bytes of a file that are read.
MOST: Final = 100
OPERATIONS: Final = 500
READ: Final = 2 * 1024 * 1024
#: Notebooks that were not opened for so long (seconds) are forgotten.
FORGET: Final = 180 * 86400.0


class Output(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One output: the widget's id, the panel that feeds it, what it is (panel, view, offer), and of what."""

    model: str
    uid: str
    kind: str
    notebook: str
    only: str = ""
    op_ids: tuple[str, ...] = ()


def _path(layout: Layout, notebook: str) -> str:
    return os.path.join(layout.folder("outputs"), f"{hashlib.sha256(os.fsencode(notebook)).hexdigest()}.jsonl")


def keep(layout: Layout, output: Output) -> None:
    """Remember an output of ``output.notebook``. Raises AccessDenied, NoSpace, StorageFailed."""
    if len(output.op_ids) > OPERATIONS:
        return
    known = kept(layout, output.notebook)
    if output in known:
        return
    furnishing.furnish(layout)
    lines = [*[old for old in known if old.model != output.model][1 - MOST :], output]
    with storage.doing("What the notebook shows could not be remembered"):
        storage.write_aside(
            _path(layout, output.notebook), b"".join(msgspec.json.encode(line) + b"\n" for line in lines), sync=False
        )
    if not known:
        _forget(layout)


def kept(layout: Layout, notebook: str) -> list[Output]:
    """Give what is remembered of a notebook, the newest last; nothing where that cannot be read."""
    try:
        text = storage.read_small(_path(layout, notebook), READ) or b""
    except OSError:
        return []
    found: dict[str, Output] = {}
    for line in text.splitlines():
        with contextlib.suppress(msgspec.DecodeError):  # what does not fit the schema is one, too
            output = msgspec.json.decode(line, type=Output)
            if output.notebook == notebook:
                found.pop(output.model, None)
                found[output.model] = output
    return list(found.values())


def _forget(layout: Layout) -> None:
    """Remove the files of notebooks that nobody has opened for long."""
    folder = layout.folder("outputs")
    for name in storage.names(folder):
        path = os.path.join(folder, name)
        with contextlib.suppress(OSError):
            if time.time() - os.stat(path, follow_symlinks=False).st_mtime > FORGET:
                storage.remove(path)
