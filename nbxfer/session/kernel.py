"""The one session that a kernel has by itself."""

from __future__ import annotations

import os
import threading
from pkgutil import resolve_name

from nbxfer.session import config, seat
from nbxfer.session.desk import Session

_default: Session | None = None
_making = threading.Lock()


def default() -> Session:
    """Give the session of this kernel; made on first use."""
    global _default
    with _making:
        if _default is None or _default._pid != os.getpid():
            _default = Session()
            _stay_awake(_default)
        return _default


def _stay_awake(session: Session) -> None:
    """Have a kernel say that it lives while it transfers, where somebody asked for that."""
    if seat.in_kernel() and (every := config.get("keep_alive")) is not None:
        resolve_name("nbxfer.faces.panel.alive:keep_alive")(session, every)


def forget_default() -> None:
    """Close the session of this process, if there is one; the next use makes a new one."""
    global _default
    with _making:
        session, _default = _default, None
    if session is not None:
        session.close()
