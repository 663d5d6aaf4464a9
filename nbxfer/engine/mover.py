"""The program of a mover: a process that moves bytes beside the kernel, so that no cell can hold them up.

It listens on its pipe and ends with it. It knows no credentials, redirects or files by name: requests come prepared,
files as descriptors. Each fetch has a thread, and lanes of its own.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import threading
import time
from collections import deque
from typing import TYPE_CHECKING, Final, NoReturn

from nbxfer.engine import mover_words as words
from nbxfer.engine.elbowroom import Elbowroom
from nbxfer.engine.mover_channel import Channel
from nbxfer.engine.mover_task import Task

if TYPE_CHECKING:
    from nbxfer.engine.mover_small import Small

#: Seconds between two reports, and between two looks at whether the kernel still lives.
REPORT_EVERY: Final = 0.1
#: A word at least so often (seconds): who says nothing is taken for dead.
PULSE: Final = 1.0


class Mover:
    """Listens and tells; all on one thread, but for the tasks."""

    def __init__(self, sock: socket.socket) -> None:
        self._channel = Channel(sock)
        self._tasks: dict[int, Task | Small] = {}
        self._outbox: deque[words.Words] = deque()
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)
        self._parent = os.getppid()
        self._spoke = 0.0
        self._room = Elbowroom()

    def say(self, word: words.Words) -> None:
        """Have ``word`` sent; from any thread."""
        self._outbox.append(word)
        try:
            self._rope.send(b"!")
        except BlockingIOError:  # it rings already
            return

    def run(self) -> NoReturn:
        """Work until the pipe ends, whatever still is under way: the kernel is gone, or has no use for it any more."""
        self.say(words.Hello(words.stamp()))
        try:
            while os.getppid() == self._parent:
                if not self._round():
                    break
        except (OSError, ValueError):
            pass
        os._exit(0)

    def _round(self) -> bool:
        heard, there = self._channel.take()
        for word in heard:
            self._hear(word)
        if not there:
            return False
        self._room.look()
        if self._channel.flush():
            self._tell()
        self._channel.wait(REPORT_EVERY if self._tasks else PULSE, self._bell.fileno())
        with contextlib.suppress(BlockingIOError):
            self._bell.recv(4096)
        return True

    def _tell(self) -> None:
        for task in list(self._tasks.values()):
            if (news := task.news()) is not None:
                self._put(news)
        while self._outbox:
            self._put(self._outbox.popleft())
        if time.monotonic() - self._spoke >= PULSE:
            self._put(words.Hello(words.stamp()))

    def _put(self, word: words.Words) -> None:
        self._spoke = time.monotonic()
        self._channel.put(word)

    def _hear(self, word: words.Words) -> None:
        if isinstance(word, words.Order):
            part, blocks = self._channel.descriptor(), self._channel.descriptor()
            task = self._tasks[word.task] = Task(word, part, blocks, self.say)
            threading.Thread(target=task.run, name="mover-task", daemon=True).start()
            return
        found = self._tasks.get(getattr(word, "task", 0))
        if found is None and isinstance(word, words.Server):
            from nbxfer.engine.mover_small import Small  # here: who waits for a large file needs none of it

            found = self._tasks[word.task] = Small(word.task, self.say)
            threading.Thread(target=found.run, name="mover-small", daemon=True).start()
        if found is None:
            return
        if isinstance(word, words.Halt):
            found.halt()
            del self._tasks[word.task]
        elif isinstance(found, Task):
            self._steer(found, word)
        else:
            found.hear(word)

    @staticmethod
    def _steer(found: Task, word: words.Words) -> None:
        match word:
            case words.Lease():
                found.lease(word.pairs)
            case words.Breadth():
                found.breadth(word.lanes)
            case words.Wanted():
                found.wanted(word.pairs)
            case words.Grant():
                found.grant(word.more, word.rate)
            case words.Verdict():
                found.verdict(word)
            case _:
                pass


def main(descriptor: int) -> NoReturn:
    """Be a mover, with the pipe that ``descriptor`` is."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGPIPE):
        signal.signal(number, signal.SIG_IGN if number != signal.SIGTERM else signal.SIG_DFL)
    sock = socket.socket(fileno=descriptor)
    sock.set_inheritable(False)
    Mover(sock).run()
