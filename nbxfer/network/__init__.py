"""What the surroundings say: is there a way out, what does a byte cost, is the machine short of something.

One file a provider: NetworkManager, the kernel's routes, Windows, macOS, a byte budget, the machine itself. Each looks,
tells, and tells again when it changes, on a thread of its own that never prints; what it sees are values of
core/surroundings.py, and what follows from them is decided there. ``Watch`` keeps them and makes one picture. Libraries
are imported by the provider that needs them, when it starts; where one is missing, nobody sees, and nothing is held up.
The engine calls this room; it knows no operation.
"""

from __future__ import annotations

import sys
from pkgutil import resolve_name
from types import ModuleType
from typing import Any


class _Room(ModuleType):
    """``nbxfer.network(...)`` is a word of the public face, and this room has the same name: it passes the call on."""

    def __call__(self, word: str | None = None, **said: Any) -> Any:
        return resolve_name("nbxfer.session.door:network")(word, **said)


sys.modules[__name__].__class__ = _Room
