"""What the list of transfers needs now and then: a heartbeat, a sync soon after an append, a shorter journal."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from nbxfer.core.lease import HEARTBEAT
from nbxfer.core.record import Record
from nbxfer.engine import platform
from nbxfer.engine.dispatcher import Dispatcher
from nbxfer.engine.timers import Timers
from nbxfer.engine.workers import Workers
from nbxfer.errors import TransferError
from nbxfer.manifest.base import Fenced, Manifest

log = logging.getLogger("nbxfer")

#: An append is on the disk, too, after this long (seconds).
SYNC_WITHIN: Final = 0.05
#: After so many records it is tidied before the next heartbeat: what is over stays in memory until then, and each time
#: most files of the history are written to and synced, however many they are for.
TIDY_AFTER: Final = 16000
#: After so many, whoever tidies gives memory back: what follows the end of a long list is a heartbeat at least.
GIVE_AFTER: Final = 1000


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
        self._tidied, self._tidying = 0, False
        self._given_back = 0  # how much had been appended then

    def beat(self) -> None:
        """Leave a heartbeat, now and from now on."""
        self._arm(HEARTBEAT, self.beat)
        self.workers.submit(self.touch)
        self._tidy()

    def touch(self) -> None:
        """Leave one heartbeat; find out whether somebody else has taken over."""
        try:
            self.manifest.touch()
        except TransferError as error:
            log.warning("no heartbeat could be left: %s", error)
        except Fenced:
            self.later(self._fenced)

    def appended(self) -> None:
        """See to it that what this turn has appended is on the disk soon."""
        if self.dispatcher.appended > self._synced and not self._sync_due:
            self._sync_due = True
            self._arm(SYNC_WITHIN, self._sync)
        if self.dispatcher.appended - self._tidied >= TIDY_AFTER:
            self._tidy()

    def _arm(self, seconds: float, call: Callable[[], None]) -> None:
        self.timers.at(time.monotonic() + seconds, call)

    def _tidy(self) -> None:
        """Have what is over handed on, and the journal made shorter where that is worth it; one worker at a time."""
        if self._tidying:
            return
        much = self.dispatcher.appended - self._given_back >= GIVE_AFTER
        if much:
            self._given_back = self.dispatcher.appended
        self._tidying, self._tidied = True, self.dispatcher.appended

        def tidy() -> None:
            if self._shorter(self.manifest.tidy):
                self._tidying = False
            else:
                self.later(self._compact)
            if much:
                platform.give_back()

        self.workers.submit(tidy)

    def _compact(self) -> None:
        live = self.live()  # looked up here, rewritten beside: what is appended meanwhile is kept

        def compact() -> None:
            self._shorter(lambda: self.manifest.compact(live))
            self._tidying = False

        self.workers.submit(compact)

    def _shorter(self, make: Callable[[], bool | None]) -> bool:
        """Make the list of transfers shorter; False where ``make`` says that it could not."""
        try:
            return make() is not False
        except TransferError as error:
            log.warning("the list of transfers could not be made shorter: %s", error)
        except Fenced:
            self.later(self._fenced)
        return True

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
