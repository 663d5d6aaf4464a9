"""The kernel's side of small files that a mover fetches: what it is told, and what it tells.

One worker does this as long as there is something to do; the others' calls only leave word. Each host's connections
are counted as everybody's are. What the mover misses (another answer, a slow one, no connection) comes home as if it
had never been asked for, and is asked for the usual way.
"""

from __future__ import annotations

import logging
import socket
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress

from nbxfer.core import events as ev
from nbxfer.core import faults
from nbxfer.core.ranges import RangeSet
from nbxfer.core.record import Published
from nbxfer.engine import mover_words as words
from nbxfer.engine.hosts import Hosts
from nbxfer.engine.movers import Movers
from nbxfer.engine.pier import Ask, Passenger, Pier, home
from nbxfer.engine.ship import Ship
from nbxfer.engine.workers import Workers
from nbxfer.errors import TransferError
from nbxfer.sinks.publishing import umask

log = logging.getLogger("nbxfer")

Post = Callable[[Sequence[tuple[str, ev.Event]]], None]
#: So many files the mover has before it at once; and so many it is given at least, where there are more to come.
WINDOW, LOAD = 512, 32
#: So long the worker waits for more before it goes home, and a host is left to others that this was no way for (s).
WAITS, UNFIT = 5.0, 30.0
#: Seconds between two looks, while something is under way, and while nothing is.
LOOK, REST = 0.02, 0.5


class Crossing:
    """``open`` once a mover is there. ``add``, ``name``, ``drop`` and ``call`` come from the loop.

    ``room`` gives how many connections there may be at this moment; ``post`` takes answers; ``sync`` comes back when
    what the journal says is on the disk. ``wrecked`` is called on the loop (by ``later``) with those that may have
    their names, or not.
    """

    def __init__(
        self, workers: Workers, hosts: Hosts, ask: Ask, post: Post, room: Callable[[], int], sync: Callable[[], None]
    ) -> None:
        self.wrecked: Callable[[Sequence[Passenger]], None] = lambda named: None
        self.later: Callable[[Callable[[], None]], None] = lambda call: call()
        self.open = False
        self._workers, self._hosts, self._ask, self._post = workers, hosts, ask, post
        self._room, self._sync = room, sync
        self._lock = threading.Lock()
        self._busy = self._closed = False
        self._new: deque[Passenger] = deque()
        self._names: deque[Passenger] = deque()
        self._drops: deque[Passenger] = deque()
        self._rope: socket.socket | None = None
        self._unfit: dict[str, float] = {}  # until when (monotonic)
        self._movers: Movers | None = None
        # The worker's own, from here on.
        self._piers: dict[str, Pier] = {}
        self._count, self._since, self._pid = 0, 0.0, 0
        self._out: dict[int, Passenger] = {}  # by number: what the mover has
        self._naming: dict[int, Passenger] = {}
        self._answers: list[tuple[str, ev.Event]] = []

    # -- from the loop -------------------------------------------------------------------------------------------
    def call(self, movers: Movers) -> None:
        """Have a mover come."""
        with self._lock:
            if self._busy or self._closed:
                return
            self._busy, self._movers = True, movers
        self._workers.submit(self._run)

    def serves(self, host: str, now: float) -> bool:
        """Say whether this way is good for a host, as far as is known."""
        return self._unfit.get(host, 0.0) <= now

    def add(self, new: Sequence[Passenger]) -> None:
        """Have these fetched soon."""
        self._leave_word(self._new, new)

    def name(self, some: Sequence[Passenger]) -> None:
        """Have these named, once what has been saved is on the disk."""
        self._leave_word(self._names, some)

    def drop(self, some: Sequence[Passenger]) -> None:
        """Have these come home."""
        self._leave_word(self._drops, some)

    def close(self) -> None:
        """Have the worker go home."""
        self._closed, self.open = True, False
        self._ring()

    def _leave_word(self, box: deque[Passenger], some: Sequence[Passenger]) -> None:
        with self._lock:
            box.extend(some)
            here = self._busy
        if here:
            self._ring()
        else:  # it has gone home at this very moment
            self._return()

    def _ring(self) -> None:
        rope = self._rope
        if rope is not None:
            with suppress(OSError):  # it rings already, or has gone
                rope.send(b"!")

    # -- the worker ----------------------------------------------------------------------------------------------
    def _run(self) -> None:
        ship: Ship | None = None
        task = 0
        try:
            bell, rope = socket.socketpair()
            with bell, rope:
                for end in (bell, rope):
                    end.setblocking(False)
                self._rope = rope
                assert self._movers is not None
                ship = self._movers.board(lambda: self._closed)
                if ship is not None:
                    task, self._since, self._pid = ship.begin(), time.monotonic(), ship.process.pid
                    self.open = True
                    while self._round(ship, task, bell):
                        pass
        except OSError as error:  # nothing more may be opened
            log.warning("small files are fetched without a mover: %s", error.strerror)
        except BaseException:
            log.exception("small files that a mover fetches were left; please report this")
        finally:
            self._rope = None
            self._end(ship, task)  # last: from its end on another may be begun

    def _end(self, ship: Ship | None, task: int) -> None:
        """Give everything back, whatever has become of the mover."""
        self.open = False
        if ship is not None:
            ship.say(words.Halt(task))
            ship.forget(task)
            if (self._out or self._naming) and self._movers is not None:
                self._movers.lost(ship)  # afterwards it writes nothing any more
        named, rest = list(self._naming.values()), list(self._out.values())
        for pier in self._piers.values():
            rest += [*pier.odd, *pier.waiting]
            pier.release()
        self._piers, self._out, self._naming = {}, {}, {}
        with self._lock:
            self._busy = False
        self._return(rest, named)

    def _return(self, rest: Sequence[Passenger] = (), named: Sequence[Passenger] = ()) -> None:
        """Send home who is left, and who has left word."""
        with self._lock:
            rest, named = [*rest, *self._new], [*named, *self._names]
            for box in (self._new, self._names, self._drops):
                box.clear()
        if rest:
            self._post([home(one) for one in rest])
        if named:
            self.later(lambda: self.wrecked(named))

    def _round(self, ship: Ship, task: int, bell: socket.socket) -> bool:
        with self._lock:
            new, names, drops = list(self._new), list(self._names), list(self._drops)
            for box in (self._new, self._names, self._drops):
                box.clear()
        now = time.monotonic()
        for one in new:
            one.since = now
            self._pier(one.host).waiting.append(one)
        if drops:
            self._drop(ship, task, drops)
        if names:
            self._name(ship, task, names)
        for pier in list(self._piers.values()):
            self._serve(ship, task, pier, now)
        for word in ship.hear(task):
            self._heard(word)
        if self._answers:
            answers, self._answers = self._answers, []
            self._post(answers)
        if ship.dead or (self._closed and not self._naming) or self._has_waited(now):
            return False
        ship.wait(LOOK if self._piers or self._naming else REST, bell.fileno())
        with suppress(BlockingIOError):
            bell.recv(4096)
        return True

    def _has_waited(self, now: float) -> bool:
        """Say whether nobody has wanted anything for a while; from then on the gang has what comes."""
        if self._piers or self._naming:
            self._since = now
        if now - self._since < WAITS:
            return False
        with self._lock:
            self.open = bool(self._new or self._names or self._drops)
            return not self.open

    def _pier(self, host: str) -> Pier:
        if (pier := self._piers.get(host)) is None:
            self._count += 1
            pier = self._piers[host] = Pier(host, self._count, self._hosts, self._ask)
        return pier

    # -- to the mover --------------------------------------------------------------------------------------------
    def _drop(self, ship: Ship, task: int, drops: Sequence[Passenger]) -> None:
        for pier in self._piers.values():
            self._answers += [home(one) for one in pier.waiting if one.stopped]
            pier.waiting = deque(one for one in pier.waiting if not one.stopped)
        if numbers := tuple(one.number for one in drops if one.number in self._out):
            ship.say(words.Drop(task, numbers))

    def _name(self, ship: Ship, task: int, names: Sequence[Passenger]) -> None:
        """Have them named, once the decisions are on the disk: one sync for all of them."""
        commits = [(one, one.commit) for one in names if one.commit is not None]
        try:
            self._sync()
        except TransferError as error:
            fault = faults.of(error)
            self._answers += [(one.op_id, ev.CommitLost(commit.serial, fault)) for one, commit in commits]
            return
        self._naming.update((one.number, one) for one, _ in commits)
        namings = [
            words.Naming(one.number, one.spec.destination, one.op_id, one.epoch, commit.seal) for one, commit in commits
        ]
        ship.say(words.Names(task, umask(), tuple(namings)))

    def _serve(self, ship: Ship, task: int, pier: Pier, now: float) -> None:
        """Have the mover know what is wanted of a host."""
        if pier.rests(now):
            pier.release()
            if (news := pier.news(task)) is not None:
                ship.say(news)
            del self._piers[pier.host]
            return
        if pier.waiting and (self._hosts.resting(pier.host) or not self.serves(pier.host, now)):
            pier.unfit = True
        room = WINDOW - pier.asked
        if not pier.unfit and pier.waiting and room >= min(LOAD, len(pier.waiting)) and pier.hold(self._room(), now):
            errands = [self._errand(one, passage.path) for one, passage in pier.ready(room, now)]
            if errands:
                if (news := pier.news(task)) is not None:
                    ship.say(news)
                ship.say(words.Errands(task, pier.number, tuple(errands)))
        if pier.unfit and not self._hosts.resting(pier.host):
            self._unfit[pier.host] = now + UNFIT
        self._answers += [home(one) for one in pier.left()]

    def _errand(self, one: Passenger, path: str) -> words.Errand:
        self._count += 1
        one.number = self._count
        self._out[one.number] = one
        algorithm = (one.spec.checksum or "").partition(":")[0]
        return words.Errand(
            one.number, path, one.spec.destination, one.op_id, one.epoch, algorithm, believe=one.spec.believe
        )

    # -- from the mover ------------------------------------------------------------------------------------------
    def _heard(self, word: words.Words) -> None:
        match word:
            case words.Caught():
                for catch in word.catches:
                    if (one := self._out.pop(catch.number, None)) is not None:
                        self._pier(one.host).came()
                        one.catch = catch
                        assert self._movers is not None
                        self._movers.note(one.op_id, f"by a child process ({self._pid}), with other small files")
                        probed = ev.Probed(one.action.serial, catch.probe, RangeSet(), restarted=False)
                        self._answers.append((one.op_id, probed))
            case words.Missed():
                for number, status in word.numbers:
                    if (one := self._out.pop(number, None)) is not None:
                        self._pier(one.host).missed(status)
                        self._answers.append(home(one))
            case words.Named():
                self._answers += [answer for given in word.given if (answer := self._named(given)) is not None]
            case words.Done():
                raise RuntimeError(word.fault.message if word.fault is not None else "the mover has stopped")

    def _named(self, given: words.Given) -> tuple[str, ev.Event] | None:
        one = self._naming.pop(given.number, None)
        if one is None or one.commit is None:
            return None
        if (done := given.published) is not None:
            published = Published(done.path, done.size, done.mtime_ns, one.commit.by, done.atomic)
            return one.op_id, ev.Committed(one.commit.serial, published)
        assert given.fault is not None
        return one.op_id, ev.CommitLost(one.commit.serial, given.fault)
