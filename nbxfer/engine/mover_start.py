"""The first thing that a mover does: it sees to it that little is imported, for somebody waits for it."""

from __future__ import annotations

import gc
import importlib
import os
import sys
import types
from typing import NoReturn


def main(descriptor: int) -> NoReturn:
    """Be a mover, with the pipe that ``descriptor`` is."""
    gc.disable()  # what is imported stays
    _lean_crc32c()
    _lean_msgspec()
    from nbxfer.engine.mover import main as listen

    gc.freeze()
    gc.enable()
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


def _lean_msgspec() -> None:
    """Import it without typing_extensions, which is a tenth of what there is to import, and of which it needs nothing.

    It looks for what Python 3.11 has itself, and takes that where there is none.
    """
    if "typing_extensions" in sys.modules:
        return
    sys.modules["typing_extensions"] = None  # type: ignore[assignment] # as the import system has it: there is none
    try:
        importlib.import_module("msgspec")
    except ImportError:  # another version does need it: it is imported when somebody asks for it
        pass
    finally:
        del sys.modules["typing_extensions"]
