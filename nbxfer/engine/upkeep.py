"""What the list of transfers needs now and then: a heartbeat, a sync soon after an append, a shorter journal."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from nbxfer.core.lease import HEARTBEAT
from nbxfer.core.record import Record
from nbxfer.engine.dispatcher import Dispatcher
from nbxfer.engine.timers import Timers
from nbxfer.engine.workers import Workers
from nbxfer.errors import TransferError
from nbxfer.manifest.base import Fenced, Manifest

log = logging.getLogger("nbxfer")

#: An append is on the disk, too, after this long (seconds).
SYNC_WITHIN: Final = 0.05


class Upkeep:
    """Called on the loop; what touches the disk runs on workers. ``later`` makes a call on the loop."""

    def __init__(
        self,
        manifest: Manifest,
        dispatcher: Dispatcher,
        workers: Workers,
        timers: Timers,
        later: Callable[[Callable[[], None]], None],
        live: Callable[[], list[Record]],
    ) -> None:
        self.manifest, self.dispatcher, self.workers, self.timers = manifest, dispatcher, workers, timers
        self.later, self.live = later, live
        self._synced = 0
        self._sync_due = False

    def beat(self) -> None:
        """Leave a heartbeat, now and from now on."""
        self._arm(HEARTBEAT, self.beat)
        self.workers.submit(self.touch)

    def touch(self) -> None:
        """Leave one heartbeat; find out whether somebody else has taken over, and whether the journal is long."""
        try:
            self.manifest.touch()
            if self.manifest.bulky:
                self.later(self._compact)
        except TransferError as error:
            log.warning("no heartbeat could be left: %s", error)
        except Fenced:
            self.later(self._fenced)

    def appended(self) -> None:
        """See to it that what this turn has appended is on the disk soon."""
        if self.dispatcher.appended > self._synced and not self._sync_due:
            self._sync_due = True
            self._arm(SYNC_WITHIN, self._sync)

    def _arm(self, seconds: float, call: Callable[[], None]) -> None:
        self.timers.at(time.monotonic() + seconds, call)

    def _compact(self) -> None:
        live = self.live()  # looked up here, rewritten beside: what is appended meanwhile is kept

        def rewrite() -> None:
            try:
                self.manifest.compact(live)
            except TransferError as error:
                log.warning("the list of transfers could not be made shorter: %s", error)
            except Fenced:
                self.later(self._fenced)

        self.workers.submit(rewrite)

    def _fenced(self) -> None:
        raise Fenced

    def _sync(self) -> None:
        appended = self.dispatcher.appended

        def sync() -> None:
            try:
                self.manifest.sync()
            except TransferError as error:
                log.error("the list of transfers could not be written to the disk: %s", error)
            finally:
                self._synced = appended
                self._sync_due = False

        self.workers.submit(sync)
