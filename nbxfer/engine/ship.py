"""One mover as the kernel has it: a process, the channel to it, and what it has said for whom. Any thread."""

from __future__ import annotations

import logging
import subprocess
import threading
import time
from collections import deque
from collections.abc import Sequence
from typing import Final

from nbxfer.core.lease import Process
from nbxfer.engine import mover_words as words
from nbxfer.engine import platform
from nbxfer.engine.mover_channel import Channel

log = logging.getLogger("nbxfer")

#: A mover that says nothing while so many looks are taken at it, over so many seconds, is ended: it is stopped, or
#: hangs. Counted in looks too, for a kernel that could not look heard nothing.
SILENT_LOOKS: Final = 100
SILENT_FOR: Final = 10.0
#: How long an ended process may take to be gone (seconds).
GONE_WITHIN: Final = 5.0


class Ship:
    """A mover. ``dead`` once it is known to be gone, or to be of no use."""

    def __init__(self, process: subprocess.Popen[bytes], channel: Channel, mark: Process) -> None:
        self.process, self.mark = process, mark
        self.ready = self.dead = False
        self.strange = False  # it is of another version
        self.idle_since = time.monotonic()
        self._channel = channel
        self._lock = threading.Lock()
        self._heard: dict[int, deque[words.Words]] = {}
        self._tasks = 0
        self._looks, self._since = 0, time.monotonic()

    @property
    def load(self) -> int:
        """How many fetches it has."""
        return len(self._heard)

    def begin(self) -> int:
        """Give the number of a new task."""
        with self._lock:
            self._tasks += 1
            self._heard[self._tasks] = deque()
            return self._tasks

    def forget(self, task: int) -> None:
        """Drop what is heard of a task."""
        with self._lock:
            self._heard.pop(task, None)
            self.idle_since = time.monotonic()

    def say(self, word: words.Words, descriptors: Sequence[int] = ()) -> None:
        """Send a word; where nobody is there any more, the ship is ``dead``."""
        with self._lock:
            if self.dead:
                return
            try:
                self._channel.put(word, descriptors)
            except OSError:
                self.dead = True

    def hear(self, task: int) -> list[words.Words]:
        """Give what has been said for ``task`` since the last time; never waits."""
        with self._lock:
            if not self.dead:
                self._listen()
            heard = self._heard.get(task)
            found = list(heard) if heard is not None else []
            if heard is not None:
                heard.clear()
            return found

    def _listen(self) -> None:
        try:
            said, there = self._channel.take()
            self._channel.flush()
        except (OSError, ValueError):
            said, there = [], False
        self.dead = self.dead or not there
        now = time.monotonic()
        if said:
            self._looks, self._since = 0, now
        else:
            self._looks += 1
            if self._looks > SILENT_LOOKS and now - self._since > SILENT_FOR:
                log.warning("a mover says nothing any more, and is ended")
                self.dead = True
        for word in said:
            if isinstance(word, words.Hello):
                self.ready = True
                self.strange = word.stamp != words.stamp()
            elif (heard := self._heard.get(getattr(word, "task", 0))) is not None:
                heard.append(word)

    def wait(self, seconds: float, *others: int) -> None:
        """Wait until something has come, here or at the descriptors ``others``, or for so long."""
        if self.dead:
            time.sleep(seconds)
            return
        try:
            self._channel.wait(seconds, *others)
        except (OSError, ValueError):  # closed meanwhile
            self.dead = True

    def end(self) -> bool:
        """End it for certain: afterwards it writes nothing any more. Say whether that is so."""
        self.dead = True
        gone = platform.end(self.process, GONE_WITHIN)
        self.close()
        return gone

    def close(self) -> None:
        """Let it go: it ends with its pipe."""
        with self._lock:
            self.dead = True
            self._channel.close()

    def drop(self) -> None:
        """Close our end of the pipe in a forked child, where it is the parent's."""
        self.dead = True
        self._channel.sock.close()
