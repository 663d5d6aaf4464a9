"""Many small files as the mover has them: asked for over lines of its own, each in its part, and named when it may be.

One thread does all of it. A file is told of (``Caught``) when it is on the disk; a group is synced at once. What is no
plain answer is told of as ``Missed``: the kernel asks for it again, in the way that can do more.
"""

from __future__ import annotations

import selectors
import socket
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from typing import Final

from nbxfer.core.faults import Fault
from nbxfer.core.probe import Probe
from nbxfer.engine import mover_words as words
from nbxfer.engine.mover_disk import Landed, land, named, sealed
from nbxfer.engine.mover_server import Lane, Server
from nbxfer.sinks.publishing import umask
from nbxfer.sinks.tray import Tray
from nbxfer.sources.base import Stopped
from nbxfer.sources.brief import Answer, Rooms, begun
from nbxfer.wire.sockets import Line

#: The most files that are synced and told of at once, and how long the first of them waits (seconds).
GROUP, WAITS = 128, 0.03
#: A server that says nothing for so long, or takes so long for one small file (seconds), is not asked in this way.
SLOW: Final = 4.0
#: Between two looks at what takes too long, and how long is slept where nothing is under way (seconds).
LOOK, SLEEP = 0.1, 1.0

Say = Callable[[words.Words], None]


class Small:
    """See Task. ``run`` is called on a thread of its own; ``hear`` and ``halt`` by the thread that listens."""

    def __init__(self, task: int, say: Say) -> None:
        self._task, self._say = task, say
        self._inbox: deque[words.Words] = deque()
        self._bell, self._rope = socket.socketpair()
        self._bell.setblocking(False)
        self._rope.setblocking(False)
        self._stop = False
        self._servers: dict[int, Server] = {}
        self._new: deque[tuple[Server, Line | None]] = deque()  # that were opened, or could not be
        self._active: dict[int, Lane] = {}  # those that are asked for something, by descriptor
        self._again: set[int] = set()  # those that were asked for a second time
        self._landed: list[Landed] = []
        self._first = self._looked = 0.0
        self._rooms, self._tray = Rooms(), Tray()
        self._mask = umask()  # as far as is known; the kernel's own comes with each Names
        self._selector = getattr(selectors, "PollSelector", selectors.DefaultSelector)()
        self._selector.register(self._bell, selectors.EVENT_READ, None)

    def hear(self, word: words.Words) -> None:
        """Take what the kernel says."""
        self._inbox.append(word)
        self._ring()

    def halt(self) -> None:
        """Come home."""
        self._stop = True
        self._ring()

    def news(self) -> None:
        """See Task: it tells by itself."""

    def _ring(self) -> None:
        with suppress(BlockingIOError):  # it rings already
            self._rope.send(b"!")

    # -- its own thread ------------------------------------------------------------------------------------------
    def run(self) -> None:
        """Do what is said until it is halted."""
        fault: Fault | None = None
        try:
            while not self._stop:
                self._round()
        except BaseException as error:  # noqa: BLE001 -- the kernel must hear of it, whatever it is
            fault = Fault(
                "TransferError", f"nbxfer itself failed ({type(error).__name__}).", hint="Please report this."
            )
        finally:
            for lane in [*self._active.values(), *(lane for one in self._servers.values() for lane in one.idle)]:
                lane.line.close()
            for landed in self._landed:
                landed.part.close()
            self._tray.close()
            self._say(words.Done(self._task, (), 0, fault, last=True))

    def _round(self) -> None:
        while self._inbox:
            self._take(self._inbox.popleft())
        while self._new:
            self._came(*self._new.popleft())
        for server in self._servers.values():
            self._begin(server)
        busy = self._active or any(server.opening for server in self._servers.values())
        pause = WAITS if self._landed and self._active else 0.0 if self._landed else LOOK if busy else SLEEP
        for key, _ in self._selector.select(pause):
            lane: Lane | None = key.data
            if lane is None:
                with suppress(BlockingIOError):
                    self._bell.recv(4096)
            elif lane.answer is not None:
                self._heard(lane, lane.answer)
            elif lane.fd == lane.line.fileno and not lane.line.quiet():  # the server has closed it, and not we
                lane.server.drop(lane)
        now = time.monotonic()
        if self._landed and (len(self._landed) >= GROUP or now - self._first >= WAITS or not self._active):
            self._tell()
        if now - self._looked >= LOOK:
            self._looked = now
            for lane in [one for one in self._active.values() if now - one.since > SLOW]:
                errand, answer = self._free(lane)
                answer.leave()
                lane.server.drop(lane)
                self._missed(lane.server, [(errand.number, 0)])

    def _take(self, word: words.Words) -> None:
        match word:
            case words.Server():
                if (known := self._servers.get(word.number)) is None:
                    self._servers[word.number] = Server(word, self._opened, self._tick, self._selector)
                else:
                    known.change(word)
                    if not word.lanes:  # it is asked for nothing any more; the next has another number
                        del self._servers[word.number]
            case words.Errands():
                self._servers[word.server].waiting.extend(word.errands)
            case words.Drop():
                self._drop(set(word.numbers))
            case words.Names():
                self._mask = word.mask
                self._say(words.Named(self._task, tuple(named(word))))
            case _:
                pass

    def _drop(self, numbers: set[int]) -> None:
        gone: list[tuple[int, int]] = []
        for server in self._servers.values():
            gone += [(errand.number, words.NOT_ASKED) for errand in server.waiting if errand.number in numbers]
            server.waiting = deque(errand for errand in server.waiting if errand.number not in numbers)
        for lane in [one for one in self._active.values() if one.errand is not None and one.errand.number in numbers]:
            errand, answer = self._free(lane)
            answer.leave()
            lane.server.drop(lane)
            gone.append((errand.number, words.NOT_ASKED))
        if gone:
            self._say(words.Missed(self._task, tuple(gone)))

    # -- asking --------------------------------------------------------------------------------------------------
    def _begin(self, server: Server) -> None:
        if server.rest is None:
            self._left(server, 0)
        while server.waiting and server.busy < server.most and (lane := server.lane()) is not None:
            self._ask(lane, server.waiting.popleft())
        server.widen()

    def _ask(self, lane: Lane, errand: words.Errand) -> None:
        """Ask for a file over a line that is free, and in nobody's list."""
        server = lane.server
        assert server.rest is not None
        path = errand.path
        if not begun(lane.line, b"GET %b%b" % (path.encode(), server.rest)):
            lane.server.drop(lane)
            self._once_more(server, errand, 0)
            return
        name = errand.destination.rpartition("/")[2]
        lane.answer = Answer(lane.line, server.text + path, path, name, self._rooms, server.alike)
        lane.errand, lane.since = errand, time.monotonic()
        server.busy += 1
        self._active[lane.fd] = lane

    def _free(self, lane: Lane) -> tuple[words.Errand, Answer]:
        """Take from a line what it was asked for; whoever does that says what becomes of the line."""
        errand, answer = lane.errand, lane.answer
        assert errand is not None
        assert answer is not None
        lane.errand = lane.answer = None
        lane.server.busy -= 1
        del self._active[lane.fd]
        return errand, answer

    def _tick(self) -> None:
        if self._stop:
            raise Stopped

    def _opened(self, server: Server, line: Line | None) -> None:
        self._new.append((server, line))
        self._ring()

    def _came(self, server: Server, line: Line | None) -> None:
        server.opening -= 1
        if line is not None:
            server.take_on(line)
        elif not server.busy and not server.idle and not server.opening:  # there is no way to it
            self._left(server, 0)

    def _left(self, server: Server, status: int) -> None:
        """Give back what waits for a server."""
        waiting, server.waiting = server.waiting, deque()
        if waiting:
            self._missed(server, [(errand.number, status) for errand in waiting])

    def _missed(self, server: Server, numbers: list[tuple[int, int]]) -> None:
        self._say(words.Missed(self._task, tuple(numbers)))
        if any(status in words.LEAVE_ALONE for _, status in numbers) and server.waiting:
            self._left(server, words.NOT_ASKED)

    def _once_more(self, server: Server, errand: words.Errand, status: int) -> None:
        """Ask again over a fresh line: a kept one may be closed at any time (RFC 9112 §9.3.1).

        Once, or as long as it may be the number of lines that the server does not like: each time there are fewer.
        """
        if errand.number in self._again and not server.narrow():
            self._missed(server, [(errand.number, status)])
            return
        self._again.add(errand.number)
        server.close()
        server.waiting.appendleft(errand)

    # -- what comes ----------------------------------------------------------------------------------------------
    def _heard(self, lane: Lane, answer: Answer) -> None:
        server = lane.server
        if not answer.hear():
            errand, _ = self._free(lane)
            status = answer.status
            answer.leave()
            lane.server.drop(lane)
            if lane.line.heard:
                self._missed(server, [(errand.number, status)])
            else:
                self._once_more(server, errand, status)
        elif answer.probe is not None:
            errand, _ = self._free(lane)
            server.answered()
            if not answer.reusable:
                server.drop(lane)
            elif server.again(lane):  # it has something to do while this is written
                self._ask(lane, server.waiting.popleft())
            else:
                server.keep(lane)
            done = self._land(errand, answer, answer.probe)
            answer.leave()
            if not done:
                self._missed(server, [(errand.number, 0)])

    def _land(self, errand: words.Errand, answer: Answer, probe: Probe) -> bool:
        landed = land(self._tray, errand, answer.body, probe)
        if landed is None:
            if not self._landed:
                self._tray.close()
            return False
        if not self._landed:
            self._first = time.monotonic()
        self._landed.append(landed)
        return True

    def _tell(self) -> None:
        landed, self._landed = self._landed, []
        self._tray.close()
        catches, missed = sealed(landed, self._mask)
        if catches:
            self._say(words.Caught(self._task, tuple(catches)))
        if missed:
            self._say(words.Missed(self._task, tuple((number, 0) for number in missed)))
