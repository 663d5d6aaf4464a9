"""A handle as a cell's last line: shown live, and when it is over told once more, so that the file says how it ended.

What a cell shows is stored as it stood when it was shown. An output that has a display id can be replaced later, as
long as the page that shows it stays open: so each has one, and is replaced once, when nothing more will happen.
"""

from __future__ import annotations

import logging
import secrets
import threading
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from nbxfer.faces import panel

if TYPE_CHECKING:
    from nbxfer.session import Session

log = logging.getLogger("nbxfer")


def show(session: Session, op_ids: Sequence[str]) -> bool:
    """Show these operations below the running cell; say whether there is a kernel whose screen that is."""
    from IPython import get_ipython

    shell = get_ipython()
    if getattr(shell, "kernel", None) is None:
        return False
    display_id = secrets.token_hex(8)
    _publish(shell, panel.bundle(session, op_ids), display_id, update=False)
    if not panel.finished(session, op_ids):
        _Ending(session, op_ids, lambda data: _publish(shell, data, display_id, update=True))
    return True


def _publish(shell: Any, data: dict[str, Any], display_id: str, *, update: bool) -> None:
    shell.display_pub.publish(data=data, metadata={}, transient={"display_id": display_id}, update=update)


class _Ending:
    """Waits for the end of some operations, without a thread, and tells it once."""

    def __init__(self, session: Session, op_ids: Sequence[str], tell: Callable[[dict[str, Any]], None]) -> None:
        self._session, self._op_ids, self._tell = session, tuple(op_ids), tell
        self._once = threading.Lock()
        self._unsubscribe = session.board.subscribe(lambda _: self._look(), per_second=2.0, ids=self._op_ids)
        self._look()

    def _look(self) -> None:
        # Everybody who has news comes here, on the engine's thread: what takes time is done elsewhere.
        if panel.finished(self._session, self._op_ids) and self._once.acquire(blocking=False):
            self._unsubscribe()
            self._session.apart(self._end)

    def _end(self) -> None:
        try:
            self._tell(panel.bundle(self._session, self._op_ids))
        except Exception:  # the kernel is leaving, or has no screen any more
            log.debug("how it ended could not be shown", exc_info=True)
