"""The front desk: plain, synchronous calls in; handles and snapshots out. One for each kernel, or your own.

It knows what a person may ask, which file is meant, and what is to be done with what is there already. It may not
move bytes, and starts nothing until something is asked for that needs it. Faces talk to it; it never imports them
(two doors upward are opened by name: a bar for ``wait``, a panel for display).
"""

from __future__ import annotations

import importlib
import logging
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from nbxfer.session.batch import Batch
    from nbxfer.session.completion import CompletionGroup
    from nbxfer.session.desk import Session
    from nbxfer.session.group import Group
    from nbxfer.session.kernel import default, forget_default
    from nbxfer.session.operation import Operation

# Nothing is printed unless the program wants to hear it: a thread's output lands in whichever cell ran last.
logging.getLogger("nbxfer").addHandler(logging.NullHandler())

__all__ = ["Batch", "CompletionGroup", "Group", "Operation", "Session", "default", "forget_default"]

#: Where each name is: a program that only reads a setting, or lists, does not wait for all that a session needs.
_WHERE = {
    "Batch": "batch",
    "CompletionGroup": "completion",
    "Group": "group",
    "Operation": "operation",
    "Session": "desk",
    "default": "kernel",
    "forget_default": "kernel",
}


def __getattr__(name: str) -> Any:
    if name not in _WHERE:
        raise AttributeError(f"module 'nbxfer.session' has no attribute {name!r}")
    found = getattr(importlib.import_module(f"nbxfer.session.{_WHERE[name]}"), name)
    globals()[name] = found
    return found
