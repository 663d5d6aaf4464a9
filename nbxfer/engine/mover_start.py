"""The first thing that a mover does: it sees to it that little is imported, for somebody waits for it."""

from __future__ import annotations

import importlib
import os
import sys
import types
from typing import NoReturn


def main(descriptor: int) -> NoReturn:
    """Be a mover, with the pipe that ``descriptor`` is."""
    _lean_crc32c()
    from nbxfer.engine.mover import main as listen

    listen(descriptor)


def _lean_crc32c() -> None:
    """Take the checksum alone of its package, which else reads its own version: half of what there is to import."""
    found = next((f"{folder}/crc32c" for folder in sys.path if os.path.isdir(f"{folder}/crc32c")), "")
    lean = types.ModuleType("crc32c")
    lean.__path__ = [found]
    sys.modules["crc32c"] = lean
    try:
        lean.crc32c = importlib.import_module("crc32c._crc32c").crc32c  # type: ignore[attr-defined] # that is the point
    except (ImportError, AttributeError):  # laid out in another way: then the whole of it
        del sys.modules["crc32c"]
