"""What front ends say: heard on the kernel's control channel, which answers while a cell runs, else on the comm.

Everything here that is private to ipykernel or comm is looked for before it is used, and missing without harm. What is
heard is handed over and the call returns: the threads here (Control, a subshell's, or the main one) are not ours.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from typing import Any

#: The type of our messages on the control channel.
REQUEST, REPLY = "nbxfer_request", "nbxfer_reply"
#: Takes what a front end said to the model of that uid; gives "ok", "unknown" or "refused".
Ear = Callable[[str, object], str]
#: Who hears what is said to a uid that is no panel's.
_others: dict[str, Callable[[object], str]] = {}


def _nobody(*_: object) -> str:
    """Hear nothing: until the first panel listens."""
    return "unknown"


def kernel() -> Any:
    """Give the running ipykernel, or None where there is none (a terminal, a script)."""
    ipython = sys.modules.get("IPython")
    shell = ipython.get_ipython() if ipython is not None else None
    return getattr(shell, "kernel", None)


def install(ear: Ear) -> bool:
    """Have the control channel pass our messages to ``ear``; say whether this kernel has one."""
    found = kernel()
    handlers = getattr(found, "control_handlers", None)
    send = getattr(getattr(found, "session", None), "send", None)
    if not isinstance(handlers, dict) or not callable(send):
        return False

    def handle(stream: Any, ident: Any, parent: Any) -> None:
        content = parent.get("content") if isinstance(parent, Mapping) else None
        uid = content.get("uid") if isinstance(content, Mapping) else None
        status = "unknown"
        if isinstance(uid, str):
            status = _others[uid](content) if uid in _others else ear(uid, content)
        send(stream, REPLY, {"status": status}, parent, ident)

    handlers[REQUEST] = handle
    return True


def listen(uid: str, ear: Callable[[object], str]) -> bool:
    """Have what is said to ``uid`` heard by ``ear``; say whether this kernel has a control channel."""
    _others[uid] = ear
    handlers = getattr(kernel(), "control_handlers", None)
    return REQUEST in handlers if isinstance(handlers, dict) and REQUEST in handlers else install(_nobody)


def mend(comm: Any) -> None:
    """Make a comm answer while a cell runs, as far as this kernel can.

    ipykernel 7.4 sends what comes for a comm to the subshell that last published on it: the main one, which is busy.
    And comm calls IPython's post_execute after each message; on a subshell that closes the running cell's figure.
    """
    if hasattr(comm, "_reply_subshell_for"):
        comm._reply_subshell_for = lambda data, default: default
    if hasattr(comm, "_msg_callback") and hasattr(comm, "handle_msg"):

        def handle_msg(msg: Any) -> None:
            if comm._msg_callback is not None:
                comm._msg_callback(msg)

        comm.handle_msg = handle_msg
