"""What one operation has open while something of it runs: source, part, block log, the parked body.

It stays open from try to try, so that a retry need not read the part again, and is closed when the operation rests.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple

from nbxfer.core import events as ev
from nbxfer.core.policy import Patience
from nbxfer.core.ranges import BLOCK, RangeSet
from nbxfer.core.record import Before, Ticket
from nbxfer.core.spec import Spec
from nbxfer.core.url import safe_url
from nbxfer.engine.follower import Follower
from nbxfer.engine.hosts import Hosts
from nbxfer.engine.landing import Landing
from nbxfer.engine.movers import Movers
from nbxfer.engine.pace import Pace
from nbxfer.errors import BadAnswer
from nbxfer.manifest.base import BlockLog, Manifest
from nbxfer.sinks.base import Part, Sink
from nbxfer.sinks.far import Far
from nbxfer.sources.base import Source, Stream

#: Places at a host where nobody counts them.
UNCOUNTED: Final = 64


def _nothing(url: str, most: int) -> bytes:
    raise BadAnswer(f"{safe_url(url)} cannot be read, not even {most} bytes of it.", hint="Give the checksum itself.")


class Ahead(NamedTuple):
    """A whole file that is in the part before it was asked for: its size (bytes) and CRC-32C."""

    epoch: int
    size: int
    crc: int
    proven: bool  # its end was announced


class Job:
    """What one operation has open. One worker at a time; ``stop`` is set from the loop.

    ``host`` is whose connections are counted in ``hosts``; ``shared`` the pace of all operations together; ``small``
    gives a small file: its URL, and the most bytes that it may have.
    """

    def __init__(
        self,
        op_id: str,
        spec: Spec,
        before: Before | None,
        source: Callable[[], Source],
        sink: Sink | Far,
        manifest: Manifest,
        *,
        host: str = "",
        hosts: Hosts | None = None,
        shared: Pace | None = None,
        small: Callable[[str, int], bytes] = _nothing,
        movers: Movers | None = None,
    ) -> None:
        self.op_id, self.spec, self.before, self.manifest = op_id, spec, before, manifest
        self.far = sink if isinstance(sink, Far) else None
        self._sink = sink if not isinstance(sink, Far) else None
        self.ticket: Ticket | None = None  # of what was begun at the far side
        self.sent = False  # what is held was sent in this life, or asked for
        self.save: Callable[[ev.Event], None] = lambda event: None  # comes back when the turn that took it is saved
        self.unproven = 0  # to parts up to this epoch somebody else may still write
        self.epoch = 0  # of the part that is open
        self.stop = threading.Event()
        self.part: Part | None = None
        self.blocks: BlockLog | None = None
        self.stream: Stream | None = None
        self.landing = Landing()  # of the part that is open; ended where none is
        self.landing.end()
        self.follower: Follower | None = None
        self.ahead: Ahead | None = None  # what is in the part that is open, where no block log says it
        self.logged = True  # there may be block logs
        self.pace = Pace(spec.bandwidth)
        self.shared = shared if shared is not None else Pace()
        self.host, self.hosts, self.small = host, hosts if hosts is not None else Hosts(UNCOUNTED), small
        self.movers = movers
        self.unfit = False  # its requests cannot be told in values, or a mover of its has died
        self.listed: str | None = None  # what the file of checksums says
        self.parts_refused = False  # the server gives no parts, whatever it says
        self.most_lanes: int | None = None  # what the server has put up with, where that was less than was wanted
        self._lock = threading.Lock()
        self._inside = self._closing = False
        self._make_source = source
        self._source: Source | None = None

    @property
    def stroke(self) -> int:
        """The most bytes that a lane reads before it writes them."""
        return BLOCK

    @property
    def paces(self) -> tuple[Pace, ...]:
        """What holds its bytes up: its own limit, and that of all together."""
        return (self.pace, self.shared)

    @property
    def patience(self) -> Patience:
        """How long a server may take."""
        return self.spec.patience

    @property
    def source(self) -> Source:
        """The source, made on first use."""
        if self._source is None:
            self._source = self._make_source()
        return self._source

    @property
    def sink(self) -> Sink:
        """The sink of what lands on this machine."""
        assert self._sink is not None
        return self._sink

    def room(self) -> int | None:
        """Give the free bytes at the destination; None where nobody can know."""
        return self._sink.room() if self._sink is not None else None

    @property
    def looked(self) -> bool:
        """Whether it is known what is held."""
        return self.part is not None or self.sent

    def sends(self, held: RangeSet) -> None:
        """Take note of what the far side has."""
        self.sent, self.landing = True, Landing(held)

    def park(self, stream: Stream | None) -> None:
        """Keep an open body for the fetch that follows; close the one before."""
        old, self.stream = self.stream, stream
        if old is not None:
            old.close()

    def take_stream(self) -> Stream | None:
        """Give the open body that was kept; whoever takes it closes it."""
        stream, self.stream = self.stream, None
        return stream

    @property
    def held(self) -> RangeSet:
        """What is on the disk and vouched for, in the part that is open."""
        return self.landing.held

    def open_part(self, epoch: int, part: Part, blocks: BlockLog | None, held: RangeSet) -> None:
        """Take the part of ``epoch``, of which ``held`` is there, in place of the one before."""
        self.close_part()
        self.logged = self.logged or blocks is not None
        self.part, self.blocks, self.epoch, self.landing = part, blocks, epoch, Landing(held)

    def close_part(self) -> None:
        """Close part and block log; what is there stays."""
        part, blocks, self.part, self.blocks = self.part, self.blocks, None, None
        self.follower = self.ahead = None
        self.landing.end()
        if self.landing.held:
            self.landing = Landing()
            self.landing.end()
        if part is not None:
            part.close()
        if blocks is not None:
            blocks.close()

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Be the worker that uses it."""
        self.enter()
        try:
            yield
        finally:
            self.leave()

    def enter(self) -> None:
        """Use it from now on, until ``leave``."""
        with self._lock:
            self._inside = True

    def leave(self) -> None:
        """Use it no more; who wanted it closed meanwhile gets that now."""
        with self._lock:
            self._inside, closing = False, self._closing
        if closing:
            self.close()

    @property
    def rests(self) -> bool:
        """Whether nothing is open, and nobody is in it who could open something."""
        with self._lock:
            open_ = (self.part, self.blocks, self.stream, self._source)
            return not self._inside and all(thing is None for thing in open_)

    def let_go(self) -> None:
        """Close it now, or when the worker that is in it comes out: nothing is closed under anybody's hands."""
        with self._lock:
            self._closing = True
            if self._inside:
                return
        self.close()

    def close(self) -> None:
        """Let everything go."""
        self.park(None)
        self.sent = False
        if self.far is not None:
            self.far.close()
        self.close_part()
        self.forget_source()

    def forget_source(self) -> None:
        """Have the source made anew when it is used next: what it was made with may not be what holds now."""
        source, self._source = self._source, None
        if source is not None:
            source.close()
